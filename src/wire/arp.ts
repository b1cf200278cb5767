/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 * @module
 */

import { Drop } from "./drop.ts";
import { ETHER_TYPE } from "./ethernet.ts";
import { isGroupMac, MAC_LENGTH } from "./mac.ts";

/** Length of a packet, in bytes. */
export const ARP_LENGTH = 28;
/** Where the sender's hardware and IPv4 addresses stand, and those of the target. */
export const ARP_SENDER_MAC = 8;
export const ARP_SENDER_IP = 14;
export const ARP_TARGET_MAC = 18;
export const ARP_TARGET_IP = 24;

/** What a packet does. 0 and 65535 are reserved (RFC 5494 §3). */
export const ARP_OPERATION = { REQUEST: 1, REPLY: 2 } as const;

/** Ethernet, among hardware types. */
const ETHERNET = 1;
const IPV4_LENGTH = 4;
const LAST_RESERVED = 0xffff;

/** An ARP packet seen in place. Bind it, read or write it, move on. */
export class ArpHeader {
  #view!: DataView;
  #at = 0;

  /** Moves to the packet at `view[at]`; {@linkcode ARP_LENGTH} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** One of {@linkcode ARP_OPERATION}, or another. */
  get operation(): number {
    return this.#view.getUint16(this.#at + 6);
  }

  set operation(value: number) {
    this.#view.setUint16(this.#at + 6, value);
  }

  /** Writes the types and lengths that every packet of ours has. */
  writeFormat(): void {
    this.#view.setUint16(this.#at, ETHERNET);
    this.#view.setUint16(this.#at + 2, ETHER_TYPE.IPV4);
    this.#view.setUint8(this.#at + 4, MAC_LENGTH);
    this.#view.setUint8(this.#at + 5, IPV4_LENGTH);
  }
}

/**
 * Checks the ARP packet in `[at, end)`, behind which there may be padding. A sender that claims to
 * be a group is not believed (RFC 1812 §3.3.2).
 *
 * @returns `Drop.NONE` if it is about IPv4 and Ethernet, and its sender may exist.
 */
export function checkArp(bytes: Uint8Array, view: DataView, at: number, end: number): Drop {
  if (end - at < ARP_LENGTH) return Drop.ARP_TRUNCATED;
  if (
    view.getUint16(at) !== ETHERNET || view.getUint16(at + 2) !== ETHER_TYPE.IPV4 ||
    view.getUint8(at + 4) !== MAC_LENGTH || view.getUint8(at + 5) !== IPV4_LENGTH
  ) return Drop.ARP_BAD_FORMAT;
  const operation = view.getUint16(at + 6);
  if (operation === 0 || operation === LAST_RESERVED) return Drop.ARP_BAD_FORMAT;
  return isGroupMac(bytes, at + ARP_SENDER_MAC) ? Drop.ARP_BAD_FORMAT : Drop.NONE;
}
