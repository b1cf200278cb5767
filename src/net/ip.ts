/**
 * IPv4 at a host (RFC 791, RFC 1122 §3.2): what comes in is checked and laid open, what goes out
 * gets its header.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import type { Network, SendOptions } from "../base/network.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { checkIpv4, DONT_FRAGMENT, IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import { Packet, TRANSPORT_AT } from "../wire/packet.ts";
import type { Link } from "./link_layer.ts";
import { PathMtuCache } from "./path_mtu.ts";

/** Largest IPv4 packet, in bytes. */
const MAX_PACKET = 65535;

/** IP over one link. */
export class Ip implements Network {
  readonly outgoing: Packet = new Packet(new Uint8Array(TRANSPORT_AT + MAX_PACKET));
  readonly addresses: readonly IpAddress[];
  #paths = new PathMtuCache();
  #link: Link;
  #counters: Counters;
  #header = new Ipv4Header();
  #identification: number;

  /** @param addresses Our own, the preferred one first; at least one. */
  constructor(link: Link, addresses: readonly IpAddress[], counters: Counters, env: Env) {
    this.addresses = addresses;
    this.#link = link;
    this.#counters = counters;
    this.#identification = env.random() & 0xffff;
  }

  /** Whether `address` is one of ours. */
  isOwn(address: IpAddress): boolean {
    for (let i = 0; i < this.addresses.length; i++) {
      if (this.addresses[i]!.equals(address)) return true;
    }
    return false;
  }

  /**
   * Checks a packet and fills in what the transports ask for: addresses, protocol, TTL, where the
   * transport starts; `end` is pulled in to the packet's own length.
   *
   * @returns `Drop.NONE` if it is for us and good.
   */
  receive(packet: Packet): Drop {
    this.#counters.ipReceived++;
    const { view, at } = packet;
    if (at < packet.end && view.getUint8(at) >>> 4 === 6) return Drop.IPV6_UNSUPPORTED;
    const drop = checkIpv4(view, at, packet.end);
    if (drop !== Drop.NONE) return drop;
    const header = this.#header.bind(view, at);
    packet.source.load4(view, at + 12);
    packet.destination.load4(view, at + 16);
    if (!this.isOwn(packet.destination)) return Drop.IP_NOT_FOR_US;
    if (this.#isInvalidSource(packet.source)) return Drop.IP_BAD_SOURCE;
    if ((header.flagsAndOffset & 0x3fff) !== 0) return Drop.IP_FRAGMENT;
    packet.protocol = header.protocol;
    packet.ttl = header.ttl;
    packet.tos = header.tos;
    packet.transportAt = at + header.headerLength;
    packet.end = at + header.totalLength;
    return Drop.NONE;
  }

  /** Sources that no host can have, or that claim to be us (RFC 1122 §3.2.1.3). */
  #isInvalidSource(source: IpAddress): boolean {
    return source.isMulticast || source.isBroadcast || source.isLoopback || source.isUnspecified ||
      this.isOwn(source);
  }

  send(source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions): boolean {
    const packet = this.outgoing;
    const at = TRANSPORT_AT - IPV4_MIN_HEADER;
    const length = packet.end - at;
    packet.at = at;
    if (length > this.#link.mtu) {
      this.#counters.drop(Drop.SEND_TOO_BIG);
      return false;
    }
    const header = this.#header.bind(packet.view, at);
    header.headerLength = IPV4_MIN_HEADER;
    header.tos = options.tos;
    header.totalLength = length;
    // Only packets that may be fragmented need an identification of their own (RFC 6864 §4.1).
    this.#identification = (this.#identification + 1) & 0xffff;
    header.identification = this.#identification;
    header.flagsAndOffset = options.dontFragment ? DONT_FRAGMENT : 0;
    header.ttl = options.ttl;
    header.protocol = protocol;
    source.store(packet.view, at + 12);
    destination.store(packet.view, at + 16);
    header.writeChecksum();
    if (!this.#link.transmit(packet)) {
      this.#counters.drop(Drop.SEND_DEVICE);
      return false;
    }
    this.#counters.ipSent++;
    return true;
  }

  maxMessage(destination: IpAddress, now: number): number {
    return this.#paths.estimate(destination, this.#link.mtu, now) - IPV4_MIN_HEADER;
  }

  maxLinkMessage(_destination: IpAddress): number {
    return this.#link.mtu - IPV4_MIN_HEADER;
  }

  /** There is one way only on a link between two, so it is counted, and that is all. */
  suspect(_destination: IpAddress): void {
    this.#counters.ipSuspectedPaths++;
  }

  tooBig(destination: IpAddress, mtu: number, length: number, now: number): boolean {
    return this.#paths.tooBig(destination, mtu, length, this.#link.mtu, now);
  }

  sourceFor(destination: IpAddress): IpAddress | undefined {
    // What is for ourselves must not leave the host (RFC 1122 §3.2.1.3), and comes back no other way.
    if (destination.isLoopback || this.isOwn(destination)) return undefined;
    return this.addresses.find((own) => own.family === destination.family);
  }
}
