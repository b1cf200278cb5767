/**
 * The header that Linux puts in front of a packet whose sender leaves work to a network card: to
 * complete its checksum, and to cut it to the MTU.
 *
 * @module
 */

import type { DeviceCounters, Medium } from "../src/phy/device.ts";
import { checksumOffset, finish, sum } from "../src/wire/checksum.ts";
import { behindTags } from "../src/wire/ethernet.ts";
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

// What has to be known of the headers to find that of the transport (RFC 791, RFC 8200).
const IPV4_MIN_HEADER = 20;
const IPV6_HEADER = 40;
/** The smallest one, and the unit of their length. */
const EXTENSION_HEADER = 8;
/** Most of them that are read through. */
const MAX_EXTENSIONS = 8;
/** Of IPv4's word with the offset of a fragment: that, and whether more come. */
const FRAGMENT_MASK = 0x3fff;

const UDP_HEADER = 8;
/** Where TCP's header tells its length, and its control bits, and one of these. */
const TCP_OFFSET = 12;
const TCP_FLAGS = 13;
const TCP_CWR = 0x80;

/**
 * Most packets that a super-segment stands for: more than anyone's TCP makes one of, and few enough
 * that nobody, by naming a tiny size, makes the stack work for much longer than it took to send it.
 */
const MAX_SEGMENTS = 2048;

/** Reads the headers in front of received packets, and counts what they tell. */
export class OffloadInput {
  readonly #isEthernet: boolean;
  readonly #completes: boolean;
  #superSegments = 0;
  #partial = 0;
  #malformed = 0;

  // Of the packet at hand: TCP's or UDP's number; 0 if it carries neither, or a part of it.
  #protocol = 0;
  #version = 0;
  #transportAt = 0;

  /**
   * @param medium What the packets are: IP packets, or frames.
   * @param completes Whether to complete every checksum that was begun.
   */
  constructor(medium: Medium, completes: boolean) {
    this.#isEthernet = medium === "ethernet";
    this.#completes = completes;
  }

  /**
   * Fills in what the header in front of a packet, which has just been placed, tells of it:
   * `isVerified`, `isPartial` and `segmentSize`. A checksum that was begun is completed if it is
   * not where the stack would look for it, but in a tunnel.
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
    const isSuper = type !== VIRTIO_NET_HDR_GSO_NONE;
    if (isSuper && (end - at > size * MAX_SEGMENTS || !this.#canBe(type))) return this.#drop();
    const flags = view.getUint8(header + VIRTIO_NET_HDR.flags);
    if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
      const start = at + view.getUint16(header + VIRTIO_NET_HDR.csumStart, true);
      const field = start + view.getUint16(header + VIRTIO_NET_HDR.csumOffset, true);
      if (field + 2 > end) return this.#drop();
      if (!this.#completes && this.#isChecksum(start, field)) {
        packet.isVerified = packet.isPartial = true;
      } else {
        complete(view, start, field, end);
      }
      this.#partial++;
    } else if ((flags & VIRTIO_NET_HDR_F_DATA_VALID) !== 0) {
      packet.isVerified = true;
    }
    if (isSuper) {
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

  /** Finds the header of TCP or UDP in a packet that is no fragment. */
  #look(view: DataView, at: number, end: number): void {
    this.#protocol = 0;
    const ip = this.#isEthernet ? behindTags(view, at, end) : at;
    if (ip + IPV4_MIN_HEADER > end) return;
    const first = view.getUint8(ip);
    this.#version = first >>> 4;
    let protocol = 0;
    let next = ip;
    if (this.#version === 4) {
      if ((view.getUint16(ip + 6) & FRAGMENT_MASK) !== 0) return;
      protocol = view.getUint8(ip + 9);
      next += (first & 0x0f) << 2;
    } else if (this.#version === 6) {
      protocol = view.getUint8(ip + 6);
      next += IPV6_HEADER;
      for (let headers = 0; headers < MAX_EXTENSIONS; headers++) {
        if (!isExtension(protocol) || next + EXTENSION_HEADER > end) break;
        protocol = view.getUint8(next);
        next += EXTENSION_HEADER * (view.getUint8(next + 1) + 1);
      }
    }
    if (protocol !== PROTOCOL.TCP && protocol !== PROTOCOL.UDP) return;
    this.#protocol = protocol;
    this.#transportAt = next;
  }

  /** Whether this is the checksum of the packet's TCP or UDP. */
  #isChecksum(start: number, field: number): boolean {
    return this.#protocol !== 0 && start === this.#transportAt &&
      field === start + checksumOffset(this.#protocol);
  }

  /** Whether the packet can be a super-segment of a type. */
  #canBe(type: number): boolean {
    switch (type) {
      case VIRTIO_NET_HDR_GSO_TCPV4:
        return this.#protocol === PROTOCOL.TCP && this.#version === 4;
      case VIRTIO_NET_HDR_GSO_TCPV6:
        return this.#protocol === PROTOCOL.TCP && this.#version === 6;
      default:
        return type === VIRTIO_NET_HDR_GSO_UDP_L4 && this.#protocol === PROTOCOL.UDP;
    }
  }
}

