/**
 * A router's part of IP: packets that are for others go on to them (RFC 1812 §5, RFC 8200).
 *
 * A packet is forwarded in place, from the memory that it was received in. Hop-by-hop options of
 * IPv6 are left to the hosts that they are for, as RFC 8200 §4.3 allows.
 *
 * @module
 */

import { ErrorKind } from "../base/network.ts";
import { Drop } from "../wire/drop.ts";
import { DONT_FRAGMENT, IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import { Ipv6Header } from "../wire/ipv6.ts";
import type { IpAddress } from "../wire/address.ts";
import type { Packet } from "../wire/packet.ts";
import { Fragmenter } from "./fragment.ts";
import { HopRecorder } from "./hop_record.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";
import { RouteCache } from "./route_cache.ts";
import type { Route } from "./routes.ts";
import { findTransport, isTakenBy, isUnfinished, longestPiece, Segmenter } from "./segmentation.ts";
import { sourceAddress } from "./source_address.ts";

/**
 * What is asked of the source of a packet that is to be forwarded (RFC 3704): `strict`: the way back
 * to it is the interface that the packet came by (§2.2). `loose`: there is a way back (§2.4).
 */
export type ReversePathCheck = "strict" | "loose" | false;

/** Sends packets on. */
export class Forwarder {
  #ip: Ip;
  #reversePathCheck: ReversePathCheck;
  #routes: RouteCache;
  #header4 = new Ipv4Header();
  #header6 = new Ipv6Header();
  #fragmenter = new Fragmenter();
  #segmenter = new Segmenter();
  #hops: HopRecorder;
  /** Where the packet at hand goes. */
  #by!: Interface;
  #nextHop!: IpAddress;
  /** Largest packet there, in bytes. */
  #mtu = 0;

  constructor(ip: Ip, reversePathCheck: ReversePathCheck) {
    this.#ip = ip;
    this.#reversePathCheck = reversePathCheck;
    this.#routes = new RouteCache(ip.routes);
    this.#hops = new HopRecorder(ip);
  }

  /**
   * Sends a good packet on that is not for us, or tells its sender why that can't be done.
   *
   * @param packet As IP laid it open, in front of which there is room for a link's header. Spent
   * afterwards.
   * @param from The interface that it came by.
   * @returns `Drop.TAKEN` if it went on, as far as it depends on us.
   */
  forward(packet: Packet, from: Interface, now: number): Drop {
    const { source, destination } = packet;
    // RFC 1812 §5.3.4: what came to everybody on a link is not sent on; nor are groups routed.
    if (packet.isGroup || from.isLoopback || !destination.isForwardable) return Drop.IP_NOT_FOR_US;
    if (!source.isForwardable) return this.#outOfScope(packet, from, now);
    if (!this.#isReversePath(source, from)) return Drop.IP_REVERSE_PATH;
    if (packet.ttl <= 1) { // RFC 1812 §5.3.1, RFC 8200 §3
      return this.#refuse(Drop.IP_TTL_EXPIRED, ErrorKind.TIME_EXCEEDED, packet, 0, from, now);
    }
    const route = this.#routes.lookup(destination);
    if (route === undefined || !carries(route.interface, destination)) {
      return this.#refuse(Drop.IP_NO_ROUTE, ErrorKind.NETWORK_UNREACHABLE, packet, 0, from, now);
    }
    return this.#forwardBy(route, packet, from, now);
  }

  #forwardBy(route: Route, packet: Packet, from: Interface, now: number): Drop {
    const { destination } = packet;
    const by = route.interface;
    if (by === from && by.layer.mac === null) return this.#wouldReturn(packet, from, now);
    if (route.gateway === null) {
      // Broadcasts into a network from outside serve attacks (RFC 2644); an address that we may not
      // use yet is nobody's (RFC 4862 §5.4).
      const isOurs = by.isDirectedBroadcast(destination) || by.find(destination) !== undefined;
      if (isOurs) return Drop.IP_NOT_FOR_US;
    }
    if (isUnfinished(packet)) {
      const drop = findTransport(packet);
      if (drop !== Drop.NONE) return drop;
    }
    const mtu = by.mtu(destination.family);
    const isTooBig = longestPiece(packet) > mtu;
    if (isTooBig && !this.#maySplit(packet)) { // RFC 1191 §4, RFC 8200 §5
      return this.#refuse(Drop.IP_TOO_BIG, ErrorKind.TOO_BIG, packet, mtu, from, now);
    }
    this.#by = by;
    this.#nextHop = route.gateway ?? destination;
    this.#mtu = mtu;
    if (destination.family === 6) {
      this.#header6.bind(packet.view, packet.at).hopLimit = packet.ttl - 1;
    } else {
      this.#update4(packet, now);
    }
    if (isTooBig) this.#segmenter.finish(packet, this.#split);
    else if (isTakenBy(packet, by.link.offload)) this.#emit(packet);
    else this.#segmenter.finish(packet, this.#emit);
    return Drop.TAKEN;
  }

  /** Changes what each router changes in an IPv4 header. */
  #update4(packet: Packet, now: number): void {
    const { view, at } = packet;
    const header = this.#header4.bind(view, at);
    header.decrementTtl();
    if (packet.transportAt - at === IPV4_MIN_HEADER) return;
    const address = sourceAddress(this.#by, packet.destination, this.#nextHop) ??
      this.#ip.sourceFor(packet.destination);
    if (address !== undefined && this.#hops.record(view, at, address, now)) header.writeChecksum();
  }

  readonly #emit = (packet: Packet): boolean => {
    if (!this.#by.layer.send(packet, this.#nextHop)) return false;
    this.#ip.counters.ipForwarded++;
    return true;
  };

  /** Sends a whole packet, in fragments if need be. */
  readonly #split = (packet: Packet): boolean => {
    return packet.end - packet.at > this.#mtu
      ? this.#fragmenter.split4(packet, this.#mtu, this.#emitFragment)
      : this.#emit(packet);
  };

  readonly #emitFragment = (packet: Packet): boolean => {
    this.#ip.counters.ipFragmentsSent++;
    return this.#emit(packet);
  };

  #maySplit({ view, at, destination }: Packet): boolean {
    return destination.family === 4 &&
      (this.#header4.bind(view, at).flagsAndOffset & DONT_FRAGMENT) === 0;
  }

  #isReversePath(source: IpAddress, from: Interface): boolean {
    if (this.#reversePathCheck === false) return true;
    const back = this.#routes.lookup(source);
    if (back === undefined) return false;
    return this.#reversePathCheck === "loose" || back.interface === from;
  }

  /** A source that means something on its own link alone, or nothing at all. */
  #outOfScope(packet: Packet, from: Interface, now: number): Drop {
    if (packet.source.family === 6 && packet.source.isLinkLocal) { // RFC 4443 §3.1, code 2
      this.#ip.refuse(ErrorKind.BEYOND_SCOPE, packet, 0, from, now);
    }
    return Drop.IP_BAD_SOURCE;
  }

  /**
   * The other end of a link with two ends would send the packet back at once, and we again, until
   * its TTL is used up (RFC 4443 §3.1).
   */
  #wouldReturn(packet: Packet, from: Interface, now: number): Drop {
    const kind = packet.destination.family === 6
      ? ErrorKind.HOST_UNREACHABLE
      : ErrorKind.NETWORK_UNREACHABLE;
    return this.#refuse(Drop.IP_NO_ROUTE, kind, packet, 0, from, now);
  }

  #refuse(
    drop: Drop,
    kind: ErrorKind,
    packet: Packet,
    value: number,
    from: Interface,
    now: number,
  ): Drop {
    this.#ip.refuse(kind, packet, value, from, now);
    return drop;
  }
}

/** Whether an interface leads somewhere else, by a link that carries the address's family. */
function carries(by: Interface, { family }: IpAddress): boolean {
  return !by.isLoopback && (family === 4 || by.carriesIpv6);
}
