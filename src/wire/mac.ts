/**
 * Hardware addresses of Ethernet (IEEE 802 MAC addresses): six bytes each.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";

/** Length of an address, in bytes. */
export const MAC_LENGTH = 6;

/** Everybody on the link. Not to be written to. */
export const BROADCAST_MAC: Uint8Array = new Uint8Array(MAC_LENGTH).fill(0xff);

/** Six times two hexadecimal digits, with one kind of separator. */
const TEXT_FORM = /^[0-9a-f]{2}(?:(:[0-9a-f]{2}){5}|(-[0-9a-f]{2}){5})$/i;

/**
 * Reads an address in text form: `02:00:5e:10:00:01`, or with `-` between the bytes.
 *
 * @throws {TypeError} If `text` is not an address.
 */
export function parseMac(text: string): Uint8Array<ArrayBuffer> {
  if (!TEXT_FORM.test(text)) {
    throw new TypeError(
      `Not a hardware address: "${text}": expected six bytes such as 02:00:5e:10:00:01`,
    );
  }
  return Uint8Array.from(text.split(/[:-]/), (byte) => parseInt(byte, 16));
}

/** The text form of the address at `bytes[at]`: `02:00:5e:10:00:01`. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  return Array.from(
    bytes.subarray(at, at + MAC_LENGTH),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join(":");
}

/** Whether the address at `bytes[at]` stands for a group, as broadcast does. */
export function isGroupMac(bytes: Uint8Array, at = 0): boolean {
  return (bytes[at]! & 1) !== 0;
}

/** Whether `mac` stands at `bytes[at]`. */
export function isMacAt(mac: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAC_LENGTH; i++) {
    if (bytes[at + i] !== mac[i]) return false;
  }
  return true;
}

/** Writes `mac` to `bytes[at]`. */
export function storeMac(mac: Uint8Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < MAC_LENGTH; i++) bytes[at + i] = mac[i]!;
}

/**
 * Writes the address of the group of hosts that an IP multicast address stands for: the last 23
 * bits of an IPv4 address behind 01:00:5e (RFC 1112 §6.4), the last 32 of an IPv6 address behind
 * 33:33 (RFC 2464 §7).
 */
export function storeMulticastMac(group: IpAddress, view: DataView, at: number): void {
  group.storeLast4(view, at + 2);
  if (group.family === 6) {
    view.setUint16(at, 0x3333);
  } else {
    view.setUint16(at, 0x0100);
    view.setUint16(at + 2, 0x5e00 | (view.getUint8(at + 3) & 0x7f));
  }
}

/** Whether the address at `bytes[at]` is one that {@linkcode storeMulticastMac} writes. */
export function isIpMulticastMac(bytes: Uint8Array, at = 0): boolean {
  if (bytes[at] === 0x33) return bytes[at + 1] === 0x33;
  return bytes[at] === 0x01 && bytes[at + 1] === 0x00 && bytes[at + 2] === 0x5e &&
    bytes[at + 3]! < 0x80;
}

/**
 * A random address: of one host, and administered locally, so that it is nobody's by manufacture.
 *
 * @param random Gives a random uint32.
 */
export function randomMac(random: () => number): Uint8Array<ArrayBuffer> {
  const mac = new Uint8Array(MAC_LENGTH);
  const view = new DataView(mac.buffer);
  view.setUint16(0, ((random() & 0xfcff) | 0x0200) >>> 0);
  view.setUint32(2, random());
  return mac;
}
