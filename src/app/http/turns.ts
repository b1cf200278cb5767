/**
 * Work that is done in turn.
 *
 * @module
 */

/**
 * Lets some things be done at a time, and the others wait in the order in which they came.
 *
 * For operations on files: Deno does 32 at a time, and of many more than that, some are left behind
 * for hundreds of milliseconds, while later ones are done.
 */
export class Turns {
  #free: number;
  #waiting: (() => void)[] = [];

  /** @param limit How many at a time, 1 or more. */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Does something when it is its turn; `work` must not take another turn of the same. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
