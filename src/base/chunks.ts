/**
 * Giving out the packet memory, in chunks.
 *
 * @module
 */

import { memory } from "../wire/memory.ts";

/** Chunks are powers of two long: at least this many bytes, */
const SMALLEST_BITS = 11;
/** and at most this many. */
const LARGEST_BITS = 26;
const MOST_BYTES = 2 ** LARGEST_BITS;

/** Sizes of chunks are told by their order: 0 is the smallest. */
const ORDERS = LARGEST_BITS - SMALLEST_BITS + 1;
const LARGEST = ORDERS - 1;

/** Chunks of one order that are kept as they are when they come back, for whoever is next. */
const MOST_KEPT = 64;
/** And how much memory they may be, in bytes; one is always kept. */
const MOST_KEPT_BYTES = 4 << 20;

/** What is known of a place: nothing, as it lies inside of a chunk, or its order and this. */
const TAKEN = 0x20;
const FREE = 0x40;
const KEPT = 0x80;

/** How large a chunk {@linkcode Chunks.take} gives for so many bytes, 1 to 2^30. */
export function chunkSize(bytes: number): number {
  return 1 << (orderOf(bytes) + SMALLEST_BITS);
}

function orderOf(bytes: number): number {
  return Math.max(0, 32 - Math.clz32(bytes - 1) - SMALLEST_BITS);
}

/**
 * A buddy system: a chunk that is too large is halved until it fits, and two halves that are both
 * free become one again. That is put off for a few chunks of each size, so that what takes a chunk,
 * gives it back and takes it again costs next to nothing.
 *
 * Nothing is allocated but by the constructor, and the memory itself is not touched.
 */
export class Chunks {
  /** By place: a place is as long as the smallest chunk. */
  readonly #state: Uint8Array;
  /** Lists of free chunks, by order, and their links, by place; all one more, so that 0 is none. */
  readonly #first = new Int32Array(ORDERS);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Stacks of chunks that are kept, by order. */
  readonly #kept = new Int32Array(ORDERS * MOST_KEPT);
  readonly #keptCount = new Int32Array(ORDERS);
  /** Places from here on have never been given out. */
  #fresh = 0;
  #taken = 0;

  /** @param size Of the memory, in bytes; what it has beyond a multiple of 64 MiB is not used. */
  constructor(size: number) {
    const places = Math.floor(size / MOST_BYTES) << LARGEST;
    this.#state = new Uint8Array(places);
    this.#next = new Int32Array(places);
    this.#previous = new Int32Array(places);
  }

  /** Memory that has been taken and not been given back, in bytes. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes a chunk of `bytes` at least: {@linkcode chunkSize} tells how many it has.
   *
   * @returns Where it lies; -1 if there is none.
   */
  take(bytes: number): number {
    if (bytes > MOST_BYTES) return -1; // before 32 bits are made of it
    const order = orderOf(bytes);
    let place: number;
    if (this.#keptCount[order]! > 0) {
      place = this.#kept[order * MOST_KEPT + --this.#keptCount[order]!]!;
    } else {
      place = this.#find(order);
      if (place < 0 && this.#mergeKept()) place = this.#find(order);
      if (place < 0) return -1;
    }
    this.#state[place] = TAKEN | order;
    this.#taken += 1 << (order + SMALLEST_BITS);
    return place << SMALLEST_BITS;
  }

  /**
   * Gives a chunk back.
   *
   * @param at What {@linkcode take} has returned.
   * @throws {RangeError} If there is none, as when it is given back twice.
   */
  give(at: number): void {
    const place = at >> SMALLEST_BITS;
    const state = this.#state[place]!;
    if ((state & TAKEN) === 0) throw new RangeError(`No chunk has been taken at ${at}`);
    const order = state & ~TAKEN;
    const size = 1 << (order + SMALLEST_BITS);
    this.#taken -= size;
    const count = this.#keptCount[order]!;
    if (count === 0 || (count < MOST_KEPT && (count + 1) * size <= MOST_KEPT_BYTES)) {
      this.#state[place] = KEPT | order;
      this.#kept[order * MOST_KEPT + count] = place;
      this.#keptCount[order] = count + 1;
    } else {
      this.#merge(place, order);
    }
  }

  /** Takes a chunk of this order off its list, or off a larger one; -1 if there is none. */
  #find(order: number): number {
    let from = order;
    while (from <= LARGEST && this.#first[from] === 0) from++;
    let place: number;
    if (from <= LARGEST) {
      place = this.#first[from]! - 1;
      this.#unlink(place, from);
    } else if (this.#fresh < this.#state.length) {
      from = LARGEST;
      place = this.#fresh;
      this.#fresh += 1 << LARGEST;
    } else {
      return -1;
    }
    while (from > order) this.#link(place + (1 << --from), from); // the upper half is left
    return place;
  }

  /** Frees a chunk, as one with its other half if that is free, and so on. */
  #merge(place: number, order: number): void {
    for (; order < LARGEST; order++) {
      const other = place ^ (1 << order);
      if (this.#state[other] !== (FREE | order)) break;
      this.#unlink(other, order);
      this.#state[place] = 0;
      place &= other;
    }
    this.#link(place, order);
  }

  /** Lets go of all that is kept; `false`: nothing was. */
  #mergeKept(): boolean {
    let any = false;
    for (let order = 0; order < ORDERS; order++) {
      for (; this.#keptCount[order]! > 0; any = true) {
        this.#merge(this.#kept[order * MOST_KEPT + --this.#keptCount[order]!]!, order);
      }
    }
    return any;
  }

  #link(place: number, order: number): void {
    const next = this.#first[order]!;
    if (next > 0) this.#previous[next - 1] = place + 1;
    this.#next[place] = next;
    this.#previous[place] = 0;
    this.#first[order] = place + 1;
    this.#state[place] = FREE | order;
  }

  #unlink(place: number, order: number): void {
    const next = this.#next[place]!;
    const previous = this.#previous[place]!;
    if (next > 0) this.#previous[next - 1] = previous;
    if (previous > 0) this.#next[previous - 1] = next;
    else this.#first[order] = next;
    this.#state[place] = 0;
  }
}

/** The process's packet memory. */
export const chunks: Chunks = new Chunks(memory.bytes.length);

const forgotten = new FinalizationRegistry((at: number) => chunks.give(at));

/**
 * Packet memory that is had for long: a chunk, or an array of its own where there is none. It is
 * given back by {@linkcode free}, or when nobody refers to the object any more.
 */
export class Room {
  /** The memory that it is part of, */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** and where it begins there; a multiple of 2048. */
  readonly at: number;

  /** @param size In bytes, 1 or more. */
  constructor(size: number) {
    const at = chunks.take(size);
    this.bytes = at < 0 ? new Uint8Array(size) : memory.bytes;
    this.at = Math.max(at, 0);
    if (at >= 0) forgotten.register(this, at, this);
  }

  /** Gives it back: what lies in there may be overwritten from now on. Safe to call twice. */
  free(): void {
    if (forgotten.unregister(this)) chunks.give(this.at);
  }
}
