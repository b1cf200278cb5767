/**
 * What every congestion control offers, and what it is told.
 *
 * @module
 */

/** What one acknowledgement has shown. Made once per connection; times in ms, lengths in bytes. */
export class AckSample {
  now = 0;
  /** Newly acknowledged, cumulatively. */
  acked = 0;
  /** Newly delivered: acknowledged or SACKed for the first time. */
  delivered = 0;
  /** Most of it that was sent in one go, as a segment or a super-segment, and not taken for lost. */
  burst = 0;
  /** Newly taken for lost. */
  lost = 0;
  /** Round-trip time of the newest segment it covers; -1 if it can't be told. */
  rtt = -1;
  /** In flight before the acknowledgement. */
  priorFlight = 0;
  /** In flight now. */
  flight = 0;
  /** Delivery rate, in bytes per ms; 0 if there is no sample. */
  deliveryRate = 0;
  /** Whether the application was the limit when that sample's segments were sent. */
  appLimited = false;
  /** Delivered on the connection when the newest acknowledged segment was sent. */
  priorDelivered = 0;
  /** Delivered on the connection so far. */
  totalDelivered = 0;
  /** Whether the congestion window was the limit. */
  windowLimited = false;
  /** Whether the connection is in fast recovery, or recovers from a timeout. */
  inRecovery = false;
  /** The sequence number acknowledged, for counting rounds. */
  una = 0;
  /** The next sequence number to send. */
  nxt = 0;
  /** Smoothed round-trip time; 0 before the first measurement. */
  srtt = 0;
}

/** Decides how much may be in flight, and how fast. Lengths in bytes, times in milliseconds. */
export interface CongestionControl {
  /** Its name, such as `cubic`. */
  readonly name: string;
  /** Congestion window. Proportional rate reduction sets it in recovery, unless `ownsRecovery`. */
  cwnd: number;
  /** Slow start threshold. */
  readonly ssthresh: number;
  /** How fast to send, in bytes per ms; `Infinity`: as the window allows. */
  readonly pacingRate: number;
  /** Whether it decides on the window in recovery as well. */
  readonly ownsRecovery: boolean;
  /** The handshake is done, and the segment size known. */
  start(mss: number, synWasLost: boolean, now: number): void;
  /** The segment size has changed. */
  setMss(mss: number): void;
  /** An acknowledgement came: any for one that owns recovery, else those outside of recovery. */
  onAck(sample: AckSample): void;
  /** Fast recovery begins, `flight` being out: the window for when it ends is `ssthresh`. */
  onLoss(flight: number, now: number): void;
  /** The retransmission timer expired, `flight` being out. */
  onTimeout(flight: number, now: number, first: boolean): void;
  /** Fast recovery is over; for one that owns recovery, that from a timeout too. */
  onRecovered(now: number): void;
  /** The last `onLoss` or `onTimeout` was an error: nothing had been lost. Recovery may be over. */
  undo(now: number): void;
  /** Nothing was sent for `idle` ms, longer than the retransmission timeout `rto`. */
  onIdle(idle: number, rto: number, now: number): void;
}
