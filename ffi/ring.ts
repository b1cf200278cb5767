/**
 * Packets handed from one thread to another through shared memory: a ring of fixed slots with one
 * producer (the reader's thread) and one consumer (the stack's).
 *
 * @module
 */

import { LINK_HEADROOM } from "../src/wire/headroom.ts";
import {
  type Counting,
  Counts,
  READER_COUNTERS,
  ReaderCounter,
  Status,
  type ThreadLine,
} from "./thread_status.ts";

/** Memory of a ring unless it is told otherwise, in bytes. */
export const RING_BUDGET = 2 * 1024 * 1024;

/** Fewest slots of a ring, whatever the budget: a batch and some room to go on. */
const MIN_SLOTS = 4;

// Words of the header. What the one side writes is a cache line apart from what the other writes.
const HEAD = 0; // count of packets taken, modulo 2^32; written by the consumer
const STOP = 1; // 1: the consumer wants the producer to stop
const TAIL = 16; // count of packets put in, modulo 2^32; written by the producer, as are the next words
const STATUS = 17;
const ERRNO = 18;
const COUNTERS = 19; // one word each of READER_COUNTERS
const CONSUMER_SLEEPS = 32;
const PRODUCER_WAITS = 48;
const HEADER_WORDS = 64;

/** The sizes of a ring. */
export interface RingShape {
  /** Number of slots, a power of two. */
  readonly slots: number;
  /** Largest packet, in bytes. */
  readonly mtu: number;
  /** Bytes in front of a packet in its slot, by default `LINK_HEADROOM`. */
  readonly headroom?: number;
}

/**
 * The shape of a ring for packets up to `mtu` bytes that takes about `budget` bytes, never more
 * unless the fewest slots need it.
 */
export function ringShape(
  mtu: number,
  budget: number = RING_BUDGET,
  headroom: number = LINK_HEADROOM,
): Required<RingShape> {
  let slots = MIN_SLOTS;
  while (slots * 2 * slotSize(mtu, headroom) <= budget) slots *= 2;
  return { slots, mtu, headroom };
}

/**
 * Bytes of a slot: headroom for the link's header, the packet, and one byte more, so that a packet
 * that is too long is known by its length. 8-aligned, because copies between shared and other
 * memory are slow where their alignments differ.
 */
function slotSize(mtu: number, headroom: number): number {
  return (headroom + mtu + 1 + 7) & ~7;
}

/** A ring, as either side sees it. Both sides make theirs over the same memory. */
export class PacketRing implements ThreadLine, Counting {
  /** The memory: header words, length words, slots. */
  readonly memory: SharedArrayBuffer;
  /** The slots, one behind the other. */
  readonly bytes: Uint8Array;
  readonly shape: RingShape;
  /** Distance from a slot to the next, in bytes. */
  readonly slotSize: number;
  /** What the producer counts. */
  readonly counts: Counts;
  readonly #words: Int32Array;
  readonly #lengths: Int32Array;
  readonly #slots: number;
  readonly #headroom: number;

  /** Makes a ring, or sees the one in `memory`, which has to have been made with the same shape. */
  constructor(shape: RingShape, memory?: SharedArrayBuffer) {
    const { slots, mtu, headroom = LINK_HEADROOM } = shape;
    this.shape = shape;
    this.#headroom = headroom;
    this.slotSize = slotSize(mtu, headroom);
    const slotsAt = ((HEADER_WORDS + slots) * 4 + 63) & ~63;
    this.memory = memory ?? new SharedArrayBuffer(slotsAt + slots * this.slotSize);
    this.#words = new Int32Array(this.memory, 0, HEADER_WORDS);
    this.counts = new Counts(
      this.#words.subarray(COUNTERS, COUNTERS + READER_COUNTERS.length),
    );
    this.#lengths = new Int32Array(this.memory, HEADER_WORDS * 4, slots);
    this.bytes = new Uint8Array(this.memory, slotsAt, slots * this.slotSize);
    this.#slots = slots;
  }

  /** Offset in {@linkcode bytes} of the packet that is number `count` of all. */
  packetAt(count: number): number {
    return this.slotOf(count) * this.slotSize + this.#headroom;
  }

