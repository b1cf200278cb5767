/**
 * Input and output joined to a TCP connection.
 *
 * @module
 */

import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import { aborted, type ExchangeOptions, type Outcome, Session } from "../session.ts";

/** How much is received at once, in bytes. */
const CHUNK = 64 * 1024;
/** How often a connection that is at its end is asked if all has arrived, in milliseconds. */
const LAST_INTERVAL = 10;

/**
 * Sends the input, and writes what comes to the output, until both have ended: the end of the input
 * closes the sending side, and the peer may still send. What somebody types is not waited for once
 * the peer has ended. The connection is closed in the end, when the peer has got everything.
 *
 * @throws What the connection has failed with.
 */
export async function exchange(conn: TcpConn, options: ExchangeOptions): Promise<Outcome> {
  const session = new Session(options, () => conn.close());
  const { input, output } = options.streams;
  const { endsWithPeer = input.isTyped } = options;
  const { signal } = session.over;
  const ended = new AbortController();
  session.moved();

  const send = async () => {
    const over = aborted(AbortSignal.any([signal, ended.signal]));
    for (;;) {
      const bytes = await Promise.race([input.peek(), over]);
      if (bytes === null) break;
      await writeAll(conn, bytes);
      input.take();
      session.sent += bytes.length;
      session.moved();
    }
    await conn.closeWrite();
  };

  const receive = async () => {
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      const n = await conn.read(buffer);
      if (n === null) break;
      await output.write(buffer.subarray(0, n));
      session.received += n;
      session.moved();
    }
    if (endsWithPeer) ended.abort();
  };

  const both = async () => {
    await Promise.all([send(), receive()]);
    await delivered(conn, signal);
  };
  try {
    return await session.run(options.signal, both());
  } finally {
    conn.close();
  }
}

/** Waits until the peer has got all that was sent: a program that ends waits for nothing more. */
async function delivered(conn: TcpConn, signal: AbortSignal): Promise<void> {
  while (!["CLOSED", "TIME_WAIT"].includes(conn.info().state) && !signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, LAST_INTERVAL));
  }
  await conn.closeWrite(); // rejects if it was not closed in order
}
