/**
 * What is below IP on an interface: how packets find the next hop there.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { Drop } from "../wire/drop.ts";
import type { LinkOffload, Packet } from "../wire/packet.ts";

/** Where finished packets, or frames, go. */
export interface Link {
  /** Largest IP packet, in bytes, but for super-segments. */
  readonly mtu: number;
  /** Left out: packets have to be as they are on the wire. */
  readonly offload?: LinkOffload;
  /** Sends the packet, or frame; `false` if it had to be dropped. The bytes are lent. */
  transmit(packet: Packet): boolean;
}

/** The layer between IP and a link: nothing on point-to-point links, Ethernet elsewhere. */
export interface LinkLayer {
  /** The interface's own hardware address; `null` where there are none. */
  readonly mac: Uint8Array | null;

  /**
   * Opens what came from the link: moves `packet.at` to the IP header, `packet.end` behind the
   * frame's payload, and sets `packet.isGroup`.
   *
   * @returns `Drop.NONE` if IP is to have it; `Drop.TAKEN` if it was for the link layer itself.
   */
  receive(packet: Packet, now: number): Drop;

  /**
   * Sends an IP packet to the next hop: a neighbor, a multicast group, or a broadcast address. A
   * packet whose neighbor is not known yet is copied and waits. Takes no time: what is due because
   * of it happens in {@linkcode poll}.
   *
   * @returns `false` if it was dropped; a counter says why.
   */
  send(packet: Packet, nextHop: IpAddress): boolean;

  /** A transport gets no answers through this neighbor: it is asked whether it still is there. */
  suspect(nextHop: IpAddress): void;

  /** A transport got an answer through this neighbor: it need not be asked (RFC 4861 §7.3.1). */
  confirm(nextHop: IpAddress, now: number): void;

  /** Does what is due at `now`: requests, retransmissions, expiry. */
  poll(now: number): void;

  /** When {@linkcode poll} is due, in ms; `Infinity`: never. */
  nextDeadline(): number;
}
