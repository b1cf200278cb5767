/**
 * Things that are made once and used again and again, by one after another.
 *
 * @module
 */

/** Keeps some of what is given back, so that taking it again allocates nothing. */
export class Pool<T> {
  #kept: T[] = [];
  #most: number;
  #make: () => T;

  /**
   * @param most How many it keeps at most; what else is given back is garbage.
   * @param make Makes one when none is kept.
   */
  constructor(most: number, make: () => T) {
    this.#most = most;
    this.#make = make;
  }

  /** How many are kept. */
  get size(): number {
    return this.#kept.length;
  }

  /** One to use, in whatever state it was given back. */
  take(): T {
    return this.#kept.pop() ?? this.#make();
  }

  /** Gives one back, which must not be used any more. */
  give(one: T): void {
    if (this.#kept.length < this.#most) this.#kept.push(one);
  }
}
