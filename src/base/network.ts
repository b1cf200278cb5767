/**
 * What a transport asks of IP.
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import type { Drop } from "../wire/drop.ts";
import type { Packet } from "../wire/packet.ts";

/** IP as TCP, UDP and ICMP see it when they send. */
export interface Network {
  /**
   * The packet to build in: write the transport's header and payload to `[messageAt, end)`,
   * set `end`, then {@linkcode send}. It is the same memory each time.
   */
  readonly outgoing: Packet;

  /**
   * Puts an IP header in front of what {@linkcode outgoing} holds, and hands it to the link.
   *
   * @returns `false` if it was dropped; a counter says why.
   */
  send(source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions): boolean;

  /**
   * The largest transport message that reaches a destination in one piece, header included, in
   * bytes, as far as is known at `now`: what the path's MTU leaves (RFC 1191 §3).
   */
  maxMessage(destination: IpAddress, now: number): number;

  /**
   * Whether the link towards a destination takes super-segments and partial checksums. They may be
   * sent to every destination, but where this is `false` they cost more than packets as they are
   * on the wire.
   */
  hasOffload(destination: IpAddress, protocol: number): boolean;

  /** The largest that the link takes, to a destination or from it: MMS_S and MMS_R. */
  maxLinkMessage(destination: IpAddress): number;

  /** The largest that can be sent at all, in fragments if need be, in bytes. */
  maxFragmented(destination: IpAddress): number;

  /**
   * A packet with don't-fragment set was too big for the path. Believed as it stands: whoever sent
   * the packet has to have checked that.
   *
   * @param mtu What the path takes, in bytes; 0 if that is not known.
   * @param length Length of the packet, in bytes.
   * @returns Whether the report makes sense.
   */
  tooBig(destination: IpAddress, mtu: number, length: number, now: number): boolean;

  /** A destination does not answer: the way there may be dead (RFC 1122 §3.3.1.4). */
  suspect(destination: IpAddress): void;

  /** A destination has acknowledged something new: the way there works (RFC 4861 §7.3.1). */
  confirm(destination: IpAddress, now: number): void;

  /** Whether `address` is one of ours. */
  isOwn(address: IpAddress): boolean;

  /**
   * Our address towards a destination; `undefined` when there is no way to it.
   *
   * @param only Number of the interface to leave by; left out: that of its zone, or any.
   */
  sourceFor(destination: IpAddress, only?: number): IpAddress | undefined;
}

/** What an ICMP error says, of either family. */
export const ErrorKind = {
  NETWORK_UNREACHABLE: 0,
  HOST_UNREACHABLE: 1,
  /** The host does not speak the protocol. */
  PROTOCOL_UNREACHABLE: 2,
  /** Nobody takes what is sent to the port. */
  PORT_UNREACHABLE: 3,
  /** Too big for a link on the way, and not to be fragmented. */
  TOO_BIG: 4,
  SOURCE_ROUTE_FAILED: 5,
  /** A firewall or the like lets nothing through. */
  PROHIBITED: 6,
  TIME_EXCEEDED: 7,
  PARAMETER_PROBLEM: 8,
  /** Not all fragments came in time. Of errors received, part of `TIME_EXCEEDED`. */
  REASSEMBLY_TIME_EXCEEDED: 9,
  /** IPv6 alone: a header or an option that nobody knows. */
  UNKNOWN_NEXT_HEADER: 10,
  UNKNOWN_OPTION: 11,
  /**
   * IPv6 alone: the source means nothing where the destination is. Of errors received, part of
   * `NETWORK_UNREACHABLE`.
   */
  BEYOND_SCOPE: 12,
} as const;

/** One of the values of {@linkcode ErrorKind}. */
export type ErrorKind = typeof ErrorKind[keyof typeof ErrorKind];

/**
 * An ICMP error about a packet of ours. Made once and used again: copy what outlives the call.
 * Nothing in it can be trusted: anybody may have made it up.
 */
export class TransportError {
  kind: ErrorKind = ErrorKind.NETWORK_UNREACHABLE;
  /** Of {@linkcode ErrorKind.TOO_BIG}: what the path takes, in bytes; 0 if that is not known. */
  mtu = 0;
  /** Our address, and the other, as the quoted packet has them. */
  readonly local: IpAddress = IpAddress.scratch();
  readonly remote: IpAddress = IpAddress.scratch();
  /** Who says so: a router, or the other end; ours if the packet did not even leave. */
  readonly from: IpAddress = IpAddress.scratch();
  localPort = 0;
  remotePort = 0;
  /** Length of the quoted packet when it was whole, in bytes. */
  length = 0;
  /** Its transport header, of which 8 bytes are there at least. */
  view!: DataView;
  at = 0;
}

/** A transport that wants to know of errors about its messages. */
export interface ErrorReceiver {
  /** Takes an error, lent for the length of the call; returns why it is not believed. */
  error(error: TransportError, now: number): Drop;
}

/** How a transport wants its message to travel. */
export interface SendOptions {
  /** Time to live or hop limit, 1 to 255; 0: the default (RFC 1122 §3.2.1.7). */
  readonly ttl: number;
  /** The whole type-of-service byte: Diffserv field and ECN. */
  readonly tos: number;
  /** Never to be fragmented on its way. */
  readonly dontFragment: boolean;
  /** Number of the interface it has to leave by; left out, or 0: the one of its route. */
  readonly interface?: number;
  /** Whether routers on the way are to look at it (RFC 2113, RFC 2711). */
  readonly routerAlert?: boolean;
  /** Whether what goes to a multicast group that we are in comes to us, too. */
  readonly loop?: boolean;
  /** IPv4 options, a multiple of 4 bytes long, 40 at most; instead of a router alert. */
  readonly ipv4Options?: Uint8Array;
}

/** Whoever tells senders what became of their packets: ICMP. */
export interface ErrorReporter {
  /**
   * Reports on a packet: to its sender if it came from elsewhere, to the transport if it is ours.
   *
   * @param about Laid open. Nobody is told if rules say so: of a packet to a group, of an error.
   * @param value For `TOO_BIG` the MTU in bytes, for parameter problems the offset, in bytes.
   */
  report(kind: ErrorKind, about: Packet, value: number, now: number): void;
}
