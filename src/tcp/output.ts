/**
 * Sending: the only place that decides what goes out.
 *
 * @module
 */

import { pseudoHeaderSum } from "../wire/checksum.ts";
import type { IpAddress } from "../wire/address.ts";
import { TRANSPORT_AT } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { seqAdd, seqDiff } from "../wire/seq.ts";
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP_MIN_HEADER, TcpHeader, URG } from "../wire/tcp.ts";
import {
  MAX_OPTIONS_LENGTH,
  MAX_SACK_BLOCKS,
  TCP_OPTION,
  type TcpOptions,
  TIMESTAMPS_OPTION_LENGTH,
  writeFastOpen,
  writeMss,
  writeSack,
  writeSackPermitted,
  writeTimestamps,
  writeWindowScale,
} from "../wire/tcp_options.ts";
import { ecnSetup, ECT_0 } from "./ecn.ts";
import type { ConnectionOptions } from "./connection_options.ts";
import { Frto } from "./recovery.ts";
import type { Segment } from "./segment.ts";
import { fitLast, nextLength, settleSegmentSize, sizeSent } from "./segment_size.ts";
import { State } from "./state.ts";
import type { TimeWait } from "./time_wait.ts";
import { MAX_WINDOW, scaleFor, type Tcb, type TcpContext } from "./tcb.ts";
import {
  onFreshSent,
  setDelayedAck,
  setPace,
  startCork,
  startPersist,
  startRetransmit,
} from "./timers.ts";
import { isUrgent } from "./urgent.ts";

const header = new TcpHeader();

/** Default MSS over IPv4 and IPv6 when the peer names none (RFC 9293 §3.7.1, MUST-15). */
export const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;

/**
 * Sends whatever may be sent now: what was lost, then new text as far as windows, pacing, Nagle and
 * silly-window avoidance allow, then the FIN, then an acknowledgement if one is due.
 */
export function output(tcb: Tcb, now: number): void {
  const { fastOpen } = tcb;
  const maySend = tcb.state >= State.ESTABLISHED || (fastOpen !== null && fastOpen.isEarly);
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
  tcb.prr.onSent(length);
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
    const most = Math.min(unsent, full - sacks);
    const length = Math.max(0, Math.min(most, usable));
    if (room < most) tcb.limitedAt = snd.nxt;
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
    if (length > tcb.mss) sizeSent(tcb, start, snd.nxt);
    if (fin) return;
  }
}

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
  tcb.prr.onSent(length);
  if (fin) tcb.finSent = true;
  tcb.corkAt = Infinity;
  sendSegment(tcb, start, length, ACK | (fin ? FIN : 0), now, true);
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
  if (length === tcb.mss) return true;
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
    fitLast(tcb);
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

/**
 * Builds one segment from the connection's variables and hands it to IP. It carries the
 * acknowledgement and the window of the moment, so nothing is owed to the peer afterwards.
 *
 * @param fresh Whether it is sent for the first time, and no probe.
 */
function sendSegment(
  tcb: Tcb,
  seq: number,
  length: number,
  flags: number,
  now: number,
  fresh = false,
): void {
  const { context, sendBuffer, rcv } = tcb;
  const packet = context.network.outgoing;
  const textAt = writeOptions(
    tcb,
    packet.view,
    TRANSPORT_AT + TCP_MIN_HEADER,
    flags,
    length,
    now,
  );
  packet.end = textAt + length;
  if (length > 0) {
    const offset = seqDiff(seq, tcb.dataStart) + ((flags & SYN) !== 0 ? 1 : 0);
    if (offset >= 0) sendBuffer.peek(offset, length, packet.bytes, textAt);
    else packet.bytes[textAt] = 0; // a keep-alive's octet, acknowledged long ago
    // The last byte we have is pushed (RFC 9293 §3.9.1.2, MUST-61).
    if (offset >= 0 && offset + length === sendBuffer.length) flags |= PSH;
    context.counters.tcpBytesSent += length;
    tcb.traffic.bytesSent += length;
    tcb.textSentAt = now;
  }
  const { ecn, sendOptions } = tcb;
  sendOptions.tos = tcb.tos;
  if (ecn !== null && (flags & (SYN | RST)) === 0) {
    if (ecn.echoes) flags |= ECE;
    if (fresh && length > 0) { // RFC 3168 §6.1.2, §6.1.5
      sendOptions.tos |= ECT_0;
      if (ecn.owesCwr) flags |= CWR;
      ecn.owesCwr = false;
    }
  }
  header.bind(packet.view, TRANSPORT_AT);
  header.sourcePort = tcb.localPort;
  header.destinationPort = tcb.remotePort;
  header.seq = seq;
  header.ack = (flags & ACK) !== 0 ? rcv.nxt : 0;
  header.dataOffset = textAt - TRANSPORT_AT;
  let urgentPointer = 0;
  if (tcb.urgent !== null && (flags & (SYN | RST)) === 0) {
    urgentPointer = tcb.urgent.pointer(seq, tcb.snd.una);
    if (urgentPointer > 0) flags |= URG;
  }
  header.flags = flags;
  openWindow(tcb);
  header.window = windowField(tcb, flags);
  header.urgentPointer = urgentPointer;
  header.writeChecksum(
    packet.end,
    pseudoHeaderSum(tcb.local, tcb.remote, PROTOCOL.TCP, packet.end - TRANSPORT_AT),
  );
  context.counters.tcpSent++;
  tcb.traffic.segmentsSent++;
  context.network.send(tcb.local, tcb.remote, PROTOCOL.TCP, sendOptions);
  if ((flags & ACK) !== 0) {
    rcv.lastAckSent = rcv.nxt;
    tcb.ackNow = false;
    tcb.unackedSegments = 0;
    tcb.delayedAckAt = Infinity;
  }
}

