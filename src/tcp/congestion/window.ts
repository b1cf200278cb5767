/**
 * What controls by window have in common (RFC 5681).
 *
 * @module
 */

import type { AckSample, CongestionControl } from "./congestion.ts";

/** Initial window (RFC 6928 §2), in bytes. */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}

/** A control that halves or so on loss, and grows with each acknowledgement. */
export abstract class WindowControl implements CongestionControl {
  abstract get name(): string;
  cwnd = 0;
  ssthresh = Infinity;
  protected mss = 0;
  /** What an undone loss gives back. */
  #prior: { cwnd: number; ssthresh: number } | null = null;

  get ownsRecovery(): boolean {
    return false;
  }

  get pacingRate(): number {
    return Infinity;
  }

  start(mss: number, synWasLost: boolean, _now: number): void {
    this.mss = mss;
    this.cwnd = synWasLost ? mss : initialWindow(mss); // RFC 5681 §3.1
  }

  setMss(mss: number): void {
    const segments = Math.floor(this.cwnd / this.mss);
    // Larger segments must not mean more bytes (RFC 8899 §3).
    this.cwnd = Math.max(mss, Math.min(segments * mss, this.cwnd));
    this.mss = mss;
  }

  abstract onAck(sample: AckSample): void;

  /** The slow start threshold after a loss with `flight` bytes out. */
  protected abstract reduced(flight: number, now: number): number;

  onLoss(flight: number, now: number): void {
    this.#prior = { cwnd: this.cwnd, ssthresh: this.ssthresh };
    this.ssthresh = Math.max(Math.floor(this.reduced(flight, now)), 2 * this.mss);
  }

  onTimeout(flight: number, now: number, first: boolean): void {
    if (first) this.onLoss(flight, now);
    this.cwnd = this.mss; // RFC 5681 §3.1: the loss window
  }

  onRecovered(_now: number): void {
    if (this.ssthresh !== Infinity) this.cwnd = this.ssthresh;
  }

  undo(_now: number): void {
    if (this.#prior === null) return;
    this.cwnd = Math.max(this.cwnd, this.#prior.cwnd);
    this.ssthresh = Math.max(this.ssthresh, this.#prior.ssthresh);
  }

  /**
   * RFC 5681 §4.1, RFC 2861: half for each timeout that passed, down to the restart window. Slow
   * start then leads back to three quarters; or on, where it has met no limit yet.
   */
  onIdle(idle: number, rto: number, _now: number): void {
    const restart = Math.min(initialWindow(this.mss), this.cwnd);
    this.ssthresh = Math.max(this.ssthresh, Math.floor(0.75 * this.cwnd));
    for (; idle > rto && this.cwnd > restart; idle -= rto) this.cwnd = Math.floor(this.cwnd / 2);
    this.cwnd = Math.max(this.cwnd, restart);
  }
}
