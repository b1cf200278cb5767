/**
 * Super-segments and runs of datagrams, as links with offload carry them, and what they stand for.
 *
 * @module
 */

import { LINK_HEADROOM, Packet } from "../src/wire/packet.ts";
import { IpAddress } from "../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../src/wire/checksum.ts";
import { tcp, type TcpFields, udp, type UdpFields } from "./packets.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a packet leaves to the link. */
export interface Left {
  isPartial?: boolean;
  segmentSize?: number;
  isVerified?: boolean;
}

/** Where the transport starts, in an IP packet without options or extension headers. */
function transportOf(bytes: Uint8Array): number {
  return bytes[0]! >>> 4 === 4 ? (bytes[0]! & 15) * 4 : 40;
}

/** The sum of the pseudo-header of a packet without extension headers. */
export function pseudoOf(bytes: Bytes): number {
  const isVersion4 = bytes[0]! >>> 4 === 4;
  const address = (at: number, length: number) => IpAddress.fromBytes(bytes.slice(at, at + length));
  const [source, destination] = isVersion4
    ? [address(12, 4), address(16, 4)]
    : [address(8, 16), address(24, 16)];
  const protocol = bytes[isVersion4 ? 9 : 6]!;
  return pseudoHeaderSum(source, destination, protocol, bytes.length - transportOf(bytes));
}

/** The same packet with no more than the sum of the pseudo-header in its checksum field. */
export function partial(bytes: Bytes): Bytes {
  const copy = bytes.slice();
  const at = transportOf(bytes);
  const field = at + (bytes[bytes[0]! >>> 4 === 4 ? 9 : 6] === 6 ? 16 : 6);
  new DataView(copy.buffer).setUint16(field, ~finish(pseudoOf(bytes)) & 0xffff);
  return copy;
}

/** A packet with something left to the link, with the room in front that devices give it. */
export function leaving(bytes: Bytes, left: Left): Packet {
  const memory = new Uint8Array(LINK_HEADROOM + bytes.length + 5).fill(0xee);
  memory.set(bytes, LINK_HEADROOM);
  const packet = new Packet(memory).place(LINK_HEADROOM, LINK_HEADROOM + bytes.length);
  return Object.assign(packet, left);
}

/** Whether the checksums of a packet without extension headers are right. */
export function hasGoodChecksums(bytes: Bytes): boolean {
  const view = new DataView(bytes.buffer);
  const at = transportOf(bytes);
  const isGood = bytes[0]! >>> 4 === 6 || finish(sum(view, 0, at)) === 0;
  return isGood && finish(sum(view, at, bytes.length, pseudoOf(bytes))) === 0;
}

/** The same IPv4 packet with another identification; one of IPv6 as it is. */
export function identified(bytes: Bytes, identification: number): Bytes {
  if (bytes[0]! >>> 4 === 6) return bytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  view.setUint16(4, identification);
  view.setUint16(10, 0);
  view.setUint16(10, finish(sum(view, 0, transportOf(bytes))));
  return copy;
}

/** The segments that a super-segment stands for, by the rules, one after the other. */
export function segmentsOf(whole: TcpFields, size: number): Bytes[] {
  const text = whole.payload ?? new Uint8Array(0);
  const segments: Bytes[] = [];
  for (let at = 0; at === 0 || at < text.length; at += size) {
    const isLast = at + size >= text.length;
    const flags = whole.flags & (isLast ? 0xff : ~9) & (at === 0 ? 0xff : ~0x80);
    const segment = tcp({
      ...whole,
      flags,
      seq: (whole.seq + at) >>> 0,
      payload: text.subarray(at, at + size),
    });
    segments.push(identified(segment, 1 + segments.length));
  }
  return segments;
}

/** The datagrams that a run stands for. */
export function datagramsOf(run: UdpFields, size: number): Bytes[] {
  const datagrams: Bytes[] = [];
  for (let at = 0; at === 0 || at < run.payload.length; at += size) {
    const datagram = udp({ ...run, payload: run.payload.subarray(at, at + size) });
    datagrams.push(identified(datagram, 1 + datagrams.length));
  }
  return datagrams;
}
