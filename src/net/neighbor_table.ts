/**
 * The entries of a neighbor cache: found by address, and kept in the order in which they may be
 * forgotten.
 *
 * @module
 */

import type { Timed } from "../base/deadlines.ts";
import type { IpAddress } from "../wire/address.ts";
import { MAC_LENGTH } from "../wire/mac.ts";
import type { Packet } from "../wire/packet.ts";

/** The states of RFC 4861 §7.3.2. */
export const NEIGHBOR_STATE = {
  /** Asked for; packets wait. */
  INCOMPLETE: 0,
  /** Known to answer, of late. */
  REACHABLE: 1,
  /** Known, but not whether it still is right. */
  STALE: 2,
  /** Used while stale: somebody may confirm it before we ask. */
  DELAY: 3,
  /** Asked whether it still is there. */
  PROBE: 4,
} as const;

/** One of the values of {@linkcode NEIGHBOR_STATE}. */
export type NeighborState = typeof NEIGHBOR_STATE[keyof typeof NEIGHBOR_STATE];

/** The order in which entries are forgotten when there is no room. */
export const RANK = {
  /** Heard of, but never sent to: all that packets of others bring about. */
  UNUSED: 0,
  INCOMPLETE: 1,
  STALE: 2,
  /** In `DELAY` or `PROBE`. */
  ASKED: 3,
  REACHABLE: 4,
} as const;

/** One of the values of {@linkcode RANK}. */
export type Rank = typeof RANK[keyof typeof RANK];

/** What is known of one neighbor. */
export class Neighbor implements Timed {
  readonly address: IpAddress;
  /** Meaningless while `INCOMPLETE`. */
  readonly mac: Uint8Array = new Uint8Array(MAC_LENGTH);
  state: NeighborState;
  /** Whether it has said that it is a router (RFC 4861 §5.1). */
  isRouter = false;
  /** Whether a packet was ever sent to it, or waits for it. */
  isUsed = false;
  /** Copies of packets for it, the oldest first. */
  waiting: Packet[] = [];
  /** Requests sent in this state. */
  tries = 0;
  /** When the state was entered, or last confirmed, in milliseconds; `Infinity`: not known yet. */
  since = Infinity;
  deadline = Infinity;
  heapIndex = -1;
  /** For {@linkcode NeighborTable} alone, as the next two. */
  readonly hash: number;
  hashNext: Neighbor | null = null;
  rank: Rank = RANK.UNUSED;

  constructor(address: IpAddress, state: NeighborState, hash: number) {
    this.address = address;
    this.state = state;
    this.hash = hash;
  }
}

/** A chained hash table, with a seed so that nobody outside can aim at one bucket. */
export class NeighborTable {
  #buckets: (Neighbor | null)[];
  #ranks = Object.values(RANK).map(() => new Set<Neighbor>());
  #seed: number;
  #size = 0;

  /**
   * @param capacity For how many entries it is made.
   * @param seed A random uint32.
   */
  constructor(capacity: number, seed: number) {
    this.#buckets = new Array(2 ** Math.ceil(Math.log2(capacity))).fill(null);
    this.#seed = seed;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** The entry of `address`, whatever its zone, or `null`. Allocates nothing. */
  find(address: IpAddress): Neighbor | null {
    const bits = 8 * address.length;
    let item: Neighbor | null = this.#buckets[this.#index(address.hash(this.#seed))]!;
    while (item !== null && !item.address.isIn(address, bits)) item = item.hashNext;
    return item;
  }

  /** Adds an entry for `address`, which must have none. Comes with a call of {@linkcode rank}. */
  add(address: IpAddress, state: NeighborState): Neighbor {
    const entry = new Neighbor(address.clone(), state, address.hash(this.#seed));
    const index = this.#index(entry.hash);
    entry.hashNext = this.#buckets[index]!;
    this.#buckets[index] = entry;
    this.#size++;
    return entry;
  }

  /** Takes an entry out. */
  remove(entry: Neighbor): void {
    const index = this.#index(entry.hash);
    let at = this.#buckets[index]!;
    if (at === entry) this.#buckets[index] = entry.hashNext;
    else {
      while (at.hashNext !== entry) at = at.hashNext!;
      at.hashNext = entry.hashNext;
    }
    this.#ranks[entry.rank]!.delete(entry);
    this.#size--;
  }

  /** Makes the entry the newest of its rank. */
  rank(entry: Neighbor, rank: Rank): void {
    this.#ranks[entry.rank]!.delete(entry);
    this.#ranks[rank]!.add(entry);
    entry.rank = rank;
  }

  /** The entry that came first into this rank. */
  oldest(rank: Rank): Neighbor | undefined {
    return this.#ranks[rank]!.values().next().value;
  }

  /** All entries. Removing meanwhile is allowed. */
  *[Symbol.iterator](): Generator<Neighbor> {
    for (const entries of this.#ranks) yield* entries;
  }

  #index(hash: number): number {
    return hash & (this.#buckets.length - 1);
  }
}
