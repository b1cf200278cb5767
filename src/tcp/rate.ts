/**
 * Delivery rate estimation (draft-cheng-iccrg-delivery-rate-estimation): how fast what was sent
 * has arrived, measured over the time between a segment and its acknowledgement.
 *
 * @module
 */

import type { AckSample } from "./congestion/congestion.ts";
import { Mark, type Scoreboard } from "./scoreboard.ts";

/** What was noted when the newest segment was sent that the current acknowledgement covers. */
const newest = {
  delivered: 0,
  /** -1: it covers none. */
  deliveredAt: -1,
  firstSentAt: 0,
  sentAt: 0,
  appLimited: false,
};

/** Counts deliveries. Times in ms, lengths in bytes. */
export class DeliveryRate {
  /** Delivered so far. */
  delivered = 0;
  /** When the last of it was. */
  deliveredAt = 0;
  /** When the segment was sent with which the current flight began, or that was acknowledged last. */
  firstSentAt = 0;
  /** Until this much is delivered, the application was the limit; 0: it isn't. */
  appLimitedUntil = 0;
  /** The newest sample, in bytes per ms. */
  rate = 0;

  /** A segment is being sent, the first time or again. */
  onSent(board: Scoreboard, index: number, now: number): void {
    if (board.pipe === 0 || this.deliveredAt === 0) this.firstSentAt = this.deliveredAt = now;
    board.stamp(
      index,
      now,
      this.delivered,
      this.deliveredAt,
      this.firstSentAt,
      this.appLimitedUntil > 0,
    );
  }

  /** The application has nothing more to send, with `pipe` bytes in flight. */
  onAppLimited(pipe: number): void {
    this.appLimitedUntil = Math.max(this.delivered + pipe, 1);
  }

  /** An acknowledgement is about to be worked through. */
  begin(): void {
    newest.deliveredAt = -1;
  }

  /** A record was delivered, cumulatively or by SACK, for the first time. */
  onDelivered(board: Scoreboard, index: number, length: number, now: number): void {
    this.delivered += length;
    this.deliveredAt = now;
    const before = board.deliveredBefore(index);
    const sentAt = board.sentAt(index);
    const newer = newest.deliveredAt < 0 || before > newest.delivered ||
      (before === newest.delivered && sentAt > newest.sentAt);
    if (!newer) return;
    newest.delivered = before;
    newest.deliveredAt = board.deliveredAt(index);
    newest.firstSentAt = board.firstSentAt(index);
    newest.sentAt = sentAt;
    newest.appLimited = (board.marks(index) & Mark.APP_LIMITED) !== 0;
    this.firstSentAt = sentAt;
  }

  /** The acknowledgement is worked through: fills in the sample. */
  finish(sample: AckSample, minRtt: number): void {
    if (this.appLimitedUntil > 0 && this.delivered > this.appLimitedUntil) this.appLimitedUntil = 0;
    sample.totalDelivered = this.delivered;
    sample.deliveryRate = 0;
    sample.priorDelivered = 0;
    sample.appLimited = false;
    if (newest.deliveredAt < 0) return;
    sample.priorDelivered = newest.delivered;
    sample.appLimited = newest.appLimited;
    const sendTime = newest.sentAt - newest.firstSentAt;
    const ackTime = this.deliveredAt - newest.deliveredAt;
    const interval = Math.max(sendTime, ackTime);
    // Shorter than any round trip: a burst of acknowledgements, not a rate.
    if (interval <= 0 || interval < minRtt) return;
    sample.deliveryRate = (this.delivered - newest.delivered) / interval;
    if (!sample.appLimited || sample.deliveryRate > this.rate) this.rate = sample.deliveryRate;
  }
}
