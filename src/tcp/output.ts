/**
 * Sending: the only place that decides what goes out.
 *
 * @module
 */

import { pseudoHeaderSum } from "../wire/checksum.ts";
import type { IpAddress } from "../wire/address.ts";
import { TRANSPORT_AT } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { seqAdd, seqDiff, seqGt, seqLt } from "../wire/seq.ts";
import { ACK, FIN, PSH, RST, SYN, TCP_MIN_HEADER, TcpHeader } from "../wire/tcp.ts";
import { MSS_OPTION_LENGTH, writeMss } from "../wire/tcp_options.ts";
import type { Segment } from "./segment.ts";
import { State } from "./state.ts";
import { MAX_WINDOW, type Tcb, type TcpContext } from "./tcb.ts";
import { setDelayedAck, startPersist, startRetransmit } from "./timers.ts";

const header = new TcpHeader();

/** Default MSS over IPv4 and IPv6 when the peer names none (RFC 9293 §3.7.1, MUST-15). */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;

/**
 * Sends whatever may be sent now: what was lost, then new text as far as windows, Nagle and
 * silly-window avoidance allow, then the FIN, then an acknowledgement if one is due.
 */
export function output(tcb: Tcb, now: number): void {
  if (tcb.state >= State.ESTABLISHED && tcb.state !== State.TIME_WAIT) {
    resendLost(tcb, now);
    sendNew(tcb, now);
  }
  if (tcb.ackNow) sendAck(tcb, now);
  else if (tcb.unackedSegments > 0) setDelayedAck(tcb, now);
}

/** Sends `[snd.resend, snd.resendEnd)` again, as far as the congestion window allows. */
function resendLost(tcb: Tcb, now: number): void {
  const { snd } = tcb;
  while (seqLt(snd.resend, snd.resendEnd)) {
    const out = seqDiff(snd.resend, snd.una);
    const length = Math.min(seqDiff(snd.resendEnd, snd.resend), tcb.mss);
    // The first segment always goes: it is what the peer waits for.
    if (out > 0 && out + length > tcb.congestion.cwnd) return;
    const last = seqAdd(snd.resend, length);
    const fin = tcb.finSent && last === snd.nxt;
    const text = fin ? length - 1 : length;
    sendSegment(tcb, snd.resend, text, ACK | (fin ? FIN : 0), now);
    startRetransmit(tcb, now);
    snd.resend = last;
    tcb.context.counters.tcpRetransmitted++;
  }
}

/** Sends what has not been sent before. */
function sendNew(tcb: Tcb, now: number): void {
  const { snd } = tcb;
  if (tcb.finSent) return;
  if (tcb.flight === 0 && now - tcb.textSentAt > tcb.rtt.rto) {
    tcb.congestion.onIdle(); // RFC 5681 §4.1
  }
  for (;;) {
    const unsent = seqDiff(tcb.sendEnd, snd.nxt);
    if (unsent === 0 && !tcb.finQueued) return;
    const flight = tcb.flight;
    const offered = snd.wnd - flight;
    const usable = Math.min(offered, tcb.congestion.cwnd - flight);
    const length = Math.max(0, Math.min(unsent, usable, tcb.mss));
    const fin = tcb.finQueued && length === unsent;
    if (!fin && !isWorthSending(tcb, unsent, length, flight)) {
      // Nothing will come back that could reopen the window: ask (RFC 9293 §3.8.6.1, MUST-36).
      if (flight === 0) startPersist(tcb, now);
      return;
    }
    sendSegment(tcb, snd.nxt, length, ACK | (fin ? FIN : 0), now);
    snd.nxt = seqAdd(snd.nxt, length + (fin ? 1 : 0));
    if (tcb.timedAt < 0) timeSegment(tcb, now);
    startRetransmit(tcb, now);
    if (fin) {
      tcb.finSent = true;
      return;
    }
  }
}

/**
 * The sender's silly-window avoidance, with Nagle's algorithm in it (RFC 9293 §3.8.6.2.1): a full
 * segment; or all there is while nothing is in flight; or half of the largest window seen.
 */
function isWorthSending(tcb: Tcb, unsent: number, length: number, flight: number): boolean {
  if (length === 0) return false;
  if (length === tcb.mss) return true;
  if (flight > 0 && !tcb.noDelay) return false;
  return length === unsent || length >= tcb.snd.maxWnd / 2;
}

/** Times the segment just sent, one per round trip (RFC 6298 §3). */
function timeSegment(tcb: Tcb, now: number): void {
  tcb.timedAt = now;
  tcb.timedEnd = tcb.snd.nxt;
}

/** Sends `<SEQ=ISS><CTL=SYN>`, or with an acknowledgement in SYN_RECEIVED; the first or again. */
export function sendSyn(tcb: Tcb, now: number): void {
  const { snd } = tcb;
  snd.nxt = seqAdd(snd.iss, 1);
  sendSegment(tcb, snd.iss, 0, SYN | (tcb.state === State.SYN_RECEIVED ? ACK : 0), now);
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
  const { snd, sendBuffer } = tcb;
  // With room for more than a byte, this is silly-window avoidance giving up (§3.8.6.2.1 (4)).
  const length = Math.max(1, Math.min(snd.wnd, tcb.mss, sendBuffer.length));
  const fin = tcb.finSent && length === sendBuffer.length;
  sendSegment(tcb, snd.una, length, ACK | (fin ? FIN : 0), now);
  const end = seqAdd(snd.una, length);
  if (seqGt(end, snd.nxt)) snd.nxt = end;
  tcb.timedAt = -1;
  tcb.context.counters.tcpZeroWindowProbes++;
}

