/**
 * Whole IPv6 packets, made and taken apart field by field, as `packets.ts` does it with IPv4.
 *
 * @module
 */

import { IpAddress } from "../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../src/wire/checksum.ts";
import { PROTOCOL } from "../src/wire/protocol.ts";
import type { Sent } from "./packets.ts";

/** Our side and the other in most tests. */
export const STACK6 = IpAddress.parse("fd00::2");
export const PEER6 = IpAddress.parse("fd00::1");

/** What a packet is made of; what is left out has a sensible value. */
export interface Ipv6Fields {
  source?: IpAddress;
  destination?: IpAddress;
  /** What the payload is: a protocol, or an extension header. */
  protocol: number;
  payload: Uint8Array;
  /** Hop limit. */
  ttl?: number;
  /** Traffic class. */
  tos?: number;
}

/** An IPv6 packet. */
export function ipv6(fields: Ipv6Fields): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(40 + fields.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x6000_0000 | ((fields.tos ?? 0) << 20));
  view.setUint16(4, fields.payload.length);
  view.setUint8(6, fields.protocol);
  view.setUint8(7, fields.ttl ?? 64);
  (fields.source ?? PEER6).store(view, 8);
  (fields.destination ?? STACK6).store(view, 24);
  bytes.set(fields.payload, 40);
  return bytes;
}

/** An ICMPv6 message, its checksum made right. */
export function icmpv6(
  type: number,
  code: number,
  body: Uint8Array,
  { source = PEER6, destination = STACK6, ttl = 64 }: Partial<Ipv6Fields> = {},
): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4 + body.length);
  const view = new DataView(payload.buffer);
  view.setUint8(0, type);
  view.setUint8(1, code);
  payload.set(body, 4);
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.ICMPV6, payload.length);
  view.setUint16(2, finish(sum(view, 0, payload.length, pseudo)));
  return ipv6({ source, destination, protocol: PROTOCOL.ICMPV6, payload, ttl });
}

/**
 * An ICMPv6 error that quotes a packet, or the beginning of one.
 *
 * @param value The header's last word: the MTU of "packet too big", the pointer of a "parameter
 * problem".
 */
export function icmpv6Error(
  type: number,
  code: number,
  quoted: Uint8Array,
  value = 0,
  destination: IpAddress = STACK6,
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(4 + quoted.length);
  new DataView(body.buffer).setUint32(0, value);
  body.set(quoted, 4);
  const source = destination.equals(STACK6) ? PEER6 : STACK6;
  return icmpv6(type, code, body, { source, destination });
}

/**
 * Takes apart a packet, and verifies what every packet of ours must have right.
 *
 * @throws {Error} If the length is wrong, or a segment or a datagram belongs to no flow.
 */
export function parseIpv6(bytes: Uint8Array): Sent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(4) !== bytes.length - 40) {
    throw new Error(`Payload length is ${view.getUint16(4)}, but ${bytes.length} bytes were sent`);
  }
  const hasPorts = view.getUint8(6) === PROTOCOL.TCP || view.getUint8(6) === PROTOCOL.UDP;
  if (hasPorts && (view.getUint32(0) & 0xfffff) === 0) throw new Error("There is no flow label");
  const address = (at: number) => IpAddress.scratch().load16(view, at).toString();
  return {
    source: address(8),
    destination: address(24),
    protocol: view.getUint8(6),
    tos: (view.getUint16(0) >>> 4) & 0xff,
    ttl: view.getUint8(7),
    dontFragment: true,
    payload: bytes.subarray(40),
  };
}
