/**
 * What a network card does for a stack: cuts its super-segments and completes its checksums, and
 * joins the segments that it receives. Written by RFC 9293 alone, for the stack to be held to it.
 *
 * @module
 */

import type { Link } from "../src/net/link_layer.ts";
import { IpAddress } from "../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../src/wire/checksum.ts";
import { Packet } from "../src/wire/packet.ts";
import { PROTOCOL } from "../src/wire/protocol.ts";

const FIN = 1;
const SYN = 2;
const RST = 4;
const PSH = 8;
const ACK = 16;
const URG = 32;
const CWR = 128;

/** Largest super-segment, in bytes, with its headers. */
const LARGEST = 65_535;
const MARGIN = 64;

/** A link that is given super-segments and partial checksums, in front of one that takes neither. */
export function offloading(link: Link): Link {
  return {
    mtu: link.mtu,
    offload: { udp: false },
    transmit(packet) {
      let sent = true;
      for (const one of cut(packet, link.mtu)) sent = link.transmit(one) && sent;
      return sent;
    },
  };
}

/** A packet of TCP, by its offsets. */
interface Layout {
  version: number;
  tcpAt: number;
  textAt: number;
  end: number;
}

/** Where everything is in a packet that starts at 0; `undefined` if it is not a segment. */
function layout(bytes: Uint8Array): Layout | undefined {
  const version = bytes[0]! >>> 4;
  const tcpAt = version === 6 ? 40 : (bytes[0]! & 15) * 4;
  const isTcp = bytes[version === 6 ? 6 : 9] === PROTOCOL.TCP;
  const isFragment = version === 4 && (bytes[6]! & 0x3f | bytes[7]!) !== 0;
  if (!isTcp || isFragment || bytes.length < tcpAt + 20) return undefined;
  const textAt = tcpAt + (bytes[tcpAt + 12]! >>> 4) * 4;
  if (textAt < tcpAt + 20 || textAt > bytes.length) return undefined;
  return { version, tcpAt, textAt, end: bytes.length };
}

