/**
 * IPv4 packets that come in (RFC 791, RFC 1122 §3.2).
 *
 * @module
 */

import { ErrorKind } from "../base/network.ts";
import { Drop } from "../wire/drop.ts";
import { checkIpv4, IPV4_MIN_HEADER, Ipv4Header, MORE_FRAGMENTS } from "../wire/ipv4.ts";
import { Ipv4Options } from "../wire/ipv4_options.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { Fragment } from "./datagram.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";

/** Every bit of the word that says whether a packet is a fragment: the flag, and the offset. */
const IS_FRAGMENT = MORE_FRAGMENTS | 0x1fff;

/** Lays packets open. */
export class Ipv4Input {
  #ip: Ip;
  #header = new Ipv4Header();
  #options = new Ipv4Options();
  #fragment = new Fragment();

  constructor(ip: Ip) {
    this.#ip = ip;
  }

  /** Fills in what IP knows of a packet that is known to be good: of one that waited to be sent. */
  describe(packet: Packet): void {
    const { view, at } = packet;
    const header = this.#header.bind(view, at);
    packet.source.load4(view, at + 12);
    packet.destination.load4(view, at + 16);
    packet.protocol = header.protocol;
    packet.ttl = header.ttl;
    packet.tos = header.tos;
    packet.transportAt = at + header.headerLength;
    packet.end = at + header.totalLength;
  }

  /** See {@linkcode Ip.receive}. */
  receive(packet: Packet, from: Interface, now: number): Drop {
    const { view, at } = packet;
    const drop = checkIpv4(view, at, packet.end);
    if (drop !== Drop.NONE) return drop;
    this.describe(packet);
    const header = this.#header;
    if (this.#isInvalidSource(packet, from)) return Drop.IP_BAD_SOURCE;
    const isForUs = this.#isForUs(packet, from);
    // RFC 1122 §3.2.1.3: silently, whatever else may be wrong with it.
    if (!isForUs && this.#ip.forwarder === null) return Drop.IP_NOT_FOR_US;
    if (header.headerLength > IPV4_MIN_HEADER) {
      const wrong = this.#options.check(view, at, at + IPV4_MIN_HEADER, packet.transportAt);
      if (wrong !== Drop.NONE) return this.#badOption(wrong, packet, now);
    }
    if (!isForUs) return this.#ip.forward(packet, from, now);
    if ((header.flagsAndOffset & IS_FRAGMENT) === 0) return Drop.NONE;
    return this.#ip.reassemble(this.#fragment.read4(packet), from, now);
  }

  /** 0.0.0.0 is who has no address, and may speak of groups all the same (RFC 3376 §4.2.13). */
  #isInvalidSource({ source, protocol }: Packet, from: Interface): boolean {
    if (source.isUnspecified && protocol === PROTOCOL.IGMP) return false;
    return this.#ip.isInvalidSource(source, from);
  }

  /** Whether the packet ends here; notes whether it does elsewhere as well. */
  #isForUs(packet: Packet, from: Interface): boolean {
    const { destination } = packet;
    if (destination.isMulticast) {
      packet.isGroup = true;
      return from.isInGroup(destination);
    }
    if (destination.isBroadcast || from.isDirectedBroadcast(destination)) {
      packet.isGroup = true;
      return true;
    }
    // RFC 1122 §3.3.6: what one host alone is meant to get does not come in a broadcast.
    if (packet.isGroup || (destination.isLoopback && !from.isLoopback)) return false;
    return this.#ip.isOwn(destination) || this.#ip.takesAll(packet.protocol);
  }

  #badOption(wrong: Drop, packet: Packet, now: number): Drop {
    const { reporter } = this.#ip;
    if (wrong === Drop.IP_SOURCE_ROUTE) {
      reporter?.report(ErrorKind.SOURCE_ROUTE_FAILED, packet, 0, now);
    } else {
      reporter?.report(ErrorKind.PARAMETER_PROBLEM, packet, this.#options.problemAt, now);
    }
    return wrong;
  }
}
