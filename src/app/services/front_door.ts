/**
 * Chat and HTTP on one port: who speaks HTTP in its first line gets an answer, everybody else is
 * in the chat.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { TcpConn } from "../../socket/tcp_conn.ts";
import { Chat } from "./chat.ts";
import { HttpService } from "./http.ts";
import { LineReader } from "./line_reader.ts";

/** Who says nothing for so long, in milliseconds, doesn't speak HTTP, and wants to listen. */
const SILENCE = 300;

const REQUEST_LINE = /^[A-Z]+ \S+ HTTP\/1\.[01]\r?$/;

/** Decides what each connection is. */
export class FrontDoor {
  #chat = new Chat();
  #http: HttpService;

  constructor(stack: NetworkStack) {
    this.#http = new HttpService(stack);
  }

  /** Serves one connection to its end. */
  async serve(conn: TcpConn): Promise<void> {
    const lines = new LineReader(conn);
    const first = lines.peek();
    const silent = await Promise.race([first.then(() => false), silence()]);
    if (!silent) {
      const line = await first;
      if (line !== null && REQUEST_LINE.test(line)) {
        await this.#http.serve(conn, lines.rest());
        return;
      }
    }
    await this.#chat.serve(conn, lines);
  }
}

function silence(): Promise<true> {
  return new Promise((resolve) => setTimeout(() => resolve(true), SILENCE));
}
