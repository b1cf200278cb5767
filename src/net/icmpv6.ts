/**
 * ICMPv6 (RFC 4443): answers to echo requests, errors about packets that nobody takes, and errors
 * of others about packets of ours. Neighbor discovery and multicast listeners have modules of
 * their own.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { ErrorKind, type Network } from "../base/network.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { Drop } from "../wire/drop.ts";
import {
  checkIcmpv6,
  ICMPV6_FIRST_INFORMATIONAL,
  ICMPV6_HEADER,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TIME_EXCEEDED,
  ICMPV6_TYPE,
  ICMPV6_UNREACHABLE,
  Icmpv6Header,
} from "../wire/icmpv6.ts";
import { IPV6_HEADER, IPV6_MIN_MTU, Ipv6Header } from "../wire/ipv6.ts";
import { ExtensionChain } from "../wire/ipv6_extensions.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import type { Echo } from "./echo.ts";
import type { IcmpOutput } from "./icmp_output.ts";
import type { Interface } from "./interface.ts";
import { MIN_QUOTE, type TransportErrors } from "./transport_errors.ts";

/** What "destination unreachable" means, at the index of its code. */
const UNREACHABLE_KINDS: readonly ErrorKind[] = [
  ErrorKind.NETWORK_UNREACHABLE,
  ErrorKind.PROHIBITED,
  ErrorKind.NETWORK_UNREACHABLE, // beyond the scope of the source address
  ErrorKind.HOST_UNREACHABLE,
  ErrorKind.PORT_UNREACHABLE,
  ErrorKind.PROHIBITED, // by a policy about sources
  ErrorKind.NETWORK_UNREACHABLE, // rejected
  ErrorKind.SOURCE_ROUTE_FAILED, // RFC 6554 §3.1
];

/** What a "parameter problem" means, at the index of its code. */
const PROBLEM_KINDS: readonly ErrorKind[] = [
  ErrorKind.PARAMETER_PROBLEM,
  ErrorKind.PROTOCOL_UNREACHABLE, // an unknown next header
  ErrorKind.PARAMETER_PROBLEM,
  ErrorKind.PARAMETER_PROBLEM,
];

/** Type and code of the errors that we send, by their kind; some have none in ICMPv6. */
const ERRORS: Partial<Record<ErrorKind, readonly [type: number, code: number]>> = {
  [ErrorKind.NETWORK_UNREACHABLE]: [
    ICMPV6_TYPE.DESTINATION_UNREACHABLE,
    ICMPV6_UNREACHABLE.NO_ROUTE,
  ],
  [ErrorKind.HOST_UNREACHABLE]: [ICMPV6_TYPE.DESTINATION_UNREACHABLE, ICMPV6_UNREACHABLE.ADDRESS],
  [ErrorKind.PORT_UNREACHABLE]: [ICMPV6_TYPE.DESTINATION_UNREACHABLE, ICMPV6_UNREACHABLE.PORT],
  [ErrorKind.PROHIBITED]: [
    ICMPV6_TYPE.DESTINATION_UNREACHABLE,
    ICMPV6_UNREACHABLE.ADMINISTRATIVELY_PROHIBITED,
  ],
  [ErrorKind.BEYOND_SCOPE]: [ICMPV6_TYPE.DESTINATION_UNREACHABLE, ICMPV6_UNREACHABLE.BEYOND_SCOPE],
  [ErrorKind.TOO_BIG]: [ICMPV6_TYPE.PACKET_TOO_BIG, 0],
  [ErrorKind.TIME_EXCEEDED]: [ICMPV6_TYPE.TIME_EXCEEDED, ICMPV6_TIME_EXCEEDED.HOP_LIMIT],
  [ErrorKind.REASSEMBLY_TIME_EXCEEDED]: [
    ICMPV6_TYPE.TIME_EXCEEDED,
    ICMPV6_TIME_EXCEEDED.REASSEMBLY,
  ],
  [ErrorKind.PARAMETER_PROBLEM]: [
    ICMPV6_TYPE.PARAMETER_PROBLEM,
    ICMPV6_PARAMETER_PROBLEM.ERRONEOUS_FIELD,
  ],
  [ErrorKind.UNKNOWN_NEXT_HEADER]: [
    ICMPV6_TYPE.PARAMETER_PROBLEM,
    ICMPV6_PARAMETER_PROBLEM.UNRECOGNIZED_NEXT_HEADER,
  ],
  [ErrorKind.UNKNOWN_OPTION]: [
    ICMPV6_TYPE.PARAMETER_PROBLEM,
    ICMPV6_PARAMETER_PROBLEM.UNRECOGNIZED_OPTION,
  ],
};

