/**
 * What every kind of interface may be told, and the checks of it.
 *
 * @module
 */

import { IpAddress } from "../src/wire/address.ts";
import type { ReaderKind } from "./reader_kind.ts";

/** An address as text or ready made, or two of them: one of IPv4 and one of IPv6. */
export type Addresses = string | IpAddress | readonly (string | IpAddress)[];

/** How packets get from the kernel to the stack. */
export interface ReaderOptions {
  /** By which kind of reader; by default by that which is the faster one for the interface. */
  reader?: ReaderKind;
}

/** What is left to the kernel. */
export interface OffloadOptions {
  /**
   * Whether the kernel and the stack may hand each other super-segments, of up to 64 KiB, and
   * checksums that are only begun, where the kernel can: by default `true`, which is much faster.
   * With `false` every packet is as it would be on a wire, for those who want to look at them.
   */
  offload?: boolean;
}

/** How to set up a point-to-point link between the host and the stack. */
export interface LinkOptions extends ReaderOptions, OffloadOptions {
  /** Name of the interface; by default the next one that is free. */
  name?: string;
  /**
   * The stack's addresses, one of a family. Without it and `hostAddress`: 10.0.0.2 and fd00::2, the
   * latter where the system has IPv6. With one of the two the link has the families that are named
   * there, and no other.
   */
  address?: Addresses;
  /** The host's end of the link, by default 10.0.0.1 and fd00::1; IPv6 ends share their /64. */
  hostAddress?: Addresses;
  /**
   * Largest IP packet in bytes, 68 (RFC 791 §3.2) to 65535, for IPv6 at least 1280 (RFC 8200 §5);
   * by default 1500.
   */
  mtu?: number;
}

/** The addresses of both ends of a link. */
export interface Ends {
  readonly address: IpAddress;
  readonly hostAddress: IpAddress;
}

/** The options with nothing left out but the name. */
export interface LinkSettings {
  readonly name: string | undefined;
  /** `undefined` if the link has no IPv4. */
  readonly v4: Ends | undefined;
  /** `undefined` if the link has no IPv6. */
  readonly v6: Ends | undefined;
  /** Whether it was asked for: then it has to work. */
  readonly isIpv6Required: boolean;
  /** Why the link has no IPv6, if by default it would have. */
  readonly ipv6Missing: string | undefined;
  readonly mtu: number;
  readonly offload: boolean;
}

/** The smallest MTU of a link with IPv6 (RFC 8200 §5). */
export const IPV6_MIN_MTU = 1280;

/** IPv6 ends are neighbors in a network of this prefix. */
export const IPV6_PREFIX = 64;

/**
 * Checks the options and fills in what is left out.
 *
 * @throws {TypeError} If an address is malformed, or cannot be that of an end of the link.
 * @throws {RangeError} If the MTU is out of range.
 */
export function linkSettings(options: LinkOptions): LinkSettings {
  const { name, mtu = 1500, offload = true } = options;
  checkMtu(mtu, 65535);
  const given = [options.address, options.hostAddress].map(byFamily);
  const isDefault = options.address === undefined && options.hostAddress === undefined;
  const ends = (family: 4 | 6, address: string, hostAddress: string): Ends | undefined => {
    const [own, host] = given.map((addresses) => addresses.get(family));
    if (!isDefault && own === undefined && host === undefined) return undefined;
    return {
      address: own ?? IpAddress.parse(address),
      hostAddress: host ?? IpAddress.parse(hostAddress),
    };
  };
  const v4 = ends(4, "10.0.0.2", "10.0.0.1");
  const v6 = ends(6, "fd00::2", "fd00::1");
  if (v4 === undefined && v6 === undefined) {
    throw new TypeError("Cannot set up a link without addresses: name one, such as 10.0.0.2");
  }
  for (const pair of [v4, v6]) if (pair !== undefined) checkEnds(pair);
  const isIpv6Required = !isDefault && v6 !== undefined;
  if (v6 !== undefined && mtu < IPV6_MIN_MTU) {
    const ipv6Missing = ipv6NeedsMtu(mtu);
    if (isIpv6Required) throw new RangeError(`Cannot use ${v6.address}: ${ipv6Missing}`);
    return { name, v4, v6: undefined, isIpv6Required, ipv6Missing, mtu, offload };
  }
  return { name, v4, v6, isIpv6Required, ipv6Missing: undefined, mtu, offload };
}

/** What is wrong with an MTU for IPv6. */
export function ipv6NeedsMtu(mtu: number): string {
  return `IPv6 needs an MTU of ${IPV6_MIN_MTU} or more, not ${mtu}`;
}

/**
 * Checks an MTU.
 *
 * @throws {RangeError} If it is out of range.
 */
export function checkMtu(mtu: number, max: number): void {
  if (Number.isInteger(mtu) && mtu >= 68 && mtu <= max) return;
  throw new RangeError(`Cannot use an MTU of ${mtu}: it must be a whole number from 68 to ${max}`);
}

/** The addresses by their family. */
function byFamily(addresses: Addresses | undefined): Map<4 | 6, IpAddress> {
  const found = new Map<4 | 6, IpAddress>();
  for (const one of toList(addresses)) {
    const address = typeof one === "string" ? IpAddress.parse(one) : one;
    const other = found.get(address.family);
    if (other !== undefined) {
      throw new TypeError(
        `Cannot use both ${other} and ${address}: an end of a link has one address of a family`,
      );
    }
    found.set(address.family, address);
  }
  return found;
}

/** The addresses as a list. */
export function toList(addresses: Addresses | undefined): readonly (string | IpAddress)[] {
  if (addresses === undefined) return [];
  return typeof addresses === "string" || addresses instanceof IpAddress ? [addresses] : addresses;
}

/**
 * Checks that an address can be that of one host on a link.
 *
 * @throws {TypeError} If it cannot.
 */
export function checkHost(end: IpAddress): void {
  if (end.isUnspecified || end.isMulticast || end.isBroadcast || end.isLoopback) {
    const example = end.family === 4 ? "10.0.0.2" : "fd00::2";
    throw new TypeError(
      `Cannot use ${end}: it is not the address of one host; choose one such as ${example}`,
    );
  }
}

function checkEnds({ address, hostAddress }: Ends): void {
  for (const end of [address, hostAddress]) checkHost(end);
  if (address.equals(hostAddress)) {
    throw new TypeError(
      `Cannot use ${address} for both ends: the host and the stack need an address each`,
    );
  }
  if (address.family === 6 && !address.isIn(hostAddress, IPV6_PREFIX)) {
    throw new TypeError(
      `Cannot use ${address} and ${hostAddress}: both ends have to be in one /${IPV6_PREFIX}`,
    );
  }
}
