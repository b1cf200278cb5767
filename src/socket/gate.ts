/**
 * Waiting for something to change.
 *
 * @module
 */

/** Promises that all resolve when {@linkcode open} is called, and then it is shut again. */
export class Gate {
  #waiting: (() => void)[] = [];

  /** Resolves at the next {@linkcode open}. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The same, but not for longer than some milliseconds; tells whether it was in time. */
  async waitAtMost(ms: number): Promise<boolean> {
    if (ms === Infinity) {
      await this.wait();
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const opened = () => resolve(true);
    this.#waiting.push(opened);
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
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