/** Length of the longest message that no path is too small for, in bytes (RFC 8200 §5). */
const ALWAYS_FITS = IPV6_MIN_MTU - IPV6_HEADER;

/** Whoever takes the messages of a protocol that lives in ICMPv6; their checksum is right. */
export interface Icmpv6Receiver {
  receive(packet: Packet, from: Interface, now: number): Drop;
}

/** ICMP over IPv6. */
export class Icmpv6 {
  /** Takes router and neighbor solicitations, advertisements and redirects (RFC 4861). */
  neighborDiscovery: Icmpv6Receiver | null = null;
  /** Takes the queries and reports of multicast listener discovery (RFC 3810). */
  listenerDiscovery: Icmpv6Receiver | null = null;
  #network: Network;
  #counters: Counters;
  #echo: Echo;
  #errors: TransportErrors;
  #output: IcmpOutput;
  #header = new Icmpv6Header();
  #quoted = new Ipv6Header();
  #quotedChain = new ExtensionChain();

  constructor(
    network: Network,
    counters: Counters,
    echo: Echo,
    errors: TransportErrors,
    output: IcmpOutput,
  ) {
    this.#network = network;
    this.#counters = counters;
    this.#echo = echo;
    this.#errors = errors;
    this.#output = output;
  }

  /** Takes a message that IP has laid open. */
  receive(packet: Packet, from: Interface, now: number): Drop {
    const { view, transportAt: at, end } = packet;
    const pseudo = pseudoHeaderSum(packet.source, packet.destination, PROTOCOL.ICMPV6, end - at);
    const drop = checkIcmpv6(view, at, end, pseudo);
    if (drop !== Drop.NONE) return drop;
    switch (this.#header.bind(view, at).type) {
      case ICMPV6_TYPE.ECHO_REQUEST:
        return this.#echoReply(packet);
      case ICMPV6_TYPE.ECHO_REPLY:
        return this.#echo.deliver(packet);
      case ICMPV6_TYPE.DESTINATION_UNREACHABLE:
        return this.#deliverError(packet, UNREACHABLE_KINDS[this.#header.code], now);
      case ICMPV6_TYPE.PACKET_TOO_BIG:
        return this.#deliverError(packet, ErrorKind.TOO_BIG, now);
      case ICMPV6_TYPE.TIME_EXCEEDED:
        return this.#deliverError(packet, ErrorKind.TIME_EXCEEDED, now);
      case ICMPV6_TYPE.PARAMETER_PROBLEM:
        return this.#deliverError(packet, PROBLEM_KINDS[this.#header.code], now);
      case ICMPV6_TYPE.ROUTER_SOLICITATION:
      case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
      case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
      case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT:
      case ICMPV6_TYPE.REDIRECT:
        return this.neighborDiscovery?.receive(packet, from, now) ?? Drop.ICMP_UNKNOWN_TYPE;
      case ICMPV6_TYPE.LISTENER_QUERY:
      case ICMPV6_TYPE.LISTENER_REPORT:
      case ICMPV6_TYPE.LISTENER_DONE:
      case ICMPV6_TYPE.LISTENER_REPORT_V2:
        return this.listenerDiscovery?.receive(packet, from, now) ?? Drop.ICMP_UNKNOWN_TYPE;
      default:
        return Drop.ICMP_UNKNOWN_TYPE; // RFC 4443 §2.4 (b): silently discarded
    }
  }

