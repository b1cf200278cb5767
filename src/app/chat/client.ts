/**
 * One who chats.
 *
 * @module
 */

import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import { printable } from "../printable.ts";
import { type ByteSource, LineReader } from "../services/line_reader.ts";
import { aborted, type Outcome, Session } from "../session.ts";
import type { Output } from "../streams.ts";

/** Who chats, and by what. */
export interface ChatOptions {
  readonly input: ByteSource;
  readonly output: Output;
  /** The name to be called by. */
  readonly nick?: string;
  /** Leaves when it is aborted. */
  readonly signal: AbortSignal;
}

/**
 * Sends the lines of the input and prints those of others, until the input ends, or the server lets
 * one go. What others say cannot command the terminal, whatever the server lets through.
 *
 * @throws What the connection has failed with; `Error` if the server ends the chat unasked.
 */
export async function chat(conn: TcpConn, options: ChatOptions): Promise<Outcome> {
  const { input, output, nick, signal } = options;
  const session = new Session({}, () => conn.close());
  const ended = new AbortController();
  let isLeaving = false;

  const talk = async () => {
    const over = aborted(AbortSignal.any([session.over.signal, ended.signal]));
    const lines = new LineReader(input);
    const say = (line: string) => {
      const bytes = new TextEncoder().encode(`${line}\n`);
      session.sent += bytes.length;
      return writeAll(conn, bytes);
    };
    if (nick !== undefined) await say(`/nick ${nick}`);
    for (;;) {
      const line = await Promise.race([lines.peek(), over]);
      if (line === null) break;
      await lines.next();
      isLeaving ||= line.trim() === "/quit";
      await say(line);
    }
    isLeaving ||= !ended.signal.aborted;
    await conn.closeWrite();
  };

  const listen = async () => {
    const lines = new LineReader(conn);
    const encoder = new TextEncoder();
    for (let line = await lines.next(); line !== null; line = await lines.next()) {
      const bytes = encoder.encode(`${printable(line)}\n`);
      session.received += bytes.length;
      await output.write(bytes);
    }
    ended.abort();
    if (!isLeaving) throw new Error("The server has ended the chat");
  };

  try {
    return await session.run(signal, talk(), listen());
  } finally {
    conn.close();
  }
}
