/**
 * What is in flight: a record for each segment sent and not acknowledged yet, with what is known of
 * its fate (RFC 6675 §3 calls it the scoreboard, RFC 8985 §5.2 adds the times).
 *
 * @module
 */

import { Pool } from "../base/pool.ts";
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

/** For how many records memory is taken first; then for twice as many, and so on. */
const SMALLEST = 16;
/** Records that are kept, of each size, for the next connections that send something. */
const MOST_KEPT = 4096;

/** Memory for records. Columns are arrays of numbers, so a segment costs no object. */
class Records {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly marks: Uint8Array;
  readonly sentAt: Float64Array;
  /** State of the delivery rate estimator when the segment was sent. */
  readonly delivered: Float64Array;
  readonly deliveredAt: Float64Array;
  readonly firstSentAt: Float64Array;
  /** All of them; kept, so that parting a record allocates nothing. */
  readonly columns: readonly (Uint8Array | Uint32Array | Float64Array)[];

  /** @param size For how many records there is room. */
  constructor(readonly size: number) {
    this.starts = new Uint32Array(size);
    this.ends = new Uint32Array(size);
    this.marks = new Uint8Array(size);
    this.sentAt = new Float64Array(size);
    this.delivered = new Float64Array(size);
    this.deliveredAt = new Float64Array(size);
    this.firstSentAt = new Float64Array(size);
    this.columns = [
      this.starts,
      this.ends,
      this.marks,
      this.sentAt,
      this.delivered,
      this.deliveredAt,
      this.firstSentAt,
    ];
  }
}

/** What everybody has who has nothing in flight. */
const NO_RECORDS = new Records(0);

/** One for each power of two. */
const pools: readonly Pool<Records>[] = Array.from({ length: 32 }, (_, i) => {
  const size = 2 ** i;
  return new Pool(Math.max(2, MOST_KEPT / size), () => new Records(size));
});

function poolOf(size: number): Pool<Records> {
  return pools[31 - Math.clz32(size)]!;
}

