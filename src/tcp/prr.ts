/**
 * Proportional rate reduction (RFC 6937): in recovery, sending slows down in proportion to what is
 * delivered, so that the window ends up at the slow start threshold without a pause or a burst.
 *
 * @module
 */

/** Its variables (§3), in one recovery. Lengths in bytes. */
export class ProportionalRateReduction {
  #delivered = 0;
  #out = 0;
  #recoverFlight: number;

  /** Recovery begins, with `flight` bytes between SND.UNA and SND.NXT. */
  constructor(flight: number) {
    this.#recoverFlight = Math.max(flight, 1);
  }

  /** `length` bytes were sent in recovery. */
  onSent(length: number): void {
    this.#out += length;
  }

  /**
   * The congestion window after an acknowledgement.
   *
   * @param delivered Newly delivered.
   * @param pipe In flight now.
   * @param safe Whether it acknowledged something new and showed no further loss: then the window
   * may grow as in slow start (PRR-SSRB), else packets are only conserved.
   * @param forced Whether one segment goes out whatever the sums say: when recovery begins.
   */
  window(
    delivered: number,
    pipe: number,
    ssthresh: number,
    mss: number,
    safe: boolean,
    forced: boolean,
  ): number {
    this.#delivered += delivered;
    let send: number;
    if (pipe > ssthresh) {
      send = Math.ceil(this.#delivered * ssthresh / this.#recoverFlight) - this.#out;
    } else {
      const limit = Math.max(this.#delivered - this.#out, delivered) + (safe ? mss : 0);
      send = Math.min(ssthresh - pipe, limit);
    }
    return pipe + Math.max(send, forced ? mss : 0);
  }
}
