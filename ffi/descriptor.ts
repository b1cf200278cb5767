/**
 * An open device, as the two sides that move its packets see it.
 *
 * @module
 */

import { FRAME_OVERHEAD } from "../src/phy/device.ts";
import { LINK_HEADROOM, type LinkOffload } from "../src/wire/packet.ts";

/** A descriptor that gives and takes one packet per call. */
export interface Descriptor {
  readonly fd: number;
  /** Name of the interface. */
  readonly name: string;
  /** Largest IP packet, in bytes. */
  readonly mtu: number;
  /**
   * `file`: `read` and `write` on a descriptor opened not to block (TUN, TAP). `socket`: `recv` and
   * `send`, which are told with each call not to block (utun, packet sockets).
   */
  readonly kind: "file" | "socket";
  /**
   * Bytes in front of each packet, both ways: 4 for utun's address family, 10 for Linux's
   * `virtio_net_hdr`, 0 for none.
   */
  readonly prefix: 0 | 4 | 10;
  /** What the kernel takes off us, told by the `virtio_net_hdr`; left out: nothing. */
  readonly offload?: LinkOffload;
  /** Where packets are Ethernet frames: the hardware address of the stack's end. */
  readonly mac?: Uint8Array;
  /** Number of the interface that a packet socket is bound to. */
  readonly index?: number;
}

/** The largest packet, or frame, that may be sent, in bytes. */
export function largestSent({ mtu, mac }: Descriptor): number {
  return mac === undefined ? mtu : mtu + FRAME_OVERHEAD;
}

/** The largest super-segment, in bytes, with a frame's header if it has one. */
export const LARGEST_SUPER_SEGMENT = 0xffff + FRAME_OVERHEAD;

/**
 * The largest packet, or frame, that may come, in bytes. What the same machine has sent, or a
 * network card has put together, comes before it is cut to the MTU.
 */
export function largestReceived(descriptor: Descriptor): number {
  return descriptor.prefix === 10 ? LARGEST_SUPER_SEGMENT : largestSent(descriptor);
}

/** Where a received packet, or frame, is in its slot: such that its IP header is 8-aligned. */
export function slotHeadroom({ mac }: Descriptor): number {
  return mac === undefined ? LINK_HEADROOM : LINK_HEADROOM + 2;
}
