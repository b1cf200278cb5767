/**
 * Which datagrams have been sent of late: what UDP, which keeps no state of its own, can hold
 * against a report that one was too big for the path.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";

/** How many datagrams are remembered. */
const REMEMBERED = 256;

/** Remembers from which port to where the last datagrams went, in memory that does not grow. */
export class RecentDatagrams {
  #env: Env;
  /** Who does not know it cannot make up a flow that is taken for another. */
  #secret = 0;
  #hashes = new Uint32Array(REMEMBERED);
  #count = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Remembers one. */
  add(sourcePort: number, destination: IpAddress, destinationPort: number): void {
    if (this.#count === 0) this.#secret = this.#env.random();
    this.#hashes[this.#count++ % REMEMBERED] = this.#hash(sourcePort, destination, destinationPort);
  }

  /** Whether one of them went from this port to there. */
  has(sourcePort: number, destination: IpAddress, destinationPort: number): boolean {
    const hash = this.#hash(sourcePort, destination, destinationPort);
    const at = this.#hashes.indexOf(hash);
    return at !== -1 && at < this.#count;
  }

  #hash(sourcePort: number, destination: IpAddress, destinationPort: number): number {
    return destination.hash(this.#secret ^ (sourcePort << 16 | destinationPort)) >>> 0;
  }
}
