/**
 * Two threads that meet in shared memory: every way in which their steps may fall.
 *
 * @module
 */

/** A repeatable source of numbers below `limit` (mulberry32). */
export function random(seed: number): (limit: number) => number {
  return (limit) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

const ACCESSES = ["load", "store", "compareExchange", "notify", "wait", "waitAsync"] as const;

/**
 * Runs `first`, and `second` in the middle of it: just before its step number `step`, a step being
 * one access to the words that both threads see. If there is no such step, `second` runs after it.
 *
 * @returns The name of the step.
 */
function interleave(step: number, first: () => void, second: () => void): string | undefined {
  const { load, store, compareExchange, notify, wait, waitAsync } = Atomics;
  const originals = { load, store, compareExchange, notify, wait, waitAsync };
  let steps = 0;
  let interrupted: string | undefined;
  for (const name of ACCESSES) {
    Object.assign(Atomics, {
      [name](...args: unknown[]) {
        if (steps++ === step) {
          interrupted = name;
          Object.assign(Atomics, { ...originals, wait: brief });
          second();
        }
        return ((name === "wait" ? brief : originals[name]) as (...args: unknown[]) => unknown)(
          ...args,
        );
      },
    });
  }
  // Once `second` is done nobody would end a wait.
  const brief = (words: Int32Array, index: number, value: number) => {
    const outcome = wait(words, index, value, 0);
    if (outcome === "timed-out") throw new Error("A wake-up was lost");
    return outcome;
  };
  try {
    first();
  } finally {
    Object.assign(Atomics, originals);
  }
  if (interrupted === undefined) second();
  return interrupted;
}

/**
 * Interleaves at every step up to a wait, or to the end. Returns how many steps there were.
 *
 * @param from The first step, where others would make no sense.
 */
export async function atEveryStep(
  run: (interleaved: (first: () => void, second: () => void) => void) => void | Promise<void>,
  from = 0,
): Promise<number> {
  for (let step = from;; step++) {
    let interrupted: string | undefined;
    await run((first, second) => interrupted = interleave(step, first, second));
    if (interrupted === undefined || interrupted === "wait") return step;
  }
}

/** Awaits what has to come without anything else happening. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(what)), 2000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
