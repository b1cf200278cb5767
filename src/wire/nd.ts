/**
 * Neighbor Discovery for IPv6 (RFC 4861): its messages, which ICMPv6 carries, and what makes one
 * believable.
 *
 * @module
 */

import { IpAddress } from "./address.ts";
import { Drop } from "./drop.ts";
import { ICMPV6_TYPE } from "./icmpv6.ts";
import type { NdOptions } from "./nd_options.ts";
import type { Packet } from "./packet.ts";

/** Hop limit of every message: it tells that no router has forwarded it. */
export const ND_HOP_LIMIT = 255;

/** Lengths of the messages without options, in bytes. */
export const ROUTER_SOLICITATION_LENGTH = 8;
export const ROUTER_ADVERTISEMENT_LENGTH = 16;
export const NEIGHBOR_MESSAGE_LENGTH = 24;
export const REDIRECT_LENGTH = 40;

/** Where the target stands in neighbor solicitations, neighbor advertisements and redirects. */
export const ND_TARGET = 8;
/** Where the destination that is to be reached by the target stands in a redirect. */
export const ND_REDIRECT_DESTINATION = 24;

/** Flags of a neighbor advertisement, in its fifth byte (RFC 4861 §4.4). */
export const ADVERTISEMENT_FLAG = { ROUTER: 0x80, SOLICITED: 0x40, OVERRIDE: 0x20 } as const;

/** Flags of a router advertisement, in its sixth byte (RFC 4861 §4.2). */
const MANAGED = 0x80;
const OTHER = 0x40;

/** Groups that solicitations for unicast addresses are sent to (RFC 4291 §2.7.1): the first 104 bits. */
const SOLICITED_NODE = IpAddress.parse("ff02::1:ff00:0");
const SOLICITED_NODE_BITS = 104;

/** What a neighbor solicitation or advertisement says, seen in place; the target is at {@linkcode ND_TARGET}. */
export class NeighborMessage {
  #view!: DataView;
  #at = 0;

