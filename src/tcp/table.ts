/**
 * Finding a connection by its addresses and ports.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";

const SMALLEST = 64;

/** What is found by its two ends. */
export interface Ends<T> {
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** Hash of the four, and the next one in its bucket: for {@linkcode ConnectionTable} alone. */
  hash: number;
  hashNext: T | null;
}

/**
 * A chained hash table, with a seed so that nobody outside can aim at one bucket. It grows by two
 * buckets with each connection (linear hashing), so that none has to wait for all others to be moved.
 */
export class ConnectionTable<T extends Ends<T>> {
  #buckets: (T | null)[] = new Array(SMALLEST).fill(null);
  /** Of a hash, the bits that tell the bucket; where there is none yet, all but the highest do. */
  #mask = SMALLEST - 1;
  #seed: number;
  #size = 0;

  /** @param seed A random uint32. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#size;
  }

  /** The connection between these; `null` when there is none. Allocates nothing. */
  find(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): T | null {
    const hash = this.#hash(local, localPort, remote, remotePort);
    let item = this.#first(hash);
    while (
      item !== null && !(item.hash === hash && item.remotePort === remotePort &&
        item.localPort === localPort && item.remote.equals(remote) && item.local.equals(local))
    ) item = item.hashNext;
    return item;
  }

  /** Adds a connection; there must be none between the same ends. */
  add(item: T): void {
    while (2 * this.#size >= this.#buckets.length) this.#grow();
    item.hash = this.#hash(item.local, item.localPort, item.remote, item.remotePort);
    this.#link(item);
    this.#size++;
  }

  /** Takes a connection out. */
  remove(item: T): void {
    let at = this.#first(item.hash);
    if (at === item) {
      this.#buckets[this.#bucketOf(item.hash)] = item.hashNext;
    } else {
      while (at !== null && at.hashNext !== item) at = at.hashNext;
      if (at === null) return;
      at.hashNext = item.hashNext;
    }
    item.hashNext = null;
    this.#size--;
  }

  /** All connections, in no order. Adding and removing meanwhile is not allowed. */
  *[Symbol.iterator](): Generator<T> {
    for (const first of this.#buckets) {
      for (let item = first; item !== null; item = item.hashNext) yield item;
    }
  }

  #bucketOf(hash: number): number {
    const index = hash & this.#mask;
    return index < this.#buckets.length ? index : index & (this.#mask >>> 1);
  }

  /** The head of the chain that a connection with this hash is in. */
  #first(hash: number): T | null {
    return this.#buckets[this.#bucketOf(hash)]!;
  }

  #link(item: T): void {
    const bucket = this.#bucketOf(item.hash);
    item.hashNext = this.#buckets[bucket]!;
    this.#buckets[bucket] = item;
  }

  /** Adds a bucket, and moves what belongs there: all of it is in one other. */
  #grow(): void {
    const added = this.#buckets.length;
    if (added > this.#mask) this.#mask = 2 * this.#mask + 1;
    const parted = added & (this.#mask >>> 1);
    let item: T | null = this.#buckets[parted]!;
    this.#buckets[parted] = null;
    this.#buckets.push(null);
    while (item !== null) {
      const next: T | null = item.hashNext;
      this.#link(item);
      item = next;
    }
  }

  #hash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    let h = remote.hash(this.#seed);
    h = local.hash(h ^ ((localPort << 16) | remotePort));
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
    return h ^ (h >>> 15);
  }
}
