/**
 * Ephemeral ports.
 *
 * @module
 */

import type { Env } from "./env.ts";

/** First of the dynamic ports (RFC 6335 §6). */
export const FIRST_EPHEMERAL = 49152;
const BITS = 14;
const COUNT = 1 << BITS;
const MASK = COUNT - 1;

/**
 * Picks an ephemeral port that `isFree`, at random (RFC 6056 §3.3.1): from a random one on, in
 * steps of a random odd length, which come by each port once. So even where many are in use, the
 * port behind a row of them is no likelier than others.
 *
 * @returns 0 when none is free.
 */
export function pickPort(env: Env, isFree: (port: number) => boolean): number {
  const random = env.random();
  const step = (random >>> BITS) | 1;
  for (let i = 0, offset = random; i < COUNT; i++, offset += step) {
    const port = FIRST_EPHEMERAL + (offset & MASK);
    if (isFree(port)) return port;
  }
  return 0;
}

/** A set of ephemeral ports, in 2 KiB. */
export class PortSet {
  #bits = new Uint8Array(COUNT / 8);

  /** Adds a port; others than ephemeral ones are left out. */
  add(port: number): void {
    const offset = port - FIRST_EPHEMERAL;
    if (offset >= 0) this.#bits[offset >>> 3]! |= 1 << (offset & 7);
  }

  /** Whether an ephemeral port is in it. */
  has(port: number): boolean {
    const offset = port - FIRST_EPHEMERAL;
    return (this.#bits[offset >>> 3]! & (1 << (offset & 7))) !== 0;
  }
}