/** Whether it is a header of IPv6 with another one behind it, in a packet that is no fragment. */
function isExtension(protocol: number): boolean {
  return protocol === PROTOCOL.HOP_BY_HOP || protocol === PROTOCOL.ROUTING ||
    protocol === PROTOCOL.DESTINATION_OPTIONS;
}

/** Completes the checksum of `[start, end)`, which stands at `field`. */
function complete(view: DataView, start: number, field: number, end: number): void {
  // In place of zero, which tells that there is none (RFC 768); the same number otherwise.
  view.setUint16(field, finish(sum(view, start, end)) || 0xffff);
}

/** Writes the header in front of a packet to be sent: what is left of it for the kernel to do. */
export class OffloadOutput {
  readonly #isEthernet: boolean;

  /** @param medium What the packets are: IP packets, or frames. */
  constructor(medium: Medium) {
    this.#isEthernet = medium === "ethernet";
  }

  /** Writes the header, which ends at `packet.at`; `transportAt` and `protocol` are filled in. */
  write(packet: Packet): void {
    const { view, at } = packet;
    const header = at - VIRTIO_NET_HDR.size;
    view.setUint32(header, 0);
    view.setUint32(header + 4, 0);
    view.setUint16(header + 8, 0);
    const isTcp = packet.protocol === PROTOCOL.TCP;
    if (packet.isPartial) {
      const offset = checksumOffset(packet.protocol);
      view.setUint8(header + VIRTIO_NET_HDR.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
      view.setUint16(header + VIRTIO_NET_HDR.csumStart, packet.transportAt - at, true);
      view.setUint16(header + VIRTIO_NET_HDR.csumOffset, offset, true);
    }
    if (packet.segmentSize > 0) {
      const headers = packet.transportAt - at + headerLength(view, packet.transportAt, isTcp);
      const type = isTcp ? this.#tcpType(packet) : VIRTIO_NET_HDR_GSO_UDP_L4;
      view.setUint8(header + VIRTIO_NET_HDR.gsoType, type);
      view.setUint16(header + VIRTIO_NET_HDR.hdrLen, headers, true);
      view.setUint16(header + VIRTIO_NET_HDR.gsoSize, packet.segmentSize, true);
    }
  }

  #tcpType({ view, at, end, transportAt }: Packet): number {
    const version = view.getUint8(this.#isEthernet ? behindTags(view, at, end) : at) >>> 4;
    const type = version === 6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    // Only the first segment is to have that bit (RFC 3168 §6.1.2).
    const hasCwr = (view.getUint8(transportAt + TCP_FLAGS) & TCP_CWR) !== 0;
    return hasCwr ? type | VIRTIO_NET_HDR_GSO_ECN : type;
  }
}

/** Length of a transport's header, in bytes. */
function headerLength(view: DataView, at: number, isTcp: boolean): number {
  return isTcp ? (view.getUint8(at + TCP_OFFSET) >>> 4) << 2 : UDP_HEADER;
}
