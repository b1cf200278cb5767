/**
 * What a DHCP server gives to a client: an address for some time, and what goes with it.
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import type { DhcpHeader } from "../wire/dhcp.ts";
import { DHCP_OPTION, type DhcpOptions, type DhcpRoute } from "../wire/dhcp_options.ts";

/** A lease time that never ends (RFC 2131 §3.3). */
const INFINITE = 0xffff_ffff;
/**
 * Smallest MTU that is taken from a server: every host takes packets of this length (RFC 791).
 * Anybody on the link may have sent the message; a smaller one would only make much of little.
 */
const MIN_MTU = 576;

/** An address of a server, and what it says of the network. Times in milliseconds. */
export interface DhcpLease {
  readonly address: IpAddress;
  /** How much of the address is the network's: by the subnet mask, or else by its class. */
  readonly prefixLength: number;
  /** The server, by its identifier. */
  readonly server: IpAddress;
  /** Routers on the link, the best first; none if there are {@linkcode routes} (RFC 3442). */
  readonly routers: readonly IpAddress[];
  /** Classless static routes, with the default route among them. */
  readonly routes: readonly DhcpRoute[];
  readonly dnsServers: readonly IpAddress[];
  /** The domain that the host is in. */
  readonly domainName: string | undefined;
  /** Domains in which short names are looked up (RFC 3397). */
  readonly domainSearch: readonly string[];
  /** The name of the host. */
  readonly hostName: string | undefined;
  /** MTU of the link, in bytes, 576 or more. */
  readonly mtu: number | undefined;
  /** The network's broadcast address: all ones behind the prefix, or all zeros in old networks. */
  readonly broadcast: IpAddress | undefined;
  /** How long the lease is good for, from the request on; `Infinity` if it never ends. */
  readonly duration: number;
  /** T1: when to renew it; above 0 and below {@linkcode rebindAfter}, or `Infinity`. */
  readonly renewAfter: number;
  /** T2: when to ask any server; below {@linkcode duration}, or `Infinity`. */
  readonly rebindAfter: number;
}

/**
 * Reads what an offer or an acknowledgement gives.
 *
 * @returns `undefined` if that cannot be taken: the address is not one of a host, or the server or
 * the lease time is missing.
 */
export function readLease(header: DhcpHeader, options: DhcpOptions): DhcpLease | undefined {
  const address = header.yourAddress(IpAddress.scratch());
  const server = options.address(DHCP_OPTION.SERVER_IDENTIFIER);
  const seconds = options.uint32(DHCP_OPTION.LEASE_TIME) ?? 0;
  if (!isHost(address) || server === undefined || !isHost(server) || seconds === 0) {
    return undefined;
  }
  const prefixLength = maskLength(options.uint32(DHCP_OPTION.SUBNET_MASK) ?? 0) ||
    classLength(address);
  if (isEdge(address, prefixLength)) return undefined;
  const routes = options.routes(DHCP_OPTION.CLASSLESS_ROUTES);
  const mtu = options.uint16(DHCP_OPTION.INTERFACE_MTU) ?? 0;
  const broadcast = options.address(DHCP_OPTION.BROADCAST_ADDRESS);
  const isBroadcast = broadcast?.isIn(address, prefixLength) && isEdge(broadcast, prefixLength);
  return {
    address,
    prefixLength,
    server,
    routers: routes === undefined ? options.addresses(DHCP_OPTION.ROUTER).filter(isHost) : [],
    routes: (routes ?? []).filter(isUsable),
    dnsServers: options.addresses(DHCP_OPTION.DNS_SERVER).filter(isHost),
    domainName: options.name(DHCP_OPTION.DOMAIN_NAME),
    domainSearch: options.domainNames(DHCP_OPTION.DOMAIN_SEARCH),
    hostName: options.name(DHCP_OPTION.HOST_NAME),
    mtu: mtu >= MIN_MTU ? mtu : undefined,
    broadcast: isBroadcast ? broadcast : undefined,
    ...readTimes(seconds, options),
  };
}

/** T1 and T2 are half and 7/8 of the lease unless the server says what can be (RFC 2131 §4.4.5). */
function readTimes(seconds: number, options: DhcpOptions) {
  if (seconds === INFINITE) {
    return { duration: Infinity, renewAfter: Infinity, rebindAfter: Infinity };
  }
  const duration = seconds * 1000;
  const rebind = (options.uint32(DHCP_OPTION.REBINDING_TIME) ?? 0) * 1000;
  const rebindAfter = rebind > 0 && rebind < duration ? rebind : duration * 7 / 8;
  const renew = (options.uint32(DHCP_OPTION.RENEWAL_TIME) ?? 0) * 1000;
  const half = (duration / 2 < rebindAfter ? duration : rebindAfter) / 2;
  return { duration, rebindAfter, renewAfter: renew > 0 && renew < rebindAfter ? renew : half };
}

/** Whether an address can be one of a host: of class A, B or C, but not 0.x.x.x or loopback. */
function isHost(address: IpAddress): boolean {
  const first = address.toBytes()[0]!;
  return first > 0 && first < 224 && first !== 127;
}

/** Whether an address is that of its network itself, or its broadcast address (not on links of two). */
function isEdge(address: IpAddress, prefixLength: number): boolean {
  const host = new DataView(address.toBytes().buffer).getUint32(0) << prefixLength;
  return prefixLength < 31 && (host === 0 || host === -1 << prefixLength);
}

/** The routes whose router is a host, or nobody. */
function isUsable(route: DhcpRoute): boolean {
  return route.router.isUnspecified || isHost(route.router);
}

/** How many ones a mask begins with; 0 if it is none, with ones behind zeros. */
function maskLength(mask: number): number {
  const length = Math.clz32(~mask);
  return mask << length === 0 || length === 32 ? length : 0;
}

/** Prefix length of an address's class (RFC 791 §3.2). */
function classLength(address: IpAddress): number {
  const first = address.toBytes()[0]!;
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}
