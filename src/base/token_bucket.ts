/**
 * How often something may happen.
 *
 * @module
 */

/** So many at once, and then so many a second. */
export class TokenBucket {
  #rate: number;
  #size: number;
  #tokens: number;
  #filledAt = -Infinity;

  /**
   * @param rate How many a second; `Infinity` does not limit, 0 allows none.
   * @param size How many at once.
   */
  constructor(rate: number, size: number) {
    this.#rate = rate;
    this.#size = rate === 0 ? 0 : size;
    this.#tokens = this.#size;
  }

  /** Takes a token, at `now` in milliseconds; `false` if there is none. */
  take(now: number): boolean {
    if (this.#rate === Infinity) return true;
    if (this.#rate === 0) return false;
    const gained = Math.max(0, now - this.#filledAt) * this.#rate / 1000;
    this.#tokens = Math.min(this.#tokens + gained, this.#size);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
