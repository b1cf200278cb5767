/**
 * SEGMENT ARRIVES (RFC 9293 §3.10.7): one short function for each step.
 *
 * @module
 */

import { Drop } from "../wire/drop.ts";
import { seqAdd, seqDiff, seqGt, seqLe } from "../wire/seq.ts";
import { ACK, CWR, ECE, FIN, RST, SYN } from "../wire/tcp.ts";
import { acknowledged, updateSendWindow } from "./ack.ts";
import { challenge } from "./challenge.ts";
import { closeConnection, enterTimeWait } from "./close.ts";
import { answerEcn, ECN_MASK, noteCongestion, settleEcn } from "./ecn.ts";
import { heard } from "./keep_alive.ts";
import { appendText, predicted } from "./prediction.ts";
import { sendAck, sendReset, sendSyn } from "./output.ts";
import { resetReply } from "./replies.ts";
import { sackReporter } from "./sack.ts";
import { settleOptions } from "./settle.ts";
import { endEarly, mostAcknowledged, settleSynText } from "./fast_open.ts";
import type { Listener } from "./listener.ts";
import type { Segment } from "./segment.ts";
import { peerHasClosed, State, takesText } from "./state.ts";
import { CloseReason, setState, Signal, signal, type Tcb } from "./tcb.ts";
import { restartRetransmit, setLinger } from "./timers.ts";
import { checkUrgent } from "./urgent.ts";

/** Works one segment through a connection in any state but CLOSED, LISTEN and TIME_WAIT. */
export function arrives(tcb: Tcb, seg: Segment, now: number): void {
  tcb.traffic.segmentsReceived += seg.segments;
  if (tcb.keepAlive !== null) heard(tcb, tcb.keepAlive, now);
  if (tcb.context.predicts && predicted(tcb, seg, now)) return;
  if (tcb.state === State.SYN_SENT) {
    arrivesInSynSent(tcb, seg, now);
    return;
  }
  if (tcb.state === State.SYN_RECEIVED && repeatsSyn(tcb, seg, now)) return;
  if (!checkTimestamps(tcb, seg, now)) return; // RFC 7323 §5.3, R1 and R3
  if (!checkSequence(tcb, seg, now)) return; // First, check sequence number
  if (!checkReset(tcb, seg, now)) return; // Second, check the RST bit
  // Third, check security: there are no compartments here
  if (!checkSyn(tcb, seg, now)) return; // Fourth, check the SYN bit
  if (!checkAck(tcb, seg, now)) return; // Fifth, check the ACK field
  tcb.receivedTos = seg.packet.tos & ~ECN_MASK;
  checkUrgent(tcb, seg); // Sixth, check the URG bit
  if (!acceptText(tcb, seg, now)) return; // Seventh, process the segment text
  checkFin(tcb, seg, now); // Eighth, check the FIN bit
}

/** §3.10.7.3: our SYN is out. */
function arrivesInSynSent(tcb: Tcb, seg: Segment, now: number): void {
  const { snd, rcv, context } = tcb;
  const hasAck = (seg.flags & ACK) !== 0;
  // First, check the ACK bit
  if (hasAck && (seqLe(seg.ack, snd.iss) || seqGt(seg.ack, mostAcknowledged(tcb)))) {
    context.counters.drop(Drop.TCP_BAD_ACK);
    resetReply(context, seg);
    return;
  }
  // Second, check the RST bit
  if ((seg.flags & RST) !== 0) {
    if (!hasAck) {
      context.counters.drop(Drop.TCP_BAD_RESET);
      return;
    }
    context.counters.tcpResetsReceived++;
    closeConnection(tcb, CloseReason.REFUSED);
    return;
  }
  // Fourth, check the SYN bit
  if ((seg.flags & SYN) === 0) {
    context.counters.drop(Drop.TCP_NO_CONNECTION);
    return;
  }
  rcv.irs = seg.seq;
  rcv.nxt = seqAdd(seg.seq, 1);
  settleOptions(tcb, seg.options, now);
  settleEcn(tcb, seg, hasAck);
  if (!hasAck) { // simultaneous open (MUST-10)
    tcb.fastOpen = null;
    setState(tcb, State.SYN_RECEIVED);
    setSendWindow(tcb, seg);
    tcb.retransmitAt = Infinity;
    tcb.synSentAt = -1; // Karn: what is sent again isn't timed
    sendSyn(tcb, now);
    return;
  }
  establish(tcb, seg, now);
  tcb.ackNow = true;
  seg.seq = rcv.nxt;
  seg.flags &= ~(SYN | ECE | CWR);
  checkUrgent(tcb, seg);
  if (acceptText(tcb, seg, now)) checkFin(tcb, seg, now); // "continue processing at the sixth step"
}

