/**
 * ICMP at a host (RFC 792, RFC 1122 §3.2.2): answers to echo requests, errors about packets that
 * nobody takes, and errors of others about packets of ours.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { ErrorKind, type Network } from "../base/network.ts";
import { Drop } from "../wire/drop.ts";
import { checkIcmp, ICMP_HEADER, ICMP_TYPE, ICMP_UNREACHABLE, IcmpHeader } from "../wire/icmp.ts";
import { IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import type { Echo } from "./echo.ts";
import { HopRecorder } from "./hop_record.ts";
import { ICMP_OPTIONS, type IcmpOutput } from "./icmp_output.ts";
import { MIN_QUOTE, type TransportErrors } from "./transport_errors.ts";

/** Largest error with its IP header, in bytes (RFC 1812 §4.3.2.3). */
const MAX_ERROR = 576;

/** What "destination unreachable" means, at the index of its code. */
const UNREACHABLE_KINDS: readonly ErrorKind[] = [
  ErrorKind.NETWORK_UNREACHABLE,
  ErrorKind.HOST_UNREACHABLE,
  ErrorKind.PROTOCOL_UNREACHABLE,
  ErrorKind.PORT_UNREACHABLE,
  ErrorKind.TOO_BIG,
  ErrorKind.SOURCE_ROUTE_FAILED,
  ErrorKind.NETWORK_UNREACHABLE, // unknown
  ErrorKind.HOST_UNREACHABLE, // unknown
  ErrorKind.HOST_UNREACHABLE, // source isolated
  ErrorKind.PROHIBITED, // network
  ErrorKind.PROHIBITED, // host
  ErrorKind.NETWORK_UNREACHABLE, // for this type of service
  ErrorKind.HOST_UNREACHABLE, // for this type of service
  ErrorKind.PROHIBITED, // by a filter
];

/** How many errors may be sent (RFC 1812 §4.3.2.8, RFC 4443 §2.4). */
export interface IcmpConfig {
  /** Errors a second, on average; `Infinity`: as many as there is reason for. */
  readonly errorRate: number;
  /** Errors at once. */
  readonly errorBurst: number;
}

/** The settings that hold where nothing else is said. */
export const DEFAULT_ICMP_CONFIG: IcmpConfig = { errorRate: 1000, errorBurst: 50 };

/** Type and code of the errors that we send, at the index of their kind (RFC 1812 §5.2.7). */
const ERRORS: readonly [type: number, code: number][] = [
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.NETWORK],
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.HOST],
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.PROTOCOL],
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.PORT],
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.FRAGMENTATION_NEEDED],
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.SOURCE_ROUTE_FAILED],
  [ICMP_TYPE.DESTINATION_UNREACHABLE, ICMP_UNREACHABLE.ADMINISTRATIVELY_PROHIBITED],
  [ICMP_TYPE.TIME_EXCEEDED, 0],
  [ICMP_TYPE.PARAMETER_PROBLEM, 0],
  [ICMP_TYPE.TIME_EXCEEDED, 1],
];

/** Types of errors, about which no errors are sent (RFC 1122 §3.2.2). */
function isError(type: number): boolean {
  return type === ICMP_TYPE.DESTINATION_UNREACHABLE || type === ICMP_TYPE.SOURCE_QUENCH ||
    type === ICMP_TYPE.REDIRECT || type === ICMP_TYPE.TIME_EXCEEDED ||
    type === ICMP_TYPE.PARAMETER_PROBLEM;
}

/** ICMP over IPv4. */
export class Icmp {
  #network: Network;
  #counters: Counters;
  #echo: Echo;
  #errors: TransportErrors;
  #output: IcmpOutput;
  #header = new IcmpHeader();
  #quoted = new Ipv4Header();
  #hops: HopRecorder;

  constructor(
    network: Network,
    counters: Counters,
    echo: Echo,
    errors: TransportErrors,
    output: IcmpOutput,
  ) {
    this.#network = network;
    this.#hops = new HopRecorder(network);
    this.#counters = counters;
    this.#echo = echo;
    this.#errors = errors;
    this.#output = output;
  }

