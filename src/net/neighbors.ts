/**
 * Who is where on a link: the cache that ARP and neighbor discovery fill, and its states
 * (RFC 4861 §7.3).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { isMacAt, storeMac } from "../wire/mac.ts";
import type { Packet } from "../wire/packet.ts";
import {
  type Neighbor,
  NEIGHBOR_STATE,
  type NeighborState,
  NeighborTable,
  RANK,
  type Rank,
} from "./neighbor_table.ts";

/** A deadline that the next poll finds due, whatever its time. */
const AT_ONCE = -Infinity;
/** How often confirmations of what is known anyway are taken note of, in milliseconds. */
const CONFIRMATION_INTERVAL = 1000;
/** Requests that are remembered so that none is sent too soon after another. A power of two. */
const REQUESTS = 1024;
/** What the link may make us do at most: of routers, some tell a time of 1 ms. */
const MIN_RETRANS_TIME = 100;
/** Largest packet that waits, in bytes. */
const MAX_PACKET = 65575;

const { INCOMPLETE, REACHABLE, STALE, DELAY, PROBE } = NEIGHBOR_STATE;
const STATE_NAMES = ["incomplete", "reachable", "stale", "delay", "probe"] as const;

/** The states that news of a neighbor bring about. */
type Known = typeof REACHABLE | typeof STALE;

/** Times in milliseconds; the names that RFC 4861 §10 has for them stand behind. */
export interface NeighborConfig {
  /** How long an answer holds, on average: `REACHABLE_TIME`. Half to one and a half of it is taken. */
  readonly reachableTime: number;
  /** From one request to the next for the same address: `RETRANS_TIMER`. 100 at least. */
  readonly retransTime: number;
  /** How long one in use waits for a confirmation before it is asked: `DELAY_FIRST_PROBE_TIME`. */
  readonly delayTime: number;
  /** Requests to everybody before packets are given up: `MAX_MULTICAST_SOLICIT`. */
  readonly multicastSolicits: number;
  /** Requests to a neighbor before it is forgotten: `MAX_UNICAST_SOLICIT`. */
  readonly unicastSolicits: number;
  /** How long one that is not used is remembered (RFC 1122 §2.3.2.1). */
  readonly staleTime: number;
  /** Most neighbors. */
  readonly maxEntries: number;
  /** Most packets that wait for one neighbor. */
  readonly maxWaiting: number;
  /** Most bytes that wait for all; 65,575 at least, so that any packet may. */
  readonly maxWaitingBytes: number;
}

/** The settings that hold where nothing else is said. */
export const DEFAULT_NEIGHBOR_CONFIG: NeighborConfig = {
  reachableTime: 30_000,
  retransTime: 1000,
  delayTime: 5000,
  multicastSolicits: 3,
  unicastSolicits: 3,
  staleTime: 600_000,
  maxEntries: 1024,
  maxWaiting: 64,
  maxWaitingBytes: 1 << 20,
};

/** What the cache asks of those around it. */
export interface NeighborHooks {
  /**
   * Asks for `target`: everybody if `mac` is `null`, else the one that had it. Called by
   * {@linkcode NeighborCache.poll} alone, so that it may build the packet where senders do.
   */
  solicit(target: IpAddress, mac: Uint8Array | null): void;
  /** Sends a packet that waited. It lies in memory of its own, with the link's headroom. */
  deliver(packet: Packet, mac: Uint8Array): void;
  /** Nobody has answered for the packet's next hop. */
  unreachable(packet: Packet, now: number): void;
  /** A neighbor does not answer, or not any more (RFC 4861 §7.3.3). */
  failed?(address: IpAddress): void;
}

/** What a neighbor's advertisement says besides its address (RFC 4861 §4.4). */
export interface Advertisement {
  /** Whether it answers what we asked. */
  readonly solicited: boolean;
  /** Whether it outdoes what is known. */
  readonly override: boolean;
  /** Whether the neighbor is a router. */
  readonly isRouter: boolean;
}

/** An entry, for people to read. */
export interface NeighborInfo {
  readonly address: IpAddress;
  /** `null` as long as it is not known. */
  readonly mac: Uint8Array | null;
  readonly state: typeof STATE_NAMES[number];
  /** Since it entered this state, or was last confirmed, in milliseconds. */
  readonly age: number;
  readonly isRouter: boolean;
  /** Packets that wait for it. */
  readonly waiting: number;
}

