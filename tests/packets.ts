/**
 * Whole IPv4 packets, made and taken apart field by field, so that tests do not use the code they
 * test more than they must; and what IP of either version carries.
 *
 * @module
 */

import type { Link } from "../src/net/link_layer.ts";
import type { InterfaceConfig } from "../src/stack/stack.ts";
import { IpAddress } from "../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../src/wire/checksum.ts";
import { Packet } from "../src/wire/packet.ts";
import { PROTOCOL } from "../src/wire/protocol.ts";
import { ipv6, parseIpv6 } from "./packets6.ts";

/** What a packet is made of; what is left out has a sensible value. */
export interface Ipv4Fields {
  source?: IpAddress;
  destination?: IpAddress;
  protocol: number;
  payload: Uint8Array;
  ttl?: number;
  tos?: number;
  identification?: number;
  flagsAndOffset?: number;
  /** Bytes of IP options, a multiple of 4 long. */
  options?: Uint8Array;
}

/** Our side and the other in most tests. */
export const STACK = IpAddress.v4(10, 0, 0, 2);
export const PEER = IpAddress.v4(10, 0, 0, 1);

/** An IPv4 packet. */
export function ipv4(fields: Ipv4Fields): Uint8Array<ArrayBuffer> {
  const options = fields.options ?? new Uint8Array(0);
  const headerLength = 20 + options.length;
  const bytes = new Uint8Array(headerLength + fields.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x40 | (headerLength / 4));
  view.setUint8(1, fields.tos ?? 0);
  view.setUint16(2, bytes.length);
  view.setUint16(4, fields.identification ?? 1);
  view.setUint16(6, fields.flagsAndOffset ?? 0x4000);
  view.setUint8(8, fields.ttl ?? 64);
  view.setUint8(9, fields.protocol);
  (fields.source ?? PEER).store(view, 12);
  (fields.destination ?? STACK).store(view, 16);
  bytes.set(options, 20);
  bytes.set(fields.payload, headerLength);
  view.setUint16(10, finish(sum(view, 0, headerLength)));
  return bytes;
}

/** A packet of the version that its addresses are of. */
function ip(fields: Ipv4Fields & { destination: IpAddress }): Uint8Array<ArrayBuffer> {
  return fields.destination.family === 4 ? ipv4(fields) : ipv6(fields);
}

/** The fields of a segment. */
export interface TcpFields {
  source?: IpAddress;
  destination?: IpAddress;
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack?: number;
  flags: number;
  window?: number;
  urgentPointer?: number;
  /** Bytes of TCP options; padded with zeros to a multiple of 4. */
  options?: Uint8Array;
  payload?: Uint8Array;
  ttl?: number;
  tos?: number;
}

/** A segment in a packet of the version that its addresses are of. */
export function tcp(fields: TcpFields): Uint8Array<ArrayBuffer> {
  const options = fields.options ?? new Uint8Array(0);
  const payload = fields.payload ?? new Uint8Array(0);
  const dataOffset = 20 + Math.ceil(options.length / 4) * 4;
  const bytes = new Uint8Array(dataOffset + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, fields.sourcePort);
  view.setUint16(2, fields.destinationPort);
  view.setUint32(4, fields.seq);
  view.setUint32(8, fields.ack ?? 0);
  view.setUint8(12, (dataOffset / 4) << 4);
  view.setUint8(13, fields.flags);
  view.setUint16(14, fields.window ?? 65535);
  view.setUint16(18, fields.urgentPointer ?? 0);
  bytes.set(options, 20);
  bytes.set(payload, dataOffset);
  const source = fields.source ?? PEER;
  const destination = fields.destination ?? STACK;
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.TCP, bytes.length);
  view.setUint16(16, finish(sum(view, 0, bytes.length, pseudo)));
  const { ttl = 64, tos = 0 } = fields;
  return ip({ source, destination, protocol: PROTOCOL.TCP, payload: bytes, ttl, tos });
}

/** The fields of a datagram. */
export interface UdpFields {
  source?: IpAddress;
  destination?: IpAddress;
  sourcePort: number;
  destinationPort: number;
  payload: Uint8Array;
  /** `false` sends 0 for "none". */
  checksum?: boolean;
}

/** A datagram in a packet of the version that its addresses are of. */
export function udp(fields: UdpFields): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + fields.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, fields.sourcePort);
  view.setUint16(2, fields.destinationPort);
  view.setUint16(4, bytes.length);
  bytes.set(fields.payload, 8);
  const source = fields.source ?? PEER;
  const destination = fields.destination ?? STACK;
  if (fields.checksum !== false) {
    const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.UDP, bytes.length);
    view.setUint16(6, finish(sum(view, 0, bytes.length, pseudo)) || 0xffff);
  }
  return ip({ source, destination, protocol: PROTOCOL.UDP, payload: bytes });
}