  /** Takes a message that IP has laid open. */
  receive(packet: Packet, now: number): Drop {
    const { view, transportAt, end } = packet;
    const drop = checkIcmp(view, transportAt, end);
    if (drop !== Drop.NONE) return drop;
    switch (this.#header.bind(view, transportAt).type) {
      case ICMP_TYPE.ECHO:
        // An answer from everybody at once serves attacks more than it does anybody.
        if (packet.isGroup) return Drop.ICMP_GROUP_ECHO;
        if (!this.#network.isOwn(packet.destination)) return Drop.IP_NOT_FOR_US;
        this.#echoReply(packet, now);
        return Drop.NONE;
      case ICMP_TYPE.ECHO_REPLY:
        return this.#echo.deliver(packet);
      case ICMP_TYPE.DESTINATION_UNREACHABLE:
        return this.#unreachable(packet, now);
      case ICMP_TYPE.TIME_EXCEEDED:
        return this.#deliverError(packet, ErrorKind.TIME_EXCEEDED, now);
      case ICMP_TYPE.PARAMETER_PROBLEM:
        return this.#deliverError(packet, ErrorKind.PARAMETER_PROBLEM, now);
      case ICMP_TYPE.SOURCE_QUENCH:
        return Drop.ICMP_SOURCE_QUENCH; // RFC 6633 §3: silently discarded
      default:
        return Drop.ICMP_UNKNOWN_TYPE; // RFC 1122 §3.2.2: silently discarded
    }
  }

  #unreachable(packet: Packet, now: number): Drop {
    const kind = UNREACHABLE_KINDS[this.#header.code];
    if (kind === undefined) return Drop.ICMP_UNKNOWN_TYPE;
    return this.#deliverError(packet, kind, now);
  }

  /** Tells the transport whose message is quoted. */
  #deliverError(packet: Packet, kind: ErrorKind, now: number): Drop {
    const { view, transportAt, end } = packet;
    const at = transportAt + ICMP_HEADER;
    if (end - at < IPV4_MIN_HEADER + MIN_QUOTE) return Drop.ICMP_BAD_QUOTE;
    const quoted = this.#quoted.bind(view, at);
    const { headerLength, totalLength } = quoted;
    if (quoted.version !== 4 || headerLength < IPV4_MIN_HEADER) return Drop.ICMP_BAD_QUOTE;
    if (at + headerLength + MIN_QUOTE > end) return Drop.ICMP_BAD_QUOTE;
    if (totalLength < headerLength + MIN_QUOTE) return Drop.ICMP_BAD_QUOTE;
    if (quoted.fragmentOffset !== 0) return Drop.ICMP_BAD_QUOTE; // it has no transport header
    const { error } = this.#errors;
    error.kind = kind;
    error.mtu = kind === ErrorKind.TOO_BIG ? this.#header.nextHopMtu : 0;
    error.length = totalLength;
    error.local.load4(view, at + 12);
    error.remote.load4(view, at + 16);
    error.from.load(packet.source);
    error.view = view;
    error.at = at + headerLength;
    if (!error.local.equals(packet.destination)) return Drop.ICMP_BAD_QUOTE; // it is not ours
    return this.#errors.deliver(quoted.protocol, now);
  }

  /**
   * All data comes back, from the address that was asked, and so do the options that packets
   * collect on their way (RFC 1122 §3.2.2.6).
   */
  #echoReply(packet: Packet, now: number): void {
    this.#output.writeEchoReply(this.#header, packet, ICMP_TYPE.ECHO_REPLY);
    const ipv4Options = this.#hops.answer(packet, now);
    const options = ipv4Options === undefined ? ICMP_OPTIONS : { ...ICMP_OPTIONS, ipv4Options };
    if (this.#output.send(this.#header, packet.destination, packet.source, options)) {
      this.#counters.icmpEchoReplies++;
    }
  }

  /**
   * Sends an error about a packet that was received: its IP header and as much of what follows as
   * fits into 576 bytes (RFC 1812 §4.3.2.3); unless too many were sent of late, or none may be
   * (RFC 1122 §3.2.2).
   *
   * @param about As IP laid it open.
   * @param value See {@linkcode ErrorReporter.report}.
   */
  sendError(kind: ErrorKind, about: Packet, value: number, now: number): void {
    const typeAndCode = ERRORS[kind];
    if (typeAndCode === undefined || !this.#mayReport(about)) return;
    // RFC 1191 §4: the MTU is in the lower half; RFC 792: the pointer is the first byte.
    const rest = kind === ErrorKind.TOO_BIG ? value : value << 24;
    const most = MAX_ERROR - IPV4_MIN_HEADER - ICMP_HEADER;
    this.#output.sendError(this.#header, typeAndCode, rest, about, most, now);
  }

  #mayReport(about: Packet): boolean {
    const { view, source, transportAt } = about;
    if (about.isGroup || about.destination.isMulticast || about.destination.isBroadcast) {
      return false;
    }
    if (source.isMulticast || source.isBroadcast || source.isUnspecified || source.isLoopback) {
      return false;
    }
    if (this.#quoted.bind(view, about.at).fragmentOffset !== 0) return false;
    if (about.protocol !== PROTOCOL.ICMP || transportAt >= about.end) return true;
    return !isError(view.getUint8(transportAt));
  }
}