/** The neighbors of one family on one link. */
export class NeighborCache {
  #hooks: NeighborHooks;
  #counters: Counters;
  #env: Env;
  #config: NeighborConfig;
  #table: NeighborTable;
  #deadlines = new Deadlines<Neighbor>();
  #reachableBase: number;
  #reachableTime: number;
  #retransTime: number;
  #waitingBytes = 0;
  /** When an address with this hash was last asked for; it outlives the entry. */
  #requestedAt = new Float64Array(REQUESTS).fill(-Infinity);
  #requestedHash = new Int32Array(REQUESTS);

  /** @throws {RangeError} If a bound is too small to work with. */
  constructor(
    hooks: NeighborHooks,
    counters: Counters,
    env: Env,
    config: Partial<NeighborConfig> = {},
  ) {
    this.#config = { ...DEFAULT_NEIGHBOR_CONFIG, ...config };
    const { reachableTime, retransTime, maxEntries, maxWaiting, maxWaitingBytes } = this.#config;
    if (!(maxEntries >= 1)) throw new RangeError("maxEntries must be 1 at least");
    if (!(maxWaiting >= 1)) throw new RangeError("maxWaiting must be 1 at least");
    if (!(maxWaitingBytes >= MAX_PACKET)) {
      throw new RangeError(`maxWaitingBytes must be ${MAX_PACKET} at least`);
    }
    this.#hooks = hooks;
    this.#counters = counters;
    this.#env = env;
    this.#table = new NeighborTable(maxEntries, env.random());
    this.#reachableBase = reachableTime;
    this.#reachableTime = this.#drawReachableTime();
    this.#retransTime = Math.max(retransTime, MIN_RETRANS_TIME);
  }

  /** How many neighbors there are. */
  get size(): number {
    return this.#table.size;
  }

  /** Bytes of packets that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Sets for how long an answer holds on average, as a router told (RFC 4861 §6.3.4). */
  setReachableTime(time: number): void {
    this.#reachableBase = time;
    this.#reachableTime = this.#drawReachableTime();
  }

  /** Sets the time from one request to the next, as a router told (RFC 4861 §6.3.4). */
  setRetransTime(time: number): void {
    this.#retransTime = Math.max(time, MIN_RETRANS_TIME);
  }

  /**
   * Where a packet for the next hop `address` is to go.
   *
   * @returns The neighbor's hardware address, lent; `null` if it is not known yet. Then a copy of
   * the packet waits for it.
   */
  resolve(packet: Packet, address: IpAddress): Uint8Array | null {
    let entry = this.#table.find(address);
    if (entry === null) {
      this.#makeRoom(RANK.REACHABLE);
      entry = this.#table.add(address, INCOMPLETE);
      entry.isUsed = true;
      this.#enter(entry, INCOMPLETE, AT_ONCE);
    }
    if (entry.state === INCOMPLETE) {
      this.#wait(entry, packet);
      return null;
    }
    if (entry.state === STALE) {
      entry.isUsed = true;
      this.#enter(entry, DELAY, AT_ONCE);
    } else if (!entry.isUsed) {
      entry.isUsed = true;
      this.#table.rank(entry, rankOf(entry));
    }
    return entry.mac;
  }

  /**
   * A neighbor advertisement, or what ARP has for one, has come (RFC 4861 §7.2.5).
   *
   * @param mac The address in it, to be copied; `null` if it had none.
   * @returns Whether the neighbor was a router and says that it is none any more.
   */
  advertised(
    address: IpAddress,
    mac: Uint8Array | null,
    { solicited, override, isRouter }: Advertisement,
    now: number,
  ): boolean {
    const entry = this.#table.find(address);
    if (entry === null) return false; // nobody asked
    if (entry.state === INCOMPLETE) {
      if (mac === null) return false;
      entry.isRouter = isRouter;
      this.#learn(entry, mac, solicited ? REACHABLE : STALE, now);
      return false;
    }
    const isOther = mac !== null && !isMacAt(mac, entry.mac, 0);
    if (isOther && !override) {
      // §7.2.5 has it so whether or not it was solicited; the table in appendix C is coarser.
      if (entry.state === REACHABLE) this.#enterAt(entry, STALE, now);
      return false;
    }
    if (isOther) storeMac(mac, entry.mac, 0);
    if (solicited) this.#enterAt(entry, REACHABLE, now);
    else if (isOther) this.#enterAt(entry, STALE, now);
    const ceased = entry.isRouter && !isRouter;
    entry.isRouter = isRouter;
    return ceased;
  }

