/**
 * One thread that waits for a device on behalf of another, which it wakes.
 *
 * @module
 */

import {
  type Counting,
  Counts,
  READER_COUNTERS,
  Status,
  type ThreadLine,
} from "./thread_status.ts";

/** What the waiting thread has to do. */
export const Errand = {
  /** Nothing: it is the other thread's turn. */
  NONE: 0,
  /** Wait for the device. */
  WAIT: 1,
  /** The same, but first leave the kernel alone for a while. */
  PAUSE: 2,
  /** The same, with an interface that is down: that it comes up, or vanishes. */
  UNTIL_UP: 3,
  /** End. */
  STOP: 4,
} as const;

/** One of the values of {@linkcode Errand}. */
export type Errand = typeof Errand[keyof typeof Errand];

// Words of the memory.
const ERRAND = 0; // what the waiting thread is to do, and whether the other one sleeps meanwhile
const REVENTS = 1;
const STATUS = 2;
const ERRNO = 3;
const COUNTERS = 4;

/**
 * The line between the two. Both wait on one word, the errand: the waiting thread while there is
 * none, the other one while there is that which it has given. So neither can miss the other's
 * change, and a device that has something to read is not asked about it again before it was read.
 */
export class WakeLine implements ThreadLine, Counting {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** What the waiting thread counts. */
  readonly counts: Counts;

  /** Makes a line, or takes up the one in `memory`. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer((COUNTERS + READER_COUNTERS.length) * 4);
    this.#words = new Int32Array(this.memory);
    this.counts = new Counts(this.#words.subarray(COUNTERS));
  }

  // --- The side of the thread that waits for the device ---

  /** Blocks until there is an errand, and returns it. */
  nextErrand(): Errand {
    for (;;) {
      const errand = Atomics.load(this.#words, ERRAND);
      if (errand !== Errand.NONE) return errand as Errand;
      Atomics.wait(this.#words, ERRAND, Errand.NONE);
    }
  }

  /** Blocks for some milliseconds, or until there is another errand than `errand`. */
  pause(errand: Errand, milliseconds: number): void {
    Atomics.wait(this.#words, ERRAND, errand, milliseconds);
  }

  /** Tells that an errand is done, and what `poll` said, unless there is another one by now. */
  done(errand: Errand, revents: number): void {
    Atomics.store(this.#words, REVENTS, revents);
    Atomics.compareExchange(this.#words, ERRAND, errand, Errand.NONE);
    Atomics.notify(this.#words, ERRAND);
  }

  count(counter: number): void {
    this.counts.count(counter);
  }

  // --- The side of the thread that is woken ---

  /** Resolves once the errand is done, or the other thread no longer runs. */
  async send(errand: Errand): Promise<void> {
    Atomics.store(this.#words, ERRAND, errand);
    Atomics.notify(this.#words, ERRAND);
    // The status is looked at after the errand, as it changes before the errand is taken away. What
    // wakes may be the end of the errand before, seen already: the word itself tells.
    while (this.status === Status.RUNNING) {
      const { async, value } = Atomics.waitAsync(this.#words, ERRAND, errand);
      if (!async) return;
      await value;
    }
  }

  /** What `poll` said of the device when the last errand was done. */
  get revents(): number {
    return Atomics.load(this.#words, REVENTS);
  }

  async leaves(status: Status): Promise<void> {
    while (this.status === status) {
      const { async, value } = Atomics.waitAsync(this.#words, STATUS, status);
      if (async) await value;
    }
  }

  requestStop(): void {
    Atomics.store(this.#words, ERRAND, Errand.STOP);
    Atomics.notify(this.#words, ERRAND);
  }

  // --- Both sides ---

  get status(): Status {
    return Atomics.load(this.#words, STATUS) as Status;
  }

  get errno(): number {
    return Atomics.load(this.#words, ERRNO);
  }

  setStatus(status: Status, errno = 0): void {
    Atomics.store(this.#words, ERRNO, errno);
    Atomics.store(this.#words, STATUS, status);
    Atomics.notify(this.#words, STATUS);
    if (status === Status.RUNNING) return;
    Atomics.store(this.#words, ERRAND, Errand.NONE);
    Atomics.notify(this.#words, ERRAND);
  }
}