/** The sum of the pseudo-header of a segment. */
function pseudo(view: DataView, { version, tcpAt, end }: Layout): number {
  const source = IpAddress.scratch();
  const destination = IpAddress.scratch();
  if (version === 6) {
    source.load16(view, 8);
    destination.load16(view, 24);
  } else {
    source.load4(view, 12);
    destination.load4(view, 16);
  }
  return pseudoHeaderSum(source, destination, PROTOCOL.TCP, end - tcpAt);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes IP's length and checksum. */
function finishIp(bytes: Uint8Array, version: number): void {
  const view = viewOf(bytes);
  if (version === 6) {
    view.setUint16(4, bytes.length - 40);
    return;
  }
  view.setUint16(2, bytes.length);
  view.setUint16(10, 0);
  view.setUint16(10, finish(sum(view, 0, (bytes[0]! & 15) * 4)));
}

/**
 * Takes a packet that the stack hands over, with its text in place.
 *
 * @throws {Error} If the stack asks for what a link must not be asked for.
 */
function taken(packet: Packet, mtu: number): { bytes: Uint8Array; at: Layout | undefined } {
  const { segmentSize, isPartial } = packet;
  packet.gather();
  const bytes = packet.bytes.slice(packet.at, packet.end);
  const at = layout(bytes);
  if (at === undefined) {
    if (isPartial || segmentSize > 0) throw new Error("Only segments of TCP can be left to it");
    return { bytes, at };
  }
  const view = viewOf(bytes);
  const { tcpAt, textAt, end } = at;
  if (isPartial && view.getUint16(tcpAt + 16) !== (~finish(pseudo(view, at)) & 0xffff)) {
    throw new Error("A partial checksum is the sum of the pseudo-header");
  }
  if (segmentSize === 0) return { bytes, at };
  const flags = bytes[tcpAt + 13]!;
  if (!isPartial) throw new Error("A super-segment has no whole checksum");
  if (segmentSize >= end - textAt) throw new Error("A super-segment has more than one segment");
  if (bytes.length > LARGEST) throw new Error(`A super-segment of ${bytes.length} bytes`);
  if (textAt + segmentSize > mtu) throw new Error("The pieces of a super-segment do not fit");
  if ((flags & (SYN | RST | URG | CWR)) !== 0) throw new Error(`A super-segment with ${flags}`);
  return { bytes, at };
}

/** Completes the checksum of a segment. */
function complete(bytes: Uint8Array, at: Layout): void {
  const view = viewOf(bytes);
  view.setUint16(at.tcpAt + 16, 0);
  view.setUint16(at.tcpAt + 16, finish(sum(view, at.tcpAt, at.end, pseudo(view, at))));
}

/**
 * A packet that the stack hands over, whole: a super-segment is not cut.
 *
 * @throws {Error} If the stack asks for what a link must not be asked for.
 */
export function completed(packet: Packet, mtu: number): Uint8Array {
  const { isPartial } = packet;
  const { bytes, at } = taken(packet, mtu);
  if (at !== undefined && isPartial) complete(bytes, at);
  return bytes;
}

/** The packets that go out on the wire for what the stack hands over. */
function* cut(packet: Packet, mtu: number): Generator<Packet> {
  const { isPartial, segmentSize } = packet;
  const { bytes, at } = taken(packet, mtu);
  if (at === undefined) {
    yield placed(bytes);
    return;
  }
  const { tcpAt, textAt, end, version } = at;
  const seq = viewOf(bytes).getUint32(tcpAt + 4);
  const size = segmentSize || end;
  for (let from = textAt; from === textAt || from < end; from += size) {
    const to = Math.min(from + size, end);
    const piece = new Uint8Array(textAt + to - from);
    piece.set(bytes.subarray(0, textAt));
    piece.set(bytes.subarray(from, to), textAt);
    if (to < end) piece[tcpAt + 13]! &= ~(FIN | PSH);
    viewOf(piece).setUint32(tcpAt + 4, seq + from - textAt);
    finishIp(piece, version);
    if (isPartial) complete(piece, { version, tcpAt, textAt, end: piece.length });
    yield placed(piece);
  }
}

function placed(bytes: Uint8Array): Packet {
  const memory = new Uint8Array(bytes.length + 2 * MARGIN);
  memory.set(bytes, MARGIN);
  return new Packet(memory).place(MARGIN, MARGIN + bytes.length);
}

/**
 * Joins what has come in one go, where a segment follows the one before it and differs in nothing
 * else: the checksums of the result are verified, or left to whoever joins nothing.
 *
 * @returns The packets in their order; each of what was joined stands for several.
 */
export function joined(packets: readonly Packet[]): Packet[] {
  const result: Packet[] = [];
  let run: Uint8Array[] = [];
  const flush = () => {
    if (run.length === 1) result.push(placed(run[0]!));
    else if (run.length > 1) result.push(join(run));
    run = [];
  };
  for (const packet of packets) {
    const bytes = packet.bytes.slice(packet.at, packet.end);
    if (!continues(run, bytes)) flush();
    run.push(bytes);
  }
  flush();
  return result;
}

/** Whether a packet can be joined to those of a run; anything may begin one. */
function continues(run: readonly Uint8Array[], bytes: Uint8Array): boolean {
  if (run.length === 0) return true;
  const [first] = run;
  const last = run.at(-1)!;
  const one = layout(first!);
  const other = layout(bytes);
  const before = layout(last);
  if (one === undefined || other === undefined || before === undefined) return false;
  const size = one.end - one.textAt;
  const length = other.end - other.textAt;
  if (size === 0 || length === 0 || length > size || before.end - before.textAt !== size) {
    return false;
  }
  if (other.textAt !== one.textAt || one.version !== other.version) return false;
  const view = viewOf(bytes);
  const lastView = viewOf(last);
  const { tcpAt, textAt } = one;
  if ((last[tcpAt + 13]! & ~PSH) !== ACK || (bytes[tcpAt + 13]! & ~(PSH | FIN)) !== ACK) {
    return false;
  }
  if ((last[tcpAt + 13]! & PSH) !== 0) return false;
  if (view.getUint32(tcpAt + 4) !== (lastView.getUint32(tcpAt + 4) + size) >>> 0) return false;
  if (run.length * size + length + textAt > LARGEST) return false;
  // What need not be equal: IP's length, identification and checksum, and of TCP what was looked at.
  for (let i = 0; i < textAt; i++) {
    const isIpsOwn = one.version === 6
      ? i === 4 || i === 5
      : (i >= 2 && i < 6) || i === 10 || i === 11;
    const isSeen = (i >= tcpAt + 4 && i < tcpAt + 8) || i === tcpAt + 13 ||
      i === tcpAt + 16 || i === tcpAt + 17;
    if (!isIpsOwn && !isSeen && bytes[i] !== last[i]) return false;
  }
  return [last, bytes].every(isWhole);
}

/** Whether the checksums are right. */
function isWhole(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  const at = layout(bytes)!;
  if (at.version === 4 && finish(sum(view, 0, at.tcpAt)) !== 0) return false;
  if (at.version === 4 && view.getUint16(2) !== bytes.length) return false;
  return finish(sum(view, at.tcpAt, at.end, pseudo(view, at))) === 0;
}

function join(run: readonly Uint8Array[]): Packet {
  const { textAt, tcpAt, end, version } = layout(run[0]!)!;
  const length = run.reduce((total, piece) => total + piece.length - textAt, textAt);
  const bytes = new Uint8Array(length);
  bytes.set(run[0]!.subarray(0, textAt));
  let at = textAt;
  for (const piece of run) {
    bytes.set(piece.subarray(textAt), at);
    at += piece.length - textAt;
  }
  bytes[tcpAt + 13] = run.at(-1)![tcpAt + 13]!;
  finishIp(bytes, version);
  const packet = placed(bytes);
  packet.isVerified = packet.isPartial = true;
  packet.segmentSize = end - textAt;
  return packet;
}