/**
 * Segments that repeat the peer's SYN in SYN_RECEIVED.
 *
 * @returns Whether the segment is dealt with.
 */
function repeatsSyn(tcb: Tcb, seg: Segment, now: number): boolean {
  if ((seg.flags & (SYN | RST)) !== SYN || seg.seq !== tcb.rcv.irs) return false;
  if ((seg.flags & ACK) === 0) { // our SYN,ACK was lost
    tcb.context.counters.tcpRetransmitted++;
    tcb.synSentAt = -1; // Karn: what is sent again isn't timed
    answerEcn(tcb, seg);
    sendSyn(tcb, now);
    return true;
  }
  // The answer to a simultaneous open (§3.5, figure 8): its ACK counts, its SYN is known already.
  seg.seq = tcb.rcv.nxt;
  seg.flags &= ~(SYN | ECE | CWR);
  return false;
}

/**
 * Is the segment an old duplicate (PAWS)? RSTs are none (RFC 7323 §5.2); a segment without
 * timestamps on a connection that has them is dropped (§3.2).
 */
function checkTimestamps(tcb: Tcb, seg: Segment, now: number): boolean {
  const { timestamps, rcv, context } = tcb;
  if (!timestamps.enabled || (seg.flags & RST) !== 0) return true;
  // Any SYN is challenged (RFC 5961 §4.2): that of a peer that has restarted has another clock.
  if ((seg.flags & SYN) !== 0 && tcb.state >= State.ESTABLISHED) return true;
  if (!seg.options.timestamps) {
    context.counters.drop(Drop.TCP_NO_TIMESTAMP);
    return false;
  }
  if (timestamps.isOld(seg.options, now)) {
    context.counters.drop(Drop.TCP_OLD_TIMESTAMP);
    noteDuplicate(tcb, seg); // what was held up on its way, and has been sent again
    if (seg.length === 0) challenge(tcb, now);
    else sendAck(tcb, now);
    return false;
  }
  if (isAcceptable(tcb, seg)) timestamps.update(seg.options, seg.seq, rcv.lastAckSent, now);
  return true;
}

/**
 * First step: is the segment in the window (§3.10.7.4, table 6)? What is not draws an
 * acknowledgement, unless it is a RST.
 */
function checkSequence(tcb: Tcb, seg: Segment, now: number): boolean {
  if (isAcceptable(tcb, seg)) return true;
  tcb.context.counters.drop(Drop.TCP_UNACCEPTABLE);
  if ((seg.flags & RST) !== 0) return false;
  noteDuplicate(tcb, seg);
  // Two sides that disagree must not answer each other's empty segments for ever.
  if (seg.length === 0 || (seg.flags & SYN) !== 0) challenge(tcb, now);
  else sendAck(tcb, now);
  return false;
}

/** Text that has been acknowledged has come once more: the next acknowledgement says so. */
function noteDuplicate(tcb: Tcb, seg: Segment): void {
  const end = seqAdd(seg.seq, seg.textLength);
  if (seg.textLength > 0 && seqLe(end, tcb.rcv.nxt)) sackReporter(tcb).onDuplicate(seg.seq, end);
}

function isAcceptable(tcb: Tcb, seg: Segment): boolean {
  const { nxt, wnd } = tcb.rcv;
  const length = seg.length;
  const offset = seqDiff(seg.seq, nxt);
  if (length === 0) return wnd === 0 ? offset === 0 : offset >= 0 && offset < wnd;
  // Zero window: no text is taken, but ACK and RST of what is next in line are (MUST-66).
  if (wnd === 0) return offset === 0;
  const last = offset + length - 1;
  return (offset >= 0 && offset < wnd) || (last >= 0 && last < wnd);
}

/**
 * Second step (RFC 5961 §3.2): a RST counts only at RCV.NXT, elsewhere in the window it is
 * challenged. It may carry text (SHLD-2), which must not bring it into the window.
 */
function checkReset(tcb: Tcb, seg: Segment, now: number): boolean {
  if ((seg.flags & RST) === 0) return true;
  const { counters } = tcb.context;
  const offset = seqDiff(seg.seq, tcb.rcv.nxt);
  if (offset !== 0) {
    counters.drop(Drop.TCP_BAD_RESET);
    if (offset > 0) challenge(tcb, now);
    return false;
  }
  counters.tcpResetsReceived++;
  if (tcb.state === State.SYN_RECEIVED) closeConnection(tcb, CloseReason.REFUSED);
  else if (tcb.state >= State.CLOSING && tcb.state !== State.FIN_WAIT_2) {
    closeConnection(tcb, CloseReason.NORMAL); // CLOSING, LAST_ACK
  } else closeConnection(tcb, CloseReason.RESET);
  return false;
}

