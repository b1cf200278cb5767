/**
 * How much memory something allocates.
 *
 * @module
 */

/** Runs that are measured together: so few that the collector seldom comes in between. */
const BATCH = 1000;

/** Until V8 has compiled something as well as it does, it allocates; so some rounds don't count. */
const ROUNDS = 10;

/**
 * Runs `body` `runs` times, over and over until it is warm.
 *
 * @returns The bytes on JavaScript's heap, and in array buffers, that a run allocates on average,
 * rounded.
 */
export function allocatedBy(runs: number, body: (i: number) => void): number {
  let least = Infinity;
  for (let round = 0; round < ROUNDS && least > 0; round++) {
    const total = measure(runs, body) - measure(runs, () => {});
    least = Math.min(least, Math.max(0, Math.round(total / runs)));
  }
  return least;
}

/** What all batches have left on the heap; nothing is what those have in which the collector came. */
function measure(runs: number, body: (i: number) => void): number {
  let total = 0;
  for (let i = 0; i < runs;) {
    const before = used();
    for (const end = i + BATCH; i < end; i++) body(i);
    total += Math.max(0, used() - before);
  }
  return total;
}

function used(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
