/**
 * Addresses as users write and read them: with the names of interfaces for zones.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";
import { IpAddress } from "../wire/address.ts";

/** An address with the number of leading bits that it has in common with its neighbors. */
export interface Network {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/**
 * Reads an address. A link-local one needs a zone, `fe80::1%tun0`, where there is a choice of
 * interfaces (RFC 4007 §6).
 *
 * @throws {TypeError} If it is none, or its zone is missing or unknown.
 */
export function parseAddress(ip: Ip, text: string): IpAddress {
  const address = IpAddress.parse(text, (zone) => zoneOf(ip, zone));
  if (!address.isLinkScoped || address.zone !== 0) return address;
  const [, only, another] = ip.interfaces;
  if (only !== undefined && another === undefined) return address.scope(only.index);
  throw new TypeError(`Say on which interface ${text} is: ${text}%${another?.name ?? "tun0"}`);
}

function zoneOf(ip: Ip, zone: string): number {
  const named = ip.interfaceNamed(zone) ?? ip.interfaces[Number(zone) - 1];
  if (named !== undefined) return named.index;
  const names = ip.interfaces.map(({ name }) => name).join(", ");
  throw new Error(`there is no interface ${zone}; there are ${names}`);
}

/** The text form of an address, with the name of its zone. */
export function formatAddress(ip: Ip, address: IpAddress): string {
  if (address.zone === 0) return address.toString();
  return `${address.withZone(0)}%${ip.interfaces[address.zone - 1]?.name ?? address.zone}`;
}

/** One end of a connection: `10.0.0.2:7`, or `[fd00::2]:7` (RFC 5952 §6). */
export function formatEnd(host: IpAddress | string, port: number): string {
  const text = String(host);
  return text.includes(":") ? `[${text}]:${port}` : `${text}:${port}`;
}

/**
 * Reads `10.0.0.2/24`, or an address alone, which stands for a network of nobody else.
 *
 * @throws {TypeError} If it is neither.
 */
export function parseNetwork(text: string): Network {
  const [bare = "", length, more] = text.split("/");
  const address = IpAddress.parse(bare);
  const most = address.length * 8;
  if (length === undefined) return { address, prefixLength: most };
  if (more !== undefined || !/^\d{1,3}$/.test(length) || Number(length) > most) {
    throw new TypeError(
      `Not a network: "${text}": expected a number from 0 to ${most} behind the /`,
    );
  }
  return { address, prefixLength: Number(length) };
}

/**
 * Reads the addresses that a stack is to have on one interface.
 *
 * @param others Those that it has on other interfaces.
 * @throws {TypeError} If one of them is none of a single host, or is there already.
 */
export function parseOwn(texts: readonly string[], others: readonly Network[] = []): Network[] {
  const networks: Network[] = [];
  for (const text of texts) {
    const network = parseNetwork(text);
    const { address } = network;
    if (!isOfOneHost(network)) {
      throw new TypeError(`Cannot use ${text}: it is not the address of one host`);
    }
    // A link-local address may be ours on several links.
    const rivals = address.isLinkLocal ? networks : [...others, ...networks];
    if (rivals.some((other) => other.address.equals(address))) {
      throw new TypeError(`Cannot use ${address} twice: a stack has an address once`);
    }
    networks.push(network);
  }
  return networks;
}

/** An IPv4 network's first and last address are of nobody, or of all (RFC 1122 §3.2.1.3). */
function isOfOneHost({ address, prefixLength }: Network): boolean {
  if (address.isUnspecified || address.isMulticast || address.isBroadcast || address.isLoopback) {
    return false;
  }
  if (address.family === 6 || prefixLength > 30 || prefixLength === 0) return true;
  const isFirst = address.equals(address.prefix(prefixLength));
  return !isFirst && !address.isBroadcastOf(address, prefixLength);
}

/**
 * Our address for what goes to `remote`.
 *
 * @param wish The one that the user wants it to be.
 * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there.
 * @throws {Deno.errors.AddrNotAvailable} If the wish is not an address of this stack.
 * @throws {TypeError} If the wish is not an IP address, or not one of the same family.
 */
export function sourceTo(ip: Ip, remote: IpAddress, wish?: string): IpAddress {
  const source = ip.sourceFor(remote);
  if (source === undefined) {
    throw new Deno.errors.NetworkUnreachable(
      `No way to ${formatAddress(ip, remote)} from this stack`,
    );
  }
  if (wish === undefined) return source.clone();
  const wished = parseAddress(ip, wish);
  checkFamily(wished, remote);
  if (!ip.isOwn(wished)) {
    throw new Deno.errors.AddrNotAvailable(`${wish} is not an address of this stack`);
  }
  return wished;
}

/**
 * Checks that packets from `source` can go to `remote`.
 *
 * @throws {TypeError} If they are not of the same family.
 */
export function checkFamily(source: IpAddress, remote: IpAddress): void {
  const { family } = remote;
  if (source.family === family) return;
  throw new TypeError(`IPv${family} packets need an IPv${family} source: got ${source}`);
}
