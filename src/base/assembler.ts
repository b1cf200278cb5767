/**
 * Which ranges of sequence space have arrived out of order.
 *
 * @module
 */

import { seqGe, seqGt, seqLe, seqLt } from "../wire/seq.ts";
import { Pool } from "./pool.ts";

/**
 * Most ranges that are remembered: bounds the cost of a peer that sends every second byte. When a
 * queue on the way overflows, every second segment of a whole window may be missing.
 */
const MAX_RANGES = 2048;
/** How many there is memory for at first. */
const FEW_RANGES = 16;

/** Memory for ranges. */
class Ranges {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;

  /** @param size For how many ranges there is room. */
  constructor(readonly size: number) {
    this.starts = new Uint32Array(size);
    this.ends = new Uint32Array(size);
  }
}

const NO_RANGES = new Ranges(0);
const pool = new Pool(256, () => new Ranges(FEW_RANGES));

/**
 * Disjoint ranges `[start, end)` of sequence numbers, in order. Memory is taken with the first, and
 * given back with the last.
 */
export class Assembler {
  #ranges = NO_RANGES;
  #count = 0;

  /** How many separate ranges there are. */
  get count(): number {
    return this.#count;
  }

  /** The first number of range `index`, counted from 0 in sequence order. */
  start(index: number): number {
    return this.#ranges.starts[index]!;
  }

  /** The number behind range `index`. */
  end(index: number): number {
    return this.#ranges.ends[index]!;
  }

  /** The index of the first range that ends at `seq` or behind it; {@linkcode count} if none does. */
  find(seq: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqLt(this.#ranges.ends[middle]!, seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Adds `[start, end)`, joining what it touches or overlaps.
   *
   * @returns `false` if it would be one range too many; nothing is changed then.
   */
  add(start: number, end: number): boolean {
    this.#reserve();
    const starts = this.#ranges.starts;
    const ends = this.#ranges.ends;
    // [from, to) are the ranges that the new one touches.
    const from = this.find(start);
    let to = from;
    while (to < this.#count && seqLe(starts[to]!, end)) to++;
    if (from === to) {
      if (this.#count === MAX_RANGES) return false;
      starts.copyWithin(from + 1, from, this.#count);
      ends.copyWithin(from + 1, from, this.#count);
      this.#count++;
      starts[from] = start;
      ends[from] = end;
      return true;
    }
    if (seqLt(start, starts[from]!)) starts[from] = start;
    const last = ends[to - 1]!;
    ends[from] = seqGt(end, last) ? end : last;
    this.#remove(from + 1, to);
    return true;
  }

  /**
   * Takes out what is at or before `next`, and returns where the sequence that is complete from
   * `next` ends: `next` itself when the first range starts later.
   */
  take(next: number): number {
    let taken = 0;
    while (taken < this.#count && seqLe(this.#ranges.starts[taken]!, next)) {
      const end = this.#ranges.ends[taken]!;
      if (seqGe(end, next)) next = end;
      taken++;
    }
    if (taken > 0) this.#remove(0, taken);
    return next;
  }

  /** Makes sure that there is memory for one more range, unless that would be one too many. */
  #reserve(): void {
    const old = this.#ranges;
    if (this.#count < old.size || old.size === MAX_RANGES) return;
    const ranges = old.size === 0 ? pool.take() : new Ranges(2 * old.size);
    ranges.starts.set(old.starts);
    ranges.ends.set(old.ends);
    this.#giveBack();
    this.#ranges = ranges;
  }

  /** Forgets everything. */
  clear(): void {
    this.#count = 0;
    this.#giveBack();
  }

  #remove(from: number, to: number): void {
    const { starts, ends } = this.#ranges;
    starts.copyWithin(from, to, this.#count);
    ends.copyWithin(from, to, this.#count);
    this.#count -= to - from;
    if (this.#count === 0) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#ranges.size === FEW_RANGES) pool.give(this.#ranges);
    this.#ranges = NO_RANGES;
  }
}
