/**
 * What is left to a link, done here where the link does not do it: partial checksums are completed,
 * text is gathered, super-segments of TCP and runs of UDP datagrams are cut.
 *
 * They are cut in place, as packets are fragmented: pieces go out in order, and the headers of each
 * are written in front of its text, over bytes that have been sent already.
 *
 * @module
 */

import { copyBytes } from "../wire/bytes.ts";
import { checksumOffset, finish, sum } from "../wire/checksum.ts";
import { Drop } from "../wire/drop.ts";
import { IPV4_MIN_HEADER, Ipv4Header, MORE_FRAGMENTS } from "../wire/ipv4.ts";
import { IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import type { LinkOffload, Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { CWR, FIN, PSH, TCP_MIN_HEADER, TcpHeader } from "../wire/tcp.ts";
import { UDP_HEADER, UdpHeader } from "../wire/udp.ts";
import type { Emit } from "./fragment.ts";

/** Longest headers that are repeated, from the frame's to the transport's, in bytes. */
const MAX_HEADERS = 512;
/** Every bit of the word that says whether an IPv4 packet is a fragment: the flag, and the offset. */
const IS_FRAGMENT = MORE_FRAGMENTS | 0x1fff;

/** Whether something of a packet is left to the link. */
export function isUnfinished(packet: Packet): boolean {
  return packet.isPartial || packet.segmentSize > 0 || packet.tail.length > 0;
}

/** Whether a link does all that is left to it of a packet, whose `protocol` is known. */
export function isTakenBy(packet: Packet, offload: LinkOffload | undefined): boolean {
  if (!isUnfinished(packet)) return true;
  if (offload === undefined) return false;
  if (packet.segmentSize === 0 || packet.protocol === PROTOCOL.TCP) return true;
  return offload.udp && packet.isPartial;
}

/**
 * Length of the longest packet that a link gets to carry for this one, with the IP header, in bytes:
 * what a super-segment is cut into counts.
 */
export function longestPiece(packet: Packet): number {
  const length = packet.end - packet.at;
  if (packet.segmentSize === 0) return length;
  return Math.min(length, payloadOf(packet) - packet.at + packet.segmentSize);
}

/**
 * Finds TCP or UDP in a packet of which something is left to the link, and that nobody but IP's own
 * header check has looked at: fills in `transportAt` and `protocol`, past extension headers of IPv6.
 *
 * @param ipAt Offset of the IP header, where that is not `packet.at`: in a frame.
 * @returns `Drop.NONE` if the headers are there, and can be repeated.
 */
export function findTransport(packet: Packet, ipAt = packet.at): Drop {
  const { view, end } = packet;
  if (end - ipAt < IPV4_MIN_HEADER) return Drop.IP_TRUNCATED;
  const isVersion4 = view.getUint8(ipAt) >>> 4 === 4;
  const drop = isVersion4 ? find4(packet, ipAt) : find6(packet, ipAt);
  if (drop !== Drop.NONE) return drop;
  const { protocol, transportAt } = packet;
  if (protocol === PROTOCOL.TCP) {
    if (end - transportAt < TCP_MIN_HEADER) return Drop.TCP_TRUNCATED;
    const payloadAt = payloadOf(packet);
    if (payloadAt < transportAt + TCP_MIN_HEADER || payloadAt > end) return Drop.TCP_BAD_OFFSET;
  } else if (protocol === PROTOCOL.UDP) {
    if (end - transportAt < UDP_HEADER) return Drop.UDP_TRUNCATED;
  } else {
    return Drop.IP_UNKNOWN_PROTOCOL;
  }
  return payloadOf(packet) - packet.at > MAX_HEADERS ? Drop.IPV6_LONG_CHAIN : Drop.NONE;
}

function find4(packet: Packet, at: number): Drop {
  const { view } = packet;
  const headerLength = (view.getUint8(at) & 0x0f) << 2;
  packet.protocol = view.getUint8(at + 9);
  packet.transportAt = at + headerLength;
  // A fragment is no message of its transport.
  if ((view.getUint16(at + 6) & IS_FRAGMENT) !== 0) return Drop.IP_UNKNOWN_PROTOCOL;
  return headerLength < IPV4_MIN_HEADER ? Drop.IP_BAD_LENGTH : Drop.NONE;
}

function find6(packet: Packet, at: number): Drop {
  const { view, end } = packet;
  if (view.getUint8(at) >>> 4 !== 6) return Drop.IP_BAD_VERSION;
  if (end - at < IPV6_HEADER) return Drop.IP_TRUNCATED;
  let next = view.getUint8(at + 6);
  let headerAt = at + IPV6_HEADER;
  while (
    next === PROTOCOL.HOP_BY_HOP || next === PROTOCOL.ROUTING ||
    next === PROTOCOL.DESTINATION_OPTIONS
  ) {
    if (end - headerAt < 8) return Drop.IP_TRUNCATED;
    next = view.getUint8(headerAt);
    headerAt += (view.getUint8(headerAt + 1) + 1) << 3;
  }
  packet.protocol = next;
  packet.transportAt = headerAt;
  return Drop.NONE;
}

/** Offset of what TCP or UDP carries. */
function payloadOf({ view, protocol, transportAt }: Packet): number {
  if (protocol !== PROTOCOL.TCP) return transportAt + UDP_HEADER;
  return transportAt + ((view.getUint8(transportAt + 12) >>> 4) << 2);
}

/**
 * Completes the partial checksum of the TCP segment or UDP datagram in `[at, end)`; of another
 * protocol nothing is known.
 */
export function completeChecksum(view: DataView, at: number, end: number, protocol: number): void {
  const field = at + checksumOffset(protocol);
  if (field + 2 > end) return;
  // The sum of the pseudo-header stands where it is to be added.
  const checksum = finish(sum(view, at, end));
  view.setUint16(field, protocol === PROTOCOL.UDP ? checksum || 0xffff : checksum);
}

/** Gathers one packet, and completes its checksum. */
export function completePacket(packet: Packet): void {
  packet.gather();
  if (!packet.isPartial) return;
  completeChecksum(packet.view, packet.transportAt, packet.end, packet.protocol);
  packet.isPartial = false;
}

/** Cuts super-segments. */
export class Segmenter {
  /** The headers of the pieces to come. */
  #headers = new Uint8Array(MAX_HEADERS);
  #ipv4 = new Ipv4Header();
  #ipv6 = new Ipv6Header();
  #tcp = new TcpHeader();
  #udp = new UdpHeader();

  /**
   * Does all that is left to the link, and sends what comes of it.
   *
   * @param packet A good one, with `transportAt` and `protocol` filled in. Spent afterwards.
   * @param emit Sends each packet, in order. Once it fails, the rest is not sent.
   * @param ipAt Offset of the IP header, where that is not `packet.at`: in a frame.
   * @returns Whether all were sent.
   */
  finish(packet: Packet, emit: Emit, ipAt = packet.at): boolean {
    if (packet.segmentSize > 0) {
      packet.gather();
      return this.#cut(packet, emit, ipAt);
    }
    completePacket(packet);
    return emit(packet);
  }

  #cut(packet: Packet, emit: Emit, ipAt: number): boolean {
    const { bytes, view, at, end, transportAt, protocol, segmentSize } = packet;
    const payloadAt = payloadOf(packet);
    const headers = this.#headers.subarray(0, payloadAt - at);
    copyBytes(bytes, at, headers, 0, headers.length);
    const isVersion4 = view.getUint8(ipAt) >>> 4 === 4;
    const pseudo = pseudoWithoutLength(packet, ipAt, isVersion4);
    for (let pieceAt = payloadAt, index = 0;; index++) {
      const isLast = end - pieceAt <= segmentSize;
      const pieceEnd = isLast ? end : pieceAt + segmentSize;
      const moved = pieceAt - payloadAt;
      packet.place(at + moved, pieceEnd);
      packet.transportAt = transportAt + moved;
      if (moved > 0) bytes.set(headers, packet.at);
      if (isVersion4) this.#write4(packet, ipAt + moved, index);
      else this.#write6(packet, ipAt + moved);
      const length = pieceEnd - packet.transportAt;
      if (protocol === PROTOCOL.TCP) this.#writeTcp(packet, moved, isLast, pseudo + length);
      else this.#writeUdp(packet, pseudo + length);
      if (!emit(packet)) return false;
      if (isLast) return true;
      pieceAt = pieceEnd;
    }
  }

  /** @param at Offset of the header, which is that of the whole. */
  #write4({ view, end }: Packet, at: number, index: number): void {
    const header = this.#ipv4.bind(view, at);
    header.totalLength = end - at;
    header.identification = (header.identification + index) & 0xffff;
    header.writeChecksum();
  }

  #write6({ view, end }: Packet, at: number): void {
    this.#ipv6.bind(view, at).payloadLength = end - at - IPV6_HEADER;
  }

  /** @param offset Of the text, from the whole's. */
  #writeTcp(packet: Packet, offset: number, isLast: boolean, pseudo: number): void {
    const header = this.#tcp.bind(packet.view, packet.transportAt);
    header.seq = header.seq + offset;
    if (!isLast) header.flags &= ~(FIN | PSH);
    if (offset > 0) header.flags &= ~CWR; // RFC 3168 §6.1.2: on the first that is sent
    header.writeChecksum(packet.end, pseudo);
  }

  #writeUdp(packet: Packet, pseudo: number): void {
    const header = this.#udp.bind(packet.view, packet.transportAt);
    header.length = packet.end - packet.transportAt;
    header.writeChecksum(pseudo);
  }
}

/** The sum of what all pieces have in common in their pseudo-headers. */
function pseudoWithoutLength(packet: Packet, ipAt: number, isVersion4: boolean): number {
  const { view, transportAt, end, protocol } = packet;
  if (packet.isPartial) { // the whole's stands there: its length is taken off, in ones' complement
    return view.getUint16(transportAt + checksumOffset(protocol)) + (~(end - transportAt) & 0xffff);
  }
  return protocol + (isVersion4 ? sum(view, ipAt + 12, ipAt + 20) : sum(view, ipAt + 8, ipAt + 40));
}
