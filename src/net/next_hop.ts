/**
 * The way to a destination (RFC 1122 §3.3.1): the interface that packets leave by, the neighbor that
 * takes them from there, and which of our addresses they come from.
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import type { HostConfiguration } from "./host_configuration.ts";
import type { Interface } from "./interface.ts";
import { sourceAddress } from "./source_address.ts";

const BROADCAST = IpAddress.v4(255, 255, 255, 255);

/** The way that was looked up last: most packets go where the last one went. */
export class NextHop {
  #host: HostConfiguration;
  /** What it is the answer to, and of which state of the routing table. */
  #to = IpAddress.scratch();
  #only = 0;
  #generation = -1;
  #interface: Interface | null = null;
  #neighbor: IpAddress;
  #destination: IpAddress = IpAddress.scratch();

  constructor(host: HostConfiguration) {
    this.#host = host;
    this.#neighbor = this.#destination;
  }

  /**
   * Finds the way to `destination`: {@linkcode interface} and {@linkcode neighbor} tell it, until the
   * next call.
   *
   * @param only Number of the interface to leave by; 0: any. By default that of its zone.
   * @returns Whether there is one.
   */
  find(destination: IpAddress, only = destination.zone): boolean {
    const { generation } = this.#host.routes;
    if (
      this.#generation === generation && this.#only === only && this.#to.equals(destination)
    ) {
      return this.#interface !== null;
    }
    this.#generation = generation;
    this.#only = only;
    this.#to.load(destination);
    this.#neighbor = this.#destination.load(destination);
    return (this.#interface = this.#lookup(destination, only)) !== null;
  }

  #lookup(destination: IpAddress, only: number): Interface | null {
    const { interfaces, routes } = this.#host;
    const by = only === 0 ? null : interfaces[only - 1] ?? null;
    if (only !== 0 && by === null) return null;
    if (destination.isLoopback || this.#host.isOwn(destination)) return interfaces[0]!;
    const route = routes.lookup(destination, by);
    if (destination.isMulticast || destination.isBroadcast) {
      return by ?? route?.interface ?? interfaces[1] ?? null;
    }
    if (route === undefined) return by; // what the user has named an interface for is there
    if (route.gateway !== null) this.#neighbor = route.gateway;
    else if (route.interface.isDirectedBroadcast(destination)) this.#neighbor = BROADCAST;
    return route.interface;
  }

  /** The interface of the way that was found. */
  get interface(): Interface {
    return this.#interface!;
  }

  /** Who is next on it, lent: the destination itself, a group, a router, or everybody. */
  get neighbor(): IpAddress {
    return this.#neighbor;
  }

  /** Our address to go the way that was found from; `undefined` if none will do. */
  sourceFor(destination: IpAddress): IpAddress | undefined {
    const by = this.interface;
    // To ourselves we speak from the address that is spoken to.
    if (by.isLoopback) return this.#host.ownEntry(destination)?.address ?? destination.clone();
    return sourceAddress(by, destination, this.#neighbor) ?? this.#elsewhere(by, destination);
  }

  /** An address of another interface, where the one that a packet leaves by has none that will do. */
  #elsewhere(by: Interface, destination: IpAddress): IpAddress | undefined {
    if (destination.isLinkLocal || destination.isBroadcast) return undefined;
    for (const other of this.#host.interfaces) {
      if (other === by || other.isLoopback) continue;
      const source = sourceAddress(other, destination, this.#neighbor);
      if (source !== undefined && !source.isLinkLocal) return source;
    }
    return undefined;
  }
}
