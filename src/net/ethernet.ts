/**
 * Ethernet below IPv4 and IPv6 (RFC 894, RFC 2464): which frames are for us, and where packets go.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import {
  ETHER_TYPE,
  ETHERNET_HEADER,
  ETHERNET_SOURCE,
  EthernetHeader,
  storeEtherType,
} from "../wire/ethernet.ts";
import {
  BROADCAST_MAC,
  isGroupMac,
  isIpMulticastMac,
  isMacAt,
  MAC_LENGTH,
  storeMac,
  storeMulticastMac,
} from "../wire/mac.ts";
import type { Packet } from "../wire/packet.ts";
import { Arp, type ArpConfig, type ArpHooks } from "./arp.ts";
import type { Link, LinkLayer } from "./link_layer.ts";
import { NeighborCache, type NeighborConfig } from "./neighbors.ts";

/** What Ethernet asks of the interface that it works for. */
export interface EthernetHooks extends ArpHooks {
  /**
   * Sends a neighbor solicitation (RFC 4861 §7.2.2): to the neighbor itself if `unicast`, else to
   * the solicited-node group of `target`. Called within {@linkcode Ethernet.poll} alone.
   */
  ndSolicit(target: IpAddress, unicast: boolean): void;
  /** An IPv6 neighbor does not answer. Called within {@linkcode Ethernet.poll} alone. */
  ndFailed?(target: IpAddress): void;
  /**
   * Nobody has answered for the next hop of this IP packet, which is dropped: its sender is to be
   * told. Called within {@linkcode Ethernet.poll} alone.
   */
  unreachable(packet: Packet, now: number): void;
}

/** What an {@linkcode Ethernet} is made of. */
export interface EthernetOptions {
  /** Moves frames. */
  readonly link: Link;
  /** Our own address. */
  readonly mac: Uint8Array;
  readonly counters: Counters;
  readonly env: Env;
  readonly hooks: EthernetHooks;
  /** For the neighbors of both families. */
  readonly neighbors?: Partial<NeighborConfig>;
  readonly arp?: Partial<ArpConfig>;
}

/** The link layer of an interface whose link moves Ethernet frames. */
export class Ethernet implements LinkLayer {
  readonly mac: Uint8Array;
  /** Filled by ARP. */
  readonly neighbors4: NeighborCache;
  /** Filled by neighbor discovery. */
  readonly neighbors6: NeighborCache;
  readonly arp: Arp;
  #link: Link;
  #counters: Counters;
  #header = new EthernetHeader();

  /** @throws {TypeError} If `mac` is not the address of a single host. */
  constructor({ link, mac, counters, env, hooks, neighbors, arp }: EthernetOptions) {
    if (mac.length !== MAC_LENGTH || isGroupMac(mac)) {
      throw new TypeError("An interface needs six bytes as its address, the first of them even");
    }
    this.mac = mac.slice();
    this.#link = link;
    this.#counters = counters;
    const unreachable = (packet: Packet, now: number) => hooks.unreachable(packet, now);
    this.neighbors4 = new NeighborCache(
      {
        solicit: (target, neighbor) => this.arp.request(target, neighbor),
        deliver: (packet, to) => this.#transmit(packet, to, ETHER_TYPE.IPV4),
        unreachable,
      },
      counters,
      env,
      neighbors,
    );
    this.neighbors6 = new NeighborCache(
      {
        solicit: (target, neighbor) => hooks.ndSolicit(target, neighbor !== null),
        deliver: (packet, to) => this.#transmit(packet, to, ETHER_TYPE.IPV6),
        unreachable,
        failed: (address) => hooks.ndFailed?.(address),
      },
      counters,
      env,
      neighbors,
    );
    const sendArp = (packet: Packet, to: Uint8Array) => this.#transmit(packet, to, ETHER_TYPE.ARP);
    this.arp = new Arp(this.mac, this.neighbors4, sendArp, hooks, counters, env, arp);
  }

  receive(packet: Packet, now: number): Drop {
    const { bytes, view, at } = packet;
    const header = this.#header;
    const drop = header.read(view, at, packet.end);
    if (drop !== Drop.NONE) return drop;
    if (isMacAt(this.mac, bytes, at)) {
      packet.isGroup = false;
    } else {
      // Of groups only those that IP can have joined: it knows which ones they are.
      const isForUs = isMacAt(BROADCAST_MAC, bytes, at) || isIpMulticastMac(bytes, at);
      if (!isForUs) return Drop.ETHERNET_NOT_FOR_US;
      packet.isGroup = true;
    }
    // Some switches and bridges send us our own frames again.
    if (isMacAt(this.mac, bytes, at + ETHERNET_SOURCE)) return Drop.ETHERNET_NOT_FOR_US;
    packet.at = header.payloadAt;
    switch (header.etherType) {
      case ETHER_TYPE.IPV4:
      case ETHER_TYPE.IPV6:
        return Drop.NONE;
      case ETHER_TYPE.ARP:
        return this.arp.receive(packet, now);
      default:
        return Drop.ETHERNET_UNKNOWN_TYPE;
    }
  }

  /**
   * Sends an IP packet, in front of which there is room for a header. For broadcast `nextHop` is
   * 255.255.255.255, whatever the packet's destination; for multicast it is the group.
   */
  send(packet: Packet, nextHop: IpAddress): boolean {
    const etherType = nextHop.family === 4 ? ETHER_TYPE.IPV4 : ETHER_TYPE.IPV6;
    if (nextHop.isMulticast) {
      storeMulticastMac(nextHop, packet.view, packet.at - ETHERNET_HEADER);
      return this.#transmit(packet, null, etherType);
    }
    if (nextHop.isBroadcast) return this.#transmit(packet, BROADCAST_MAC, etherType);
    const mac = this.#neighborsOf(nextHop).resolve(packet, nextHop);
    return mac === null || this.#transmit(packet, mac, etherType);
  }

  suspect(nextHop: IpAddress): void {
    this.#neighborsOf(nextHop).suspect(nextHop);
  }

  confirm(nextHop: IpAddress, now: number): void {
    this.#neighborsOf(nextHop).confirm(nextHop, now);
  }

  poll(now: number): void {
    this.arp.poll(now);
    this.neighbors4.poll(now);
    this.neighbors6.poll(now);
  }

  nextDeadline(): number {
    return Math.min(
      this.arp.nextDeadline(),
      this.neighbors4.nextDeadline(),
      this.neighbors6.nextDeadline(),
    );
  }

  #neighborsOf(address: IpAddress): NeighborCache {
    return address.family === 4 ? this.neighbors4 : this.neighbors6;
  }

  /**
   * Puts the header in front of the packet and sends the frame; `packet.at` is afterwards what it
   * was.
   *
   * @param to Where to; `null` if that stands there already.
   */
  #transmit(packet: Packet, to: Uint8Array | null, etherType: number): boolean {
    const payloadAt = packet.at;
    const at = payloadAt - ETHERNET_HEADER;
    if (to !== null) storeMac(to, packet.bytes, at);
    storeMac(this.mac, packet.bytes, at + ETHERNET_SOURCE);
    storeEtherType(etherType, packet.view, at);
    packet.at = at;
    const sent = this.#link.transmit(packet);
    packet.at = payloadAt;
    if (!sent) this.#counters.drop(Drop.SEND_DEVICE);
    return sent;
  }
}
