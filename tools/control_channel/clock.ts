/**
 * The clocks that a stack can run by: the channel counts in microseconds, the stack in
 * milliseconds.
 *
 * @module
 */

/** What is asked of both. */
export interface Clock {
  /** The stack's time, in milliseconds. */
  readonly now: number;
  /** The time that the channel shows, in microseconds. */
  readonly microseconds: number;
}

/** The machine's own clock. */
export class RealClock implements Clock {
  get now(): number {
    return performance.now();
  }

  /** CLOCK_REALTIME. */
  get microseconds(): number {
    return Math.round((performance.timeOrigin + performance.now()) * 1000);
  }
}

/** The stack's time when the clock starts, in milliseconds: small, so that fractions are exact. */
const EPOCH = 1_000_000;
/** What is left of a microsecond when a deadline is added up of fractions of milliseconds. */
const ROUNDING = 1e-3;

/** A clock that stands still until it is set. */
export class VirtualClock implements Clock {
  now = EPOCH;
  microseconds = 0;
  #origin = -1;

  get hasStarted(): boolean {
    return this.#origin >= 0;
  }

  /** The channel's time of a time of the stack's, a whole number of microseconds, not before it. */
  toMicroseconds(time: number): number {
    return this.#origin + Math.ceil((time - EPOCH) * 1000 - ROUNDING);
  }

  /** Goes on to `microseconds`, but never back. The first time only gives the clock its start. */
  set(microseconds: number, atLeast = -Infinity): void {
    if (!this.hasStarted) this.#origin = this.microseconds = microseconds;
    this.microseconds = Math.max(this.microseconds, microseconds);
    this.now = Math.max(EPOCH + (this.microseconds - this.#origin) / 1000, atLeast, this.now);
  }
}
