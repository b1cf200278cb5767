/**
 * What the stack asks of a network device, be it the kernel's or one in memory.
 *
 * @module
 */

import type { LinkOffload, Packet } from "../wire/packet.ts";

/**
 * What an Ethernet frame may have beyond the largest IP packet, in bytes: its header of 14, and a
 * VLAN tag of 4 (IEEE 802.3 §3.2.7).
 */
export const FRAME_OVERHEAD = 18;

/**
 * What passes through a device. `ip`: bare IP packets, as on TUN and utun. `ethernet`: frames from
 * the destination address up to the payload's end, without preamble and check sequence, as on TAP.
 */
export type Medium = "ip" | "ethernet";

/** What a device does besides moving packets. */
export interface DeviceCapabilities {
  /** What its packets are. */
  readonly medium: Medium;
  /** On Ethernet, the hardware address of the stack's end: 6 bytes. */
  readonly mac?: Uint8Array;
}

/** What a device has counted. Names end up in the list that `serve` prints at the end. */
export type DeviceCounters = Readonly<Record<string, number>>;

/** A network device, open and up. */
export interface Device {
  /** The name that the system knows it by, such as `tun0`. */
  readonly name: string;
  /** Largest IP packet, in bytes. */
  readonly mtu: number;
  /** What it does besides moving packets. */
  readonly capabilities: DeviceCapabilities;
  /** What it takes off whoever calls {@linkcode transmit}; left out: nothing. */
  readonly offload?: LinkOffload;

  /**
   * Hands over packets, or frames, that wait, in order, `limit` at most, each with `LINK_HEADROOM`
   * in front. Never blocks.
   *
   * @param handler Gets each packet, lent for the length of the call.
   * @returns How many were handed over; if it is none, {@linkcode readable} tells when to go on.
   */
  receive(limit: number, handler: (packet: Packet) => void): number;

  /**
   * Resolves when packets may wait, or at once if they do.
   *
   * @returns `false` once the device is closed and no packet will come any more.
   * @throws {Error} If the device failed: the interface has vanished, its reader has died.
   */
  readable(): Promise<boolean>;

  /**
   * Sends one packet, at once, without blocking. The bytes `[packet.at, packet.end)` are an IP
   * packet or a frame; the device may write into what is in front of it of the `LINK_HEADROOM` that
   * an IP header has there. Without {@linkcode offload} it is one packet, whole and in place.
   *
   * @returns `false` if the packet had to be dropped; the device has counted why.
   */
  transmit(packet: Packet): boolean;

  /** Counts of what went through and of what went wrong. */
  counters(): DeviceCounters;

  /** Stops the reader, gives the interface back to the system. Safe to call twice. */
  close(): Promise<void>;
}
