/**
 * Echo requests of our own, and the answers to them (RFC 792, RFC 4443 §4).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import {
  ErrorKind,
  type ErrorReceiver,
  type Network,
  type SendOptions,
  type TransportError,
} from "../base/network.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { ICMP_HEADER, ICMP_TYPE, IcmpHeader } from "../wire/icmp.ts";
import { ICMPV6_TYPE } from "../wire/icmpv6.ts";
import type { Packet } from "../wire/packet.ts";
import { ICMP_OPTIONS, type IcmpOutput } from "./icmp_output.ts";
import { RecentMessages } from "./recent_messages.ts";

/** Whoever waits for the answers to echo requests. */
export interface EchoReceiver {
  /** Gets an answer, its data lent at `[at, end)` of the packet's memory. */
  echoReply(sequence: number, packet: Packet, at: number, end: number): void;
  /** Whether it has sent a request with this number to `destination`, and still waits. */
  hasAsked(sequence: number, destination: IpAddress): boolean;
  /** Is told of an error about a request that it waits for, lent for the length of the call. */
  echoError(sequence: number, error: TransportError): void;
}

/** Echo requests of either family, and what others say of our echo messages. */
export class Echo implements ErrorReceiver {
  /** Who sent requests, by their identifier. */
  readonly receivers: Map<number, EchoReceiver> = new Map();
  #network: Network;
  #counters: Counters;
  #output: IcmpOutput;
  #header = new IcmpHeader();
  /** Large answers of ours, which may be too big for the path. */
  #replies: RecentMessages;

  constructor(network: Network, counters: Counters, env: Env, output: IcmpOutput) {
    this.#network = network;
    this.#counters = counters;
    this.#output = output;
    this.#replies = new RecentMessages(env);
  }

  /** Takes an answer that IP has laid open, whose checksum is right. */
  deliver(packet: Packet): Drop {
    const { identifier, sequence } = this.#header.bind(packet.view, packet.transportAt);
    const receiver = this.receivers.get(identifier);
    if (receiver === undefined) return Drop.ICMP_NOT_ASKED;
    receiver.echoReply(sequence, packet, packet.transportAt + ICMP_HEADER, packet.end);
    return Drop.NONE;
  }

  /**
   * Notes that an IPv6 request was answered, in a packet that is larger than what every path takes:
   * no router splits it, but one may say that it was too big.
   */
  replied(identifier: number, destination: IpAddress, sequence: number): void {
    this.#replies.add(identifier, destination, sequence);
  }

  /** Takes an ICMP error about a request, or an answer, of ours. */
  error(error: TransportError, now: number): Drop {
    const { kind, remote, mtu, length } = error;
    const { type, identifier, sequence } = this.#header.bind(error.view, error.at);
    if (remote.family === 6 && type === ICMPV6_TYPE.ECHO_REPLY) return this.#replyError(error, now);
    const request = remote.family === 6 ? ICMPV6_TYPE.ECHO_REQUEST : ICMP_TYPE.ECHO;
    const receiver = type === request ? this.receivers.get(identifier) : undefined;
    if (!receiver?.hasAsked(sequence, remote)) return Drop.ICMP_UNMATCHED;
    if (kind === ErrorKind.TOO_BIG && !this.#network.tooBig(remote, mtu, length, now)) {
      return Drop.ICMP_BAD_MTU;
    }
    receiver.echoError(sequence, error);
    return Drop.NONE;
  }

  /** Nobody waits for what becomes of an answer; but the next one has to fit. */
  #replyError({ kind, remote, mtu, length }: TransportError, now: number): Drop {
    const { identifier, sequence } = this.#header;
    const isOurs = kind === ErrorKind.TOO_BIG && this.#replies.has(identifier, remote, sequence);
    if (!isOurs) return Drop.ICMP_UNMATCHED;
    return this.#network.tooBig(remote, mtu, length, now) ? Drop.NONE : Drop.ICMP_BAD_MTU;
  }

  /** Most bytes of data that one echo request to `destination` carries, in fragments if need be. */
  maxData(destination: IpAddress): number {
    return this.#network.maxFragmented(destination) - ICMP_HEADER;
  }

  /** Sends an echo request; `false` if it had to be dropped. */
  send(
    source: IpAddress,
    destination: IpAddress,
    identifier: number,
    sequence: number,
    data: Uint8Array,
    options: SendOptions = ICMP_OPTIONS,
  ): boolean {
    const request = this.#network.outgoing;
    const dataAt = request.messageAt + ICMP_HEADER;
    if (data.length > this.maxData(destination)) {
      this.#counters.drop(Drop.SEND_TOO_BIG);
      return false;
    }
    request.bytes.set(data, dataAt);
    request.end = dataAt + data.length;
    const isVersion6 = destination.family === 6;
    const header = this.#header.bind(request.view, request.messageAt);
    header.type = isVersion6 ? ICMPV6_TYPE.ECHO_REQUEST : ICMP_TYPE.ECHO;
    header.code = 0;
    header.identifier = identifier;
    header.sequence = sequence;
    if (!this.#output.send(header, source, destination, options)) return false;
    this.#counters.icmpEchoRequests++;
    return true;
  }
}
