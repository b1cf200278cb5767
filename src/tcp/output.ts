/**
 * What goes out, and when: the only place that decides it.
 *
 * @module
 */

import { PROTOCOL } from "../wire/protocol.ts";
import { seqAdd, seqDiff } from "../wire/seq.ts";
import { ACK, ECE, FIN, RST, SYN } from "../wire/tcp.ts";
import { ecnSetup } from "./ecn.ts";
import { Frto } from "./recovery.ts";
import { nextLength, overhead, partLast, sizeSent } from "./segment_size.ts";
import { State } from "./state.ts";
import type { Tcb } from "./tcb.ts";
import {
  onFreshSent,
  setDelayedAck,
  setPace,
  startCork,
  startPersist,
  startRetransmit,
} from "./timers.ts";
import { isUrgent } from "./urgent.ts";
import { sackRoom, sendSegment } from "./emit.ts";

/**
 * Sends whatever may be sent now: what was lost, then new text as far as windows, pacing, Nagle and
 * silly-window avoidance allow, then the FIN, then an acknowledgement if one is due.
 */
export function output(tcb: Tcb, now: number): void {
  const { fastOpen } = tcb;
  const maySend = tcb.state >= State.ESTABLISHED || (fastOpen !== null && fastOpen.isEarly);
  tcb.hasOffload = tcb.context.network.hasOffload(tcb.remote, PROTOCOL.TCP);
  if (maySend && tcb.state !== State.TIME_WAIT) {
    if (tcb.recovery.frto !== Frto.NEW_SENT) resendLost(tcb, now);
    sendNew(tcb, now);
  }
  if (tcb.ackNow) sendAck(tcb, now);
  else if (tcb.unackedSegments > 0 && tcb.state !== State.TIME_WAIT) setDelayedAck(tcb, now);
}

/** Sends what was taken for lost again, lowest first, as far as the congestion window allows. */
function resendLost(tcb: Tcb, now: number): void {
  const { board, congestion, mss } = tcb;
  for (let i = board.nextLost(); i >= 0; i = board.nextLost()) {
    if (board.length(i) > mss) board.split(i, seqAdd(board.start(i), mss));
    else collapse(tcb, i);
    if (board.pipe > 0 && board.pipe + board.length(i) > congestion.cwnd) return;
    if (!isPaced(tcb, now)) return;
    resend(tcb, i, now);
    board.markResent(i);
  }
}

/** Joins small segments that were all lost into one (RFC 9293 §3.9.1.2, SHLD-28). */
function collapse(tcb: Tcb, index: number): void {
  const { board, mss } = tcb;
  while (
    index + 1 < board.count && board.marks(index + 1) === board.marks(index) &&
    board.length(index) + board.length(index + 1) <= mss
  ) board.join(index);
}

/** Sends one record again. */
function resend(tcb: Tcb, index: number, now: number): void {
  const { board } = tcb;
  const length = board.length(index);
  const fin = tcb.finSent && board.end(index) === tcb.snd.nxt;
  const text = fin ? length - 1 : length;
  tcb.rate.onSent(board, index, now);
  tcb.recovery.onResent(tcb.timestamps.value(now));
  if (tcb.prr !== null) tcb.prr.onSent(length);
  countRepeated(tcb, text);
  sendSegment(tcb, board.start(index), text, ACK | (fin ? FIN : 0), now);
  onSent(tcb, length, now);
  startRetransmit(tcb, now);
}

/** Counts a segment that is sent again, with `text` bytes. */
function countRepeated(tcb: Tcb, text: number): void {
  tcb.context.counters.tcpRetransmitted++;
  tcb.traffic.segmentsRetransmitted++;
  tcb.traffic.bytesRetransmitted += text;
}

