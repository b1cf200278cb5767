/**
 * What is in flight: a record for each segment sent and not acknowledged yet, with what is known of
 * its fate (RFC 6675 §3 calls it the scoreboard, RFC 8985 §5.2 adds the times).
 *
 * @module
 */

import { seqDiff, seqGe, seqGt, seqLe, seqLt } from "../wire/seq.ts";

/** What is known of a segment. */
export const Mark = {
  /** The peer has it (RFC 2018). */
  SACKED: 1,
  /** Taken for lost. */
  LOST: 2,
  /** Sent again, and that is in flight. */
  RESENT: 4,
  /** Was sent more than once: its round trip can't be told (Karn). */
  REPEATED: 8,
  /** Sent while the application, and not the network, was the limit. */
  APP_LIMITED: 16,
} as const;

const SMALLEST = 16;

/**
 * Records in the order of their sequence numbers, without gaps: record 0 starts at SND.UNA, the
 * last one ends at SND.NXT. Columns are arrays of numbers, so a segment costs no object.
 */
export class Scoreboard {
  /** Bytes that the peer has out of order, and the records that are SACKed. */
  sacked = 0;
  sackedCount = 0;
  /** Bytes taken for lost and not SACKed, sent again or not. */
  lost = 0;
  /** Bytes sent again, that being in flight. */
  resent = 0;
  /** No record in front of this is taken for lost and not sent again. */
  #lostFrom = 0;
  #first = 0;
  #last = 0;
  #starts = new Uint32Array(0);
  #ends = new Uint32Array(0);
  #marks = new Uint8Array(0);
  #sentAt = new Float64Array(0);
  /** State of the delivery rate estimator when the segment was sent. */
  #delivered = new Float64Array(0);
  #deliveredAt = new Float64Array(0);
  #firstSentAt = new Float64Array(0);
  /** All of them; kept, so that parting a record allocates nothing. */
  #columns: readonly (Uint8Array | Uint32Array | Float64Array)[] = [];

  /** How many records there are. */
  get count(): number {
    return this.#last - this.#first;
  }

