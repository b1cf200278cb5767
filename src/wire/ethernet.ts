/**
 * Ethernet II frames (IEEE 802.3, RFC 894, RFC 2464), with tags of IEEE 802.1Q on the way in.
 *
 * @module
 */

import { Drop } from "./drop.ts";

/** Length of the header without tags, in bytes. */
export const ETHERNET_HEADER = 14;
/** Where the sender's address stands in a frame; the receiver's comes first. */
export const ETHERNET_SOURCE = 6;
/** Where the type stands in a frame without tags. */
const TYPE_AT = 12;
/** Length of a tag, in bytes. */
export const TAG = 4;
/** Most tags in a frame: the provider's and the customer's (IEEE 802.1ad). */
export const MAX_TAGS = 2;
/** The bits of a tag that name the virtual LAN. */
const VLAN_MASK = 0x0fff;

/** What a frame carries; numbers below 0x600 are lengths of other kinds of frames. */
export const ETHER_TYPE = {
  IPV4: 0x0800,
  ARP: 0x0806,
  /** A tag (IEEE 802.1Q). */
  CUSTOMER_TAG: 0x8100,
  IPV6: 0x86dd,
  /** A provider's tag (IEEE 802.1ad). */
  SERVICE_TAG: 0x88a8,
} as const;

/** An Ethernet header seen in place. */
export class EthernetHeader {
  /** What the frame carries: one of {@linkcode ETHER_TYPE}, or another. */
  etherType = 0;
  /** Offset of what the frame carries, behind all tags. */
  payloadAt = 0;

  /**
   * Reads the header of the frame in `[at, end)`, which may be shorter than the 60 bytes of a frame
   * on a wire, or padded.
   *
   * Tags that only tell a priority (VLAN 0) are read through. A frame of another virtual LAN is not
   * for us: we are not its member, and what we answered would go to the LAN of frames without tags.
   */
  read(view: DataView, at: number, end: number): Drop {
    if (end - at < ETHERNET_HEADER) return Drop.ETHERNET_TRUNCATED;
    let typeAt = at + TYPE_AT;
    for (let tags = 0;; tags++) {
      this.etherType = view.getUint16(typeAt);
      this.payloadAt = typeAt + 2;
      if (!isTag(this.etherType)) return Drop.NONE;
      if (tags === MAX_TAGS) return Drop.ETHERNET_UNKNOWN_TYPE;
      if (end - this.payloadAt < TAG) return Drop.ETHERNET_TRUNCATED;
      if ((view.getUint16(this.payloadAt) & VLAN_MASK) !== 0) return Drop.ETHERNET_NOT_FOR_US;
      typeAt += TAG;
    }
  }
}

/** Whether a type says that a tag follows. */
export function isTag(etherType: number): boolean {
  return etherType === ETHER_TYPE.CUSTOMER_TAG || etherType === ETHER_TYPE.SERVICE_TAG;
}

/**
 * Where that starts what the frame in `[at, end)` carries, behind tags of whatever virtual LAN; `end`
 * or more if there is nothing.
 */
export function behindTags(view: DataView, at: number, end: number): number {
  let payloadAt = at + ETHERNET_HEADER;
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    if (payloadAt + TAG > end || !isTag(view.getUint16(payloadAt - 2))) break;
    payloadAt += TAG;
  }
  return payloadAt;
}

/** Writes the type of a frame that starts at `view[at]` and has no tags. */
export function storeEtherType(etherType: number, view: DataView, at: number): void {
  view.setUint16(at + TYPE_AT, etherType);
}
