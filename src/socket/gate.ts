/**
 * Waiting for something to change.
 *
 * @module
 */

/** What all gates have where nobody waits, so that a quiet one costs little. */
const NOBODY: (() => void)[] = [];

/** Promises that all resolve when {@linkcode open} is called, and then it is shut again. */
export class Gate {
  #waiting = NOBODY;

  /** Resolves at the next {@linkcode open}. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#add(resolve));
  }

  #add(resolve: () => void): void {
    if (this.#waiting === NOBODY) this.#waiting = [resolve];
    else this.#waiting.push(resolve);
  }

  /** The same, but not for longer than some milliseconds; tells whether it was in time. */
  async waitAtMost(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const opened = () => resolve(true);
    this.#add(opened);
    const timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((other) => other !== opened);
      resolve(false);
    }, ms);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets everybody who waits go on. */
  open(): void {
    const waiting = this.#waiting;
    if (waiting === NOBODY) return;
    this.#waiting = NOBODY;
    for (const resolve of waiting) resolve();
  }
}