/** Fourth step (RFC 5961 §4.2): a SYN in the window changes nothing. */
function checkSyn(tcb: Tcb, seg: Segment, now: number): boolean {
  if ((seg.flags & SYN) === 0) return true;
  tcb.context.counters.drop(Drop.TCP_BAD_SYN);
  if (tcb.state === State.SYN_RECEIVED && tcb.listener !== null) {
    closeConnection(tcb, CloseReason.REFUSED); // "return this connection to the LISTEN state"
  } else {
    challenge(tcb, now);
  }
  return false;
}

/** Fifth step. Returns whether the segment's text and FIN count. */
function checkAck(tcb: Tcb, seg: Segment, now: number): boolean {
  const { snd, context } = tcb;
  if ((seg.flags & ACK) === 0) {
    context.counters.drop(Drop.TCP_NO_ACK_BIT);
    return false;
  }
  if (tcb.state === State.SYN_RECEIVED) {
    if (seqLe(seg.ack, snd.una) || seqGt(seg.ack, snd.nxt)) {
      context.counters.drop(Drop.TCP_BAD_ACK);
      resetReply(context, seg);
      return false;
    }
    if (tcb.listener?.isFull && !tcb.fastOpen?.isEarly) {
      // Our SYN stays unacknowledged; the ACK comes again with it, or with the peer's first text.
      context.counters.drop(Drop.TCP_LISTEN_OVERFLOW);
      return false;
    }
    establish(tcb, seg, now);
    // What Fast Open has let us send since may be acknowledged as well.
    if (snd.una !== seg.ack) acknowledged(tcb, seg, now);
    return true;
  }
  // Data injection (RFC 5961 §5.2, MAY-12): too old an ACK is no more believed than one too new.
  if (seqGt(seg.ack, snd.nxt) || seqDiff(seg.ack, snd.una) < -snd.maxWnd) {
    context.counters.drop(Drop.TCP_BAD_ACK);
    challenge(tcb, now);
    return false;
  }
  acknowledged(tcb, seg, now);
  if (tcb.finSent && snd.una === snd.nxt) finAcknowledged(tcb, now);
  return (tcb.state as State) !== State.CLOSED;
}

/** The peer has acknowledged our FIN. */
function finAcknowledged(tcb: Tcb, now: number): void {
  switch (tcb.state) {
    case State.FIN_WAIT_1:
      setState(tcb, State.FIN_WAIT_2);
      lingerIfNobodyReads(tcb, now);
      break;
    case State.CLOSING:
      enterTimeWait(tcb, now);
      break;
    case State.LAST_ACK:
      closeConnection(tcb, CloseReason.NORMAL);
      break;
  }
}

/** Our SYN is acknowledged, and the peer's known. */
function establish(tcb: Tcb, seg: Segment, now: number): void {
  const { listener, snd } = tcb;
  const isEarly = tcb.fastOpen !== null && tcb.fastOpen.isEarly;
  if (listener !== null) {
    listener.opening.delete(tcb);
    if (!isEarly) listener.queue.push(tcb);
    endEarly(tcb, listener, false);
  } else if (tcb.fastOpen !== null) {
    tcb.context.fastOpens.onAnswer(tcb.remote, seg.options, tcb.timeouts === 0);
    settleSynText(tcb, seg.ack);
  }
  if (tcb.follows !== null) {
    tcb.context.endTimeWait(tcb.follows);
    tcb.follows = null;
  }
  snd.una = isEarly ? seqAdd(snd.iss, 1) : seg.ack;
  setSendWindow(tcb, seg);
  const synWasLost = tcb.timeouts > 0;
  let rtt = tcb.synSentAt >= 0 ? now - tcb.synSentAt : -1;
  if (rtt < 0 && tcb.timestamps.enabled) rtt = tcb.timestamps.rtt(seg.options, now);
  if (rtt >= 0) {
    tcb.rtt.sample(rtt);
    tcb.rack.onRtt(rtt, now);
    tcb.recovery.tlpNeedsRtt = false;
  } else if (synWasLost) tcb.rtt.synWasLost();
  tcb.timeouts = 0;
  tcb.troubleSince = -1;
  if (!isEarly || synWasLost) startSender(tcb, snd.una, synWasLost, now);
  setState(tcb, State.ESTABLISHED);
  restartRetransmit(tcb, now);
  signal(tcb, isEarly ? Signal.WRITABLE : Signal.OPEN | Signal.WRITABLE);
  if (tcb.finQueued) setState(tcb, State.FIN_WAIT_1); // CLOSE was called before
}

