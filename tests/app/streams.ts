/** Standard input and output for tests of programs. */

import { Gate } from "../../src/socket/gate.ts";
import { type ByteReader, type ByteWriter, Input, Output } from "../../src/app/streams.ts";

/** An input that a test types into. */
export class Keyboard implements ByteReader {
  #waiting: Uint8Array[] = [];
  #ended = false;
  #changed = new Gate();

  /** Types something in. */
  type(text: string | Uint8Array): void {
    this.#waiting.push(typeof text === "string" ? new TextEncoder().encode(text) : text);
    this.#changed.open();
  }

  /** Ends it. */
  end(): void {
    this.#ended = true;
    this.#changed.open();
  }

  async read(target: Uint8Array): Promise<number | null> {
    while (this.#waiting.length === 0) {
      if (this.#ended) return null;
      await this.#changed.wait();
    }
    const [first] = this.#waiting;
    const n = Math.min(first!.length, target.length);
    target.set(first!.subarray(0, n));
    if (n < first!.length) this.#waiting[0] = first!.subarray(n);
    else this.#waiting.shift();
    return n;
  }
}

/** An output that keeps all, and that can be held up, or closed by its reader. */
export class Screen implements ByteWriter {
  length = 0;
  isClosed = false;
  #parts: Uint8Array[] = [];
  #held: Promise<void> = Promise.resolve();

  async write(bytes: Uint8Array): Promise<number> {
    await this.#held;
    if (this.isClosed) throw new Deno.errors.BrokenPipe("Broken pipe");
    this.#parts.push(bytes.slice());
    this.length += bytes.length;
    return bytes.length;
  }

  /** Takes nothing until the promise is settled. */
  hold(until: Promise<void>): void {
    this.#held = until;
  }

  get bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Blob(this.#parts as Uint8Array<ArrayBuffer>[]).bytes();
  }

  get text(): string {
    const decoder = new TextDecoder();
    return this.#parts.map((part) => decoder.decode(part, { stream: true })).join("");
  }
}

/** Input and output, with what they are made of. */
export function testStreams({ isTyped = false } = {}) {
  const keyboard = new Keyboard();
  const screen = new Screen();
  return {
    keyboard,
    screen,
    streams: { input: new Input(keyboard, isTyped), output: new Output(screen) },
  };
}
