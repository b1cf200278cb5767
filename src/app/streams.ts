/**
 * The user's own ends of a program: the standard input and output.
 *
 * @module
 */

/** How much is read at once, in bytes. */
const CHUNK = 64 * 1024;

/** Where bytes come from: `Deno.stdin`, for one. */
export interface ByteReader {
  read(target: Uint8Array): Promise<number | null>;
}

/** Where bytes go: `Deno.stdout`, for one. */
export interface ByteWriter {
  write(bytes: Uint8Array): Promise<number>;
}

/** Nobody reads the output any more: there is nothing left to do, and nothing to complain about. */
export class OutputGone extends Error {
  override name = "OutputGone";
}

/** The input, which stays where it is until somebody takes it. */
export class Input {
  /** Whether somebody types it, who may never end it. */
  readonly isTyped: boolean;
  #source: ByteReader;
  #buffer: Uint8Array;
  #next: Promise<Uint8Array | null> | undefined;

  /** @param size Most that is read at once, in bytes. */
  constructor(source: ByteReader, isTyped: boolean, size = CHUNK) {
    this.#source = source;
    this.isTyped = isTyped;
    this.#buffer = new Uint8Array(size);
  }

  /** The next bytes, in a buffer that is the input's own; `null` at the end, and ever after. */
  peek(): Promise<Uint8Array | null> {
    return this.#next ??= this.#read();
  }

  /** Takes what was peeked at. */
  take(): void {
    this.#next = undefined;
  }

  async #read(): Promise<Uint8Array | null> {
    const n = await this.#source.read(this.#buffer);
    return n === null ? null : this.#buffer.subarray(0, n);
  }
}

/** The output. */
export class Output {
  #sink: ByteWriter;

  constructor(sink: ByteWriter) {
    this.#sink = sink;
  }

  /**
   * Writes all of `bytes`, waiting for whoever reads them.
   *
   * @throws {OutputGone} If nobody reads any more.
   */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#sink.write(bytes.subarray(at));
    } catch (error) {
      throw error instanceof Deno.errors.BrokenPipe ? new OutputGone() : error;
    }
  }
}

/** The standard input and output. */
export interface Streams {
  readonly input: Input;
  readonly output: Output;
}

/** Those of this program; of the input, so much is read at once, in bytes. */
export function standardStreams(size?: number): Streams {
  return {
    input: new Input(Deno.stdin, Deno.stdin.isTerminal(), size),
    output: new Output(Deno.stdout),
  };
}