/**
 * Builds one segment from the connection's variables and hands it to IP. It carries the
 * acknowledgement and the window of the moment, so nothing is owed to the peer afterwards.
 */
function sendSegment(tcb: Tcb, seq: number, length: number, flags: number, now: number): void {
  const { context, sendBuffer, rcv } = tcb;
  const packet = context.network.outgoing;
  let textAt = TRANSPORT_AT + TCP_MIN_HEADER;
  if ((flags & SYN) !== 0) textAt += writeMss(packet.view, textAt, receiveMss(tcb));
  packet.end = textAt + length;
  if (length > 0) {
    const offset = seqDiff(seq, tcb.dataStart);
    sendBuffer.peek(offset, length, packet.bytes, textAt);
    // The last byte we have is pushed (RFC 9293 §3.9.1.2, MUST-61).
    if (offset + length === sendBuffer.length) flags |= PSH;
    context.counters.tcpBytesSent += length;
    tcb.textSentAt = now;
  }
  header.bind(packet.view, TRANSPORT_AT);
  header.sourcePort = tcb.localPort;
  header.destinationPort = tcb.remotePort;
  header.seq = seq;
  header.ack = (flags & ACK) !== 0 ? rcv.nxt : 0;
  header.dataOffset = textAt - TRANSPORT_AT;
  header.flags = flags;
  openWindow(tcb);
  header.window = rcv.wnd;
  header.urgentPointer = 0;
  const total = packet.end - TRANSPORT_AT;
  header.writeChecksum(
    packet.end,
    pseudoHeaderSum(tcb.local, tcb.remote, PROTOCOL.TCP, total),
  );
  context.counters.tcpSent++;
  context.network.send(tcb.local, tcb.remote, PROTOCOL.TCP, tcb.sendOptions);
  if ((flags & ACK) !== 0) {
    tcb.ackNow = false;
    tcb.unackedSegments = 0;
    tcb.delayedAckAt = Infinity;
  }
}

/**
 * Lets the receive window grow if it can by a segment or half of the buffer: the receiver's
 * silly-window avoidance (RFC 9293 §3.8.6.2.2, MUST-39). Its right edge never moves back.
 *
 * @returns Whether it has grown.
 */
export function openWindow(tcb: Tcb): boolean {
  const { rcv, receiveBuffer } = tcb;
  const room = Math.min(receiveBuffer.free, MAX_WINDOW);
  const growth = room - rcv.wnd;
  if (growth <= 0 || growth < Math.min(receiveBuffer.capacity / 2, tcb.mss)) return false;
  rcv.wnd = room;
  return true;
}

/** The MSS we name in our SYN: what IP can take in one piece (RFC 9293 §3.7.1, MUST-67). */
function receiveMss(tcb: Tcb): number {
  return tcb.context.network.maxMessage(tcb.remote) - TCP_MIN_HEADER;
}

/** Settles Eff.snd.MSS by the option of the peer's SYN, 0 if there was none (MUST-14 to 16). */
export function settleMss(tcb: Tcb, option: number): void {
  const offered = option > 0 ? option : DEFAULT_MSS[tcb.remote.family];
  // A peer that names next to nothing would have us send headers only.
  tcb.mss = Math.max(Math.min(offered, receiveMss(tcb)), MIN_MSS);
}

/** Smaller segments than this are not made, whatever the peer says: IP carries 68 bytes at least. */
const MIN_MSS = 68 - 20 - TCP_MIN_HEADER - MSS_OPTION_LENGTH;

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
  const { source, destination } = seg.packet;
  context.counters.tcpResetsSent++;
  if ((seg.flags & ACK) !== 0) {
    sendBare(context, destination, source, seg, seg.ack, 0, RST);
  } else {
    sendBare(context, destination, source, seg, 0, seqAdd(seg.seq, seg.length), RST | ACK);
  }
}

/** Sends a header that answers `seg` and belongs to no connection. */
function sendBare(
  context: TcpContext,
  local: IpAddress,
  remote: IpAddress,
  seg: Segment,
  seq: number,
  ack: number,
  flags: number,
): void {
  const packet = context.network.outgoing;
  packet.end = TRANSPORT_AT + TCP_MIN_HEADER;
  header.bind(packet.view, TRANSPORT_AT);
  header.sourcePort = seg.destinationPort;
  header.destinationPort = seg.sourcePort;
  header.seq = seq;
  header.ack = ack;
  header.dataOffset = TCP_MIN_HEADER;
  header.flags = flags;
  header.window = 0;
  header.urgentPointer = 0;
  header.writeChecksum(
    packet.end,
    pseudoHeaderSum(local, remote, PROTOCOL.TCP, TCP_MIN_HEADER),
  );
  context.counters.tcpSent++;
  context.network.send(local, remote, PROTOCOL.TCP, BARE_OPTIONS);
}

const BARE_OPTIONS = { ttl: 64, tos: 0, dontFragment: true } as const;
