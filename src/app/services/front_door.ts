/**
 * Chat and HTTP on one port: who speaks HTTP in its first line gets an answer, everybody else is
 * in the chat.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { TcpConn } from "../../socket/tcp_conn.ts";
import { Chat } from "./chat.ts";
import type { HttpService } from "./http.ts";
import { LineReader, MAX_LINE } from "./line_reader.ts";

/** Who says nothing for so long, in milliseconds, doesn't speak HTTP, and wants to listen. */
const SILENCE = 300;

const REQUEST_LINE = /^[A-Z]+ \S+ HTTP\/1\.[01]\r?$/;
/** One too long for the reader: an answer from `node:http` is better than a line in the chat. */
const CUT_REQUEST_LINE = /^[A-Z]+ \/\S*$/;

/** Decides what each connection is. */
export class FrontDoor {
  #chat = new Chat();
  #stack: NetworkStack;
  #http: Promise<HttpService> | undefined;

  constructor(stack: NetworkStack) {
    this.#stack = stack;
  }

  /** Serves one connection to its end. */
  async serve(conn: TcpConn): Promise<void> {
    const lines = new LineReader(conn);
    await silence(lines.peek());
    const line = lines.hasStarted ? await lines.peek() : null;
    if (line !== null && isRequestLine(line)) {
      const http = await (this.#http ??= this.#loadHttp());
      await http.serve(conn, lines.rest());
    } else {
      await this.#chat.serve(conn, lines);
    }
  }

  /** `node:http` is not loaded before somebody asks for it. */
  async #loadHttp(): Promise<HttpService> {
    const { HttpService } = await import("./http.ts");
    return new HttpService(this.#stack);
  }
}

function isRequestLine(line: string): boolean {
  return REQUEST_LINE.test(line) || (line.length === MAX_LINE && CUT_REQUEST_LINE.test(line));
}

/** Waits for the first line, but not longer than {@linkcode SILENCE}. */
async function silence(first: Promise<string | null>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, SILENCE);
  try {
    await Promise.race([first, promise]);
  } finally {
    clearTimeout(timer);
  }
}
