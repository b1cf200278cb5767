/**
 * A byte queue with room for what comes out of order behind its end.
 *
 * @module
 */

import type { Tail } from "../wire/packet.ts";
import { copyBytes } from "./bytes.ts";

/** Memory is taken in powers of two, from this many bytes on. */
const SMALLEST = 2048;

/**
 * A ring of bytes. Memory is taken when the first byte is stored, and grows by doubling up to the
 * capacity, so an idle connection costs nothing.
 */
export class RingBuffer {
  /** Most bytes it holds; may be raised. */
  capacity: number;
  #storage: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Storage is a power of two long; positions are masked with this. */
  #mask = 0;
  #head = 0;
  #length = 0;

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
    if (offset + n > this.#storage.length) this.#grow(offset + n);
    const position = (this.#head + offset) & this.#mask;
    const first = Math.min(n, this.#storage.length - position);
    copyBytes(source, at, this.#storage, position, first);
    if (first < n) copyBytes(source, at + first, this.#storage, 0, n - first);
  }

  /** Takes `n` bytes, stored before by {@linkcode place}, into the queue. */
  extend(n: number): void {
    this.#length += n;
  }

  /** Copies `n` bytes, `offset` bytes behind the front, to `target[at…]`, and keeps them. */
  peek(offset: number, n: number, target: Uint8Array, at: number): void {
    const position = (this.#head + offset) & this.#mask;
    const first = Math.min(n, this.#storage.length - position);
    copyBytes(this.#storage, position, target, at, first);
    if (first < n) copyBytes(this.#storage, 0, target, at + first, n - first);
  }

  /**
   * Tells where `n` bytes, `offset` bytes behind the front, lie: for a packet that goes out straight
   * from here. Good until the next call that changes the queue.
   */
  describe(offset: number, n: number, tail: Tail): void {
    const position = (this.#head + offset) & this.#mask;
    const first = Math.min(n, this.#storage.length - position);
    tail.bytes = this.#storage;
    tail.at = position;
    tail.length = first;
    tail.restAt = 0;
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
    this.#head = (this.#head + n) & this.#mask;
    this.#length -= n;
  }

  /** Keeps the first `length` bytes only; there must be as many. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Drops everything, and gives the memory back. */
  clear(): void {
    this.#storage = new Uint8Array(0);
    this.#mask = 0;
    this.#head = 0;
    this.#length = 0;
  }

  #grow(needed: number): void {
    let size = Math.max(SMALLEST, this.#storage.length);
    while (size < needed) size *= 2;
    const old = this.#storage;
    const grown = new Uint8Array(size);
    grown.set(old.subarray(this.#head), 0);
    grown.set(old.subarray(0, this.#head), old.length - this.#head);
    this.#storage = grown;
    this.#mask = size - 1;
    this.#head = 0;
  }
}
