/**
 * What a reader's thread tells of itself, and counts, through memory that it shares with the
 * stack's thread.
 *
 * @module
 */

/** What a reader's thread is doing, or why it no longer does. */
export const Status = {
  /** It has not come up yet. */
  STARTING: 0,
  /** It does its work. */
  RUNNING: 1,
  /** It was asked to stop and did. */
  STOPPED: 2,
  /** The device failed, {@linkcode ThreadLine.errno} says why. */
  FAILED: 3,
  /** It died. */
  DIED: 4,
} as const;

/** One of the values of {@linkcode Status}. */
export type Status = typeof Status[keyof typeof Status];

/** What is between the stack's thread and a reader's. */
export interface ThreadLine {
  readonly memory: SharedArrayBuffer;
  readonly status: Status;
  /** With {@linkcode Status.FAILED}: the errno of the failure; 0 if the device just hung up. */
  readonly errno: number;
  /** Changes the status, and wakes those who wait for that. */
  setStatus(status: Status, errno?: number): void;
  /** Resolves once the status is another than `status`. */
  leaves(status: Status): Promise<void>;
  /** Asks the reader's thread to stop, wherever it waits but in `poll`. */
  requestStop(): void;
}

/** What a reader counts, in the order of {@linkcode ReaderCounter}. */
export const READER_COUNTERS = [
  /** Batches that had a packet. */
  "readerBatches",
  /** Times that the stack's thread slept and was woken. */
  "readerWakes",
  /** Calls that a signal interrupted (EINTR). */
  "readerInterrupted",
  /** Calls for which the kernel had no memory (ENOBUFS). */
  "readerNoBuffers",
  /** Times that the reader had to wait because the ring was full. */
  "readerRingFull",
  /** Packets dropped because they were longer than the MTU. */
  "readerTruncated",
  /** Packets dropped because they had no bytes. */
  "readerEmpty",
  /** Packets dropped because the kernel has no words for what their sender left to a network card. */
  "readerUnsegmented",
  /** Times that the interface went down. */
  "readerLinkDown",
] as const;

/** One of {@linkcode READER_COUNTERS}. */
export type ReaderCounter = typeof READER_COUNTERS[number];

/** Where each counter is in the list of all. */
export const ReaderCounter: Readonly<Record<ReaderCounter, number>> = Object.fromEntries(
  READER_COUNTERS.map((name, index) => [name, index]),
) as Record<ReaderCounter, number>;

/** Who keeps count of what a thread does. */
export interface Counting {
  /** Adds one to a counter, which is one of {@linkcode ReaderCounter}. */
  count(counter: number): void;
}

/** The counters of one thread, in memory that is its own or shared with who reads them. */
export class Counts implements Counting {
  readonly #words: Int32Array;

  /** Counts in `words`, one for each of {@linkcode READER_COUNTERS}. */
  constructor(words: Int32Array = new Int32Array(READER_COUNTERS.length)) {
    this.#words = words;
  }

  count(counter: number): void {
    this.#words[counter] = this.#words[counter]! + 1;
  }

  /** A counter's value, modulo 2^32. */
  of(counter: number): number {
    return this.#words[counter]! >>> 0;
  }
}
