/**
 * What the SYNs of connections said, so that what follows them can be shown relative to it.
 *
 * @module
 */

import { seqAdd } from "../../wire/seq.ts";

/** What a SYN said that the trace needs to show what follows it. */
interface Beginning {
  readonly seq: number;
  /** Shift of the windows that its sender offers; -1 if it doesn't scale them. */
  readonly scale: number;
}

/** Most directions of connections whose SYN is remembered. */
const MAX_REMEMBERED = 4096;

/** The SYNs of the last {@linkcode MAX_REMEMBERED} directions. */
export class Conversations {
  /** By direction. */
  #beginnings = new Map<string, Beginning>();

  /** Remembers a SYN; the one that has been there longest gives way. */
  remember(direction: string, seq: number, scale: number): void {
    if (this.#beginnings.size >= MAX_REMEMBERED) {
      this.#beginnings.delete(this.#beginnings.keys().next().value!);
    }
    this.#beginnings.set(direction, { seq, scale });
  }

  /** A sequence number relative to the SYN of its direction; as it is where that wasn't seen. */
  relative(direction: string, seq: number): number {
    const beginning = this.#beginnings.get(direction);
    return beginning === undefined ? seq : seqAdd(seq, -beginning.seq);
  }

  /** Windows are scaled if both sides said so (RFC 7323 §2.2). */
  scale(there: string, back: string): number {
    const scale = this.#beginnings.get(there)?.scale ?? -1;
    return scale >= 0 && (this.#beginnings.get(back)?.scale ?? -1) >= 0 ? scale : 0;
  }
}
