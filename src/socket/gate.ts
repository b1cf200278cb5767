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

  /** Lets everybody who waits go on. */
  open(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
