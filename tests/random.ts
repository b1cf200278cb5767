/**
 * Chance that can be repeated.
 *
 * @module
 */

/** A generator of uint32 (mulberry32) with the same sequence for the same seed. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A uint32: what `Env` asks for. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor((this.random() / 0x1_0000_0000) * limit);
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** `true` with this probability. */
  chance(probability: number): boolean {
    return this.random() < probability * 0x1_0000_0000;
  }

  /** One of these. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** `length` bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.random() & 0xff);
  }
}

/**
 * The seed of a test that draws: `TCPSTACK_SEED` from the environment, so that a failure can be had
 * again, or `otherwise`.
 */
export function testSeed(otherwise: number): number {
  const text = Deno.env.get("TCPSTACK_SEED");
  return text === undefined || text === "" ? otherwise : Number(text) >>> 0;
}

/** Runs `body`, and names the seed in what it throws. */
export function withSeed<T>(otherwise: number, body: (random: Random) => T): T {
  const seed = testSeed(otherwise);
  try {
    return body(new Random(seed));
  } catch (error) {
    if (error instanceof Error) error.message += `\n(TCPSTACK_SEED=${seed} shows it again)`;
    throw error;
  }
}
