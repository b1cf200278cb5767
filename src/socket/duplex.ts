/**
 * A connection for Node's world.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
import { type TcpConn, writeAll } from "./tcp_conn.ts";

const CHUNK = 64 * 1024;

/** A connection as a Node `Duplex`, with the parts of `net.Socket` that `node:http` asks for. */
class ConnDuplex extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  #conn: TcpConn;
  /** Read into, then copied from: chunks that wait hold no more memory than their own length. */
  #buffer = new Uint8Array(CHUNK);
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(conn: TcpConn) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
    this.remoteAddress = conn.remoteAddr.hostname;
    this.remotePort = conn.remoteAddr.port;
    this.localAddress = conn.localAddr.hostname;
    this.localPort = conn.localAddr.port;
  }

  override _read(): void {
    this.#conn.read(this.#buffer).then(
      (n) => {
        this.#idle?.refresh();
        this.push(n === null ? null : Buffer.from(this.#buffer.subarray(0, n)));
      },
      (error) => this.destroy(error),
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#idle?.refresh();
    writeAll(this.#conn, chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    this.#conn.closeWrite().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    if (error !== null) this.#conn.abort();
    this.#conn.close();
    done(error);
  }

  /** Emits `timeout` when nothing was read or written for so long, in milliseconds; 0: never. */
  setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#idle);
    this.#idle = ms > 0 ? setTimeout(() => this.emit("timeout"), ms) : undefined;
    if (listener !== undefined) this.once("timeout", listener);
    return this;
  }

  /** Whether small writes are sent at once instead of being collected. */
  setNoDelay(noDelay = true): this {
    if (!this.destroyed) this.#conn.setNoDelay(noDelay);
    return this;
  }

  /** Whether a silent peer is asked if it is there, the first time after `idle` ms; 0: 2 hours. */
  setKeepAlive(on = false, idle = 0): this {
    if (!this.destroyed) this.#conn.setKeepAlive(on && idle > 0 ? { idle } : on);
    return this;
  }
}

/**
 * Wraps a connection in a Node `Duplex`, as `node:http` and others take it. Half-close works both
 * ways; destroying it closes the connection, with an error resets it.
 *
 * @param head Bytes that were read from the connection already, and come first.
 *
 * @example HTTP, both ways
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createStack, memoryPair, toDuplex } from "@tcpstack/tcpstack";
 * import { createServer, get } from "node:http";
 *
 * const [one, other] = memoryPair();
 * await using client = createStack({ device: one, address: "10.0.0.1" });
 * await using host = createStack({ device: other, address: "10.0.0.2" });
 *
 * const server = createServer((_, response) => response.end("hello"));
 * const listener = host.listen({ port: 80 });
 * listener.accept().then((conn) => server.emit("connection", toDuplex(conn)));
 *
 * const socket = toDuplex(await client.connect({ hostname: "10.0.0.2", port: 80 }));
 * const { promise, resolve } = Promise.withResolvers<string>();
 * get({ host: "10.0.0.2", createConnection: () => socket }, (response) => {
 *   response.setEncoding("utf8").on("data", resolve);
 * });
 * assertEquals(await promise, "hello");
 * ```
 */
export function toDuplex(conn: TcpConn, head?: Uint8Array): Duplex {
  const duplex = new ConnDuplex(conn);
  if (head !== undefined && head.length > 0) duplex.unshift(Buffer.from(head));
  return duplex;
}