  /** Moves to the message at `view[at]`; {@linkcode NEIGHBOR_MESSAGE_LENGTH} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** Of an advertisement: whether its sender is a router. */
  get isRouter(): boolean {
    return (this.#flags & ADVERTISEMENT_FLAG.ROUTER) !== 0;
  }

  /** Of an advertisement: whether it answers a solicitation, and so proves that we were heard. */
  get isSolicited(): boolean {
    return (this.#flags & ADVERTISEMENT_FLAG.SOLICITED) !== 0;
  }

  /** Of an advertisement: whether it replaces the hardware address that is known. */
  get isOverride(): boolean {
    return (this.#flags & ADVERTISEMENT_FLAG.OVERRIDE) !== 0;
  }

  get #flags(): number {
    return this.#view.getUint8(this.#at + 4);
  }
}

/** What a router advertisement says, seen in place. */
export class RouterAdvertisement {
  #view!: DataView;
  #at = 0;

  /** Moves to the message at `view[at]`; {@linkcode ROUTER_ADVERTISEMENT_LENGTH} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** Hop limit for packets that hosts send; 0 if the router doesn't care. */
  get hopLimit(): number {
    return this.#view.getUint8(this.#at + 4);
  }

  /** Whether DHCPv6 gives addresses. */
  get isManaged(): boolean {
    return (this.#view.getUint8(this.#at + 5) & MANAGED) !== 0;
  }

  /** Whether DHCPv6 gives other things to know. */
  get hasOther(): boolean {
    return (this.#view.getUint8(this.#at + 5) & OTHER) !== 0;
  }

  /** How long the sender is a default router, in seconds; 0: it is none. */
  get lifetime(): number {
    return this.#view.getUint16(this.#at + 6);
  }

  /** How long a neighbor counts as reachable, in milliseconds; 0 if the router doesn't care. uint32. */
  get reachableTime(): number {
    return this.#view.getUint32(this.#at + 8);
  }

  /** Time between solicitations, in milliseconds; 0 if the router doesn't care. uint32. */
  get retransTimer(): number {
    return this.#view.getUint32(this.#at + 12);
  }

  /** Writes the message without options. */
  write(fields: RouterAdvertisementFields): void {
    const view = this.#view;
    const at = this.#at;
    writeHead(view, at, ICMPV6_TYPE.ROUTER_ADVERTISEMENT);
    const flags = (fields.managed ? MANAGED : 0) | (fields.other ? OTHER : 0);
    view.setUint8(at + 4, fields.hopLimit);
    view.setUint8(at + 5, flags);
    view.setUint16(at + 6, fields.lifetime);
    view.setUint32(at + 8, fields.reachableTime);
    view.setUint32(at + 12, fields.retransTimer);
  }
}

/** What {@linkcode RouterAdvertisement.write} writes, in the units of the getters. */
export interface RouterAdvertisementFields {
  hopLimit: number;
  managed: boolean;
  other: boolean;
  lifetime: number;
  reachableTime: number;
  retransTimer: number;
}

/**
 * Checks a message of Neighbor Discovery, whose ICMPv6 checksum is good, and reads its options.
 * Whether the sender of a redirect is the router that it is believed to be is left to the caller
 * (RFC 4861 §8.1), and so is that the message came in one piece (RFC 6980 §5).
 *
 * @param packet Filled by IP up to the transport; the message reaches to its end.
 * @returns `Drop.NONE` if RFC 4861 §6.1, §7.1 or §8.1 would believe it.
 */
export function checkNd(packet: Packet, options: NdOptions): Drop {
  const { view, transportAt: at } = packet;
  const length = packet.end - at;
  const type = view.getUint8(at);
  const fixed = fixedLength(type);
  if (packet.ttl !== ND_HOP_LIMIT || view.getUint8(at + 1) !== 0) return Drop.ND_BAD_MESSAGE;
  if (fixed === 0 || length < fixed) return Drop.ND_BAD_MESSAGE;
  if (!options.parse(view, at + fixed, packet.end)) return Drop.ND_BAD_MESSAGE;
  return isBelievable(type, packet, options) ? Drop.NONE : Drop.ND_BAD_MESSAGE;
}

function fixedLength(type: number): number {
  switch (type) {
    case ICMPV6_TYPE.ROUTER_SOLICITATION:
      return ROUTER_SOLICITATION_LENGTH;
    case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
      return ROUTER_ADVERTISEMENT_LENGTH;
    case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
    case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT:
      return NEIGHBOR_MESSAGE_LENGTH;
    case ICMPV6_TYPE.REDIRECT:
      return REDIRECT_LENGTH;
    default:
      return 0;
  }
}

/** The part of the rules that differs from message to message. */
function isBelievable(type: number, packet: Packet, options: NdOptions): boolean {
  const { view, transportAt: at, source, destination } = packet;
  const isAnonymous = source.isUnspecified;
  switch (type) {
    case ICMPV6_TYPE.ROUTER_SOLICITATION: // §6.1.1
      return !isAnonymous || options.sourceLinkAddressAt === -1;
    case ICMPV6_TYPE.ROUTER_ADVERTISEMENT: // §6.1.2
      return source.isLinkLocal;
    case ICMPV6_TYPE.NEIGHBOR_SOLICITATION: // §7.1.1
      if (isMulticastAt(view, at + ND_TARGET)) return false;
      return !isAnonymous ||
        (options.sourceLinkAddressAt === -1 &&
          destination.isIn(SOLICITED_NODE, SOLICITED_NODE_BITS));
    case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT: // §7.1.2
      if (isMulticastAt(view, at + ND_TARGET)) return false;
      return !destination.isMulticast ||
        (view.getUint8(at + 4) & ADVERTISEMENT_FLAG.SOLICITED) === 0;
    default: // A redirect, §8.1
      return source.isLinkLocal && !isMulticastAt(view, at + ND_REDIRECT_DESTINATION) &&
        isRedirectTarget(view, at);
  }
}

function isMulticastAt(view: DataView, at: number): boolean {
  return view.getUint8(at) === 0xff;
}

/** The target of a redirect is a router, by its link-local address, or the destination itself. */
function isRedirectTarget(view: DataView, at: number): boolean {
  if (view.getUint16(at + ND_TARGET) >>> 6 === 0x3fa) return true;
  for (let i = 0; i < 16; i += 4) {
    const target = view.getInt32(at + ND_TARGET + i);
    if (target !== view.getInt32(at + ND_REDIRECT_DESTINATION + i)) return false;
  }
  return true;
}

/** Type, code 0, and zeros in the place of checksum and flags. */
function writeHead(view: DataView, at: number, type: number): void {
  view.setUint32(at, type << 24);
  view.setUint32(at + 4, 0);
}

/** Writes a router solicitation without options, {@linkcode ROUTER_SOLICITATION_LENGTH} bytes. */
export function writeRouterSolicitation(view: DataView, at: number): void {
  writeHead(view, at, ICMPV6_TYPE.ROUTER_SOLICITATION);
}

/** Writes a neighbor solicitation without options, {@linkcode NEIGHBOR_MESSAGE_LENGTH} bytes. */
export function writeNeighborSolicitation(view: DataView, at: number, target: IpAddress): void {
  writeHead(view, at, ICMPV6_TYPE.NEIGHBOR_SOLICITATION);
  target.store(view, at + ND_TARGET);
}

/**
 * Writes a neighbor advertisement without options, {@linkcode NEIGHBOR_MESSAGE_LENGTH} bytes.
 *
 * @param flags Those of {@linkcode ADVERTISEMENT_FLAG} that are set.
 */
export function writeNeighborAdvertisement(
  view: DataView,
  at: number,
  target: IpAddress,
  flags: number,
): void {
  writeHead(view, at, ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT);
  view.setUint8(at + 4, flags);
  target.store(view, at + ND_TARGET);
}

/** Writes a redirect to `destination` by way of `target`, {@linkcode REDIRECT_LENGTH} bytes. */
export function writeRedirect(
  view: DataView,
  at: number,
  target: IpAddress,
  destination: IpAddress,
): void {
  writeHead(view, at, ICMPV6_TYPE.REDIRECT);
  target.store(view, at + ND_TARGET);
  destination.store(view, at + ND_REDIRECT_DESTINATION);
}
