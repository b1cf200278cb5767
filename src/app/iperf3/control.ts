/**
 * The control connection: states, and JSON.
 *
 * @module
 */

import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import { COOKIE } from "./protocol.ts";

/** One side of a control connection. */
export class ControlChannel {
  readonly conn: TcpConn;

  constructor(conn: TcpConn) {
    this.conn = conn;
    conn.setNoDelay();
  }

  /**
   * Reads the next state.
   *
   * @param patience How long to wait for it, in milliseconds.
   * @throws {Deno.errors.TimedOut} If it does not come in time; the connection is aborted then.
   * @throws {Deno.errors.UnexpectedEof} If the peer has closed the connection.
   */
  async readState(patience = Infinity): Promise<number> {
    const [byte] = await readExactly(this.conn, 1, patience);
    return byte! << 24 >> 24;
  }

  /** Tells the peer of a new state. */
  async writeState(state: number): Promise<void> {
    await writeAll(this.conn, Uint8Array.of(state));
  }

  /** Tells the peer why there won't be a test. */
  async writeError(state: number, error: number): Promise<void> {
    const message = new Uint8Array(9);
    message[0] = state;
    new DataView(message.buffer).setUint32(1, error);
    await writeAll(this.conn, message);
  }

  /**
   * Reads the two numbers behind a SERVER_ERROR.
   *
   * @returns The first one, which tells what is wrong.
   */
  async readError(patience: number): Promise<number> {
    const numbers = await readExactly(this.conn, 8, patience);
    return new DataView(numbers.buffer).getInt32(0);
  }

  /**
   * Reads JSON.
   *
   * @param most Longest that is taken, in bytes.
   * @throws {Deno.errors.InvalidData} If it is longer, or no JSON.
   * @throws {Deno.errors.TimedOut} If it does not come in time; the connection is aborted then.
   */
  async readJson(most: number, patience: number): Promise<unknown> {
    const head = await readExactly(this.conn, 4, patience);
    const length = new DataView(head.buffer).getUint32(0);
    if (length > most) {
      throw new Deno.errors.InvalidData(`The peer announces JSON of ${length} bytes`);
    }
    const text = new TextDecoder().decode(await readExactly(this.conn, length, patience));
    try {
      // iperf3 counts a zero byte at the end in some versions.
      return JSON.parse(text.replace(/\0$/, ""));
    } catch {
      throw new Deno.errors.InvalidData("The peer sends something that is no JSON");
    }
  }

  /** Writes JSON. */
  async writeJson(value: unknown): Promise<void> {
    const text = new TextEncoder().encode(JSON.stringify(value));
    const message = new Uint8Array(4 + text.length);
    new DataView(message.buffer).setUint32(0, text.length);
    message.set(text, 4);
    await writeAll(this.conn, message);
  }
}

/** Reads the cookie that a connection begins with. */
export async function readCookie(conn: TcpConn, patience: number): Promise<Uint8Array> {
  return await readExactly(conn, COOKIE, patience);
}

/** Reads `length` bytes; a peer that takes too long is aborted. */
async function readExactly(
  conn: TcpConn,
  length: number,
  patience: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let isLate = false;
  const timer = patience === Infinity ? undefined : setTimeout(() => {
    isLate = true;
    conn.abort();
  }, patience);
  try {
    for (let at = 0; at < length;) {
      const n = await conn.read(bytes.subarray(at));
      if (n === null) {
        throw new Deno.errors.UnexpectedEof("The peer has closed the control connection");
      }
      at += n;
    }
    return bytes;
  } catch (error) {
    if (isLate) throw new Deno.errors.TimedOut(`The peer says nothing for ${patience / 1000} s`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
