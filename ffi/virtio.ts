/**
 * The header that Linux puts in front of a packet whose sender leaves work to a network card: to
 * complete its checksum, and to cut it to the MTU.
 *
 * @module
 */

import type { DeviceCounters, Medium } from "../src/phy/device.ts";
import { finish, sum } from "../src/wire/checksum.ts";
import type { Packet } from "../src/wire/packet.ts";
import { PROTOCOL } from "../src/wire/protocol.ts";

/** `struct virtio_net_hdr` of <linux/virtio_net.h>: 10 bytes, little-endian. */
export const VIRTIO_NET_HDR = {
  size: 10,
  flags: 0,
  gsoType: 1,
  hdrLen: 2,
  gsoSize: 4,
  csumStart: 6,
  csumOffset: 8,
} as const;

/** Bit of `flags`: the checksum covers the pseudo-header alone as yet. */
export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
/** Bit of `flags`: a network card has verified the checksum. */
export const VIRTIO_NET_HDR_F_DATA_VALID = 2;

/** Values of `gso_type`: not to be cut, or to be cut into TCP segments, or into datagrams. */
export const VIRTIO_NET_HDR_GSO_NONE = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4;
export const VIRTIO_NET_HDR_GSO_UDP_L4 = 5;
/** Bit beside them: with Explicit Congestion Notification. */
export const VIRTIO_NET_HDR_GSO_ECN = 0x80;

/** What {@linkcode finishPacket} has found. */
export const Offload = {
  /** Nothing to do. */
  NONE: 0,
  /** The checksum was missing, and no longer is. */
  CHECKSUM: 1,
  /** Only its sender could have cut it up. */
  UNSEGMENTED: 2,
} as const;

/** One of the values of {@linkcode Offload}. */
export type Offload = typeof Offload[keyof typeof Offload];

/**
 * Does what the header in front of the packet `[at, end)` asks for. A long TCP segment stays one,
 * since a receiver doesn't mind; a run of datagrams that would have to be cut up is not usable.
 */
export function finishPacket(view: DataView, at: number, end: number): Offload {
  const header = at - VIRTIO_NET_HDR.size;
  const type = view.getUint8(header + VIRTIO_NET_HDR.gsoType) & ~VIRTIO_NET_HDR_GSO_ECN;
  if (
    type !== VIRTIO_NET_HDR_GSO_NONE && type !== VIRTIO_NET_HDR_GSO_TCPV4 &&
    type !== VIRTIO_NET_HDR_GSO_TCPV6
  ) return Offload.UNSEGMENTED;
  const flags = view.getUint8(header + VIRTIO_NET_HDR.flags);
  if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) === 0) return Offload.NONE;
  const start = at + view.getUint16(header + VIRTIO_NET_HDR.csumStart, true);
  const field = start + view.getUint16(header + VIRTIO_NET_HDR.csumOffset, true);
  if (field + 2 > end) return Offload.NONE; // it is broken, and whoever checks it will see
  complete(view, start, field, end);
  return Offload.CHECKSUM;
}

// What has to be known of the headers to find that of the transport (IEEE 802.3, RFC 791, RFC 8200).
const ETHERNET_HEADER = 14;
const ETHER_TYPE_IPV4 = 0x0800;
const ETHER_TYPE_IPV6 = 0x86dd;
const IPV4_MIN_HEADER = 20;
const IPV6_HEADER = 40;
/** Of IPv4's word with the offset of a fragment: that, and whether more come. */
const FRAGMENT_MASK = 0x3fff;

/** Where the checksum is in the headers of TCP (RFC 9293 §3.1) and of UDP (RFC 768). */
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

/** Reads the headers in front of received packets, and counts what they tell. */
export class OffloadInput {
  readonly #isEthernet: boolean;
  #superSegments = 0;
  #partial = 0;
  #malformed = 0;

  // Of the packet at hand: its transport's protocol, if the header of that directly follows the one
  // of IP; else 0.
  #protocol = 0;
  #version = 0;
  #transportAt = 0;

  /** @param medium What the packets are: IP packets, or frames. */
  constructor(medium: Medium) {
    this.#isEthernet = medium === "ethernet";
  }

