/**
 * Options of the IPv4 header (RFC 791 §3.1).
 *
 * @module
 */

import type { IpAddress } from "./address.ts";
import { Drop } from "./drop.ts";

/** Option types; each with the bit for "copied into all fragments" where it has it. */
export const IPV4_OPTION = {
  END: 0,
  NOP: 1,
  RECORD_ROUTE: 7,
  TIMESTAMP: 68,
  LOOSE_SOURCE_ROUTE: 131,
  STRICT_SOURCE_ROUTE: 137,
  /** RFC 2113: routers on the way are to look at the packet. */
  ROUTER_ALERT: 148,
} as const;

/** What a timestamp option asks for (RFC 791 §3.1). */
export const TIMESTAMP_FLAG = {
  /** Times alone. */
  ONLY: 0,
  /** Each time behind the address of who has written it. */
  WITH_ADDRESS: 1,
  /** Times behind addresses that the sender has chosen. */
  PRESPECIFIED: 3,
} as const;

/** Where the first place to fill starts in each of the two options, counted from 1. */
const FIRST_ROUTE = 4;
const FIRST_TIME = 5;
/** How often a timestamp option can count that there was no room. */
const MOST_OVERFLOWS = 15;

/** What {@linkcode Ipv4Options.check} has found. Made once and used again. */
export class Ipv4Options {
  /** Offset of what is wrong, from the start of the header, in bytes. */
  problemAt = 0;
  /** Where the options start that hosts on the way write into, in the view; -1: there is none. */
  recordRouteAt = -1;
  timestampAt = -1;
  /** Whether the packet asks routers to look at it (RFC 2113). */
  hasRouterAlert = false;

  /**
   * Checks the options in `[at, end)` of a header that starts at `headerAt`.
   *
   * @returns `Drop.IP_BAD_OPTION` if one does not fit, or there is not enough room in one that asks
   * for something to be written into it; `Drop.IP_SOURCE_ROUTE` if one tells the way: such packets
   * serve attackers alone (RFC 7126 §4.3).
   */
  check(view: DataView, headerAt: number, at: number, end: number): Drop {
    this.recordRouteAt = -1;
    this.timestampAt = -1;
    this.hasRouterAlert = false;
    while (at < end) {
      const type = view.getUint8(at);
      if (type === IPV4_OPTION.END) return Drop.NONE;
      if (type === IPV4_OPTION.NOP) {
        at++;
        continue;
      }
      const length = at + 1 < end ? view.getUint8(at + 1) : 0;
      this.problemAt = at - headerAt;
      if (length < 2 || at + length > end) return Drop.IP_BAD_OPTION;
      if (type === IPV4_OPTION.LOOSE_SOURCE_ROUTE || type === IPV4_OPTION.STRICT_SOURCE_ROUTE) {
        return Drop.IP_SOURCE_ROUTE;
      }
      if (type === IPV4_OPTION.ROUTER_ALERT && length === 4) this.hasRouterAlert = true;
      const wrong = type === IPV4_OPTION.RECORD_ROUTE
        ? this.#checkRoute(view, at, length)
        : type === IPV4_OPTION.TIMESTAMP
        ? this.#checkTimestamp(view, at, length)
        : -1;
      if (wrong >= 0) {
        this.problemAt += wrong;
        return Drop.IP_BAD_OPTION;
      }
      at += length;
    }
    return Drop.NONE;
  }

  /** Offset of what is wrong with a record route option; -1 if nothing is. */
  #checkRoute(view: DataView, at: number, length: number): number {
    if (this.recordRouteAt !== -1) return 0; // it appears at most once
    this.recordRouteAt = at;
    if (length < FIRST_ROUTE - 1) return 1;
    const pointer = view.getUint8(at + 2);
    if (pointer < FIRST_ROUTE || (pointer <= length && pointer + 3 > length)) return 2;
    return -1;
  }

  #checkTimestamp(view: DataView, at: number, length: number): number {
    if (this.timestampAt !== -1) return 0;
    this.timestampAt = at;
    if (length < FIRST_TIME - 1) return 1;
    const pointer = view.getUint8(at + 2);
    if (pointer < FIRST_TIME) return 2;
    const flag = view.getUint8(at + 3) & 15;
    const isFull = pointer > length;
    switch (flag) {
      case TIMESTAMP_FLAG.ONLY:
        if (!isFull) return pointer + 3 > length ? 2 : -1;
        break;
      case TIMESTAMP_FLAG.WITH_ADDRESS:
        if (!isFull) return pointer + 7 > length ? 2 : -1;
        break;
      case TIMESTAMP_FLAG.PRESPECIFIED:
        return !isFull && pointer + 7 > length ? 2 : -1;
      default:
        return 3;
    }
    return view.getUint8(at + 3) >>> 4 === MOST_OVERFLOWS ? 3 : -1;
  }
}

/**
 * Adds an address to the record route option at `at`, which is known to be good.
 *
 * @returns Whether there was room.
 */
export function recordRoute(view: DataView, at: number, address: IpAddress): boolean {
  const pointer = view.getUint8(at + 2);
  if (pointer > view.getUint8(at + 1)) return false;
  address.store(view, at + pointer - 1);
  view.setUint8(at + 2, pointer + 4);
  return true;
}

/**
 * Adds a time to the timestamp option at `at`, which is known to be good; where there is no room
 * left, counts that (RFC 791 §3.1).
 *
 * @param address Ours, if the option asks for it.
 * @param time See RFC 791: milliseconds since midnight UT, or anything with the upper bit set.
 */
export function recordTime(view: DataView, at: number, address: IpAddress, time: number): void {
  const pointer = view.getUint8(at + 2);
  const overflowAndFlag = view.getUint8(at + 3);
  const flag = overflowAndFlag & 15;
  if (pointer > view.getUint8(at + 1)) {
    if (flag !== TIMESTAMP_FLAG.PRESPECIFIED) view.setUint8(at + 3, overflowAndFlag + 16);
    return;
  }
  let timeAt = at + pointer - 1;
  if (flag !== TIMESTAMP_FLAG.ONLY) {
    address.store(view, timeAt);
    timeAt += 4;
  }
  view.setUint32(timeAt, time);
  view.setUint8(at + 2, timeAt + 5 - at);
}

/**
 * Where the address stands, in the view, of the host that alone is to write into the timestamp
 * option at `at` next; -1 if its sender has not chosen one, or it is full.
 */
export function prespecifiedAt(view: DataView, at: number): number {
  const pointer = view.getUint8(at + 2);
  const isChosen = (view.getUint8(at + 3) & 15) === TIMESTAMP_FLAG.PRESPECIFIED;
  return isChosen && pointer <= view.getUint8(at + 1) ? at + pointer - 1 : -1;
}
