/**
 * Reading lines.
 *
 * @module
 */

import type { TcpConn } from "../../socket/tcp_conn.ts";

/** Where bytes come from. */
export type ByteSource = Pick<TcpConn, "read">;

/** Longest line, in bytes; what is longer is taken in pieces. */
export const MAX_LINE = 8192;
const NEWLINE = 0x0a;

/** Takes a connection apart into lines. */
export class LineReader {
  #source: ByteSource;
  #buffer = new Uint8Array(MAX_LINE);
  #length = 0;
  #peeked: Promise<string | null> | undefined;
  #decoder = new TextDecoder();
  /** Length of the line at the front, its end included; 0 when it isn't complete. */
  #lineLength = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The next line, without its end, left where it is; `null` at the end of the stream. */
  peek(): Promise<string | null> {
    return this.#peeked ??= this.#fill();
  }

  /** Takes the next line, without its end; `null` at the end of the stream. */
  async next(): Promise<string | null> {
    const line = await this.peek();
    this.#peeked = undefined;
    this.#buffer.copyWithin(0, this.#lineLength, this.#length);
    this.#length -= this.#lineLength;
    this.#lineLength = 0;
    return line;
  }

  /** Whether something was read that is not taken yet, be it less than a line. */
  get hasStarted(): boolean {
    return this.#length > 0;
  }

  /** All bytes that were read and not taken yet. */
  rest(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  async #fill(): Promise<string | null> {
    for (;;) {
      const found = this.#buffer.subarray(0, this.#length).indexOf(NEWLINE) + 1;
      if (found > 0) return this.#line(found, found - 1);
      if (this.#length === MAX_LINE) return this.#line(MAX_LINE, MAX_LINE);
      const n = await this.#source.read(this.#buffer.subarray(this.#length));
      if (n === null) return this.#length > 0 ? this.#line(this.#length, this.#length) : null;
      this.#length += n;
    }
  }

  #line(length: number, textLength: number): string {
    this.#lineLength = length;
    return this.#decoder.decode(this.#buffer.subarray(0, textLength));
  }
}
