/**
 * A byte queue with room for what comes out of order behind its end.
 *
 * @module
 */

import { copyBytes } from "../wire/bytes.ts";
import { copyAndSum, swapped } from "../wire/checksum.ts";
import { memory } from "../wire/memory.ts";
import type { Packet, Tail } from "../wire/packet.ts";
import { chunks, chunkSize } from "./chunks.ts";

/** Memory is taken in powers of two, from this many bytes on. */
const SMALLEST = chunkSize(1);

const NOTHING = new Uint8Array(0);

/**
 * A ring of bytes. A chunk of the packet memory is taken when the first byte is stored, and given
 * back as soon as there is none, so an idle connection costs nothing; it grows by doubling up to the
 * capacity. When that memory is used up, the ring has memory of its own.
 *
 * Whoever forgets a ring that may hold something calls {@linkcode clear} or {@linkcode leave}.
 */
export class RingBuffer {
  /** Most bytes it holds; may be raised. */
  capacity: number;
  /** What the ring lies in, */
  #bytes: Uint8Array<ArrayBuffer> = NOTHING;
  /** where in there, */
  #base = 0;
  /** and how long it is: a power of two, or 0. */
  #size = 0;
  #head = 0;
  #length = 0;
  /** Bytes from the front up to the end of all that is stored, be it in the queue or not. */
  #reach = 0;
  /** The most that {@linkcode reach} has been since memory was taken. */
  #most = 0;
  /** How much memory was needed last time. */
  #wish = SMALLEST;

  /** @param capacity In bytes; 1 or more. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that still fit. */
  get free(): number {
    return this.capacity - this.#length;
  }

  /** Appends as much of `source[at, end)` as fits, and returns how much that was. */
  write(source: Uint8Array, at: number, end: number): number {
    const n = Math.min(end - at, this.free);
    if (n <= 0) return 0;
    this.place(0, source, at, at + n);
    this.#length += n;
    return n;
  }

  /**
   * Stores `source[at, end)` at `gap` bytes behind the queue's end, where it waits for
   * {@linkcode extend}. It must fit: `gap + (end - at) <= free`.
   */
  place(gap: number, source: Uint8Array, at: number, end: number): void {
    const n = end - at;
    const offset = this.#length + gap;
    const reach = offset + n;
    if (reach > this.#size) this.#grow(reach);
    if (reach > this.#reach) {
      this.#reach = reach;
      if (reach > this.#most) this.#most = reach;
    }
    const position = (this.#head + offset) & (this.#size - 1);
    const first = Math.min(n, this.#size - position);
    copyBytes(source, at, this.#bytes, this.#base + position, first);
    if (first < n) copyBytes(source, at + first, this.#bytes, this.#base, n - first);
  }

  /** Takes `n` bytes, stored before by {@linkcode place}, into the queue. */
  extend(n: number): void {
    this.#length += n;
  }

  /** Copies `n` bytes, `offset` bytes behind the front, to `target[at…]`, and keeps them. */
  peek(offset: number, n: number, target: Uint8Array, at: number): void {
    const position = (this.#head + offset) & (this.#size - 1);
    const first = Math.min(n, this.#size - position);
    copyBytes(this.#bytes, this.#base + position, target, at, first);
    if (first < n) copyBytes(this.#bytes, this.#base, target, at + first, n - first);
  }

  /**
   * Copies `n` bytes, `offset` bytes behind the front, to `at` in a packet, and keeps them.
   *
   * @returns The sum of them, for a checksum.
   */
  peekAndSum(offset: number, n: number, packet: Packet, at: number): number {
    const position = (this.#head + offset) & (this.#size - 1);
    const first = Math.min(n, this.#size - position);
    const total = copyAndSum(this.#bytes, this.#base + position, packet, at, first);
    if (first === n) return total;
    const rest = copyAndSum(this.#bytes, this.#base, packet, at + first, n - first);
    return total + ((first & 1) === 0 ? rest : swapped(rest));
  }

  /**
   * Tells where `n` bytes, `offset` bytes behind the front, lie: for a packet that goes out straight
   * from here. Good until the next call that changes the queue.
   */
  describe(offset: number, n: number, tail: Tail): void {
    const position = (this.#head + offset) & (this.#size - 1);
    const first = Math.min(n, this.#size - position);
    tail.bytes = this.#bytes;
    tail.at = this.#base + position;
    tail.length = first;
    tail.restAt = this.#base;
    tail.restLength = n - first;
  }

  /** Moves up to `target.length` bytes from the front into `target`; returns how many. */
  read(target: Uint8Array): number {
    const n = Math.min(this.#length, target.length);
    this.peek(0, n, target, 0);
    this.consume(n);
    return n;
  }

  /** Drops `n` bytes from the front. */
  consume(n: number): void {
    this.#head = (this.#head + n) & (this.#size - 1);
    this.#length -= n;
    this.#reach -= n;
    if (this.#reach === 0) this.#giveBack();
  }

  /** Keeps the first `length` bytes only; there must be as many. */
  truncate(length: number): void {
    this.#length = this.#reach = length;
    if (length === 0) this.#giveBack();
  }

  /** Drops everything. */
  clear(): void {
    this.truncate(0);
  }

  /**
   * Moves what is in the queue to memory of its own, and drops the rest: nobody is sure to read it,
   * nor to call {@linkcode clear}.
   */
  leave(): void {
    const { length } = this;
    this.truncate(length);
    if (length > 0 && this.#bytes === memory.bytes) this.#move(new Uint8Array(chunkSize(length)));
  }

  #grow(needed: number): void {
    const size = chunkSize(Math.max(needed, this.#wish));
    const at = chunks.take(size);
    if (at < 0) this.#move(new Uint8Array(size));
    else this.#move(memory.bytes, at, size);
  }

  /** Moves everything to the beginning of other memory. */
  #move(bytes: Uint8Array<ArrayBuffer>, base = 0, size = bytes.length): void {
    this.peek(0, this.#reach, bytes, base);
    this.#release();
    this.#bytes = bytes;
    this.#base = base;
    this.#size = size;
    this.#head = 0;
  }

  /** Half of the memory will do the next time if it had done this time. */
  #giveBack(): void {
    const size = this.#size;
    if (size === 0) return;
    this.#wish = this.#most > size / 2 ? size : Math.max(size / 2, SMALLEST);
    this.#release();
    this.#bytes = NOTHING;
    this.#base =
      this.#size =
      this.#head =
      this.#most =
        0;
  }

  #release(): void {
    if (this.#bytes === memory.bytes) chunks.give(this.#base);
  }
}