/** The window as the header has it: scaled down, but for a SYN's (RFC 7323 §2.2). */
export function windowField(tcb: Tcb, flags: number): number {
  const { rcv } = tcb;
  if ((flags & SYN) !== 0) return Math.min(rcv.wnd, MAX_WINDOW);
  return Math.min(rcv.wnd >>> tcb.receiveScale, MAX_WINDOW);
}

/** Bytes that SACK blocks will take of the next segment: they come at the expense of its text. */
function sackRoom(tcb: Tcb): number {
  return tcb.sackPermitted && tcb.sack.isNeeded(tcb.assembler) ? MAX_SACK_LENGTH : 0;
}

const MAX_SACK_LENGTH = MAX_OPTIONS_LENGTH - TIMESTAMPS_OPTION_LENGTH;

/**
 * Writes the options of a segment with `length` bytes of text.
 *
 * @returns Where its text starts.
 */
function writeOptions(
  tcb: Tcb,
  view: DataView,
  at: number,
  flags: number,
  length: number,
  now: number,
): number {
  const { timestamps } = tcb;
  if ((flags & SYN) !== 0) return writeSynOptions(tcb, view, at, flags, now);
  if (timestamps.enabled) { // RFC 7323 §3.2, and §5.2 for a RST
    at += writeTimestamps(view, at, timestamps.value(now), timestamps.recent);
  }
  if (tcb.sackPermitted && tcb.sack.isNeeded(tcb.assembler)) {
    const most = timestamps.enabled ? MAX_SACK_BLOCKS - 1 : MAX_SACK_BLOCKS;
    // What is sent again may be too long for them all.
    const blocks = Math.min(most, (tcb.mss - length - 4) >> 3);
    if (blocks > 0) at += writeSack(view, at, tcb.sack.edges, tcb.sack.fill(tcb.assembler, blocks));
  }
  return at;
}

/** Offers our options on a SYN; on a SYN,ACK those that the peer offered. */
function writeSynOptions(tcb: Tcb, view: DataView, at: number, flags: number, now: number): number {
  const { timestamps, context: { config }, fastOpen } = tcb;
  const answers = (flags & ACK) !== 0;
  const sack = answers ? tcb.sackPermitted : config.sack;
  const stamped = answers ? timestamps.enabled : config.timestamps;
  const cookie = answers || tcb.timeouts === 0 ? fastOpen?.cookie ?? null : null;
  at += writeMss(view, at, receiveMss(tcb));
  // With a long cookie there is only room in place of the padding in front of the timestamps.
  const packed = sack && stamped && cookie !== null;
  if (sack && !packed) at += writeSackPermitted(view, at);
  if (stamped) {
    const start = at;
    at += writeTimestamps(view, at, timestamps.value(now), timestamps.recent);
    if (packed) view.setUint16(start, TCP_OPTION.SACK_PERMITTED << 8 | 2);
  }
  if (answers ? tcb.scales : config.windowScaling) {
    at += writeWindowScale(view, at, tcb.receiveScale);
  }
  if (cookie !== null) at += writeFastOpen(view, at, cookie);
  return at;
}

/**
 * Lets the receive window grow if it can by a segment or half of the buffer: the receiver's
 * silly-window avoidance (RFC 9293 §3.8.6.2.2, MUST-39). Its right edge never moves back.
 *
 * @returns Whether it has grown.
 */
export function openWindow(tcb: Tcb): boolean {
  const { rcv, receiveBuffer } = tcb;
  const room = Math.min(receiveBuffer.free, MAX_WINDOW * 2 ** tcb.receiveScale);
  const growth = room - rcv.wnd;
  if (growth <= 0 || growth < Math.min(receiveBuffer.capacity / 2, tcb.mss)) return false;
  rcv.wnd = room;
  return true;
}

