/**
 * The header that Linux puts in front of a packet whose sender leaves work to a network card: to
 * complete its checksum, and to cut it to the MTU.
 *
 * @module
 */

import { finish, sum } from "../src/wire/checksum.ts";

/** `struct virtio_net_hdr` of <linux/virtio_net.h>: 10 bytes, little-endian. */
export const VIRTIO_NET_HDR = {
  size: 10,
  flags: 0,
  gsoType: 1,
  csumStart: 6,
  csumOffset: 8,
} as const;

/** Bit of `flags`: the checksum covers the pseudo-header alone as yet. */
export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;

/** Values of `gso_type`: not to be cut, or to be cut into TCP segments. */
export const VIRTIO_NET_HDR_GSO_NONE = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4;
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
  // In place of zero, which tells that there is none (RFC 768); the same number otherwise.
  view.setUint16(field, finish(sum(view, start, end)) || 0xffff);
  return Offload.CHECKSUM;
}
