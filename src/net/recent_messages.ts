/**
 * Which messages have been sent of late: what a protocol that keeps no state of its own can hold
 * against a report that one was too big for the path.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";

/** How many messages are remembered. */
const REMEMBERED = 256;

/** Remembers where the last messages went, in memory that does not grow. */
export class RecentMessages {
  #env: Env;
  /** Who does not know it cannot make up a message that is taken for another. */
  #secret = 0;
  #hashes = new Uint32Array(REMEMBERED);
  #count = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /**
   * Remembers one.
   *
   * @param first A number of 16 bits that quotes of it show, as `second`: the source port.
   * @param second The destination port.
   */
  add(first: number, destination: IpAddress, second: number): void {
    if (this.#count === 0) this.#secret = this.#env.random();
    this.#hashes[this.#count++ % REMEMBERED] = this.#hash(first, destination, second);
  }

  /** Whether one of them went there with these numbers. */
  has(first: number, destination: IpAddress, second: number): boolean {
    const at = this.#hashes.indexOf(this.#hash(first, destination, second));
    return at !== -1 && at < this.#count;
  }

  #hash(first: number, destination: IpAddress, second: number): number {
    return destination.hash(this.#secret ^ (first << 16 | second)) >>> 0;
  }
}
