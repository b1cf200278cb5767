/**
 * Buffers that grow with the path, so that nobody has to set them.
 *
 * @module
 */

import type { TcpOptions } from "../wire/tcp_options.ts";
import type { Tcb } from "./tcb.ts";

/** The buffer is this many times what the user takes, or the network carries, in a round trip. */
const HEADROOM = 2;
/** Within a round trip, slow start doubles what is sent (RFC 5681 §3.1). */
const FASTEST_GROWTH = 2;

/**
 * Dynamic right-sizing of the receive buffer: within each round trip the sender gets at most a
 * window across, so a window of twice what the user took in one leaves room to speed up. What was
 * taken is known a round trip late, so that of a sender that is speeding up gets further ahead.
 */
export class ReceiveTuner {
  /** Round-trip time as the receiver sees it, in milliseconds; 0: not known. */
  #rtt = 0;
  #roundStart = 0;
  /** Taken by the user since then. */
  #taken = 0;
  /** Most that was taken in a round so far. */
  #most = 0;

  /** A segment with text has come: its echoed timestamp tells a round trip, and some waiting. */
  onText(tcb: Tcb, options: TcpOptions, now: number): void {
    const { timestamps } = tcb;
    const rtt = timestamps.enabled ? timestamps.rtt(options, now) : -1;
    if (rtt < 0) return;
    // The echo may be old when we have sent nothing for a while, so the small ones count more.
    if (this.#rtt === 0 || rtt < this.#rtt) this.#rtt = Math.max(rtt, 1);
    else this.#rtt += (rtt - this.#rtt) / 16;
  }

  /** The user has taken `length` bytes. */
  onTaken(tcb: Tcb, length: number, now: number): void {
    this.#taken += length;
    const rtt = this.#rtt || tcb.rtt.srtt;
    if (rtt === 0 || now - this.#roundStart < rtt) return;
    if (this.#taken > this.#most) {
      const growth = Math.min(this.#taken / this.#most, FASTEST_GROWTH);
      this.#most = this.#taken;
      const wanted = HEADROOM * this.#taken * growth ** 2 + 16 * tcb.mss;
      const { receiveBuffer, context: { config } } = tcb;
      const most = Math.min(config.receiveBufferMax, 0xffff * 2 ** tcb.receiveScale);
      receiveBuffer.capacity = Math.max(receiveBuffer.capacity, Math.min(wanted, most));
    }
    this.#roundStart = now;
    this.#taken = 0;
  }
}

/** The send buffer holds what is in flight, and as much again for when the window grows. */
export function tuneSendBuffer(tcb: Tcb): void {
  const { sendBuffer, congestion, context: { config } } = tcb;
  const wanted = Math.min(HEADROOM * congestion.cwnd, config.sendBufferMax);
  if (wanted > sendBuffer.capacity) sendBuffer.capacity = wanted;
}
