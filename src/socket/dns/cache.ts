/**
 * Answers that are kept for as long as they may be believed.
 *
 * @module
 */

import type { Answer } from "./answer.ts";

/** Most answers that are kept; the one kept longest makes room. */
const MAX_ANSWERS = 512;

interface Entry {
  readonly answer: Answer;
  /** When it came, and from when on it is not believed any more, in milliseconds. */
  readonly from: number;
  readonly until: number;
}

/** Answers by question. */
export class AnswerCache {
  #entries = new Map<string, Entry>();

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Keeps an answer. */
  put(key: string, answer: Answer, now: number): void {
    this.#entries.delete(key);
    if (answer.ttl === 0) return;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size === MAX_ANSWERS) this.#entries.delete(oldest!);
    this.#entries.set(key, { answer, from: now, until: now + answer.ttl * 1000 });
  }

  /** An answer, with what is left of its records' times to live; `undefined` if there is none. */
  get(key: string, now: number): Answer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (now >= entry.until) {
      this.#entries.delete(key);
      return undefined;
    }
    const age = Math.floor((now - entry.from) / 1000);
    const { answer } = entry;
    const records = answer.records.map((record) => ({ ...record, ttl: record.ttl - age }));
    return { ...answer, records, ttl: answer.ttl - age };
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }
}
