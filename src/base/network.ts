/**
 * What a transport asks of IP.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { Packet } from "../wire/packet.ts";

/** IP as TCP, UDP and ICMP see it when they send. */
export interface Network {
  /**
   * The packet to build in: write the transport's header and payload to `[TRANSPORT_AT, end)`,
   * set `end`, then {@linkcode send}. It is the same memory each time.
   */
  readonly outgoing: Packet;

  /**
   * Puts an IP header in front of what {@linkcode outgoing} holds, and hands it to the link.
   *
   * @returns `false` if it was dropped; a counter says why.
   */
  send(source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions): boolean;

  /** The largest transport message to a destination, header included, in bytes: MMS_S. */
  maxMessage(destination: IpAddress): number;

  /** A destination does not answer: the way there may be dead (RFC 1122 §3.3.1.4). */
  suspect(destination: IpAddress): void;

  /** Our address towards a destination; `undefined` when there is no way to it. */
  sourceFor(destination: IpAddress): IpAddress | undefined;
}

/** How a transport wants its message to travel. */
export interface SendOptions {
  /** Time to live, 1 to 255. */
  readonly ttl: number;
  /** The whole type-of-service byte: Diffserv field and ECN. */
  readonly tos: number;
  /** Never to be fragmented on its way. */
  readonly dontFragment: boolean;
}
