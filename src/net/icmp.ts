/**
 * ICMP at a host (RFC 792, RFC 1122 §3.2.2): answers to echo requests, errors about packets that
 * nobody takes, and errors of others about packets of ours.
 *
 * @module
 */

import { copyBytes } from "../base/bytes.ts";
import type { Counters } from "../base/counters.ts";
import {
  ErrorKind,
  type ErrorReceiver,
  type Network,
  type SendOptions,
  TransportError,
} from "../base/network.ts";
import { TokenBucket } from "../base/token_bucket.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { checkIcmp, ICMP_HEADER, ICMP_TYPE, IcmpHeader } from "../wire/icmp.ts";
import { IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import { type Packet, TRANSPORT_AT } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** Largest error with its IP header, in bytes (RFC 1812 §4.3.2.3). */
const MAX_ERROR = 576;
/** How much of the transport's header an error quotes at least (RFC 792), in bytes. */
const MIN_QUOTE = 8;

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

/** How many errors may be sent (RFC 1812 §4.3.2.8). */
export interface IcmpConfig {
  /** Errors a second, on average; `Infinity`: as many as there is reason for. */
  readonly errorRate: number;
  /** Errors at once. */
  readonly errorBurst: number;
}

/** The settings that hold where nothing else is said. */
export const DEFAULT_ICMP_CONFIG: IcmpConfig = { errorRate: 1000, errorBurst: 50 };

const OPTIONS: SendOptions = { ttl: 64, tos: 0, dontFragment: false };

/** Whoever waits for the answers to echo requests. */
export interface EchoReceiver {
  /** Gets an answer, its data lent at `[at, end)` of the packet's memory. */
  echoReply(sequence: number, packet: Packet, at: number, end: number): void;
}

/** ICMP over IPv4. */
export class Icmp {
  /** Who sent echo requests, by their identifier. */
  readonly echoReceivers: Map<number, EchoReceiver> = new Map();
  /** Who is told of errors, by the protocol number in the quoted header (RFC 1122 §3.2.2). */
  readonly errorReceivers: Map<number, ErrorReceiver> = new Map();
  #network: Network;
  #counters: Counters;
  #header = new IcmpHeader();
  #quoted = new Ipv4Header();
  #error = new TransportError();
  #budget: TokenBucket;

  constructor(network: Network, counters: Counters, config: IcmpConfig) {
    this.#network = network;
    this.#counters = counters;
    this.#budget = new TokenBucket(config.errorRate, config.errorBurst);
  }

  /** Takes a message that IP has laid open. */
  receive(packet: Packet, now: number): Drop {
    const { view, transportAt, end } = packet;
    const drop = checkIcmp(view, transportAt, end);
    if (drop !== Drop.NONE) return drop;
    switch (this.#header.bind(view, transportAt).type) {
      case ICMP_TYPE.ECHO:
        this.#echoReply(packet);
        return Drop.NONE;
      case ICMP_TYPE.ECHO_REPLY:
        return this.#deliverReply(packet);
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
    const receiver = this.errorReceivers.get(quoted.protocol);
    if (receiver === undefined) return Drop.ICMP_UNMATCHED;
    const error = this.#error;
    error.kind = kind;
    error.mtu = kind === ErrorKind.TOO_BIG ? this.#header.nextHopMtu : 0;
    error.length = totalLength;
    error.local.load4(view, at + 12);
    error.remote.load4(view, at + 16);
    error.view = view;
    error.at = at + headerLength;
    if (!error.local.equals(packet.destination)) return Drop.ICMP_BAD_QUOTE; // it is not ours
    error.localPort = view.getUint16(error.at);
    error.remotePort = view.getUint16(error.at + 2);
    const drop = receiver.error(error, now);
    if (drop === Drop.NONE) this.#counters.icmpErrorsReceived++;
    return drop;
  }

  /** All data comes back, from the address that was asked (RFC 1122 §3.2.2.6). */
  #echoReply(packet: Packet): void {
    const reply = this.#network.outgoing;
    const length = packet.end - packet.transportAt;
    copyBytes(packet.bytes, packet.transportAt, reply.bytes, TRANSPORT_AT, length);
    reply.end = TRANSPORT_AT + length;
    const header = this.#header.bind(reply.view, TRANSPORT_AT);
    header.type = ICMP_TYPE.ECHO_REPLY;
    header.code = 0;
    header.writeChecksum(reply.end);
    if (this.#network.send(packet.destination, packet.source, PROTOCOL.ICMP, OPTIONS)) {
      this.#counters.icmpEchoReplies++;
    }
  }

  #deliverReply(packet: Packet): Drop {
    const { identifier, sequence } = this.#header;
    const receiver = this.echoReceivers.get(identifier);
    if (receiver === undefined) return Drop.ICMP_NOT_ASKED;
    receiver.echoReply(sequence, packet, packet.transportAt + ICMP_HEADER, packet.end);
    return Drop.NONE;
  }

  /** Most bytes of data that one echo request to `destination` carries. */
  maxEcho(destination: IpAddress): number {
    return this.#network.maxLinkMessage(destination) - ICMP_HEADER;
  }

  /** Sends an echo request (RFC 792); `false` if it had to be dropped. */
  sendEcho(
    source: IpAddress,
    destination: IpAddress,
    identifier: number,
    sequence: number,
    data: Uint8Array,
  ): boolean {
    const request = this.#network.outgoing;
    const dataAt = TRANSPORT_AT + ICMP_HEADER;
    if (data.length > this.maxEcho(destination)) {
      this.#counters.drop(Drop.SEND_TOO_BIG);
      return false;
    }
    request.bytes.set(data, dataAt);
    request.end = dataAt + data.length;
    const header = this.#header.bind(request.view, TRANSPORT_AT);
    header.type = ICMP_TYPE.ECHO;
    header.code = 0;
    header.identifier = identifier;
    header.sequence = sequence;
    header.writeChecksum(request.end);
    return this.#network.send(source, destination, PROTOCOL.ICMP, OPTIONS);
  }

  /**
   * Sends an error about a packet that was received: its IP header and as much of what follows as
   * fits into 576 bytes (RFC 1812 §4.3.2.3); unless too many were sent of late.
   *
   * @param about As IP laid it open. Must not be an ICMP error itself, nor a later fragment.
   */
  sendError(type: number, code: number, about: Packet, now: number): void {
    if (!this.#budget.take(now)) {
      this.#counters.icmpErrorsLimited++;
      return;
    }
    const error = this.#network.outgoing;
    const quoted = Math.min(about.end - about.at, MAX_ERROR - IPV4_MIN_HEADER - ICMP_HEADER);
    const quoteAt = TRANSPORT_AT + ICMP_HEADER;
    copyBytes(about.bytes, about.at, error.bytes, quoteAt, quoted);
    error.end = quoteAt + quoted;
    const header = this.#header.bind(error.view, TRANSPORT_AT);
    header.type = type;
    header.code = code;
    header.rest = 0;
    header.writeChecksum(error.end);
    if (this.#network.send(about.destination, about.source, PROTOCOL.ICMP, OPTIONS)) {
      this.#counters.icmpErrorsSent++;
    }
  }
}
