/**
 * What every congestion control offers.
 *
 * @module
 */

/** Decides how much may be in flight. Lengths in bytes, times in milliseconds. */
export interface CongestionControl {
  /** Its name, such as `newreno`. */
  readonly name: string;
  /** Congestion window. */
  readonly cwnd: number;
  /** Slow start threshold. */
  readonly ssthresh: number;
  /** The handshake is done, and the segment size known. */
  start(mss: number, synWasLost: boolean): void;
  /** `acked` bytes of new data were acknowledged, outside of recovery. */
  onAck(acked: number): void;
  /** A loss was noticed with `flight` bytes out; recovery begins. */
  onLoss(flight: number): void;
  /** One more duplicate acknowledgement in recovery: a segment has left the network. */
  onDuplicateAck(): void;
  /** An acknowledgement of `acked` bytes that does not end recovery. */
  onPartialAck(acked: number): void;
  /** Everything that was out when recovery began is acknowledged; `flight` is out now. */
  onRecovered(flight: number): void;
  /** The retransmission timer expired with `flight` bytes out, for the first time if `first`. */
  onTimeout(flight: number, first: boolean): void;
  /** Nothing was sent for longer than the retransmission timeout. */
  onIdle(): void;
}
