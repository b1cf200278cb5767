/**
 * Explicit congestion notification (RFC 3168 §6): routers mark packets rather than drop them, the
 * receiver echoes the mark, and the sender slows down as if something had been lost.
 *
 * @module
 */

import { seqAdd, seqGe, seqGt } from "../wire/seq.ts";
import { CWR, ECE } from "../wire/tcp.ts";
import type { Segment } from "./segment.ts";
import type { Tcb } from "./tcb.ts";
import { restartRetransmit } from "./timers.ts";

/** `off`: never; `passive`: when the peer asks for it; `on`: our SYNs ask for it, too. */
export type EcnMode = "off" | "passive" | "on";

/** The names there are. */
export const ECN_MODES: readonly EcnMode[] = ["off", "passive", "on"];

/** The ECN field: the lower two bits of the type-of-service byte (§5). */
export const ECN_MASK = 3;
/** What we mark packets with that may be marked by routers (§6.1.2). */
export const ECT_0 = 2;
/** Congestion experienced. */
const CE = 3;

/** ECN on one connection; made when both sides have agreed on it. */
export class Ecn {
  /** As a receiver: congestion was seen, and the sender has not said that it knows. */
  echoes = false;
  /** As a sender: the next new text has to say that the window was reduced. */
  owesCwr = false;
  /** The window was reduced, and is not again until `#point` is acknowledged. */
  #hasReduced = false;
  #point = 0;

  /** The congestion window was reduced, for whatever reason, with everything out below `nxt`. */
  onReduced(nxt: number): void {
    this.owesCwr = this.#hasReduced = true;
    this.#point = nxt;
  }

  /** Everything below `una` is acknowledged. Numbers come round: an old point must not be ahead. */
  onAcknowledged(una: number): void {
    if (this.#hasReduced && seqGt(una, this.#point)) this.#hasReduced = false;
  }

  /** Whether what starts at `seq` was sent after the last reduction, if there was any. */
  isSettled(seq: number): boolean {
    if (this.#hasReduced && seqGe(seq, this.#point)) this.#hasReduced = false;
    return !this.#hasReduced;
  }
}

/** Flags of our SYN (§6.1.1); without them once it had to be sent again (§6.1.1.1). */
export function ecnSetup(tcb: Tcb): number {
  return tcb.ecnMode === "on" && tcb.timeouts === 0 ? ECE | CWR : 0;
}

/** Takes what the peer's SYN or SYN,ACK says in answer to our SYN (§6.1.1). */
export function settleEcn(tcb: Tcb, seg: Segment, hasAck: boolean): void {
  const agreed = (seg.flags & (ECE | CWR)) === (hasAck ? ECE : ECE | CWR);
  tcb.ecn = agreed && ecnSetup(tcb) !== 0 ? new Ecn() : null;
}

/** Takes what the peer's SYN asks for, the first one or one that repeats it. */
export function answerEcn(tcb: Tcb, seg: Segment): void {
  if (grantsEcn(tcb.ecnMode, seg)) tcb.ecn ??= new Ecn();
  else tcb.ecn = null;
}

/** Whether a SYN asks for ECN, and gets it. */
export function grantsEcn(mode: EcnMode, syn: Segment): boolean {
  return mode !== "off" && (syn.flags & (ECE | CWR)) === (ECE | CWR);
}

/** Text has come (§6.1.3): was it marked on its way, and does the peer know already? */
export function noteCongestion(tcb: Tcb, ecn: Ecn, seg: Segment): void {
  if ((seg.flags & CWR) !== 0) ecn.echoes = false;
  if ((seg.packet.tos & ECN_MASK) !== CE) return;
  tcb.context.counters.tcpCongestionMarks++;
  if (!ecn.echoes) tcb.ackNow = true;
  ecn.echoes = true;
}

/**
 * The peer echoes a mark (§6.1.2): as if something had been lost, once for each window of data.
 *
 * @param flight What was out before the acknowledgement.
 */
export function congestionEchoed(tcb: Tcb, ecn: Ecn, flight: number, now: number): void {
  const { congestion, snd } = tcb;
  if (congestion.cwnd <= tcb.mss) restartRetransmit(tcb, now);
  // Of text that was sent after the reduction something must be acknowledged: only then the peer
  // can have heard of it.
  if (!ecn.isSettled(seqAdd(snd.una, -1))) return;
  tcb.context.counters.tcpEcnReductions++;
  tcb.recovery.canUndo = false; // the last recovery; this is no error, and would go with it
  congestion.onLoss(Math.min(congestion.cwnd, flight), now);
  congestion.onRecovered(now);
  ecn.onReduced(snd.nxt);
}
