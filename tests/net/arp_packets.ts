/**
 * ARP packets, made and read field by field, apart from the code under test.
 *
 * @module
 */

import { IpAddress } from "../../src/wire/address.ts";
import { formatMac, parseMac } from "../../src/wire/mac.ts";

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** The fields of a packet; addresses as text. */
export interface ArpFields {
  operation: number;
  senderMac: string;
  sender: string;
  targetMac?: string;
  target: string;
}

/** An ARP packet, from its hardware type on. */
export function arp(
  { operation, senderMac, sender, targetMac = "00:00:00:00:00:00", target }: ArpFields,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0, 1, 8, 0, 6, 4, operation >> 8, operation & 0xff],
    ...parseMac(senderMac),
    ...IpAddress.parse(sender).toBytes(),
    ...parseMac(targetMac),
    ...IpAddress.parse(target).toBytes(),
  ]);
}

/**
 * What a packet of ours says.
 *
 * @throws {Error} If it is none.
 */
export function readArp(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 6).toHex();
  if (bytes.length !== 28 || head !== "000108000604") throw new Error(`Not ARP: ${bytes.toHex()}`);
  const address = (at: number) => `${IpAddress.fromBytes(bytes.slice(at, at + 4))}`;
  const sender = formatMac(bytes, 8);
  const targetMac = formatMac(bytes, 18);
  switch (bytes[6]! << 8 | bytes[7]!) {
    case ARP_REQUEST:
      if (targetMac !== "00:00:00:00:00:00") throw new Error("A request with a target's address");
      return `${sender} asks who has ${address(24)}, tell ${address(14)}`;
    case ARP_REPLY:
      return `${sender} tells ${targetMac} ${address(24)} it has ${address(14)}`;
    default:
      throw new Error(`Not an operation of ours: ${bytes.toHex()}`);
  }
}
