/**
 * ICMP at a host (RFC 792, RFC 1122 §3.2.2): answers to echo requests, and errors about packets
 * that nobody takes.
 *
 * @module
 */

import { copyBytes } from "../base/bytes.ts";
import type { Counters } from "../base/counters.ts";
import type { Network, SendOptions } from "../base/network.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { checkIcmp, ICMP_HEADER, ICMP_TYPE, IcmpHeader } from "../wire/icmp.ts";
import { type Packet, TRANSPORT_AT } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** Largest error with its IP header, in bytes (RFC 1812 §4.3.2.3). */
const MAX_ERROR = 576;
const IPV4_HEADER = 20;

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
  #network: Network;
  #counters: Counters;
  #header = new IcmpHeader();

  constructor(network: Network, counters: Counters) {
    this.#network = network;
    this.#counters = counters;
  }

  /** Takes a message that IP has laid open. */
  receive(packet: Packet): Drop {
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
      case ICMP_TYPE.TIME_EXCEEDED:
      case ICMP_TYPE.PARAMETER_PROBLEM:
        this.#counters.icmpErrorsReceived++;
        return Drop.NONE;
      default:
        return Drop.ICMP_UNKNOWN_TYPE; // RFC 1122 §3.2.2: silently discarded
    }
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
    return this.#network.maxMessage(destination) - ICMP_HEADER;
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
   * fits into 576 bytes (RFC 1812 §4.3.2.3).
   *
   * @param about As IP laid it open. Must not be an ICMP error itself, nor a later fragment.
   */
  sendError(type: number, code: number, about: Packet): void {
    const error = this.#network.outgoing;
    const quoted = Math.min(about.end - about.at, MAX_ERROR - IPV4_HEADER - ICMP_HEADER);
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
