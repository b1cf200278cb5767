/**
 * Selective acknowledgements, the receiver's side (RFC 2018, D-SACK RFC 2883).
 *
 * @module
 */

import type { Assembler } from "../base/assembler.ts";
import { Pool } from "../base/pool.ts";
import { seqAdd, seqGe, seqGt, seqLe, seqLt } from "../wire/seq.ts";
import { MAX_SACK_BLOCKS } from "../wire/tcp_options.ts";
import type { Tcb } from "./tcb.ts";

/** Blocks for one acknowledgement, whose ever it is: they are written at once. */
const edges = new Uint32Array(2 * MAX_SACK_BLOCKS);

const NONE = new Uint32Array(0);
/** Memory for what reporters remember. */
export const recentMemory = new Pool(256, () => new Uint32Array(MAX_SACK_BLOCKS));

/** Remembers which blocks to report first. */
export class SackReporter {
  /** A sequence number in each of the blocks that have changed last, the newest first. */
  #recent = NONE;
  #recentCount = 0;
  #duplicate = false;
  #duplicateStart = 0;
  #duplicateEnd = 0;

  /**
   * `[start, end)` is about to be taken, at least in part: notes what of it is there already. Of
   * several pieces only the first is reported (RFC 2883 §4.2.2).
   *
   * @param next RCV.NXT.
   * @returns Whether there is any.
   */
  onText(assembler: Assembler, next: number, start: number, end: number): boolean {
    if (seqLt(start, next)) {
      this.onDuplicate(start, seqLt(next, end) ? next : end);
      return true;
    }
    const i = assembler.find(seqAdd(start, 1));
    if (i === assembler.count || seqGe(assembler.start(i), end)) return false;
    const from = assembler.start(i);
    const to = assembler.end(i);
    this.onDuplicate(seqGt(from, start) ? from : start, seqLt(to, end) ? to : end);
    return true;
  }

  /** Block `i` to be sent is `edges[2i]` to `edges[2i + 1]`: those of the last {@linkcode fill}. */
  get edges(): Uint32Array {
    return edges;
  }

  /** A segment that starts at `seq` waits out of order now (RFC 2018 §4: its block goes first). */
  onWaiting(assembler: Assembler, seq: number): void {
    if (this.#recent === NONE) this.#recent = recentMemory.take();
    const recent = this.#recent;
    const range = rangeOf(assembler, seq);
    // One number is enough for a block, so that those of other blocks are not forgotten.
    let kept = 0;
    for (let i = 0; i < this.#recentCount && kept < MAX_SACK_BLOCKS - 1; i++) {
      const other = rangeOf(assembler, recent[i]!);
      if (other >= 0 && other !== range) recent[kept++] = recent[i]!;
    }
    for (let i = kept; i > 0; i--) recent[i] = recent[i - 1]!;
    recent[0] = seq;
    this.#recentCount = kept + 1;
  }

  /** `[start, end)` has come a second time (RFC 2883 §4). */
  onDuplicate(start: number, end: number): void {
    this.#duplicate = true;
    this.#duplicateStart = start;
    this.#duplicateEnd = end;
  }

  /** Whether there is anything to report. */
  isNeeded(assembler: Assembler): boolean {
    return this.#duplicate || assembler.count > 0;
  }

  /**
   * Fills {@linkcode edges} with the blocks for the next acknowledgement, and forgets the
   * duplicate: it is reported once.
   *
   * @returns How many, `most` at most.
   */
  fill(assembler: Assembler, most: number): number {
    let count = 0;
    if (this.#duplicate) {
      this.#duplicate = false;
      edges[0] = this.#duplicateStart;
      edges[1] = this.#duplicateEnd;
      count = 1;
    }
    const first = count;
    for (let i = 0; i < this.#recentCount && count < most; i++) {
      const range = rangeOf(assembler, this.#recent[i]!);
      if (range >= 0) count = this.#add(assembler, range, first, count);
    }
    for (let range = assembler.count - 1; range >= 0 && count < most; range--) {
      count = this.#add(assembler, range, first, count);
    }
    return count;
  }

  /** Nothing waits out of order any more: forgets all blocks, and gives the memory back. */
  forget(): void {
    this.#recentCount = 0;
    if (this.#recent === NONE) return;
    recentMemory.give(this.#recent);
    this.#recent = NONE;
  }

  /** Adds a range unless it is among the blocks from `first` on already. */
  #add(assembler: Assembler, range: number, first: number, count: number): number {
    const start = assembler.start(range);
    for (let i = first; i < count; i++) if (edges[2 * i] === start) return count;
    edges[2 * count] = start;
    edges[2 * count + 1] = assembler.end(range);
    return count + 1;
  }
}

/** The connection's, made when it is first needed. */
export function sackReporter(tcb: Tcb): SackReporter {
  return tcb.sack ??= new SackReporter();
}

/** The range that holds `seq`, or -1. */
function rangeOf(assembler: Assembler, seq: number): number {
  const i = assembler.find(seqAdd(seq, 1));
  return i < assembler.count && seqGe(seq, assembler.start(i)) ? i : -1;
}

/** Whether a D-SACK: a block below the cumulative acknowledgement, or inside of the next (§4). */
export function isDuplicateSack(edges: Uint32Array, count: number, ack: number): boolean {
  if (count === 0) return false;
  const start = edges[0]!;
  const end = edges[1]!;
  if (seqLe(end, ack)) return true;
  return count > 1 && seqGe(start, edges[2]!) && seqLe(end, edges[3]!) && seqGt(end, start);
}
