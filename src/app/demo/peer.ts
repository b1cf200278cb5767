/**
 * Whoever talks to the stack in the demo.
 *
 * @module
 */

import { writeAll } from "../../socket/tcp_conn.ts";

/** One thing that a peer does, and what came of it in a few words. */
export interface Step {
  /** What is tried, such as `TCP echo`. */
  readonly what: string;
  /** By what means, such as a command line. */
  readonly by: string;
  /** Does it; throws if it doesn't work. */
  run(): Promise<string>;
}

/** Where the stack is. */
export const STACK_ADDRESS = "10.0.0.2";
/** Where its peer is. */
export const PEER_ADDRESS = "10.0.0.1";
/** A port that nobody listens on. */
export const CLOSED_PORT = 99;

/** Three segments and a bit, so that there is something to see. */
export const ECHO_TEXT: Uint8Array<ArrayBuffer> = new Uint8Array(5000).map((_, i) => i);

/** Compares what came back with what was sent. */
export function checkEcho(sent: Uint8Array, received: Uint8Array): string {
  if (received.length !== sent.length || !received.every((byte, i) => byte === sent[i])) {
    throw new Error(`${received.length} bytes came back, not the ${sent.length} that were sent`);
  }
  return `${sent.length} bytes came back unchanged`;
}

/** Something to read from and write to, up to the end of each side. */
interface Connection {
  read(target: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
}

/** Sends bytes, closes the sending side, and reads to the end. */
export async function exchange(conn: Connection, sent: Uint8Array): Promise<Uint8Array> {
  await writeAll(conn, sent);
  await conn.closeWrite();
  const received = new Uint8Array(sent.length + 1);
  let length = 0;
  while (length < received.length) {
    const n = await conn.read(received.subarray(length));
    if (n === null) break;
    length += n;
  }
  return received.subarray(0, length);
}

/** Expects that connecting is refused. */
export async function expectRefusal(connect: () => Promise<unknown>): Promise<string> {
  try {
    await connect();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return "refused at once, by a RST";
    throw error;
  }
  throw new Error("somebody answered");
}

/** Expects that an HTTP answer is good, and sums it up. */
export function checkHttp(status: number, body: string): string {
  if (status !== 200) throw new Error(`status ${status}: ${body.trim()}`);
  return `200, ${body.length} bytes: ${body.slice(0, body.indexOf("\n"))}`;
}
