/**
 * How ICMP messages of either family are built in the outgoing packet, and sent.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Network, SendOptions } from "../base/network.ts";
import type { TokenBucket } from "../base/token_bucket.ts";
import type { IpAddress } from "../wire/address.ts";
import { copyBytes } from "../wire/bytes.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { ICMP_HEADER, type IcmpHeader } from "../wire/icmp.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** How ICMP messages travel where nothing else is said. */
export const ICMP_OPTIONS: SendOptions = { ttl: 0, tos: 0, dontFragment: false };

/** Sends ICMP messages of one stack. */
export class IcmpOutput {
  #network: Network;
  #counters: Counters;
  #budget: TokenBucket;

  /** @param budget How many errors may be sent (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f). */
  constructor(network: Network, counters: Counters, budget: TokenBucket) {
    this.#network = network;
    this.#counters = counters;
    this.#budget = budget;
  }

  /**
   * Writes the checksum of the message in the outgoing packet, which only in ICMPv6 has a
   * pseudo-header, and sends it.
   *
   * @param header Bound to the message.
   * @returns `false` if it had to be dropped.
   */
  send(
    header: IcmpHeader,
    source: IpAddress,
    destination: IpAddress,
    options: SendOptions = ICMP_OPTIONS,
  ): boolean {
    const { end, messageAt } = this.#network.outgoing;
    const isVersion6 = destination.family === 6;
    const protocol = isVersion6 ? PROTOCOL.ICMPV6 : PROTOCOL.ICMP;
    const length = end - messageAt;
    const pseudo = isVersion6 ? pseudoHeaderSum(source, destination, protocol, length) : 0;
    header.writeChecksum(end, pseudo);
    return this.#network.send(source, destination, protocol, options);
  }

  /** Puts the answer to an echo request, with all of its data, into the outgoing packet. */
  writeEchoReply(header: IcmpHeader, request: Packet, type: number): void {
    const reply = this.#network.outgoing;
    const length = request.end - request.transportAt;
    copyBytes(request.bytes, request.transportAt, reply.bytes, reply.messageAt, length);
    reply.end = reply.messageAt + length;
    header.bind(reply.view, reply.messageAt);
    header.type = type;
    header.code = 0;
  }

  /**
   * Sends an error about a packet that was received, from the address that it was sent to if that
   * is ours; unless too many errors were sent of late.
   *
   * @param rest The last four bytes of the header.
   * @param most Most bytes of the packet to quote.
   */
  sendError(
    header: IcmpHeader,
    [type, code]: readonly [type: number, code: number],
    rest: number,
    about: Packet,
    most: number,
    now: number,
  ): void {
    const source = !about.isGroup && this.#network.isOwn(about.destination)
      ? about.destination
      : this.#network.sourceFor(about.source);
    if (source === undefined) return;
    if (!this.#budget.take(now)) {
      this.#counters.icmpErrorsLimited++;
      return;
    }
    const error = this.#network.outgoing;
    const quoted = Math.min(about.end - about.at, most);
    const quoteAt = error.messageAt + ICMP_HEADER;
    copyBytes(about.bytes, about.at, error.bytes, quoteAt, quoted);
    error.end = quoteAt + quoted;
    header.bind(error.view, error.messageAt);
    header.type = type;
    header.code = code;
    header.rest = rest;
    if (this.send(header, source, about.source)) this.#counters.icmpErrorsSent++;
  }
}
