/**
 * What the stack asks of a network device, be it the kernel's or one in memory.
 *
 * @module
 */

import type { Packet } from "../wire/packet.ts";

/** What a device does besides moving packets. */
export interface DeviceCapabilities {
  /** `ip`: bare IP packets, as on TUN and utun. */
  readonly medium: "ip";
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

  /**
   * Hands over packets that wait, in order, `limit` at most. Never blocks.
   *
   * @param handler Gets each packet, lent for the length of the call.
   * @returns How many were handed over; fewer than `limit` means that none is left for now.
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
   * packet; the device may write into the `LINK_HEADROOM` in front of it.
   *
   * @returns `false` if the packet had to be dropped; the device has counted why.
   */
  transmit(packet: Packet): boolean;

  /** Counts of what went through and of what went wrong. */
  counters(): DeviceCounters;

  /** Stops the reader, gives the interface back to the system. Safe to call twice. */
  close(): Promise<void>;
}
