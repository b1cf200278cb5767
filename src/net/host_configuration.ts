/**
 * What a host is: its interfaces, their addresses, and its routes (RFC 1122 §3.3.1, §3.3.4).
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { type AddressOrigin, AddressState, Interface, type InterfaceAddress } from "./interface.ts";
import type { Link, LinkLayer } from "./link_layer.ts";
import { type Route, RouteTable } from "./routes.ts";

/** An address to have, and how it came about. */
export interface AddressOptions {
  readonly address: IpAddress;
  /** How many leading bits its neighbors have in common with it. */
  readonly prefixLength: number;
  readonly origin?: AddressOrigin;
  /** `PREFERRED` where nothing is said. */
  readonly state?: AddressState;
  /** When it becomes deprecated, and when it is gone, in milliseconds; by default never. */
  readonly preferredUntil?: number;
  readonly validUntil?: number;
}

/** The interfaces of one host. */
export class HostConfiguration {
  /** In the order of their numbers, which start at 1; the first is the loopback interface. */
  readonly interfaces: Interface[] = [];
  readonly routes: RouteTable = new RouteTable();

  /** @param loopback The way to ourselves: link and link layer of the loopback interface. */
  constructor(loopback: Link & LinkLayer) {
    this.interfaces.push(new Interface(1, "lo", loopback, () => loopback, true));
  }

  /** Adds an interface, as yet without addresses. */
  addInterface(name: string, link: Link, makeLayer: (of: Interface) => LinkLayer): Interface {
    const added = new Interface(this.interfaces.length + 1, name, link, makeLayer);
    this.interfaces.push(added);
    return added;
  }

  /**
   * Gives an interface an address, and the route to its neighbors; but who these are for addresses
   * that routers bring about, routers tell apart (RFC 5942 §4).
   */
  addAddress(to: Interface, options: AddressOptions): InterfaceAddress {
    const { prefixLength, origin = "static", state = AddressState.PREFERRED } = options;
    const { preferredUntil = Infinity, validUntil = Infinity } = options;
    const address = options.address.clone().scope(to.index);
    const entry = { address, prefixLength, origin, state, preferredUntil, validUntil };
    to.addresses.push(entry);
    const hasNeighbors = prefixLength < address.length * 8 && origin !== "autoconf";
    if (hasNeighbors) this.#addOnLink(to, address, prefixLength);
    this.changed();
    return entry;
  }

  #addOnLink(to: Interface, address: IpAddress, length: number): void {
    this.routes.add({
      prefix: address.withZone(0).prefix(length),
      length,
      gateway: null,
      interface: to,
      metric: to.index,
      expiresAt: Infinity,
    });
  }

  /** Takes an address away, and the route to its neighbors if no other address needs it. */
  removeAddress(from: Interface, address: IpAddress): void {
    const at = from.addresses.findIndex((entry) => entry.address.equals(address));
    if (at === -1) return;
    const [{ prefixLength, origin }] = from.addresses.splice(at, 1) as [InterfaceAddress];
    const isNeighbor = (entry: InterfaceAddress) =>
      entry.prefixLength === prefixLength && entry.address.isIn(address, prefixLength) &&
      entry.origin !== "autoconf";
    if (origin !== "autoconf" && !from.addresses.some(isNeighbor)) {
      this.routes.remove((route) =>
        route.interface === from && route.gateway === null && route.length === prefixLength &&
        route.origin === undefined &&
        address.isIn(route.prefix, prefixLength)
      );
    }
    this.changed();
  }

  /** To be called when an address has come, gone, or changed its state. */
  changed(): void {
    this.routes.generation++;
  }

  /** The interface of this name. */
  interfaceNamed(name: string): Interface | undefined {
    return this.interfaces.find((one) => one.name === name);
  }

  /** Our addresses that others may use, the loopback's left out. */
  get addresses(): IpAddress[] {
    return this.interfaces.slice(1).flatMap(({ addresses }) =>
      addresses.filter(({ state }) => state !== AddressState.TENTATIVE).map(({ address }) =>
        address
      )
    );
  }

  /** Whether `address` is one of ours, on whatever interface (RFC 1122 §3.3.4.2: a weak host). */
  isOwn(address: IpAddress): boolean {
    const { interfaces } = this;
    for (let i = 0; i < interfaces.length; i++) {
      if (interfaces[i]!.has(address)) return true;
    }
    return address.family === 4 && address.isLoopback;
  }

  /** Whether an answer to `address` would go to everybody on one of our links. */
  isDirectedBroadcast(address: IpAddress): boolean {
    const { interfaces } = this;
    for (let i = 0; i < interfaces.length; i++) {
      if (interfaces[i]!.isDirectedBroadcast(address)) return true;
    }
    return false;
  }

  /** The entry of one of our addresses, on whatever interface. */
  ownEntry(address: IpAddress): InterfaceAddress | undefined {
    for (const one of this.interfaces) {
      const entry = one.find(address);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Adds a way to the network of `prefix`. */
  addRoute(options: Omit<Route, "expiresAt"> & { expiresAt?: number }): Route {
    const { prefix, length, expiresAt = Infinity } = options;
    const route = { ...options, prefix: prefix.prefix(length), expiresAt };
    this.routes.add(route);
    return route;
  }
}
