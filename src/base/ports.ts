/**
 * Ephemeral ports.
 *
 * @module
 */

import type { Env } from "./env.ts";

/** First of the dynamic ports (RFC 6335 §6). */
export const FIRST_EPHEMERAL = 49152;
const COUNT = 65536 - FIRST_EPHEMERAL;

/**
 * Picks an ephemeral port by simple randomization (RFC 6056 §3.3.1): a random start, then the next
 * one that `isFree`.
 *
 * @returns 0 when none is free.
 */
export function pickPort(env: Env, isFree: (port: number) => boolean): number {
  const offset = env.random() % COUNT;
  for (let i = 0; i < COUNT; i++) {
    const port = FIRST_EPHEMERAL + ((offset + i) % COUNT);
    if (isFree(port)) return port;
  }
  return 0;
}