  /**
   * Fills in what the header in front of a packet, which has just been placed, tells of it:
   * `isVerified`, `isPartial` and `segmentSize`. A checksum that was begun is completed if the stack
   * would look for it elsewhere: behind extension headers, or in a tunnel.
   *
   * @returns Whether the packet can be used; if not, that has been counted.
   */
  read(packet: Packet): boolean {
    const { view, at, end } = packet;
    const header = at - VIRTIO_NET_HDR.size;
    if (view.getUint16(header) === 0) return true; // neither flags nor a type
    this.#look(view, at, end);
    const type = view.getUint8(header + VIRTIO_NET_HDR.gsoType) & ~VIRTIO_NET_HDR_GSO_ECN;
    const size = view.getUint16(header + VIRTIO_NET_HDR.gsoSize, true);
    if (type !== VIRTIO_NET_HDR_GSO_NONE && (size === 0 || !this.#canBe(type))) return this.#drop();
    const flags = view.getUint8(header + VIRTIO_NET_HDR.flags);
    if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
      const start = at + view.getUint16(header + VIRTIO_NET_HDR.csumStart, true);
      const field = start + view.getUint16(header + VIRTIO_NET_HDR.csumOffset, true);
      if (field + 2 > end) return this.#drop();
      const offset = this.#protocol === PROTOCOL.TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
      if (this.#protocol !== 0 && start === this.#transportAt && field === start + offset) {
        packet.isVerified = packet.isPartial = true;
      } else {
        complete(view, start, field, end);
      }
      this.#partial++;
    } else if ((flags & VIRTIO_NET_HDR_F_DATA_VALID) !== 0) {
      packet.isVerified = true;
    }
    if (type !== VIRTIO_NET_HDR_GSO_NONE) {
      packet.segmentSize = size;
      this.#superSegments++;
    }
    return true;
  }

  /** Counts of what the headers told. */
  counters(): DeviceCounters {
    return {
      deviceSuperSegmentsReceived: this.#superSegments,
      devicePartialReceived: this.#partial,
      deviceOffloadMalformed: this.#malformed,
    };
  }

  #drop(): false {
    this.#malformed++;
    return false;
  }

  /** Finds TCP or UDP straight behind an IP header, in a packet that is no fragment. */
  #look(view: DataView, at: number, end: number): void {
    this.#protocol = 0;
    const ip = this.#isEthernet ? at + ETHERNET_HEADER : at;
    if (ip + IPV4_MIN_HEADER > end) return;
    const first = view.getUint8(ip);
    this.#version = this.#isEthernet ? versionOf(view.getUint16(ip - 2)) : first >>> 4;
    let protocol = 0;
    if (this.#version === 4) {
      if ((view.getUint16(ip + 6) & FRAGMENT_MASK) !== 0) return;
      protocol = view.getUint8(ip + 9);
      this.#transportAt = ip + ((first & 0x0f) << 2);
    } else if (this.#version === 6) {
      protocol = view.getUint8(ip + 6);
      this.#transportAt = ip + IPV6_HEADER;
    }
    if (protocol === PROTOCOL.TCP || protocol === PROTOCOL.UDP) this.#protocol = protocol;
  }

  /** Whether the packet can be a super-segment of a type, by what is known of it. */
  #canBe(type: number): boolean {
    const isKnown = this.#protocol !== 0;
    switch (type) {
      case VIRTIO_NET_HDR_GSO_TCPV4:
        return !isKnown || (this.#protocol === PROTOCOL.TCP && this.#version === 4);
      case VIRTIO_NET_HDR_GSO_TCPV6:
        return !isKnown || (this.#protocol === PROTOCOL.TCP && this.#version === 6);
      default:
        return type === VIRTIO_NET_HDR_GSO_UDP_L4 &&
          (!isKnown || this.#protocol === PROTOCOL.UDP);
    }
  }
}

/** The version of IP that a frame of this type carries; 0 for others. */
function versionOf(etherType: number): number {
  return etherType === ETHER_TYPE_IPV4 ? 4 : etherType === ETHER_TYPE_IPV6 ? 6 : 0;
}

/** Completes the checksum of `[start, end)`, which stands at `field`. */
function complete(view: DataView, start: number, field: number, end: number): void {
  // In place of zero, which tells that there is none (RFC 768); the same number otherwise.
  view.setUint16(field, finish(sum(view, start, end)) || 0xffff);
}