  /** Bytes from the first record to the last, whatever their fate. */
  get bytes(): number {
    return this.count === 0 ? 0 : seqDiff(this.#ends[this.#last - 1]!, this.#starts[this.#first]!);
  }

  /** Bytes that are believed to be in the network: RFC 6675's pipe. */
  get pipe(): number {
    return this.bytes - this.sacked - this.lost + this.resent;
  }

  /** First sequence number of a record. */
  start(index: number): number {
    return this.#starts[this.#first + index]!;
  }

  /** The sequence number behind a record. */
  end(index: number): number {
    return this.#ends[this.#first + index]!;
  }

  /** Length of a record, SYN and FIN counted. */
  length(index: number): number {
    return seqDiff(this.end(index), this.start(index));
  }

  /** Bits of {@linkcode Mark}. */
  marks(index: number): number {
    return this.#marks[this.#first + index]!;
  }

  /** When it was sent last, in milliseconds. */
  sentAt(index: number): number {
    return this.#sentAt[this.#first + index]!;
  }

  /** Bytes that were delivered on the connection when it was sent last. */
  deliveredBefore(index: number): number {
    return this.#delivered[this.#first + index]!;
  }

  /** When the last of those was delivered, in milliseconds. */
  deliveredAt(index: number): number {
    return this.#deliveredAt[this.#first + index]!;
  }

  /** When the segment was sent whose acknowledgement that was, in milliseconds. */
  firstSentAt(index: number): number {
    return this.#firstSentAt[this.#first + index]!;
  }

  /** Adds a segment behind the last one. */
  push(start: number, end: number): number {
    if (this.#last === this.#starts.length) this.#makeRoom();
    const at = this.#last++;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#marks[at] = 0;
    return at - this.#first;
  }

  /** Notes that a segment is being sent now. */
  stamp(
    index: number,
    now: number,
    delivered: number,
    deliveredAt: number,
    firstSentAt: number,
    appLimited: boolean,
  ): void {
    const at = this.#first + index;
    this.#sentAt[at] = now;
    this.#delivered[at] = delivered;
    this.#deliveredAt[at] = deliveredAt;
    this.#firstSentAt[at] = firstSentAt;
    if (appLimited) this.#marks[at]! |= Mark.APP_LIMITED;
    else this.#marks[at]! &= ~Mark.APP_LIMITED;
  }

  /** The peer has it. */
  markSacked(index: number): void {
    const at = this.#first + index;
    const length = this.length(index);
    const marks = this.#marks[at]!;
    if ((marks & Mark.SACKED) !== 0) return;
    this.sacked += length;
    this.sackedCount++;
    if ((marks & Mark.LOST) !== 0) this.lost -= length;
    if ((marks & Mark.RESENT) !== 0) this.resent -= length;
    this.#marks[at] = (marks | Mark.SACKED) & ~(Mark.LOST | Mark.RESENT);
  }

  /** It is taken for lost; if it was sent again, that was lost too. */
  markLost(index: number): void {
    const at = this.#first + index;
    const length = this.length(index);
    const marks = this.#marks[at]!;
    if ((marks & Mark.SACKED) !== 0) return;
    if ((marks & Mark.LOST) === 0) this.lost += length;
    if ((marks & Mark.RESENT) !== 0) this.resent -= length;
    this.#marks[at] = (marks | Mark.LOST) & ~Mark.RESENT;
    if (this.lost - this.resent === length || seqLt(this.start(index), this.#lostFrom)) {
      this.#lostFrom = this.start(index);
    }
  }

  /** It was not lost after all. */
  unmarkLost(index: number): void {
    const at = this.#first + index;
    if ((this.#marks[at]! & Mark.LOST) === 0) return;
    this.lost -= this.length(index);
    if ((this.#marks[at]! & Mark.RESENT) !== 0) this.resent -= this.length(index);
    this.#marks[at]! &= ~(Mark.LOST | Mark.RESENT);
  }

  /** It was taken for lost, and is being sent again. */
  markResent(index: number): void {
    const at = this.#first + index;
    if ((this.#marks[at]! & Mark.RESENT) === 0) this.resent += this.length(index);
    this.#marks[at]! |= Mark.RESENT | Mark.REPEATED;
    this.#lostFrom = this.end(index);
  }

  /** It is being sent again without being taken for lost: a probe. */
  markRepeated(index: number): void {
    this.#marks[this.#first + index]! |= Mark.REPEATED;
  }

  /** The first record that is taken for lost and has not been sent again; -1 if there is none. */
  nextLost(): number {
    if (this.lost === this.resent) return -1;
    let at = seqLe(this.#lostFrom, this.start(0)) ? 0 : this.find(this.#lostFrom);
    if (at < 0) at = 0;
    for (; at < this.count; at++) {
      if ((this.marks(at) & (Mark.LOST | Mark.RESENT)) === Mark.LOST) return at;
    }
    return -1;
  }

  /** The peer has dropped what it held out of order (RFC 2018 §8). */
  forgetSacks(): void {
    for (let at = this.#first; at < this.#last; at++) this.#marks[at]! &= ~Mark.SACKED;
    this.sacked = this.sackedCount = 0;
  }

  /** Takes out the first record, which is acknowledged. */
  shift(): void {
    this.#take(0, this.length(0));
    if ((this.marks(0) & Mark.SACKED) !== 0) this.sackedCount--;
    this.#first++;
    if (this.#first === this.#last) this.#first = this.#last = 0;
  }

  /** The first record is acknowledged up to `seq`, which lies inside of it. */
  trimFront(seq: number): void {
    this.#take(0, seqDiff(seq, this.start(0)));
    this.#starts[this.#first] = seq;
  }

  #take(index: number, length: number): void {
    const marks = this.marks(index);
    if ((marks & Mark.SACKED) !== 0) this.sacked -= length;
    if ((marks & Mark.LOST) !== 0) this.lost -= length;
    if ((marks & Mark.RESENT) !== 0) this.resent -= length;
  }

  /** Parts a record in two at `seq`, which lies inside of it. */
  split(index: number, seq: number): void {
    if (this.#last === this.#starts.length) this.#makeRoom();
    const at = this.#first + index;
    for (const column of this.#columns) column.copyWithin(at + 1, at, this.#last);
    this.#last++;
    this.#ends[at] = seq;
    this.#starts[at + 1] = seq;
    if ((this.#marks[at]! & Mark.SACKED) !== 0) this.sackedCount++;
  }

  /** Joins a record with the next one; both must have the same marks. */
  join(index: number): void {
    const at = this.#first + index;
    if ((this.#marks[at]! & Mark.SACKED) !== 0) this.sackedCount--;
    this.#ends[at] = this.#ends[at + 1]!;
    for (const column of this.#columns) column.copyWithin(at + 1, at + 2, this.#last);
    this.#last--;
  }

  /** The record that holds `seq`, or -1. */
  find(seq: number): number {
    let low = this.#first;
    let high = this.#last - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (seqLt(seq, this.#starts[middle]!)) high = middle - 1;
      else if (seqGe(seq, this.#ends[middle]!)) low = middle + 1;
      else return middle - this.#first;
    }
    return -1;
  }

  /** Whether `[start, end)` lies within what is in flight. */
  covers(start: number, end: number): boolean {
    return this.count > 0 && seqLt(start, end) && seqLe(this.start(0), start) &&
      !seqGt(end, this.end(this.count - 1));
  }

  /** Forgets everything, and gives the memory back. */
  clear(): void {
    this.#first = this.#last = 0;
    this.sacked =
      this.sackedCount =
      this.lost =
      this.resent =
        0;
    this.#resize(0, 0);
  }

  #makeRoom(): void {
    const size = this.#starts.length;
    const count = this.count;
    if (this.#first > size / 2) {
      for (const column of this.#columns) column.copyWithin(0, this.#first, this.#last);
    } else {
      this.#resize(Math.max(SMALLEST, size * 2), count);
    }
    this.#first = 0;
    this.#last = count;
  }

  /** Moves `count` records to new columns of `size`. */
  #resize(size: number, count: number): void {
    const from = this.#first;
    const grown = <T extends Uint8Array | Uint32Array | Float64Array>(column: T, next: T): T => {
      next.set(column.subarray(from, from + count));
      return next;
    };
    this.#starts = grown(this.#starts, new Uint32Array(size));
    this.#ends = grown(this.#ends, new Uint32Array(size));
    this.#marks = grown(this.#marks, new Uint8Array(size));
    this.#sentAt = grown(this.#sentAt, new Float64Array(size));
    this.#delivered = grown(this.#delivered, new Float64Array(size));
    this.#deliveredAt = grown(this.#deliveredAt, new Float64Array(size));
    this.#firstSentAt = grown(this.#firstSentAt, new Float64Array(size));
    this.#columns = [
      this.#starts,
      this.#ends,
      this.#marks,
      this.#sentAt,
      this.#delivered,
      this.#deliveredAt,
      this.#firstSentAt,
    ];
  }
}
