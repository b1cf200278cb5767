/**
 * Which of our addresses to send from (RFC 6724 §5, for IPv4 as well).
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { AddressState, type Interface, type InterfaceAddress } from "./interface.ts";

/**
 * The address of an interface to reach `destination` from; `undefined` if none will do. The rules
 * on home addresses, labels and temporary addresses have nothing to choose between here.
 *
 * @param nextHop The neighbor that it goes to: of IPv4 addresses the one in its network is taken.
 */
export function sourceAddress(
  own: Interface,
  destination: IpAddress,
  nextHop: IpAddress,
): IpAddress | undefined {
  let best: InterfaceAddress | undefined;
  for (let i = 0; i < own.addresses.length; i++) {
    const entry = own.addresses[i]!;
    if (entry.address.family !== destination.family) continue;
    if (entry.state === AddressState.TENTATIVE) continue;
    if (best === undefined || isBetter(entry, best, destination, nextHop)) best = entry;
  }
  return best?.address;
}

/** Whether `a` is to be taken rather than `b`, which comes first in the interface's list. */
function isBetter(
  a: InterfaceAddress,
  b: InterfaceAddress,
  destination: IpAddress,
  nextHop: IpAddress,
): boolean {
  if (b.address.equals(destination)) return false; // rule 1
  if (a.address.equals(destination)) return true;
  const scope = scopeOf(destination); // rule 2
  const [scopeA, scopeB] = [scopeOf(a.address), scopeOf(b.address)];
  if (scopeA !== scopeB) return scopeA < scopeB ? scopeA >= scope : scopeB < scope;
  if (a.state !== b.state) return a.state === AddressState.PREFERRED; // rule 3
  if (destination.family === 4) return isNear(a, nextHop) && !isNear(b, nextHop);
  const prefix = (entry: InterfaceAddress) =>
    Math.min(entry.address.commonPrefix(destination), entry.prefixLength);
  return prefix(a) > prefix(b); // rule 8
}

function isNear({ address, prefixLength }: InterfaceAddress, neighbor: IpAddress): boolean {
  return neighbor.isIn(address, prefixLength);
}

/** How far an address reaches (RFC 6724 §3.1), by the numbers of multicast scopes. */
function scopeOf(address: IpAddress): number {
  if (address.isLoopback || address.isLinkLocal) return LINK_LOCAL;
  return address.isMulticast ? address.multicastScope : GLOBAL;
}

const LINK_LOCAL = 2;
const GLOBAL = 14;
