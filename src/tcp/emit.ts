/**
 * Building a segment out of a connection's variables, and handing it to IP.
 *
 * @module
 */

import { pseudoHeaderSum } from "../wire/checksum.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { seqDiff } from "../wire/seq.ts";
import { ACK, CWR, ECE, PSH, RST, SYN, TCP_MIN_HEADER, TcpHeader, URG } from "../wire/tcp.ts";
import {
  MAX_OPTIONS_LENGTH,
  MAX_SACK_BLOCKS,
  TCP_OPTION,
  TIMESTAMPS_OPTION_LENGTH,
  writeFastOpen,
  writeMss,
  writeSack,
  writeSackPermitted,
  writeTimestamps,
  writeWindowScale,
} from "../wire/tcp_options.ts";
import { ECT_0 } from "./ecn.ts";
import { MAX_WINDOW, type Tcb } from "./tcb.ts";

const header = new TcpHeader();
/** How the segment travels that is being sent. */
const sendOptions = { ttl: 0, tos: 0, dontFragment: true };

/** Up to here, text is cheaper copied behind its header than gathered by the link, in bytes. */
const COPY_LIMIT = 2048;

/**
 * Builds one segment from the connection's variables and hands it to IP. It carries the
 * acknowledgement and the window of the moment, so nothing is owed to the peer afterwards.
 *
 * @param fresh Whether it is sent for the first time, and no probe.
 * @param segmentSize Text of each of the segments that the link makes of it; 0: it is one.
 */
export function sendSegment(
  tcb: Tcb,
  seq: number,
  length: number,
  flags: number,
  now: number,
  fresh = false,
  segmentSize = 0,
): void {
  const { context, sendBuffer, rcv } = tcb;
  const packet = context.network.outgoing;
  const textAt = writeOptions(
    tcb,
    packet.view,
    packet.messageAt + TCP_MIN_HEADER,
    flags,
    length,
    now,
  );
  packet.end = textAt + length;
  let textSum = 0;
  if (length > 0) {
    const offset = seqDiff(seq, tcb.dataStart) + ((flags & SYN) !== 0 ? 1 : 0);
    if (offset < 0) packet.bytes[textAt] = 0; // a keep-alive's octet, acknowledged long ago
    else if (!tcb.hasOffload) textSum = sendBuffer.peekAndSum(offset, length, packet, textAt);
    else if (length > COPY_LIMIT) sendBuffer.describe(offset, length, packet.tail);
    else sendBuffer.peek(offset, length, packet.bytes, textAt);
    // The last byte we have is pushed (RFC 9293 §3.9.1.2, MUST-61).
    if (offset >= 0 && offset + length === sendBuffer.length) flags |= PSH;
    context.counters.tcpBytesSent += length;
    tcb.traffic.bytesSent += length;
    tcb.textSentAt = now;
  }
  const { ecn } = tcb;
  sendOptions.ttl = tcb.ttl;
  sendOptions.tos = tcb.tos;
  if (ecn !== null && (flags & (SYN | RST)) === 0) {
    if (ecn.echoes) flags |= ECE;
    if (fresh && length > 0) { // RFC 3168 §6.1.2, §6.1.5
      sendOptions.tos |= ECT_0;
      if (ecn.owesCwr) flags |= CWR;
      ecn.owesCwr = false;
    }
  }
  header.bind(packet.view, packet.messageAt);
  header.sourcePort = tcb.localPort;
  header.destinationPort = tcb.remotePort;
  header.seq = seq;
  header.ack = (flags & ACK) !== 0 ? rcv.nxt : 0;
  header.dataOffset = textAt - packet.messageAt;
  let urgentPointer = 0;
  if (tcb.urgent !== null && (flags & (SYN | RST)) === 0) {
    urgentPointer = tcb.urgent.pointer(seq, tcb.snd.una);
    if (urgentPointer > 0) flags |= URG;
  }
  header.flags = flags;
  openWindow(tcb);
  header.window = windowField(tcb, flags);
  header.urgentPointer = urgentPointer;
  const { local, remote } = tcb;
  const pseudo = pseudoHeaderSum(local, remote, PROTOCOL.TCP, packet.end - packet.messageAt);
  if (tcb.hasOffload) header.writePartialChecksum(pseudo);
  else header.writeChecksum(textAt, pseudo + textSum);
  packet.isPartial = tcb.hasOffload;
  packet.segmentSize = segmentSize;
  const segments = segmentSize === 0 ? 1 : Math.ceil(length / segmentSize);
  context.counters.tcpSent += segments;
  tcb.traffic.segmentsSent += segments;
  context.network.send(local, remote, PROTOCOL.TCP, sendOptions);
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
export function sackRoom(tcb: Tcb): number {
  const { sack } = tcb;
  return sack !== null && tcb.sackPermitted && sack.isNeeded(tcb.assembler) ? MAX_SACK_LENGTH : 0;
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
  const { timestamps, sack } = tcb;
  if ((flags & SYN) !== 0) return writeSynOptions(tcb, view, at, flags, now);
  if (timestamps.enabled) { // RFC 7323 §3.2, and §5.2 for a RST
    at += writeTimestamps(view, at, timestamps.value(now), timestamps.recent);
  }
  if (sack !== null && tcb.sackPermitted && sack.isNeeded(tcb.assembler)) {
    const most = timestamps.enabled ? MAX_SACK_BLOCKS - 1 : MAX_SACK_BLOCKS;
    // What is sent again may be too long for them all.
    const blocks = Math.min(most, (tcb.mss - length - 4) >> 3);
    if (blocks > 0) at += writeSack(view, at, sack.edges, sack.fill(tcb.assembler, blocks));
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
export function receiveMss(tcb: Tcb): number {
  const { maxSegment, remote, context: { network } } = tcb;
  return Math.min(network.maxLinkMessage(remote) - TCP_MIN_HEADER, maxSegment);
}