/**
 * Records in the order of their sequence numbers, without gaps: record 0 starts at SND.UNA, the
 * last one ends at SND.NXT. Memory is taken with the first record, and given back with the last.
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
  #records = NO_RECORDS;

  /** How many records there are. */
  get count(): number {
    return this.#last - this.#first;
  }

  /** Bytes from the first record to the last, whatever their fate. */
  get bytes(): number {
    return this.count === 0
      ? 0
      : seqDiff(this.#records.ends[this.#last - 1]!, this.#records.starts[this.#first]!);
  }

  /** Bytes that are believed to be in the network: RFC 6675's pipe. */
  get pipe(): number {
    return this.bytes - this.sacked - this.lost + this.resent;
  }

  /** First sequence number of a record. */
  start(index: number): number {
    return this.#records.starts[this.#first + index]!;
  }

  /** The sequence number behind a record. */
  end(index: number): number {
    return this.#records.ends[this.#first + index]!;
  }

  /** Length of a record, SYN and FIN counted. */
  length(index: number): number {
    return seqDiff(this.end(index), this.start(index));
  }

  /** Bits of {@linkcode Mark}. */
  marks(index: number): number {
    return this.#records.marks[this.#first + index]!;
  }

  /** When it was sent last, in milliseconds. */
  sentAt(index: number): number {
    return this.#records.sentAt[this.#first + index]!;
  }

  /** Bytes that were delivered on the connection when it was sent last. */
  deliveredBefore(index: number): number {
    return this.#records.delivered[this.#first + index]!;
  }

  /** When the last of those was delivered, in milliseconds. */
  deliveredAt(index: number): number {
    return this.#records.deliveredAt[this.#first + index]!;
  }

  /** When the segment was sent whose acknowledgement that was, in milliseconds. */
  firstSentAt(index: number): number {
    return this.#records.firstSentAt[this.#first + index]!;
  }

  /** Adds a segment behind the last one. */
  push(start: number, end: number): number {
    if (this.#last === this.#records.size) this.#makeRoom();
    const at = this.#last++;
    this.#records.starts[at] = start;
    this.#records.ends[at] = end;
    this.#records.marks[at] = 0;
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
    this.#records.sentAt[at] = now;
    this.#records.delivered[at] = delivered;
    this.#records.deliveredAt[at] = deliveredAt;
    this.#records.firstSentAt[at] = firstSentAt;
    if (appLimited) this.#records.marks[at]! |= Mark.APP_LIMITED;
    else this.#records.marks[at]! &= ~Mark.APP_LIMITED;
  }

  /** The peer has it. */
  markSacked(index: number): void {
    const at = this.#first + index;
    const length = this.length(index);
    const marks = this.#records.marks[at]!;
    if ((marks & Mark.SACKED) !== 0) return;
    this.sacked += length;
    this.sackedCount++;
    if ((marks & Mark.LOST) !== 0) this.lost -= length;
    if ((marks & Mark.RESENT) !== 0) this.resent -= length;
    this.#records.marks[at] = (marks | Mark.SACKED) & ~(Mark.LOST | Mark.RESENT);
  }

  /** It is taken for lost; if it was sent again, that was lost too. */
  markLost(index: number): void {
    const at = this.#first + index;
    const length = this.length(index);
    const marks = this.#records.marks[at]!;
    if ((marks & Mark.SACKED) !== 0) return;
    if ((marks & Mark.LOST) === 0) this.lost += length;
    if ((marks & Mark.RESENT) !== 0) this.resent -= length;
    this.#records.marks[at] = (marks | Mark.LOST) & ~Mark.RESENT;
    if (this.lost - this.resent === length || seqLt(this.start(index), this.#lostFrom)) {
      this.#lostFrom = this.start(index);
    }
  }

  /** It was not lost after all. */
  unmarkLost(index: number): void {
    const at = this.#first + index;
    if ((this.#records.marks[at]! & Mark.LOST) === 0) return;
    this.lost -= this.length(index);
    if ((this.#records.marks[at]! & Mark.RESENT) !== 0) this.resent -= this.length(index);
    this.#records.marks[at]! &= ~(Mark.LOST | Mark.RESENT);
  }

  /** It was taken for lost, and is being sent again. */
  markResent(index: number): void {
    const at = this.#first + index;
    if ((this.#records.marks[at]! & Mark.RESENT) === 0) this.resent += this.length(index);
    this.#records.marks[at]! |= Mark.RESENT | Mark.REPEATED;
    this.#lostFrom = this.end(index);
  }

  /** It is being sent again without being taken for lost: a probe. */
  markRepeated(index: number): void {
    this.#records.marks[this.#first + index]! |= Mark.REPEATED;
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
    for (let at = this.#first; at < this.#last; at++) this.#records.marks[at]! &= ~Mark.SACKED;
    this.sacked = this.sackedCount = 0;
  }

  /** Takes out the first record, which is acknowledged. */
  shift(): void {
    this.#take(0, this.length(0));
    if ((this.marks(0) & Mark.SACKED) !== 0) this.sackedCount--;
    this.#first++;
    if (this.#first === this.#last) this.#giveBack();
  }

  /** The first record is acknowledged up to `seq`, which lies inside of it. */
  trimFront(seq: number): void {
    this.#take(0, seqDiff(seq, this.start(0)));
    this.#records.starts[this.#first] = seq;
  }

  #take(index: number, length: number): void {
    const marks = this.marks(index);
    if ((marks & Mark.SACKED) !== 0) this.sacked -= length;
    if ((marks & Mark.LOST) !== 0) this.lost -= length;
    if ((marks & Mark.RESENT) !== 0) this.resent -= length;
  }

  /** Parts a record in two at `seq`, which lies inside of it. */
  split(index: number, seq: number): void {
    if (this.#last === this.#records.size) this.#makeRoom();
    const at = this.#first + index;
    for (const column of this.#records.columns) column.copyWithin(at + 1, at, this.#last);
    this.#last++;
    this.#records.ends[at] = seq;
    this.#records.starts[at + 1] = seq;
    if ((this.#records.marks[at]! & Mark.SACKED) !== 0) this.sackedCount++;
  }

  /** Joins a record with the next one; both must have the same marks. */
  join(index: number): void {
    const at = this.#first + index;
    if ((this.#records.marks[at]! & Mark.SACKED) !== 0) this.sackedCount--;
    this.#records.ends[at] = this.#records.ends[at + 1]!;
    for (const column of this.#records.columns) column.copyWithin(at + 1, at + 2, this.#last);
    this.#last--;
  }

  /** The record that holds `seq`, or -1. */
  find(seq: number): number {
    let low = this.#first;
    let high = this.#last - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (seqLt(seq, this.#records.starts[middle]!)) high = middle - 1;
      else if (seqGe(seq, this.#records.ends[middle]!)) low = middle + 1;
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
    this.sacked =
      this.sackedCount =
      this.lost =
      this.resent =
        0;
    this.#giveBack();
  }

  #makeRoom(): void {
    if (this.#records.size === 0) this.#records = poolOf(SMALLEST).take();
    else this.#moveRecords();
  }

  /** Moves all records to the front of their memory, or of twice as much. */
  #moveRecords(): void {
    const old = this.#records;
    const first = this.#first;
    const last = this.#last;
    const isHalfFree = first > old.size / 2;
    const records = isHalfFree ? old : poolOf(2 * old.size).take();
    for (let i = 0; i < old.columns.length; i++) {
      const column = old.columns[i]!;
      if (isHalfFree) column.copyWithin(0, first, last);
      else records.columns[i]!.set(column.subarray(first, last));
    }
    this.#last -= first;
    this.#first = 0;
    if (isHalfFree) return;
    this.#records = records;
    poolOf(old.size).give(old);
  }

  #giveBack(): void {
    this.#first = this.#last = 0;
    if (this.#records.size > 0) poolOf(this.#records.size).give(this.#records);
    this.#records = NO_RECORDS;
  }
}
