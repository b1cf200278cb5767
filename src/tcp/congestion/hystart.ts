/**
 * HyStart++ (RFC 9406): slow start that ends when the round-trip time begins to rise, before a
 * queue overflows.
 *
 * @module
 */

import { seqGe } from "../../wire/seq.ts";
import type { AckSample } from "./congestion.ts";

/** Bounds of the rise of the round-trip time that counts (§4.3), in milliseconds. */
const MIN_RTT_THRESH = 4;
const MAX_RTT_THRESH = 16;
/** Between those, it is this part of the round-trip time. */
const MIN_RTT_DIVISOR = 8;
/** How many measurements a round needs to be judged. */
const N_RTT_SAMPLE = 8;
/** How much slower than slow start conservative slow start grows. */
const CSS_GROWTH_DIVISOR = 4;
/** How many rounds that lasts. */
const CSS_ROUNDS = 5;
/** L: most segments that one acknowledgement counts for, without pacing. */
const GROWTH_LIMIT = 8;

/**
 * How many of the acknowledged bytes slow start counts (§4.2): what may be sent for them at once, or
 * a super-segment, which always is, so that its acknowledgement doubles the window as theirs would.
 */
export function slowStartBytes({ acked, burst }: AckSample, mss: number): number {
  return Math.min(acked, Math.max(GROWTH_LIMIT * mss, burst));
}

/** State of the first slow start of a connection. Times in milliseconds. */
export class HyStart {
  /** In conservative slow start: the path may be full, or it was jitter. */
  isConservative = false;
  /** It is time for congestion avoidance. */
  isOver = false;
  /** A round ends when this is acknowledged. */
  #windowEnd = 0;
  #started = false;
  #lastRoundMinRtt = Infinity;
  #currentRoundMinRtt = Infinity;
  #samples = 0;
  #cssBaselineMinRtt = Infinity;
  #cssRounds = 0;

  /**
   * An acknowledgement came.
   *
   * @returns How many bytes the congestion window grows by if it is the limit.
   */
  onAck(sample: AckSample, mss: number): number {
    if (!this.#started) {
      this.#started = true;
      this.#windowEnd = sample.nxt;
    }
    const counted = slowStartBytes(sample, mss);
    const growth = this.isConservative ? Math.floor(counted / CSS_GROWTH_DIVISOR) : counted;
    if (sample.rtt >= 0) {
      this.#samples++;
      this.#currentRoundMinRtt = Math.min(this.#currentRoundMinRtt, sample.rtt);
      if (this.#samples >= N_RTT_SAMPLE) this.#judge();
    }
    if (seqGe(sample.una, this.#windowEnd)) this.#endRound(sample.nxt);
    return growth;
  }

  /** Whether the delay has risen; or, after that, fallen again. */
  #judge(): void {
    const current = this.#currentRoundMinRtt;
    if (this.isConservative) {
      if (current < this.#cssBaselineMinRtt) this.isConservative = false; // it was jitter
      return;
    }
    const last = this.#lastRoundMinRtt;
    const threshold = Math.max(
      MIN_RTT_THRESH,
      Math.min(last / MIN_RTT_DIVISOR, MAX_RTT_THRESH),
    );
    if (current < last + threshold) return; // always where `last` is not known
    this.isConservative = true;
    this.#cssBaselineMinRtt = current;
    this.#cssRounds = 0;
  }

  /** Everything is acknowledged that was sent when the round began. */
  #endRound(nxt: number): void {
    this.#windowEnd = nxt;
    this.#lastRoundMinRtt = this.#currentRoundMinRtt;
    this.#currentRoundMinRtt = Infinity;
    this.#samples = 0;
    // The round in which it began counts, though it was not a whole one.
    if (this.isConservative && ++this.#cssRounds >= CSS_ROUNDS) this.isOver = true;
  }
}
