/**
 * Header prediction (Van Jacobson): most segments bring the text that is next in line, or
 * acknowledge something, and nothing else. For these a few comparisons stand for all the steps of
 * `arrives.ts`, and what is left to do is what those steps would do.
 *
 * @module
 */

import { seqAdd, seqDiff, seqGt } from "../wire/seq.ts";
import { ACK, PSH } from "../wire/tcp.ts";
import { acknowledged, takeWindow } from "./ack.ts";
import { ReceiveTuner, tuneSendBuffer } from "./autotune.ts";
import { ECN_MASK, noteCongestion } from "./ecn.ts";
import type { Segment } from "./segment.ts";
import { State } from "./state.ts";
import { Signal, signal, type Tcb } from "./tcb.ts";

/** Works a segment through an established connection if it is a common one; else nothing is done. */
export function predicted(tcb: Tcb, seg: Segment, now: number): boolean {
  const { snd, rcv, timestamps } = tcb;
  const { options, textLength } = seg;
  if (tcb.state !== State.ESTABLISHED || (seg.flags & ~PSH) !== ACK || seg.seq !== rcv.nxt) {
    return false;
  }
  if (options.sackBlocks > 0) return false;
  if (timestamps.enabled && (!options.timestamps || timestamps.isOld(options, now))) return false;
  const acked = seqDiff(seg.ack, snd.una);
  if (acked < 0 || seqGt(seg.ack, snd.nxt)) return false;
  if (acked === 0 && (textLength === 0 || !isQuiet(tcb))) return false;
  if (textLength > 0 && (textLength > rcv.wnd || !isInLine(tcb))) return false;

  if (timestamps.enabled) timestamps.update(options, seg.seq, rcv.lastAckSent, now);
  if (acked > 0) {
    acknowledged(tcb, seg, now);
  } else {
    takeWindow(tcb, seg);
    if (tcb.tunesSend) tuneSendBuffer(tcb);
  }
  tcb.receivedTos = seg.packet.tos & ~ECN_MASK;
  if (textLength > 0) {
    if (tcb.ecn !== null) noteCongestion(tcb, tcb.ecn, seg);
    appendText(tcb, seg, seg.textAt, textLength, now);
  }
  return true;
}

/** Whether an acknowledgement of nothing new tells the sender nothing but the window. */
function isQuiet({ board, congestion }: Tcb): boolean {
  return board.count === 0 && !congestion.ownsRecovery;
}

/** Whether text that is next can be taken, with nothing to follow that has come already. */
function isInLine(tcb: Tcb): boolean {
  return tcb.assembler.count === 0 && !tcb.receiveClosed && !tcb.peerFinSeen;
}

/** Takes `length` bytes of text at `at` of the segment's memory, which are next in line. */
export function appendText(
  tcb: Tcb,
  seg: Segment,
  at: number,
  length: number,
  now: number,
): void {
  const { rcv, receiveBuffer, assembler, context } = tcb;
  if (tcb.tunesReceive) (tcb.receiveTuner ??= new ReceiveTuner()).onText(tcb, seg.options, now);
  receiveBuffer.write(seg.packet.bytes, at, at + length);
  let advance = length;
  if (assembler.count > 0) {
    const end = seqAdd(rcv.nxt, length);
    const behind = seqDiff(assembler.take(end), end);
    receiveBuffer.extend(behind);
    advance += behind;
    tcb.ackNow = true;
    if (assembler.count === 0 && tcb.sack !== null) tcb.sack.forget();
  }
  rcv.nxt = seqAdd(rcv.nxt, advance);
  rcv.wnd -= advance;
  context.counters.tcpBytesReceived += advance;
  tcb.traffic.bytesReceived += advance;
  // Every second segment at least is acknowledged (SHLD-19); the batch as a whole once (MUST-58).
  tcb.unackedSegments += seg.segments;
  if (tcb.unackedSegments >= 2) tcb.ackNow = true;
  signal(tcb, Signal.READABLE);
}
