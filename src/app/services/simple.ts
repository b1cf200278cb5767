/**
 * The simple services: echo (RFC 862), discard (RFC 863), chargen (RFC 864), daytime (RFC 867).
 *
 * @module
 */

import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";

const BUFFER = 16 * 1024;

/** Sends back what comes, until the peer closes. */
export async function echo(conn: TcpConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER);
  for (;;) {
    const n = await conn.read(buffer);
    if (n === null) return;
    await writeAll(conn, buffer.subarray(0, n));
  }
}

/** Reads what comes, and forgets it. */
export async function discard(conn: TcpConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER);
  while (await conn.read(buffer) !== null);
}

/** Says what time it is. */
export async function daytime(conn: TcpConn): Promise<void> {
  await writeAll(conn, new TextEncoder().encode(`${new Date().toUTCString()}\r\n`));
}

const FIRST_PRINTABLE = 0x20;
const PRINTABLES = 95;
const LINE = 72;

/** Lines of 72 characters, each starting one character further on: all 95, then from the front. */
function chargenPattern(): Uint8Array {
  const bytes = new Uint8Array(PRINTABLES * (LINE + 2));
  let at = 0;
  for (let line = 0; line < PRINTABLES; line++) {
    for (let i = 0; i < LINE; i++) bytes[at++] = FIRST_PRINTABLE + (line + i) % PRINTABLES;
    bytes[at++] = 0x0d;
    bytes[at++] = 0x0a;
  }
  return bytes;
}

/** Sends lines of characters as fast as the peer takes them, until it goes away. */
export async function chargen(conn: TcpConn): Promise<void> {
  const pattern = chargenPattern();
  let isWanted = true;
  discard(conn).catch(() => {}).finally(() => isWanted = false);
  while (isWanted) await writeAll(conn, pattern);
}