  /** Tells the transport whose message is quoted. */
  #deliverError(packet: Packet, kind: ErrorKind | undefined, now: number): Drop {
    if (kind === undefined) return Drop.ICMP_UNKNOWN_TYPE;
    const { view, transportAt, end } = packet;
    const { mtu } = this.#header;
    const at = transportAt + ICMPV6_HEADER;
    if (end - at < IPV6_HEADER + MIN_QUOTE) return Drop.ICMP_BAD_QUOTE;
    const quoted = this.#quoted.bind(view, at);
    if (quoted.version !== 6) return Drop.ICMP_BAD_QUOTE;
    const chain = this.#quotedChain;
    let drop = chain.walk(view, at + IPV6_HEADER, quoted.nextHeader, end);
    if (drop === Drop.NONE && chain.protocol === PROTOCOL.FRAGMENT) {
      if ((view.getUint16(chain.transportAt + 2) & 0xfff8) !== 0) return Drop.ICMP_BAD_QUOTE;
      drop = chain.resume(view, end);
    }
    if (drop !== Drop.NONE || end - chain.transportAt < MIN_QUOTE) return Drop.ICMP_BAD_QUOTE;
    const { error } = this.#errors;
    const zone = packet.destination.zone;
    error.kind = kind;
    error.mtu = kind === ErrorKind.TOO_BIG ? mtu : 0;
    error.length = IPV6_HEADER + quoted.payloadLength;
    error.local.load16(view, at + 8).scope(zone);
    error.remote.load16(view, at + 24).scope(zone);
    error.from.load(packet.source);
    error.view = view;
    error.at = chain.transportAt;
    if (!error.local.equals(packet.destination)) return Drop.ICMP_BAD_QUOTE; // it is not ours
    return this.#errors.deliver(chain.protocol, now);
  }

  /** All data comes back (RFC 4443 §4.2); who asks a group hears one of its members. */
  #echoReply(packet: Packet): Drop {
    if (!packet.isGroup && !this.#network.isOwn(packet.destination)) return Drop.IP_NOT_FOR_US;
    const source = packet.isGroup ? this.#network.sourceFor(packet.source) : packet.destination;
    if (source === undefined || packet.source.isUnspecified) return Drop.SEND_NO_ROUTE;
    this.#output.writeEchoReply(this.#header, packet, ICMPV6_TYPE.ECHO_REPLY);
    const { identifier, sequence } = this.#header; // fragments are written over it
    if (!this.#output.send(this.#header, source, packet.source)) return Drop.NONE;
    this.#counters.icmpEchoReplies++;
    const length = packet.end - packet.transportAt;
    if (length > ALWAYS_FITS) this.#echo.replied(identifier, packet.source, sequence);
    return Drop.NONE;
  }

  /**
   * Sends an error about a packet that was received, with as much of it as fits into what every
   * link carries (RFC 4443 §2.4 c); unless too many were sent of late, or none may be (§2.4 e).
   *
   * @param about As IP laid it open.
   * @param value See `ErrorReporter.report`.
   */
  sendError(kind: ErrorKind, about: Packet, value: number, now: number): void {
    const typeAndCode = ERRORS[kind];
    if (typeAndCode === undefined || !mayReport(kind, about)) return;
    const most = IPV6_MIN_MTU - IPV6_HEADER - ICMPV6_HEADER;
    this.#output.sendError(this.#header, typeAndCode, value, about, most, now);
  }
}

/** RFC 4443 §2.4 (e). */
function mayReport(kind: ErrorKind, about: Packet): boolean {
  if (about.source.isMulticast || about.source.isUnspecified) return false;
  if (about.isGroup && kind !== ErrorKind.TOO_BIG && kind !== ErrorKind.UNKNOWN_OPTION) {
    return false;
  }
  if (about.protocol !== PROTOCOL.ICMPV6 || about.transportAt >= about.end) return true;
  const type = about.view.getUint8(about.transportAt);
  return type >= ICMPV6_FIRST_INFORMATIONAL && type !== ICMPV6_TYPE.REDIRECT;
}
