/**
 * Settling in the handshake what both sides can do.
 *
 * @module
 */

import type { TcpOptions } from "../wire/tcp_options.ts";
import { settleSegmentSize } from "./segment_size.ts";
import { MAX_WINDOW, type Tcb } from "./tcb.ts";

/** Default MSS over IPv4 and IPv6 when the peer names none (RFC 9293 §3.7.1, MUST-15). */
export const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;

/**
 * Takes the options of the peer's SYN: Eff.snd.MSS (MUST-14 to 16), and what both sides offer.
 */
export function settleOptions(tcb: Tcb, options: TcpOptions, now: number): void {
  const { config } = tcb.context;
  const offered = options.mss > 0 ? options.mss : DEFAULT_MSS[tcb.remote.family];
  tcb.peerMss = Math.min(offered, tcb.maxSegment);
  tcb.sackPermitted = config.sack && options.sackPermitted;
  tcb.timestamps.enabled = config.timestamps && options.timestamps;
  if (tcb.timestamps.enabled) tcb.timestamps.onSyn(options, now);
  tcb.scales = config.windowScaling && options.windowScale >= 0;
  tcb.sendScale = tcb.scales ? options.windowScale : 0;
  if (!tcb.scales) {
    tcb.receiveScale = 0;
    tcb.rcv.wnd = Math.min(tcb.rcv.wnd, MAX_WINDOW);
  }
  settleSegmentSize(tcb, now);
}
