/**
 * How long to look out for packets before going to sleep.
 *
 * @module
 */

/** Most turns of the event loop in a row that find nothing: about as long as it takes to be woken. */
export const MAX_TURNS = 20;

/** A sleep that is short enough for turns to have spared it, in milliseconds. */
const SHORT = 0.1;

/**
 * Decides for one device whether to ask it again in the next turn of the event loop, or to sleep
 * until it has something. Who sleeps has to be woken, which takes some 30 µs; who asks in vain takes
 * time of a processor. So it is turns as long as they find something, or sleeps are short, and
 * fewer of them after each long sleep, down to none.
 */
export class Patience {
  #limit = MAX_TURNS;
  #turns = 0;

  /** To be called after each turn. Tells whether to take another one. */
  goesOn(found: boolean): boolean {
    if (!found) return this.#turns++ < this.#limit;
    if (this.#turns > 0) this.#limit = MAX_TURNS;
    this.#turns = 0;
    return true;
  }

  /** To be called after each sleep, with how long it was, in milliseconds. */
  slept(milliseconds: number): void {
    this.#turns = 0;
    this.#limit = milliseconds < SHORT ? MAX_TURNS : this.#limit >>> 1;
  }
}
