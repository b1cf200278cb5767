/**
 * CUBIC (RFC 9438): after a loss the window returns to where that happened along a cubic function
 * of time, slowly near that place and faster behind it, so that long paths fill whatever their
 * round-trip time. Its first slow start is HyStart++ (RFC 9406).
 *
 * @module
 */

import type { AckSample } from "./congestion.ts";
import { HyStart, slowStartBytes } from "./hystart.ts";
import { WindowControl } from "./window.ts";

/** C: how fast the window grows (§5), in segments per s³. */
const C = 0.4;
/** β: what is left of the window after a loss (§4.6). */
const BETA = 0.7;
/** α: with this increase per round trip, β gives what Reno's 1 and 0.5 give (§4.3). */
const ALPHA = 3 * (1 - BETA) / (1 + BETA);
/** Furthest that the window may grow in a round trip (§4.2). */
const MAX_GROWTH = 1.5;

/** What an undone loss gives back besides the window (§4.9). */
interface Remembered {
  wMax: number;
  cwndPrior: number;
  k: number;
  epoch: number;
  wEst: number;
}

/** Lengths in bytes, times in milliseconds, unless said otherwise. */
export class Cubic extends WindowControl {
  /** For the first slow start, from when the window is first the limit; then gone. */
  #hystart: HyStart | null = null;
  /** W_max: the window before the last loss, or less (fast convergence); 0: there was none. */
  #wMax = 0;
  /** cwnd_prior: the window when ssthresh was set last. */
  #cwndPrior = 0;
  /** K: when the window is back at W_max, in seconds from the epoch. */
  #k = 0;
  /** t_epoch: when congestion avoidance began, idle time added since; -1: it has not. */
  #epoch = -1;
  /** W_est: the window that Reno would have. */
  #wEst = 0;
  /** Growth that is no whole byte yet. */
  #fraction = 0;
  /** When the last acknowledgement came, and whether it left nothing in flight. */
  #lastAckAt = 0;
  #emptied = false;
  #remembered: Remembered | null = null;

  get name(): string {
    return "cubic";
  }

  onAck(sample: AckSample): void {
    this.#excludeIdleTime(sample);
    if (this.cwnd < this.ssthresh) this.#slowStart(sample);
    else if (sample.windowLimited) this.#avoidCongestion(sample);
  }

  /** "t" only counts while the window is what limits the sender, and grows (§4.2, §5.8). */
  #excludeIdleTime(sample: AckSample): void {
    const { now, rtt } = sample;
    if (this.#epoch >= 0) {
      const since = now - this.#lastAckAt;
      const grows = sample.windowLimited && this.cwnd >= this.ssthresh;
      if (!grows) this.#epoch += since;
      // What is acknowledged now was sent `rtt` ago; with nothing in flight before, that was idle.
      else if (this.#emptied && rtt >= 0) this.#epoch += Math.max(0, since - rtt);
    }
    this.#lastAckAt = now;
    this.#emptied = sample.flight === 0;
  }

  /** §4.10. */
  #slowStart(sample: AckSample): void {
    if (this.ssthresh !== Infinity) {
      if (!sample.windowLimited) return;
      // After a timeout an acknowledgement may cover what had arrived long before (RFC 3465 §2.3).
      const growth = sample.inRecovery
        ? Math.min(sample.acked, this.mss)
        : slowStartBytes(sample, this.mss);
      this.cwnd = Math.min(this.cwnd + growth, this.ssthresh);
      return;
    }
    if (this.#hystart === null && !sample.windowLimited) return;
    const hystart = this.#hystart ??= new HyStart();
    const growth = hystart.onAck(sample, this.mss);
    if (sample.windowLimited) this.cwnd += growth;
    if (!hystart.isOver) return;
    this.ssthresh = this.#cwndPrior = this.cwnd; // no loss: W_max is not defined yet
    this.#hystart = null;
  }

  #avoidCongestion(sample: AckSample): void {
    const { mss } = this;
    if (this.#epoch < 0) this.#beginEpoch(sample.now);
    const acked = Math.min(sample.acked, this.cwnd);
    const alpha = this.#wEst >= this.#cwndPrior ? 1 : ALPHA;
    this.#wEst += alpha * mss * acked / this.cwnd; // §4.3
    const t = (sample.now - this.#epoch) / 1000;
    if (this.#window(t) < this.#wEst) { // the Reno-friendly region
      this.#grow(this.#wEst - this.cwnd - this.#fraction);
      return;
    }
    const most = MAX_GROWTH * this.cwnd;
    const target = Math.min(Math.max(this.#window(t + sample.srtt / 1000), this.cwnd), most);
    this.#grow((target - this.cwnd) * acked / this.cwnd); // §4.4, §4.5
  }

  /** W_cubic at `t` seconds from the epoch (§4.2). */
  #window(t: number): number {
    const since = t - this.#k;
    return C * since * since * since * this.mss + this.#wMax;
  }

  /** Congestion avoidance begins. */
  #beginEpoch(now: number): void {
    this.#epoch = now;
    this.#hystart = null;
    this.#fraction = 0;
    this.#wEst = this.cwnd;
    // Also after a timeout, and when slow start has ended without a loss (§4.8, §4.10).
    if (this.#wMax < this.cwnd) this.#wMax = this.cwnd;
    this.#k = Math.cbrt((this.#wMax - this.cwnd) / this.mss / C);
  }

  /** The window is a whole number of bytes; the rest is kept. */
  #grow(bytes: number): void {
    if (bytes <= 0) return;
    this.#fraction += bytes;
    const whole = Math.floor(this.#fraction);
    this.#fraction -= whole;
    this.cwnd += whole;
  }

  /** A loss (§4.6): the threshold follows, and fast convergence leaves room for others (§4.7). */
  protected reduced(flight: number): number {
    this.#remembered = {
      wMax: this.#wMax,
      cwndPrior: this.#cwndPrior,
      k: this.#k,
      epoch: this.#epoch,
      wEst: this.#wEst,
    };
    this.#wMax = this.cwnd < this.#wMax ? this.cwnd * (1 + BETA) / 2 : this.cwnd;
    this.#cwndPrior = this.cwnd;
    this.#epoch = -1;
    return Math.round(BETA * flight);
  }

  /** §4.8: growth begins anew from where slow start ends. */
  override onTimeout(flight: number, now: number, first: boolean): void {
    super.onTimeout(flight, now, first);
    this.#wMax = 0;
    this.#epoch = -1;
  }

  /** §4.9: there was no congestion, so all is as it was before, unless that is less. */
  override undo(now: number): void {
    super.undo(now);
    const before = this.#remembered;
    if (before === null) return;
    this.#wMax = before.wMax;
    this.#cwndPrior = before.cwndPrior;
    this.#k = before.k;
    this.#epoch = before.epoch;
    this.#wEst = before.wEst;
    this.#remembered = null;
  }
}
