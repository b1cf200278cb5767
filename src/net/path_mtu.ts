/**
 * What is known of the MTU of paths (RFC 1191): an estimate for each destination of which a router
 * said that a packet was too big for the way there.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";

/** Every link takes this much, in bytes (RFC 1191 §3). */
export const MIN_PATH_MTU = 68;
/** Every link that carries IPv6 does this much (RFC 8201 §4). */
export const MIN_PATH_MTU_6 = 1280;
/** How long an estimate holds before a larger packet may be tried, in milliseconds (§6.3). */
export const ESTIMATE_LIFETIME = 600_000;
/** What links take, for routers that do not tell (§7.1); each a little below what is common. */
const PLATEAUS = [65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, MIN_PATH_MTU];
/** Most destinations that are remembered: whoever can forge errors must not fill the memory. */
const MOST = 1024;

/** The largest plateau below `size`; 0 if there is none. */
function plateauBelow(size: number): number {
  return PLATEAUS.find((plateau) => plateau < size) ?? 0;
}

interface Estimate {
  readonly destination: IpAddress;
  readonly mtu: number;
  /** When it is forgotten, in milliseconds. */
  readonly expiresAt: number;
}

/** The estimates of one stack. Lengths in bytes, times in milliseconds. */
export class PathMtuCache {
  /**
   * By the destination's hash, the oldest first. Where two have the same, the one that comes later
   * is remembered: the other is told again.
   */
  #estimates = new Map<number, Estimate>();
  #env: Env;
  /** Who does not know it cannot aim at the estimate of another. */
  #seed = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** How many destinations are remembered. */
  get size(): number {
    return this.#estimates.size;
  }

  /** The MTU of the path to `destination`, whose first link takes `linkMtu`. */
  estimate(destination: IpAddress, linkMtu: number, now: number): number {
    if (this.#estimates.size === 0) return linkMtu;
    const key = this.#key(destination);
    const estimate = this.#estimates.get(key);
    if (estimate === undefined || !estimate.destination.equals(destination)) return linkMtu;
    if (estimate.expiresAt <= now) {
      this.#estimates.delete(key);
      return linkMtu;
    }
    return Math.min(estimate.mtu, linkMtu);
  }

  /**
   * A packet of `length` was too big. The estimate only ever falls for that (§3).
   *
   * @param mtu What the path takes, by the router's word; 0 if it did not tell.
   * @returns Whether that can be: the path takes less than the packet, and no less than it must.
   */
  tooBig(
    destination: IpAddress,
    mtu: number,
    length: number,
    linkMtu: number,
    now: number,
  ): boolean {
    const known = this.estimate(destination, linkMtu, now);
    // Routers that do not tell may also quote a wrong length, larger than what was sent (§5). It is
    // not held against what is known: of many packets sent at once, each draws an error.
    const isTold = mtu !== 0 || destination.family === 6; // IPv6 routers always tell
    const reported = isTold ? mtu : plateauBelow(Math.min(length, linkMtu));
    const least = destination.family === 4 ? MIN_PATH_MTU : MIN_PATH_MTU_6;
    if (reported < least || reported >= length) return false;
    if (reported < known) this.#remember(destination, reported, now);
    return true;
  }

  #remember(destination: IpAddress, mtu: number, now: number): void {
    const estimates = this.#estimates;
    if (estimates.size === 0) this.#seed = this.#env.random();
    const key = this.#key(destination);
    estimates.delete(key);
    if (estimates.size >= MOST) {
      const [oldest] = estimates.keys();
      estimates.delete(oldest!);
    }
    const expiresAt = now + ESTIMATE_LIFETIME;
    estimates.set(key, { destination: destination.clone(), mtu, expiresAt });
  }

  #key(destination: IpAddress): number {
    return destination.hash(this.#seed ^ destination.zone);
  }
}
