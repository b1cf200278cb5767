/**
 * Urgent data: a mark in the stream that the peer is told of ahead of time. What is urgent stays in
 * line (RFC 9293 §3.8.5, RFC 6093). New applications should not use it (SHLD-13).
 *
 * @module
 */

import { seqDiff, seqGt, seqLe } from "../wire/seq.ts";
import { URG } from "../wire/tcp.ts";
import type { Segment } from "./segment.ts";
import { takesText } from "./state.ts";
import { Signal, signal, type Tcb } from "./tcb.ts";

/** Farthest that an urgent pointer reaches, in bytes. */
const MAX_POINTER = 0xffff;

/** Urgent pointers of one connection; made when there is something urgent. Marks lie behind it. */
export class Urgent {
  /** SND.UP, which counts while {@linkcode isSending}. */
  sendUp = 0;
  isSending = false;
  /** RCV.UP, which counts while {@linkcode isReceiving}. */
  receiveUp = 0;
  isReceiving = false;

  /** The urgent pointer of a segment that starts at `seq`; 0: nothing is urgent. */
  pointer(seq: number, una: number): number {
    if (seqLe(this.sendUp, una)) this.isSending = false;
    if (!this.isSending) return 0;
    return Math.min(Math.max(0, seqDiff(this.sendUp, seq)), MAX_POINTER);
  }
}

/** Sixth step of §3.10.7.4: the user is told when the mark appears or advances (MUST-32). */
export function checkUrgent(tcb: Tcb, seg: Segment): void {
  if ((seg.flags & URG) === 0 || !takesText(tcb.state) || tcb.receiveClosed) return;
  if (!seqGt(seg.up, readPoint(tcb))) return;
  const urgent = tcb.urgent ??= new Urgent();
  if (urgent.isReceiving && !seqGt(seg.up, urgent.receiveUp)) return;
  urgent.receiveUp = seg.up;
  urgent.isReceiving = true;
  signal(tcb, Signal.URGENT);
}

/** Sequence number of the next byte that the user receives. */
function readPoint(tcb: Tcb): number {
  const { rcv, receiveBuffer } = tcb;
  const fin = tcb.peerFinSeen && seqGt(rcv.nxt, tcb.peerFin) ? 1 : 0;
  return (rcv.nxt - fin - receiveBuffer.length) >>> 0;
}

/** How many bytes the user has yet to receive up to the mark (MUST-33); 0: nothing is urgent. */
export function urgentLeft(tcb: Tcb): number {
  const { urgent } = tcb;
  if (urgent === null || !urgent.isReceiving) return 0;
  const left = Math.max(0, seqDiff(urgent.receiveUp, readPoint(tcb)));
  if (left === 0) urgent.isReceiving = false;
  // A mark behind the end of the stream is never reached.
  return takesText(tcb.state) ? left : Math.min(left, tcb.receiveBuffer.length);
}

/** Cuts off what lies behind the mark: one RECEIVE does not cross it (§3.9.1.3). */
export function upToMark(tcb: Tcb, target: Uint8Array): Uint8Array {
  const left = urgentLeft(tcb);
  return left > 0 && left < target.length ? target.subarray(0, left) : target;
}

/** Whether what is sent next is urgent, and so doesn't wait for more. */
export function isUrgent(tcb: Tcb): boolean {
  const { urgent, snd } = tcb;
  return urgent !== null && urgent.isSending && seqGt(urgent.sendUp, snd.nxt);
}

/** Moves the mark behind all that the user has given to be sent (MUST-62). */
export function markUrgent(tcb: Tcb): void {
  const urgent = tcb.urgent ??= new Urgent();
  urgent.sendUp = tcb.sendEnd;
  urgent.isSending = true;
}