/** The MSS we name in our SYN: what the link can take (RFC 9293 §3.7.1, MUST-67), or less. */
function receiveMss(tcb: Tcb): number {
  const { maxSegment, remote, context: { network } } = tcb;
  return Math.min(network.maxLinkMessage(remote) - TCP_MIN_HEADER, maxSegment);
}

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

/** Sends the RST that aborts a connection (RFC 9293 §3.10.5). */
export function sendReset(tcb: Tcb, now: number): void {
  tcb.context.counters.tcpResetsSent++;
  sendSegment(tcb, tcb.snd.nxt, 0, RST | ACK, now);
}

/**
 * Answers a segment that belongs to no connection (RFC 9293 §3.10.7.1), or that acknowledges what
 * was never sent (§3.5.2), with a RST that the peer will accept. Never answers a RST.
 */
export function resetReply(context: TcpContext, seg: Segment): void {
  if ((seg.flags & RST) !== 0) return;
  context.counters.tcpResetsSent++;
  if ((seg.flags & ACK) !== 0) {
    answer(context, seg, seg.ack, 0, RST);
  } else {
    answer(context, seg, 0, seqAdd(seg.seq, seg.length), RST | ACK);
  }
}

/**
 * Answers a SYN with a SYN,ACK of which nothing is kept: with a SYN cookie.
 *
 * @param iss The cookie.
 * @param stamp Our timestamp, with the other options of the SYN in it; -1 for none: nothing can
 * be remembered then but the MSS.
 * @param flags Those besides SYN and ACK.
 * @param buffer Size of the receive buffer that the connection will have, in bytes.
 */
export function sendSynCookie(
  context: TcpContext,
  seg: Segment,
  iss: number,
  stamp: number,
  flags: number,
  chosen: ConnectionOptions,
): void {
  const { config, network } = context;
  const { options, packet: { source } } = seg;
  const linkMss = network.maxLinkMessage(source) - TCP_MIN_HEADER;
  const { view } = network.outgoing;
  let end = TRANSPORT_AT + TCP_MIN_HEADER;
  end += writeMss(view, end, Math.min(linkMss, chosen.maxSegment ?? linkMss));
  if (stamp >= 0) {
    if (config.sack && options.sackPermitted) end += writeSackPermitted(view, end);
    end += writeTimestamps(view, end, stamp, options.timestampValue);
    if (config.windowScaling && options.windowScale >= 0) {
      end += writeWindowScale(view, end, scaleFor(config.receiveBufferMax));
    }
  }
  context.counters.tcpSynCookiesSent++;
  const window = Math.min(chosen.receiveBuffer ?? config.receiveBuffer, MAX_WINDOW);
  const ack = seqAdd(seg.seq, 1);
  answer(context, seg, iss, ack, SYN | ACK | flags, window, end);
}

/** Acknowledges something for a connection in TIME_WAIT. */
export function sendTimeWaitAck(context: TcpContext, timeWait: TimeWait, now: number): void {
  const { local, localPort, remote, remotePort, timestamps } = timeWait;
  let end = TRANSPORT_AT + TCP_MIN_HEADER;
  if (timestamps.enabled) {
    const { view } = context.network.outgoing;
    end += writeTimestamps(view, end, timestamps.value(now), timestamps.recent);
  }
  header.bind(context.network.outgoing.view, TRANSPORT_AT);
  header.sourcePort = localPort;
  header.destinationPort = remotePort;
  header.seq = timeWait.sendNext;
  header.ack = timeWait.receiveNext;
  sendBare(context, local, remote, ACK, timeWait.window, end);
}

/** Sends a header that answers `seg` and belongs to no connection; options are in place, to `end`. */
function answer(
  context: TcpContext,
  seg: Segment,
  seq: number,
  ack: number,
  flags: number,
  window = 0,
  end = TRANSPORT_AT + TCP_MIN_HEADER,
): void {
  const { source, destination } = seg.packet;
  header.bind(context.network.outgoing.view, TRANSPORT_AT);
  header.sourcePort = seg.destinationPort;
  header.destinationPort = seg.sourcePort;
  header.seq = seq;
  header.ack = ack;
  sendBare(context, destination, source, flags, window, end);
}

/** Completes a header whose ports and numbers are in place, and options to `end`, and sends it. */
function sendBare(
  context: TcpContext,
  local: IpAddress,
  remote: IpAddress,
  flags: number,
  window: number,
  end: number,
): void {
  const packet = context.network.outgoing;
  packet.end = end;
  header.dataOffset = end - TRANSPORT_AT;
  header.flags = flags;
  header.window = window;
  header.urgentPointer = 0;
  header.writeChecksum(
    packet.end,
    pseudoHeaderSum(local, remote, PROTOCOL.TCP, end - TRANSPORT_AT),
  );
  context.counters.tcpSent++;
  bareOptions.ttl = context.config.ttl;
  context.network.send(local, remote, PROTOCOL.TCP, bareOptions);
}

const bareOptions = { ttl: 64, tos: 0, dontFragment: true };
