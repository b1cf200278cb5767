/**
 * NewReno: slow start and congestion avoidance (RFC 5681).
 *
 * @module
 */

import type { AckSample } from "./congestion.ts";
import { WindowControl } from "./window.ts";

export class NewReno extends WindowControl {
  /** Bytes acknowledged in congestion avoidance since the window last grew. */
  #acked = 0;

  get name(): string {
    return "newreno";
  }

  onAck(sample: AckSample): void {
    if (!sample.windowLimited) return; // RFC 7661: a window that isn't used proves nothing
    const { acked } = sample;
    if (this.cwnd < this.ssthresh) {
      this.cwnd += Math.min(acked, this.#slowStartLimit(sample)); // RFC 5681 §3.1 (2)
      return;
    }
    this.#acked += acked;
    if (this.#acked < this.cwnd) return;
    this.#acked -= this.cwnd;
    this.cwnd += this.mss;
  }

  /**
   * A segment; for a super-segment that is acknowledged at once as many as if every second segment
   * of it were.
   */
  #slowStartLimit({ burst }: AckSample): number {
    const { mss } = this;
    return Math.max(Math.ceil(burst / (2 * mss)), 1) * mss;
  }

  protected reduced(flight: number): number {
    this.#acked = 0;
    return flight / 2; // §3.1 (4)
  }
}
