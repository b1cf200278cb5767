/**
 * An interface: a link, and what the stack is on it.
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import { IPV6_HEADER } from "../wire/ipv6.ts";
import type { Link, LinkLayer } from "./link_layer.ts";

/** The smallest MTU of a link that carries IPv6, in bytes (RFC 8200 §5). */
export const MIN_IPV6_MTU = 1280;

/** What an address may be used for (RFC 4862 §2). */
export const AddressState = {
  /** Not before nobody else turns out to have it. */
  TENTATIVE: 0,
  PREFERRED: 1,
  /** For what began with it, not for anything new. */
  DEPRECATED: 2,
  /** For everything, although others may turn out to have it (RFC 4429). */
  OPTIMISTIC: 3,
} as const;

/** One of the values of {@linkcode AddressState}. */
export type AddressState = typeof AddressState[keyof typeof AddressState];

/** Where an address comes from. */
export type AddressOrigin = "static" | "dhcp" | "link-local" | "autoconf";

/** An address of an interface. Times in milliseconds. */
export interface InterfaceAddress {
  /** With the interface's zone, if it is a link-local one. */
  readonly address: IpAddress;
  /** How many leading bits its neighbors have in common with it, 0 to 32 or 128. */
  readonly prefixLength: number;
  readonly origin: AddressOrigin;
  state: AddressState;
  /** When it becomes deprecated, and when it is gone; `Infinity`: never. */
  preferredUntil: number;
  validUntil: number;
}

/** A multicast group that somebody has joined. */
export interface Membership {
  readonly group: IpAddress;
  /** How many have. */
  users: number;
}

/** Longest packets that headers can tell the length of (RFC 791 §3.1, RFC 8200 §3), in bytes. */
const MAX_IPV4 = 65_535;
const MAX_IPV6 = 65_535 + IPV6_HEADER;

/** An interface of the stack. */
export class Interface {
  /** From 1 on, in the order in which they were added: the zone of its link-local addresses. */
  readonly index: number;
  readonly name: string;
  readonly link: Link;
  readonly layer: LinkLayer;
  /** Whether packets come back to the stack itself. */
  readonly isLoopback: boolean;
  readonly addresses: InterfaceAddress[] = [];
  /** The groups of RFC 1112 §7.2 and RFC 4291 §2.8 are not among them. */
  readonly memberships: Membership[] = [];
  /** Whether the stack forwards what comes by it. */
  isRouter = false;
  /** What routers want hosts on this link to send with, if they say (RFC 4861 §6.3.4). */
  hopLimit = 0;
  /** Largest IPv4 packet, in bytes, as a DHCP server says; never above the link's. */
  mtu4 = Infinity;
  /** Largest IPv6 packet, in bytes, as routers say (RFC 4861 §4.6.4); never above the link's. */
  #mtu6 = Infinity;

  /** @param makeLayer Makes the link layer, which may ask the interface for its addresses. */
  constructor(
    index: number,
    name: string,
    link: Link,
    makeLayer: (of: Interface) => LinkLayer,
    isLoopback = false,
  ) {
    this.index = index;
    this.name = name;
    this.link = link;
    this.isLoopback = isLoopback;
    this.layer = makeLayer(this);
  }

  /** Largest packet of a family, in bytes. */
  mtu(family: 4 | 6): number {
    return family === 4
      ? Math.min(this.mtu4, this.link.mtu, MAX_IPV4)
      : Math.min(this.#mtu6, this.link.mtu, MAX_IPV6);
  }

  /** Takes a router's word for what the link carries; less than IPv6 asks for is not believed. */
  set mtu6(mtu: number) {
    if (mtu >= MIN_IPV6_MTU) this.#mtu6 = mtu;
  }

  /** Whether the link carries IPv6. */
  get carriesIpv6(): boolean {
    return this.link.mtu >= MIN_IPV6_MTU;
  }

  /** The entry of an address of this interface. */
  find(address: IpAddress): InterfaceAddress | undefined {
    for (let i = 0; i < this.addresses.length; i++) {
      if (this.addresses[i]!.address.equals(address)) return this.addresses[i];
    }
    return undefined;
  }

  /** Whether `address` may be used here: a tentative one may not. */
  has(address: IpAddress): boolean {
    const entry = this.find(address);
    return entry !== undefined && entry.state !== AddressState.TENTATIVE;
  }

  /** Whether `address` is the broadcast address of one of this interface's networks. */
  isDirectedBroadcast(address: IpAddress): boolean {
    if (this.layer.mac === null) return false;
    for (let i = 0; i < this.addresses.length; i++) {
      const { address: own, prefixLength } = this.addresses[i]!;
      if (address.isBroadcastOf(own, prefixLength)) return true;
    }
    return false;
  }

  /**
   * Whether what is sent to a multicast group is for this interface: one that somebody has joined,
   * that of all hosts, or of all routers, or that which neighbor solicitations for one of its addresses go to.
   */
  isInGroup(group: IpAddress): boolean {
    for (let i = 0; i < this.memberships.length; i++) {
      if (this.memberships[i]!.group.isIn(group, group.length * 8)) return true;
    }
    if (group.family === 4) {
      return group.equals(ALL_HOSTS) || (this.isRouter && group.equals(ALL_ROUTERS_4));
    }
    if (group.isIn(ALL_NODES, 128)) return true;
    if (this.isRouter && group.isIn(ALL_ROUTERS, 128)) return true;
    if (!group.isIn(SOLICITED_NODE, 104)) return false;
    for (let i = 0; i < this.addresses.length; i++) {
      if (this.addresses[i]!.address.hasSameTail(group)) return true;
    }
    return false;
  }
}

/** 224.0.0.1: every host of a link (RFC 1112 §4). */
export const ALL_HOSTS = IpAddress.parse("224.0.0.1");
/** 224.0.0.2: every router of a link (RFC 1112 §4). */
export const ALL_ROUTERS_4 = IpAddress.parse("224.0.0.2");
/** ff02::1: every node of a link (RFC 4291 §2.7.1). */
export const ALL_NODES = IpAddress.parse("ff02::1");
/** ff02::2: every router of a link. */
export const ALL_ROUTERS = IpAddress.parse("ff02::2");
/** ff02::1:ff00:0/104: where neighbor solicitations go (RFC 4291 §2.7.1). */
export const SOLICITED_NODE = IpAddress.parse("ff02::1:ff00:0");
