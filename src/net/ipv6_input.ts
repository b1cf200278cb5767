/**
 * IPv6 packets that come in (RFC 8200).
 *
 * @module
 */

import { ErrorKind } from "../base/network.ts";
import { Drop } from "../wire/drop.ts";
import { checkIpv6, IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import { ExtensionChain, REPORT } from "../wire/ipv6_extensions.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { Fragment } from "./datagram.ts";
import { AddressState, type Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";

/** What each code of a parameter problem means, at its index. */
const PROBLEM_KINDS: readonly ErrorKind[] = [
  ErrorKind.PARAMETER_PROBLEM,
  ErrorKind.UNKNOWN_NEXT_HEADER,
  ErrorKind.UNKNOWN_OPTION,
];

/** Where the payload length is in the header, in bytes. */
const PAYLOAD_LENGTH = 4;

/** Lays packets open. */
export class Ipv6Input {
  #ip: Ip;
  #header = new Ipv6Header();
  #chain = new ExtensionChain();
  #fragment = new Fragment();

  constructor(ip: Ip) {
    this.#ip = ip;
  }

  /** Fills in what IP knows of a packet that is known to be good: of one that waited to be sent. */
  describe(packet: Packet, zone: number): void {
    this.#describe(packet, zone);
    if (
      this.#chain.walk(packet.view, packet.transportAt, packet.protocol, packet.end) !== Drop.NONE
    ) {
      return;
    }
    packet.protocol = this.#chain.protocol;
    packet.transportAt = this.#chain.transportAt;
  }

  #describe(packet: Packet, zone: number): void {
    const { view, at } = packet;
    const header = this.#header.bind(view, at);
    packet.source.load16(view, at + 8).scope(zone);
    packet.destination.load16(view, at + 24).scope(zone);
    packet.protocol = header.nextHeader;
    packet.ttl = header.hopLimit;
    packet.tos = header.trafficClass;
    packet.transportAt = at + IPV6_HEADER;
    packet.end = at + IPV6_HEADER + header.payloadLength;
  }

  /** See {@linkcode Ip.receive}. */
  receive(packet: Packet, from: Interface, now: number): Drop {
    const { view, at } = packet;
    const drop = checkIpv6(view, at, packet.end);
    if (drop !== Drop.NONE) return drop;
    this.#describe(packet, from.index);
    if (this.#isInvalidSource(packet, from)) return Drop.IP_BAD_SOURCE;
    if (!this.#isForUs(packet, from)) return this.#ip.forward(packet, from, now);
    return this.#walk(packet, from, now);
  }

  /** Sources as for IPv4; but `::` is one while a host has no address yet (RFC 4861, RFC 4862). */
  #isInvalidSource(packet: Packet, from: Interface): boolean {
    const { source, destination, protocol } = packet;
    if (source.isUnspecified) return !destination.isMulticast;
    if (!this.#ip.isInvalidSource(source, from)) return false;
    // Who has an address of ours, and hears us ask whether anybody has, answers from it.
    const isAnswer = destination.isMulticast && protocol === PROTOCOL.ICMPV6;
    return !isAnswer || from.find(source)?.state !== AddressState.OPTIMISTIC;
  }

  /** Goes through the extension headers. */
  #walk(packet: Packet, from: Interface, now: number): Drop {
    const chain = this.#chain;
    const { view, at, end } = packet;
    const drop = chain.walk(view, at + IPV6_HEADER, packet.protocol, end);
    if (drop !== Drop.NONE) {
      this.#reportProblem(packet, now);
      return drop;
    }
    packet.protocol = chain.protocol;
    packet.transportAt = chain.transportAt;
    return chain.protocol === PROTOCOL.FRAGMENT ? this.#reassemble(packet, from, now) : Drop.NONE;
  }

  #reassemble(packet: Packet, from: Interface, now: number): Drop {
    const fragment = this.#fragment.read6(packet, this.#chain);
    const { more, length } = fragment;
    const offsetAt = this.#chain.transportAt + 2 - packet.at;
    const drop = this.#ip.reassemble(fragment, from, now);
    if (drop === Drop.FRAGMENT_BAD_LENGTH) { // RFC 8200 §4.5
      const isPayloadLength = more && (length & 7) !== 0;
      const pointer = isPayloadLength ? PAYLOAD_LENGTH : offsetAt;
      this.#ip.reporter?.report(ErrorKind.PARAMETER_PROBLEM, packet, pointer, now);
    }
    return drop;
  }

  /** Where the number of the upper protocol stands, of the packet laid open last. */
  get protocolPointer(): number {
    return this.#chain.protocolPointer;
  }

  #reportProblem(packet: Packet, now: number): void {
    const { report, problemCode, problemPointer } = this.#chain;
    if (report === REPORT.NEVER) return;
    if (report === REPORT.UNLESS_MULTICAST && packet.isGroup) return;
    this.#ip.reporter?.report(PROBLEM_KINDS[problemCode]!, packet, problemPointer, now);
  }

  /** Whether the packet ends here; notes whether it does elsewhere as well. */
  #isForUs(packet: Packet, from: Interface): boolean {
    const { destination } = packet;
    if (!destination.isMulticast) return !packet.isGroup && this.#isOwn(packet, from);
    packet.isGroup = true;
    return from.isInGroup(destination);
  }

  /** A tentative address hears neighbor discovery alone, which goes to groups (RFC 4862 §5.4). */
  #isOwn(packet: Packet, from: Interface): boolean {
    const { destination } = packet;
    if (destination.isLoopback && !from.isLoopback) return false;
    if (this.#ip.isOwn(destination)) return true;
    return !destination.isLinkLocal && this.#ip.takesAll(packet.protocol);
  }
}
