/**
 * NewReno: slow start and congestion avoidance (RFC 5681), recovery by partial acknowledgements
 * (RFC 6582), an initial window of ten segments (RFC 6928).
 *
 * @module
 */

import type { CongestionControl } from "./congestion.ts";

/** How many duplicate acknowledgements start fast retransmit (RFC 5681 §3.2). */
export const DUP_THRESH = 3;

export class NewReno implements CongestionControl {
  readonly name = "newreno";
  cwnd = 0;
  ssthresh = Infinity;
  #mss = 0;
  #initialWindow = 0;
  /** Bytes acknowledged in congestion avoidance since the window last grew. */
  #acked = 0;

  start(mss: number, synWasLost: boolean): void {
    this.#mss = mss;
    this.#initialWindow = Math.min(10 * mss, Math.max(2 * mss, 14_600)); // RFC 6928 §2
    this.cwnd = synWasLost ? mss : this.#initialWindow; // RFC 5681 §3.1
  }

  onAck(acked: number): void {
    if (this.cwnd < this.ssthresh) {
      this.cwnd += Math.min(acked, this.#mss); // §3.1 (2)
      return;
    }
    this.#acked += acked;
    if (this.#acked < this.cwnd) return;
    this.#acked -= this.cwnd;
    this.cwnd += this.#mss;
  }

  onLoss(flight: number): void {
    this.ssthresh = Math.max(flight / 2, 2 * this.#mss); // §3.1 (4)
    this.cwnd = this.ssthresh + DUP_THRESH * this.#mss; // §3.2 step 3
    this.#acked = 0;
  }

  onDuplicateAck(): void {
    this.cwnd += this.#mss; // §3.2 step 4
  }

  onPartialAck(acked: number): void {
    this.cwnd = Math.max(this.cwnd - acked, 0); // RFC 6582 §3.2 step 3
    if (acked >= this.#mss) this.cwnd += this.#mss;
    this.cwnd = Math.max(this.cwnd, this.#mss);
  }

  onRecovered(flight: number): void {
    // The more careful of the two ways of RFC 6582 §3.2: no burst when little is in flight.
    this.cwnd = Math.min(this.ssthresh, Math.max(flight, this.#mss) + this.#mss);
  }

  onTimeout(flight: number, first: boolean): void {
    if (first) this.ssthresh = Math.max(flight / 2, 2 * this.#mss);
    this.cwnd = this.#mss; // §3.1: the loss window
    this.#acked = 0;
  }

  onIdle(): void {
    this.cwnd = Math.min(this.cwnd, this.#initialWindow); // §4.1: the restart window
  }
}