  /** Index of the slot of the packet that is number `count` of all. */
  slotOf(count: number): number {
    return count & (this.#slots - 1);
  }

  // --- The producer's side ---

  /** Count of packets put in so far: the number of the next. */
  get tail(): number {
    return Atomics.load(this.#words, TAIL);
  }

  /** How many packets can be put in behind `tail`, which may not be published yet. */
  free(tail: number): number {
    return this.#slots - ((tail - Atomics.load(this.#words, HEAD)) | 0);
  }

  /** Notes the length of packet number `count`, whose bytes are in place. */
  setLength(count: number, length: number): void {
    this.#lengths[this.slotOf(count)] = length;
  }

  /** Hands over every packet in front of `tail`, and wakes the consumer if it sleeps. */
  publish(tail: number): void {
    Atomics.store(this.#words, TAIL, tail);
    this.count(ReaderCounter.readerBatches);
    if (this.#wakeConsumer()) this.count(ReaderCounter.readerWakes);
  }

  /**
   * Blocks until there is room behind `tail`.
   *
   * @returns `false` if the producer has to stop.
   */
  waitForRoom(tail: number): boolean {
    for (;;) {
      // The flag goes up before the look at the other words: whoever changes one of them afterwards
      // finds it up, takes it down and so ends the wait.
      Atomics.store(this.#words, PRODUCER_WAITS, 1);
      if (this.stopping || this.free(tail) > 0) {
        Atomics.store(this.#words, PRODUCER_WAITS, 0);
        return !this.stopping;
      }
      Atomics.wait(this.#words, PRODUCER_WAITS, 1);
    }
  }

  /** Blocks the producer's thread for some milliseconds, or until it has to stop. */
  pause(milliseconds: number): void {
    Atomics.store(this.#words, PRODUCER_WAITS, 1);
    if (!this.stopping) Atomics.wait(this.#words, PRODUCER_WAITS, 1, milliseconds);
    Atomics.store(this.#words, PRODUCER_WAITS, 0);
  }

  /** Whether the producer has to stop. */
  get stopping(): boolean {
    return Atomics.load(this.#words, STOP) !== 0;
  }

  count(counter: number): void {
    this.counts.count(counter);
  }

  // --- The consumer's side ---

  /** Count of packets taken so far: the number of the next. */
  get head(): number {
    return Atomics.load(this.#words, HEAD);
  }

  /** How many packets wait behind `head`. */
  waiting(head: number): number {
    return (Atomics.load(this.#words, TAIL) - head) | 0;
  }

  /** Length of packet number `count`, in bytes. */
  lengthOf(count: number): number {
    return this.#lengths[this.slotOf(count)]!;
  }

  /** Gives back the slots of every packet in front of `head`. */
  release(head: number): void {
    Atomics.store(this.#words, HEAD, head);
    // Woken for a single slot, the producer would be back in its wait at once.
    if (this.waiting(head) <= this.#slots >>> 1) this.#wakeProducer();
  }

  /** Resolves once packets wait or the producer does no longer run; at once if so already. */
  async readable(): Promise<void> {
    while (this.waiting(this.head) === 0 && this.status === Status.RUNNING) {
      await this.#sleep(Status.RUNNING, true);
    }
  }

  /** Resolves once the status is another than `status`. */
  async leaves(status: Status): Promise<void> {
    while (this.status === status) await this.#sleep(status, false);
  }

  /** Asks the producer to stop, wherever in the ring it waits. */
  requestStop(): void {
    Atomics.store(this.#words, STOP, 1);
    this.#wakeProducer();
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
    this.#wakeConsumer();
  }

  /** Sleeps until the producer has published or changed its status, which it may just have done. */
  async #sleep(status: Status, packets: boolean): Promise<void> {
    // The same protocol as in waitForRoom(): flag up, look again, wait on the flag itself. The flag
    // stays up when there is no need to wait, because another caller may be waiting on it.
    Atomics.store(this.#words, CONSUMER_SLEEPS, 1);
    if (this.status !== status || (packets && this.waiting(this.head) !== 0)) return;
    const { async, value } = Atomics.waitAsync(this.#words, CONSUMER_SLEEPS, 1);
    if (async) await value;
  }

  #wakeConsumer(): boolean {
    if (Atomics.compareExchange(this.#words, CONSUMER_SLEEPS, 1, 0) !== 1) return false;
    Atomics.notify(this.#words, CONSUMER_SLEEPS);
    return true;
  }

  #wakeProducer(): void {
    if (Atomics.compareExchange(this.#words, PRODUCER_WAITS, 1, 0) !== 1) return;
    Atomics.notify(this.#words, PRODUCER_WAITS);
  }
}
