/**
 * An iperf3 server.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import type { TcpListener } from "../../socket/tcp_listener.ts";
import { ControlChannel, readCookie } from "./control.ts";
import { PORT, TestState } from "./protocol.ts";
import { PATIENCE, ServerSession, type SessionOptions } from "./server_session.ts";

/** Most connections that have not said their cookie yet. */
const MAX_STRANGERS = 256;
/** How long a test may go on in which nothing is transferred, in milliseconds. */
const IDLE_TIMEOUT = 120_000;
/** How much longer a test may take than the client has said, in milliseconds. */
const GRACE_TIME = 30_000;

const RULE = "-".repeat(59);

/** How to serve. */
export interface ServerOptions extends Partial<SessionOptions> {
  /** Takes a line, or several. */
  readonly print: (text: string) => void;
  /** Whether to serve one test only. */
  readonly oneOff?: boolean;
}

/** Measures with one client at a time; others are told that it is busy. */
export class Iperf3Server {
  #stack: NetworkStack;
  #options: SessionOptions & { oneOff: boolean };
  #listener: TcpListener;
  #session: ServerSession | undefined;
  #strangers = new Set<TcpConn>();
  #tests = 0;

  /**
   * Begins to listen.
   *
   * @throws {Deno.errors.AddrInUse} If somebody else has the port.
   */
  constructor(stack: NetworkStack, options: ServerOptions) {
    this.#stack = stack;
    this.#options = {
      port: PORT,
      interval: 1,
      json: false,
      idleTimeout: IDLE_TIMEOUT,
      graceTime: GRACE_TIME,
      oneOff: false,
      ...options,
    };
    this.#listener = stack.listen({ port: this.#options.port });
  }

  /** Serves until it is closed, or after one test if that was asked for. */
  async serve(): Promise<void> {
    this.#announce();
    for await (const conn of this.#listener) {
      if (this.#strangers.size < MAX_STRANGERS) this.#receive(conn);
      else conn.close();
    }
  }

  /** Stops; a test that runs is ended. */
  async close(): Promise<void> {
    this.#listener.close();
    for (const conn of this.#strangers) conn.close();
    await this.#session?.terminate();
  }

  /** Finds out what a connection is for. */
  async #receive(conn: TcpConn): Promise<void> {
    let cookie: Uint8Array;
    this.#strangers.add(conn);
    try {
      cookie = await readCookie(conn, PATIENCE);
    } catch {
      return conn.close(); // whoever it was, it is no iperf3
    } finally {
      this.#strangers.delete(conn);
    }
    if (this.#session === undefined) return await this.#run(conn, cookie);
    if (isSame(cookie, this.#session.cookie) && this.#session.offer(conn)) return;
    await writeAll(conn, Uint8Array.of(TestState.ACCESS_DENIED & 0xff)).catch(() => {});
    conn.close();
  }

  async #run(conn: TcpConn, cookie: Uint8Array): Promise<void> {
    this.#session = new ServerSession(
      this.#stack,
      new ControlChannel(conn),
      cookie,
      this.#options,
    );
    try {
      await this.#session.run();
    } catch (error) {
      this.#complain(error as Error);
    } finally {
      this.#session = undefined;
    }
    if (this.#options.oneOff) this.#listener.close();
    else this.#announce();
  }

  #complain({ message }: Error): void {
    const { json, print } = this.#options;
    print(json ? JSON.stringify({ error: message }) : `iperf3: ${message}`);
  }

  #announce(): void {
    const { json, print, port } = this.#options;
    if (json) return;
    print(`${RULE}\nServer listening on ${port} (test #${++this.#tests})\n${RULE}`);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