  /**
   * A neighbor has told its own hardware address while it wanted something else: in the option of a
   * solicitation or a router's advertisement (RFC 4861 §7.2.3), in an ARP request.
   *
   * @param mac To be copied.
   */
  heardFrom(address: IpAddress, mac: Uint8Array, now: number): void {
    const entry = this.#table.find(address);
    if (entry === null) {
      // What others send must not push out what we use.
      if (this.#makeRoom(RANK.UNUSED)) {
        this.#learn(this.#table.add(address, STALE), mac, STALE, now);
      }
    } else if (entry.state === INCOMPLETE || !isMacAt(mac, entry.mac, 0)) {
      this.#learn(entry, mac, STALE, now);
    }
  }

  /** Notes whether a neighbor is a router, as a router's advertisement shows (RFC 4861 §6.3.4). */
  setRouter(address: IpAddress, isRouter: boolean): void {
    const entry = this.#table.find(address);
    if (entry !== null) entry.isRouter = isRouter;
  }

  /** A transport got an answer through this neighbor (RFC 4861 §7.3.1). */
  confirm(address: IpAddress, now: number): void {
    const entry = this.#table.find(address);
    if (entry === null || entry.state === INCOMPLETE) return;
    entry.isUsed = true;
    if (entry.state === REACHABLE && now - entry.since < CONFIRMATION_INTERVAL) return;
    this.#enterAt(entry, REACHABLE, now);
  }

  /** A transport gets no answers through this neighbor: it is asked without delay. */
  suspect(address: IpAddress): void {
    const entry = this.#table.find(address);
    if (entry === null) return;
    if (entry.state === REACHABLE || entry.state === STALE || entry.state === DELAY) {
      entry.isUsed = true;
      this.#enter(entry, PROBE, AT_ONCE);
    }
  }

  /** Whether an answer of this neighbor to a request of ours is awaited. */
  isAsked(address: IpAddress): boolean {
    const entry = this.#table.find(address);
    return entry !== null && (entry.state === INCOMPLETE || entry.state === PROBE) &&
      entry.tries > 0;
  }

  /** The state of the neighbor's entry; `null` if there is none. */
  stateOf(address: IpAddress): NeighborState | null {
    return this.#table.find(address)?.state ?? null;
  }