/** Sends what has not been sent before. */
function sendNew(tcb: Tcb, now: number): void {
  const { snd, congestion, board } = tcb;
  if (tcb.finSent) return;
  if (board.count === 0 && now - tcb.textSentAt > tcb.rtt.rto) {
    congestion.onIdle(now - tcb.textSentAt, tcb.rtt.rto, now); // RFC 5681 §4.1
  }
  for (;;) {
    const unsent = seqDiff(tcb.sendEnd, snd.nxt);
    const finQueued = tcb.finQueued && tcb.state !== State.SYN_RECEIVED;
    if (unsent === 0 && !finQueued) {
      if (board.pipe < congestion.cwnd) noteAppLimited(tcb);
      return;
    }
    const { flight } = tcb;
    const room = congestion.cwnd - board.pipe;
    const usable = Math.min(snd.wnd - flight, room);
    const sacks = sackRoom(tcb);
    const full = tcb.plpmtud === null || sacks > 0 ? tcb.mss : nextLength(tcb, unsent, usable);
    const most = Math.min(unsent, Math.max(1, full - sacks));
    let length = Math.max(0, Math.min(most, usable));
    if (room < most) tcb.limitedAt = snd.nxt;
    const joins = length === tcb.mss && sacks === 0 && mayJoin(tcb);
    if (joins) length = joinedLength(tcb, Math.min(unsent, usable), unsent, finQueued);
    const fin = finQueued && length === unsent;
    // What is held back until the user gives more is the user's doing, not the network's.
    const isPartial = !fin && length === unsent && length < tcb.mss - sacks;
    if (isPartial && tcb.corked && !isUrgent(tcb)) {
      noteAppLimited(tcb);
      startCork(tcb, now);
      return;
    }
    // A SYN that is not acknowledged yet holds nothing back (RFC 7413 §4.2.2).
    const textInFlight = board.count > 0 ? flight : 0;
    if (!fin && !isWorthSending(tcb, unsent, length, most, textInFlight)) {
      if (isPartial) noteAppLimited(tcb);
      // Nothing will come back that could reopen the window: ask (RFC 9293 §3.8.6.1, MUST-36).
      if (flight === 0) startPersist(tcb, now);
      return;
    }
    if (!isPaced(tcb, now)) return;
    const start = snd.nxt;
    sendFresh(tcb, length, fin, now);
    if (tcb.plpmtud !== null && length > tcb.mss) sizeSent(tcb, start, snd.nxt);
    if (fin) return;
  }
}

/** Whether several segments may go as one, for the link to cut. */
function mayJoin({ hasOffload, plpmtud, ecn, urgent, state }: Tcb): boolean {
  // CWR belongs on one segment, the urgent pointer counts from each one's own start.
  return hasOffload && plpmtud === null && (ecn === null || !ecn.owesCwr) && urgent === null &&
    state >= State.ESTABLISHED;
}

/**
 * How much text goes as one super-segment: a multiple of the MSS. What does not fill a segment goes
 * with it only where nothing would hold that back.
 *
 * @param sendable Bytes that wait to be sent and that the windows allow.
 */
function joinedLength(tcb: Tcb, sendable: number, unsent: number, finQueued: boolean): number {
  const { mss, congestion, snd } = tcb;
  const most = Math.min(
    sendable,
    MAX_PACKET - overhead(tcb),
    // Half a window is acknowledged while the other half is on its way.
    Math.max(snd.maxWnd / 2, mss),
    // Pacing spreads what would be a burst.
    Math.max(congestion.pacingRate * PACED_TIME, 2 * mss),
  );
  const isHeldBack = !finQueued && (tcb.corked || !tcb.noDelay);
  // A single segment of IPv6 may be longer than a super-segment.
  return most === unsent && !isHeldBack ? unsent : Math.max(most - most % mss, mss);
}

/** The longest super-segment with its headers, in bytes. */
const MAX_PACKET = 0xffff;
/** How much a super-segment holds when it is paced: what may be sent in this time, in ms. */
const PACED_TIME = 1;

/**
 * The user is what limits the sender, which measures less than the path can carry then. A user that
 * has filled a send buffer that can't grow any more is no limit, even if all of it is in flight.
 */
function noteAppLimited(tcb: Tcb): void {
  const { sendBuffer, rate, board, tunesSend, context: { config } } = tcb;
  const mayGrow = tunesSend && sendBuffer.capacity < config.sendBufferMax;
  if (sendBuffer.free > 0 || mayGrow) rate.onAppLimited(board.pipe);
}

/** Sends the next `length` bytes of text for the first time, and the FIN behind them. */
function sendFresh(tcb: Tcb, length: number, fin: boolean, now: number): void {
  const { snd, board } = tcb;
  const start = snd.nxt;
  const end = seqAdd(start, length + (fin ? 1 : 0));
  const index = board.push(start, end);
  tcb.rate.onSent(board, index, now);
  if (tcb.prr !== null) tcb.prr.onSent(length);
  if (fin) tcb.finSent = true;
  tcb.corkAt = Infinity;
  const segmentSize = length > tcb.mss && tcb.plpmtud === null ? tcb.mss : 0;
  sendSegment(tcb, start, length, ACK | (fin ? FIN : 0), now, true, segmentSize);
  snd.nxt = end;
  onSent(tcb, length, now);
  onFreshSent(tcb, now);
}

/** Whether pacing lets a segment go now; if not, its time is set. */
function isPaced(tcb: Tcb, now: number): boolean {
  if (tcb.congestion.pacingRate === Infinity || tcb.paceNext <= now) return true;
  setPace(tcb, tcb.paceNext);
  return false;
}

