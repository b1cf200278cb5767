/**
 * The retransmission timeout (RFC 6298).
 *
 * @module
 */

/** Clock granularity G, in milliseconds. */
const GRANULARITY = 1;
/** Before the first measurement (§2.1), in milliseconds. */
const INITIAL_RTO = 1000;
/** Upper bound (§2.5), in milliseconds. */
const MAX_RTO = 60_000;
/** For data, when the SYN had to be sent again (§5.7), in milliseconds. */
const RTO_AFTER_LOST_SYN = 3000;

/** SRTT, RTTVAR and RTO of one connection, all in milliseconds. */
export class RttEstimator {
  /** Smoothed round-trip time; 0 before the first measurement. */
  srtt = 0;
  /** Its variation. */
  rttvar = 0;
  /** The timeout as computed, and doubled since by {@linkcode backOff}. */
  rto = INITIAL_RTO;
  /** Whether it was doubled, and nothing was measured since. */
  isBackedOff = false;
  #minRto: number;

  /** @param minRto Lower bound, in milliseconds: 1000 by §2.4. */
  constructor(minRto: number) {
    this.#minRto = minRto;
  }

  /** Takes one measurement: never of a segment that was sent twice (Karn, §3). */
  sample(rtt: number): void {
    this.isBackedOff = false;
    if (this.srtt === 0) { // §2.2
      this.srtt = Math.max(rtt, Number.MIN_VALUE);
      this.rttvar = rtt / 2;
    } else { // §2.3: RTTVAR first, with the old SRTT
      this.rttvar = 0.75 * this.rttvar + 0.25 * Math.abs(this.srtt - rtt);
      this.srtt = 0.875 * this.srtt + 0.125 * rtt;
    }
    const rto = this.srtt + Math.max(GRANULARITY, 4 * this.rttvar);
    this.rto = Math.min(Math.max(rto, this.#minRto), MAX_RTO);
  }

  /** Doubles the timeout (§5.5). */
  backOff(): void {
    this.rto = Math.min(this.rto * 2, MAX_RTO);
    this.isBackedOff = true;
  }

  /** The SYN was sent more than once, so nothing was measured (§5.7). */
  synWasLost(): void {
    if (this.srtt === 0) this.rto = RTO_AFTER_LOST_SYN;
  }
}
