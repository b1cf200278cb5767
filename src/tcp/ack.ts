/**
 * What an acknowledgement does to the sender (RFC 9293 §3.10.7.4, fifth step), and when it means
 * that something was lost (RFC 5681 §3.2, RFC 6582).
 *
 * @module
 */

import { seqAdd, seqDiff, seqGe, seqGt, seqLt } from "../wire/seq.ts";
import { DUP_THRESH } from "./congestion/new_reno.ts";
import type { Segment } from "./segment.ts";
import { Signal, signal, type Tcb } from "./tcb.ts";
import { restartRetransmit, stopPersist } from "./timers.ts";

/** Takes the ACK field and the window of a segment that has passed the checks. */
export function acknowledged(tcb: Tcb, seg: Segment, now: number): void {
  const { snd } = tcb;
  const acked = seqDiff(seg.ack, snd.una);
  if (acked > 0) newAck(tcb, acked, now);
  else if (acked === 0 && isDuplicate(tcb, seg)) duplicateAck(tcb, now);
  if (acked < 0) return;
  // A peer that answers probes is there, however long its window stays closed (MUST-37).
  if (seg.wnd === 0 || tcb.persistAt !== Infinity) tcb.troubleSince = -1;
  if (seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqGe(seg.ack, snd.wl2))) {
    snd.wl1 = seg.seq;
    updateSendWindow(tcb, seg);
  }
}

/** Takes the window that the peer offers. */
export function updateSendWindow(tcb: Tcb, seg: Segment): void {
  const { snd } = tcb;
  snd.wnd = seg.wnd;
  snd.wl2 = seg.ack;
  if (snd.wnd > snd.maxWnd) snd.maxWnd = snd.wnd;
  if (snd.wnd > 0 && tcb.persistAt !== Infinity) {
    stopPersist(tcb);
    // A probe that had no room then has it now.
    if (tcb.flight > 0) markLost(tcb, tcb.flight);
  }
}

/** Something new is acknowledged. */
function newAck(tcb: Tcb, acked: number, now: number): void {
  const { snd, sendBuffer } = tcb;
  snd.una = seqAdd(snd.una, acked);
  const text = Math.min(acked, sendBuffer.length); // one less than `acked` when it covers the FIN
  sendBuffer.consume(text);
  if (seqLt(snd.resend, snd.una)) snd.resend = snd.una;
  if (seqLt(snd.resendEnd, snd.resend)) snd.resendEnd = snd.resend;
  tcb.timeouts = 0;
  tcb.troubleSince = -1;
  if (tcb.timedAt >= 0 && seqGe(snd.una, tcb.timedEnd)) {
    tcb.rtt.sample(now - tcb.timedAt);
    tcb.timedAt = -1;
  }
  if (!tcb.inRecovery) {
    tcb.dupAcks = 0;
    tcb.congestion.onAck(acked);
  } else if (seqGe(snd.una, tcb.recover)) { // a full acknowledgement (RFC 6582 §3.2 step 3)
    tcb.inRecovery = false;
    tcb.dupAcks = 0;
    tcb.congestion.onRecovered(tcb.flight);
  } else { // a partial one: the next hole
    tcb.congestion.onPartialAck(acked);
    markLost(tcb, tcb.mss);
  }
  restartRetransmit(tcb, now);
  if (text > 0) signal(tcb, Signal.WRITABLE);
}

/** Whether the segment is a duplicate acknowledgement (RFC 5681 §2). Answers to probes are none. */
function isDuplicate(tcb: Tcb, seg: Segment): boolean {
  return tcb.flight > 0 && tcb.persistAt === Infinity && seg.length === 0 &&
    seg.wnd === tcb.snd.wnd;
}

/** The third in a row means that a segment was lost (RFC 5681 §3.2). */
function duplicateAck(tcb: Tcb, now: number): void {
  const { snd, context } = tcb;
  context.counters.tcpDuplicateAcks++;
  if (tcb.inRecovery) {
    tcb.congestion.onDuplicateAck();
    return;
  }
  // Not for what was out at the last loss: it may be our own repetition (RFC 6582 §3.2 step 1).
  if (++tcb.dupAcks !== DUP_THRESH || !seqGt(snd.una, tcb.recover)) return;
  context.counters.tcpFastRetransmits++;
  tcb.inRecovery = true;
  tcb.recover = snd.nxt;
  tcb.congestion.onLoss(tcb.flight);
  markLost(tcb, tcb.mss);
  restartRetransmit(tcb, now);
}

/** Has up to `length` bytes from SND.UNA on sent again. */
function markLost(tcb: Tcb, length: number): void {
  const { snd } = tcb;
  snd.resend = snd.una;
  snd.resendEnd = seqAdd(snd.una, Math.min(length, tcb.flight));
  tcb.timedAt = -1; // Karn: what is sent again isn't timed
}