  /** All entries as they are at `now`. */
  entries(now: number): NeighborInfo[] {
    return Array.from(this.#table, (entry) => ({
      address: entry.address,
      mac: entry.state === INCOMPLETE ? null : entry.mac.slice(),
      state: STATE_NAMES[entry.state],
      age: Math.max(0, now - entry.since),
      isRouter: entry.isRouter,
      waiting: entry.waiting.length,
    }));
  }

  /** Sends the requests that are due at `now`, gives up those that were in vain, ages the rest. */
  poll(now: number): void {
    for (
      let entry = this.#deadlines.due(now);
      entry !== undefined;
      entry = this.#deadlines.due(now)
    ) this.#due(entry, now);
  }

  /** When {@linkcode poll} is due, in ms: `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    return this.#deadlines.next();
  }

  #due(entry: Neighbor, now: number): void {
    if (entry.since === Infinity) entry.since = now;
    switch (entry.state) {
      case INCOMPLETE:
        if (entry.tries < this.#config.multicastSolicits) this.#solicit(entry, now);
        else this.#fail(entry, now);
        break;
      case REACHABLE:
        this.#reachableTime = this.#drawReachableTime();
        this.#enterAt(entry, STALE, now);
        break;
      case STALE:
        this.#forget(entry);
        break;
      case DELAY:
        entry.since = now;
        if (entry.deadline === AT_ONCE) this.#setDeadline(entry, now + this.#config.delayTime);
        else this.#enter(entry, PROBE, AT_ONCE);
        break;
      case PROBE:
        if (entry.tries < this.#config.unicastSolicits) this.#solicit(entry, now);
        else this.#giveUp(entry); // §7.3.3: the next packet may take another way
    }
  }

  /** Asks, unless that address was asked for a moment ago, be it for an entry forgotten since. */
  #solicit(entry: Neighbor, now: number): void {
    const slot = entry.hash & (REQUESTS - 1);
    const again = this.#requestedAt[slot]! + this.#retransTime;
    if (this.#requestedHash[slot] === entry.hash && again > now) {
      this.#setDeadline(entry, again);
      return;
    }
    this.#requestedHash[slot] = entry.hash;
    this.#requestedAt[slot] = now;
    entry.tries++;
    this.#setDeadline(entry, now + this.#retransTime);
    this.#hooks.solicit(entry.address, entry.state === PROBE ? entry.mac : null);
  }

  /** Nobody answers (RFC 1122 §2.3.2.2, RFC 4861 §7.2.2). */
  #fail(entry: Neighbor, now: number): void {
    const packets = this.#takeWaiting(entry);
    this.#giveUp(entry);
    for (const packet of packets) {
      this.#counters.drop(Drop.NEIGHBOR_UNREACHABLE);
      this.#hooks.unreachable(packet, now);
    }
  }

  #giveUp(entry: Neighbor): void {
    this.#forget(entry);
    this.#hooks.failed?.(entry.address);
  }

  #learn(entry: Neighbor, mac: Uint8Array, state: Known, now: number): void {
    storeMac(mac, entry.mac, 0);
    this.#enterAt(entry, state, now);
    this.#deliver(entry);
  }

  #deliver(entry: Neighbor): void {
    if (entry.waiting.length === 0) return;
    for (const packet of this.#takeWaiting(entry)) this.#hooks.deliver(packet, entry.mac);
  }

  /** Keeps a copy of the packet, the newest ones if there are too many (RFC 1122 §2.3.2.2). */
  #wait(entry: Neighbor, packet: Packet): void {
    const { maxWaiting, maxWaitingBytes } = this.#config;
    const length = packet.end - packet.at;
    if (entry.waiting.length >= maxWaiting) this.#dropOldest(entry);
    while (this.#waitingBytes + length > maxWaitingBytes && entry.waiting.length > 0) {
      this.#dropOldest(entry);
    }
    if (this.#waitingBytes + length > maxWaitingBytes) {
      // Only packets for others are left: those that have waited the longest make room.
      this.#table.rank(entry, RANK.INCOMPLETE);
      while (this.#waitingBytes + length > maxWaitingBytes) {
        this.#forget(this.#table.oldest(RANK.INCOMPLETE)!);
      }
    }
    entry.waiting.push(packet.copy());
    this.#waitingBytes += length;
  }

  #dropOldest(entry: Neighbor): void {
    const packet = entry.waiting.shift()!;
    this.#waitingBytes -= packet.end - packet.at;
    this.#counters.drop(Drop.NEIGHBOR_QUEUE_FULL);
  }

  #takeWaiting(entry: Neighbor): Packet[] {
    const packets = entry.waiting;
    entry.waiting = [];
    for (const packet of packets) this.#waitingBytes -= packet.end - packet.at;
    return packets;
  }

  /** Forgets an entry of `last` rank or below if there is no room for another; `false` if it can't. */
  #makeRoom(last: Rank): boolean {
    if (this.#table.size < this.#config.maxEntries) return true;
    for (let rank: number = RANK.UNUSED; rank <= last; rank++) {
      const entry = this.#table.oldest(rank as Rank);
      if (entry === undefined) continue;
      this.#forget(entry);
      return true;
    }
    return false;
  }

  #forget(entry: Neighbor): void {
    while (entry.waiting.length > 0) this.#dropOldest(entry);
    this.#table.remove(entry);
    this.#deadlines.remove(entry);
  }

  /** Enters a state whose time runs from `now`. */
  #enterAt(entry: Neighbor, state: Known, now: number): void {
    entry.since = now;
    const time = state === REACHABLE ? this.#reachableTime : this.#config.staleTime;
    this.#enter(entry, state, now + time);
  }

  #enter(entry: Neighbor, state: NeighborState, deadline: number): void {
    entry.state = state;
    entry.tries = 0;
    this.#table.rank(entry, rankOf(entry));
    this.#setDeadline(entry, deadline);
  }

  #setDeadline(entry: Neighbor, deadline: number): void {
    entry.deadline = deadline;
    this.#deadlines.update(entry);
  }

  /** Uniform between half and one and a half of the base (RFC 4861 §6.3.2), so hosts don't ask at once. */
  #drawReachableTime(): number {
    return this.#reachableBase * (0.5 + this.#env.random() / 0x1_0000_0000);
  }
}

function rankOf({ state, isUsed }: Neighbor): Rank {
  if (state === INCOMPLETE) return RANK.INCOMPLETE;
  if (!isUsed) return RANK.UNUSED;
  if (state === STALE) return RANK.STALE;
  return state === REACHABLE ? RANK.REACHABLE : RANK.ASKED;
}
