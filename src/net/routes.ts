/**
 * The routing table (RFC 1122 §3.3.1, RFC 1812 §5.2.4): which interface and which next hop a
 * destination is reached by.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { Interface } from "./interface.ts";

/** What of IPv6 brings routes about: router advertisements, and redirects (RFC 4861). */
export type RouteOrigin = "router" | "redirect";

/** One entry. */
export interface Route {
  /** The network: its bits behind the prefix are zeros. */
  readonly prefix: IpAddress;
  /** How many of its leading bits count, 0 to 32 or 128. */
  readonly length: number;
  /** The router that leads there; `null`: the destinations are neighbors on the link. */
  readonly gateway: IpAddress | null;
  readonly interface: Interface;
  /** Of two routes with equal prefixes the one with the lower metric is taken. */
  readonly metric: number;
  /** When it stops to hold, in milliseconds; `Infinity`: never. */
  expiresAt: number;
  /** Where it comes from; left out: from the user, or from an address. */
  readonly origin?: RouteOrigin;
}

/**
 * A table of some tens of routes: a lookup walks them, the longest prefix first, and IP remembers
 * the last answers.
 */
export class RouteTable {
  /** The longest prefix first, then the lowest metric. */
  #routes: Route[] = [];
  /** Grows with every change: what has been looked up before may not hold any more. */
  generation = 0;

  /** Every route, in the order in which they are tried. */
  get all(): readonly Route[] {
    return this.#routes;
  }

  /** Adds a route; one of the same prefix, gateway and interface gives way. */
  add(route: Route): void {
    const rest = this.#routes.filter((other) => !isSame(other, route));
    const at = rest.findIndex((other) =>
      other.length < route.length || (other.length === route.length && other.metric > route.metric)
    );
    rest.splice(at === -1 ? rest.length : at, 0, route);
    this.#routes = rest;
    this.generation++;
  }

  /** Takes out every route for which `matches` holds. */
  remove(matches: (route: Route) => boolean): void {
    const rest = this.#routes.filter((route) => !matches(route));
    if (rest.length === this.#routes.length) return;
    this.#routes = rest;
    this.generation++;
  }

  /**
   * The route of the longest prefix that `destination` is in; `undefined` if there is none.
   *
   * @param only The interface that it has to be on; `null`: any.
   */
  lookup(destination: IpAddress, only: Interface | null = null): Route | undefined {
    for (let i = 0; i < this.#routes.length; i++) {
      const route = this.#routes[i]!;
      if (only !== null && route.interface !== only) continue;
      if (destination.isIn(route.prefix, route.length)) return route;
    }
    return undefined;
  }

  /** Takes out what does not hold any more. */
  poll(now: number): void {
    if (this.nextDeadline() <= now) this.remove((route) => route.expiresAt <= now);
  }

  /** When the next route stops to hold, in milliseconds. */
  nextDeadline(): number {
    let next = Infinity;
    for (const { expiresAt } of this.#routes) next = Math.min(next, expiresAt);
    return next;
  }
}

function isSame(a: Route, b: Route): boolean {
  return a.length === b.length && a.interface === b.interface && a.prefix.equals(b.prefix) &&
    (a.gateway === null ? b.gateway === null : b.gateway !== null && a.gateway.equals(b.gateway));
}