/** Makes everything ready for the first text, at `first`. */
function startSender(tcb: Tcb, first: number, synWasLost: boolean, now: number): void {
  tcb.textSentAt = now;
  tcb.rttRound = tcb.recovery.noDupsBefore = tcb.rack.fack = first;
  tcb.limitedAt = seqAdd(first, -1);
  tcb.congestion.start(tcb.mss, synWasLost, now);
}

/** Gives a connection to its listener's user before it is established (RFC 7413 §4.2.2). */
export function openEarly(tcb: Tcb, listener: Listener, syn: Segment, now: number): void {
  setSendWindow(tcb, syn);
  startSender(tcb, tcb.snd.nxt, false, now);
  listener.queue.push(tcb);
  signal(tcb, Signal.OPEN | Signal.READABLE);
}

/** The window of the first segments is taken whatever came before; a SYN's is not scaled. */
function setSendWindow(tcb: Tcb, seg: Segment): void {
  const scale = tcb.sendScale;
  if ((seg.flags & SYN) !== 0) tcb.sendScale = 0;
  tcb.snd.wl1 = seg.seq;
  updateSendWindow(tcb, seg);
  tcb.sendScale = scale;
}

/**
 * Seventh step: takes the text that lies in the window. What is ahead of missing text waits in the
 * receive buffer (SHLD-31), and is acknowledged at once, as is what fills a gap (RFC 5681 §4.2).
 *
 * @returns Whether the connection still exists.
 */
function acceptText(tcb: Tcb, seg: Segment, now: number): boolean {
  if (seg.textLength === 0) return true;
  const { rcv, assembler, context } = tcb;
  if (!takesText(tcb.state)) return true;
  const skip = Math.max(0, -seqDiff(seg.seq, rcv.nxt));
  const start = seqAdd(seg.seq, skip);
  const gap = seqDiff(start, rcv.nxt);
  const length = Math.min(seg.textLength - skip, rcv.wnd - gap);
  if (length < seg.textLength - skip) {
    // The FIN stands behind text that has no room.
    seg.flags &= ~FIN;
    context.counters.drop(Drop.TCP_NO_ROOM);
    tcb.ackNow = true;
  }
  if (length <= 0) {
    tcb.ackNow = true;
    return true;
  }
  if (tcb.receiveClosed) {
    // Nobody will read it, and the peer must not believe that somebody did (SHLD-3).
    context.counters.drop(Drop.TCP_AFTER_CLOSE);
    sendReset(tcb, now);
    closeConnection(tcb, CloseReason.RESET);
    return false;
  }
  if (tcb.ecn !== null) noteCongestion(tcb, tcb.ecn, seg);
  const at = seg.textAt + skip;
  const end = seqAdd(start, length);
  const isPlain = seg.seq === rcv.nxt && assembler.count === 0;
  if (!isPlain && sackReporter(tcb).onText(assembler, rcv.nxt, seg.seq, end)) tcb.ackNow = true;
  if (gap > 0) {
    context.counters.tcpOutOfOrder++;
    if (assembler.add(start, end)) {
      sackReporter(tcb).onWaiting(assembler, start);
      tcb.receiveBuffer.place(gap, seg.packet.bytes, at, at + length);
    } else {
      context.counters.drop(Drop.TCP_NO_ROOM);
    }
    sendAck(tcb, now);
    return true;
  }
  appendText(tcb, seg, at, length, now);
  return true;
}

/** Eighth step: the peer's FIN, once everything in front of it is there. */
function checkFin(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  if ((seg.flags & FIN) !== 0) {
    tcb.peerFinSeen = true;
    tcb.peerFin = seqAdd(seg.seq, seg.textLength);
    // With text ahead of a gap it has been acknowledged already.
    if (seg.textLength === 0) tcb.ackNow = true;
  }
  if (!tcb.peerFinSeen || rcv.nxt !== tcb.peerFin || peerHasClosed(tcb.state)) return;
  rcv.nxt = seqAdd(rcv.nxt, 1);
  tcb.ackNow = true;
  signal(tcb, Signal.READABLE);
  switch (tcb.state) {
    case State.SYN_RECEIVED:
    case State.ESTABLISHED:
      setState(tcb, State.CLOSE_WAIT);
      break;
    case State.FIN_WAIT_1: // our FIN isn't acknowledged yet, else this were FIN_WAIT_2
      setState(tcb, State.CLOSING);
      break;
    case State.FIN_WAIT_2:
      enterTimeWait(tcb, now);
      break;
  }
}

/** In FIN_WAIT_2, a peer that never closes must not keep a connection that nobody uses. */
export function lingerIfNobodyReads(tcb: Tcb, now: number): void {
  if (tcb.state === State.FIN_WAIT_2 && tcb.receiveClosed) {
    setLinger(tcb, now + tcb.context.config.finWait2Timeout);
  }
}
