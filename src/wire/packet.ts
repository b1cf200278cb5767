/**
 * A packet in place: a place in memory, and what the layers have found there so far.
 *
 * @module
 */

import { IpAddress } from "./address.ts";

/**
 * Bytes kept free in front of the largest IP header for what a device puts there: utun's address
 * family (4), Ethernet with a VLAN tag (18), a virtio-net header (12).
 */
export const LINK_HEADROOM = 40;

/**
 * Where the transport header starts in a packet that is being built: behind the link's headroom
 * and room for an IPv4 header full of options, or an IPv6 header with a hop-by-hop option and a
 * fragment header. 8-aligned; an IPv4 header then starts 4-aligned.
 */
export const TRANSPORT_AT = LINK_HEADROOM + 64;

/**
 * One packet, seen in place. A device owns one and moves it from packet to packet, so neither it
 * nor its addresses may be kept: copy what outlives the call.
 */
export class Packet {
  /** The memory that the packet lies in, shared with other packets. */
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
  /** Offset of the first byte: of the IP header on devices without Ethernet. */
  at = 0;
  /** Offset behind the last byte. */
  end = 0;
  /** Offset of the transport header, known once IP has looked at the packet. */
  transportAt = 0;
  /** Source address, filled by IP. */
  readonly source: IpAddress = IpAddress.scratch();
  /** Destination address, filled by IP. */
  readonly destination: IpAddress = IpAddress.scratch();
  /** IPv4 protocol or IPv6 next header of the transport, filled by IP. */
  protocol = 0;
  /** TTL or hop limit, filled by IP. */
  ttl = 0;
  /** Type of service or traffic class, the whole byte, filled by IP. */
  tos = 0;
  /** Whether it was sent to more than one host: by its frame's address, or its IP destination. */
  isGroup = false;

  /** A packet in this memory, as yet without a place. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves to the bytes `[at, end)`. */
  place(at: number, end: number): this {
    this.at = at;
    this.end = end;
    return this;
  }
}