/** Moves the time of the next segment. What was not used of the last millisecond still counts. */
function onSent(tcb: Tcb, length: number, now: number): void {
  const { pacingRate } = tcb.congestion;
  if (pacingRate === Infinity) return;
  tcb.paceNext = Math.max(tcb.paceNext, now - PACING_SLACK) + length / pacingRate;
}

/** How far behind the clock pacing may catch up, in ms: timers are no finer than that. */
const PACING_SLACK = 2;

/**
 * The sender's silly-window avoidance, with Nagle's algorithm in it (RFC 9293 §3.8.6.2.1): a full
 * segment; or all there is while nothing is in flight; or half of the largest window seen.
 *
 * @param full Length of a segment that is full, or holds all there is.
 */
function isWorthSending(
  tcb: Tcb,
  unsent: number,
  length: number,
  full: number,
  flight: number,
): boolean {
  if (length === 0) return false;
  if (length === full && full < unsent) return true;
  if (length >= tcb.mss) return true;
  if (flight > 0 && !tcb.noDelay && !isUrgent(tcb)) return false;
  return length === unsent || length >= tcb.snd.maxWnd / 2;
}

/**
 * Sends `<SEQ=ISS><CTL=SYN>`, or with an acknowledgement in SYN_RECEIVED; the first or again. Text
 * goes with the first only: it may be what was in the way (RFC 7413 §4.1.3.1).
 */
export function sendSyn(tcb: Tcb, now: number): void {
  const { snd, fastOpen } = tcb;
  const isFirst = tcb.state === State.SYN_SENT && tcb.timeouts === 0;
  const text = fastOpen !== null && isFirst ? fastOpen.textLength : 0;
  const flags = tcb.state === State.SYN_RECEIVED
    ? ACK | (tcb.ecn !== null ? ECE : 0)
    : ecnSetup(tcb);
  sendSegment(tcb, snd.iss, text, SYN | flags, now);
  startRetransmit(tcb, now);
}

/** Sends `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`. */
export function sendAck(tcb: Tcb, now: number): void {
  sendSegment(tcb, tcb.snd.nxt, 0, ACK, now);
}

/**
 * Sends a zero-window probe: the oldest byte that is not acknowledged, inside of the window or not
 * (RFC 9293 §3.8.6.1). There must be one; a FIN without text needs no window.
 */
export function sendProbe(tcb: Tcb, now: number): void {
  const { board, snd, sendBuffer } = tcb;
  tcb.context.counters.tcpZeroWindowProbes++;
  if (board.count > 0) {
    if (board.length(0) > 1) board.split(0, seqAdd(snd.una, 1));
    board.markRepeated(0);
    countRepeated(tcb, 1);
    tcb.rate.onSent(board, 0, now);
    sendSegment(tcb, snd.una, 1, ACK, now);
    return;
  }
  // With room for more than a byte, this is silly-window avoidance giving up (§3.8.6.2.1 (4)).
  const length = Math.max(1, Math.min(snd.wnd, tcb.mss, sendBuffer.length));
  const index = board.push(snd.nxt, seqAdd(snd.nxt, length));
  tcb.rate.onSent(board, index, now);
  sendSegment(tcb, snd.nxt, length, ACK, now);
  snd.nxt = seqAdd(snd.nxt, length);
}

/** Sends a tail loss probe: something new if there is, else the last segment (RFC 8985 §7.3). */
export function sendTailProbe(tcb: Tcb, now: number): void {
  const { board, snd, recovery: r } = tcb;
  const length = Math.min(
    seqDiff(tcb.sendEnd, snd.nxt),
    tcb.mss - sackRoom(tcb),
    snd.wnd - tcb.flight,
  );
  r.tlpRepeats = tcb.finSent || length <= 0;
  if (r.tlpRepeats) {
    partLast(tcb);
    const last = board.count - 1;
    board.markRepeated(last);
    resend(tcb, last, now);
  } else {
    sendFresh(tcb, length, false, now);
  }
  r.tlpOut = r.tlpNeedsRtt = true;
  r.tlpEnd = snd.nxt;
}

/**
 * Sends a keep-alive probe: a segment in front of the window, which has to be acknowledged
 * (RFC 9293 §3.8.4). It carries nothing (SHLD-12), or one octet that the peer has already, for
 * peers that answer no other (MAY-6).
 */
export function sendKeepAlive(tcb: Tcb, now: number): void {
  const length = tcb.context.config.keepAliveOctet ? 1 : 0;
  sendSegment(tcb, seqAdd(tcb.snd.nxt, -1), length, ACK, now);
}

/** Sends the RST that aborts a connection (RFC 9293 §3.10.5). */
export function sendReset(tcb: Tcb, now: number): void {
  tcb.context.counters.tcpResetsSent++;
  sendSegment(tcb, tcb.snd.nxt, 0, RST | ACK, now);
}