/** An ICMP message, its checksum made right. */
export function icmp(
  type: number,
  code: number,
  body: Uint8Array,
  destination = STACK,
  source = destination.equals(STACK) ? PEER : STACK,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, code);
  bytes.set(body, 4);
  view.setUint16(2, finish(sum(view, 0, bytes.length)));
  return ipv4({ source, destination, protocol: PROTOCOL.ICMP, payload: bytes });
}

/**
 * An ICMP error that quotes a packet, or the beginning of one.
 *
 * @param mtu The lower half of the header's last word: of the next hop, for "fragmentation needed".
 */
export function icmpError(
  type: number,
  code: number,
  quoted: Uint8Array,
  mtu = 0,
  destination = STACK,
): Uint8Array<ArrayBuffer> {
  return icmp(type, code, Uint8Array.of(0, 0, mtu >>> 8, mtu & 0xff, ...quoted), destination);
}

/** What a stack has sent, taken apart. */
export interface Sent {
  source: string;
  destination: string;
  protocol: number;
  tos: number;
  ttl: number;
  /** Of IPv6 always: routers don't. */
  dontFragment: boolean;
  /** The bytes of its options, if it has any. */
  options?: Uint8Array;
  /** What IP carries. */
  payload: Uint8Array;
}

/** A segment that a stack has sent. */
export interface SentSegment {
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  urgentPointer: number;
  options: Uint8Array;
  text: Uint8Array;
}

/**
 * Takes apart a packet, and verifies what every packet of ours must have right.
 *
 * @throws {Error} If a length or the header's checksum is wrong.
 */
export function parseIpv4(bytes: Uint8Array): Sent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = (view.getUint8(0) & 15) * 4;
  if (view.getUint8(0) >>> 4 !== 4 || headerLength < 20) throw new Error("Not an IPv4 header");
  if (view.getUint16(2) !== bytes.length) {
    throw new Error(`Total length is ${view.getUint16(2)}, but ${bytes.length} bytes were sent`);
  }
  if (finish(sum(view, 0, headerLength)) !== 0) {
    throw new Error("The IP header's checksum is wrong");
  }
  const address = (at: number) => IpAddress.scratch().load4(view, at).toString();
  return {
    source: address(12),
    destination: address(16),
    protocol: view.getUint8(9),
    tos: view.getUint8(1),
    ttl: view.getUint8(8),
    dontFragment: view.getUint16(6) === 0x4000,
    ...(headerLength > 20 && { options: bytes.subarray(20, headerLength) }),
    payload: bytes.subarray(headerLength),
  };
}

/** Takes apart a packet of either version. */
export function parseIp(bytes: Uint8Array): Sent {
  return bytes[0]! >>> 4 === 6 ? parseIpv6(bytes) : parseIpv4(bytes);
}

/**
 * Takes apart the segment in a packet.
 *
 * @throws {Error} If its checksum is wrong.
 */
export function parseSegment({ source, destination, payload }: Sent): SentSegment {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const pseudo = pseudoHeaderSum(
    IpAddress.parse(source),
    IpAddress.parse(destination),
    PROTOCOL.TCP,
    payload.length,
  );
  if (finish(sum(view, 0, payload.length, pseudo)) !== 0) {
    throw new Error("The segment's checksum is wrong");
  }
  const dataOffset = (view.getUint8(12) >>> 4) * 4;
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: view.getUint8(13),
    window: view.getUint16(14),
    urgentPointer: view.getUint16(18),
    options: payload.subarray(20, dataOffset),
    text: payload.subarray(dataOffset),
  };
}

/** Bytes in front of each packet handed to a stack: an odd place, as devices may have one. */
const MARGIN = 7;

/** A packet that a device would hand over: somewhere in memory, with other bytes around it. */
export function packetOf(bytes: Uint8Array): Packet {
  const memory = new Uint8Array(bytes.length + 2 * MARGIN).fill(0xee);
  memory.set(bytes, MARGIN);
  return new Packet(memory).place(MARGIN, MARGIN + bytes.length);
}

/** The bytes of a packet that the stack hands to its link, copied. */
export function bytesOf(packet: Packet): Uint8Array<ArrayBuffer> {
  return packet.bytes.slice(packet.at, packet.end);
}

/** A link without hardware addresses, behind which everything lies. */
export function oneInterface(link: Link, addresses: readonly IpAddress[]): InterfaceConfig[] {
  const alone = (address: IpAddress) => ({ address, prefixLength: address.length * 8 });
  return [{ name: "test0", link, addresses: addresses.map(alone) }];
}

/**
 * Whether the packet at `at` tells routers which multicast groups a host is in (RFC 3810), which
 * every host with an IPv6 address does of its own accord.
 */
export function isListenerReport(bytes: Uint8Array, at = 0): boolean {
  return bytes[at]! >>> 4 === 6 && bytes[at + 6] === PROTOCOL.HOP_BY_HOP &&
    IpAddress.fromBytes(bytes.slice(at + 24, at + 40)).toString() === "ff02::16";
}
