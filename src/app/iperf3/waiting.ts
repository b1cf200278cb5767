/**
 * Waiting for a peer, but not forever.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Lets packets, timers and other streams have their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Waits for a promise.
 *
 * @param patience How long, in milliseconds.
 * @throws {Deno.errors.TimedOut} With the message, if it takes longer.
 */
export async function within<T>(
  promise: Promise<T>,
  patience: number,
  message: string,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Deno.errors.TimedOut(message)), patience);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Watches a count that has to grow.
 *
 * @param patience How long it may stay as it is, in milliseconds.
 * @returns What rejects when it does, and a function that ends the watch.
 */
export function watch(
  count: () => number,
  patience: number,
  message: string,
): { stuck: Promise<never>; end(): void } {
  const { promise: stuck, reject } = Promise.withResolvers<never>();
  stuck.catch(() => {}); // whoever cares awaits it
  let before = count();
  const timer = setInterval(() => {
    const now = count();
    if (now === before) reject(new Deno.errors.TimedOut(message));
    before = now;
  }, patience);
  return { stuck, end: () => clearInterval(timer) };
}
