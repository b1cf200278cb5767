/**
 * Routes that IPv6 routers tell hosts of: which prefixes are on the link (RFC 4861 §6.3.4), and
 * which destinations have a better first hop (§8.3).
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";
import type { Route, RouteOrigin } from "./routes.ts";

/** Most prefixes of one link, and most redirected destinations: a liar must not fill the memory. */
export const MAX_PREFIXES_ON_LINK = 16;
export const MAX_REDIRECTS = 16;
/** How long a redirect holds, in milliseconds; after that the router may say it again. */
const REDIRECT_TIME = 600_000;
/** Routes of routers come behind those of users. */
const METRIC = 1024;

/** What routers have told of one link. It is kept in the routing table alone. */
export class LearnedRoutes {
  #ip: Ip;
  #of: Interface;

  constructor(ip: Ip, of: Interface) {
    this.#ip = ip;
    this.#of = of;
  }

  /**
   * A prefix is on the link for `lifetime` milliseconds from `now` on; for 0: no longer.
   *
   * @param length How many of its bits count, 0 to 128.
   */
  onLink(prefix: IpAddress, length: number, lifetime: number, now: number): void {
    const known = this.#ip.routes.all.find((route) =>
      route.interface === this.#of && route.gateway === null && route.length === length &&
      route.prefix.equals(prefix)
    );
    if (known !== undefined) {
      if (known.origin !== "router") return; // the user's own, which does not end
      if (lifetime === 0) this.#ip.routes.remove((route) => route === known);
      else known.expiresAt = now + lifetime;
    } else if (lifetime > 0 && this.#prefixes().length < MAX_PREFIXES_ON_LINK) {
      this.#ip.addRoute({
        prefix,
        length,
        gateway: null,
        interface: this.#of,
        metric: METRIC + this.#of.index,
        expiresAt: now + lifetime,
        origin: "router",
      });
    }
  }

  /**
   * A destination is to be reached by way of `gateway`; `null`: it is a neighbor. Of too many the
   * oldest is forgotten.
   */
  redirect(destination: IpAddress, gateway: IpAddress | null, now: number): void {
    const { routes } = this.#ip;
    routes.remove((route) =>
      route.origin === "redirect" && route.interface === this.#of &&
      route.prefix.equals(destination)
    );
    const others = this.#having("redirect");
    if (others.length === MAX_REDIRECTS) {
      const oldest = others.reduce((a, b) => a.expiresAt <= b.expiresAt ? a : b);
      routes.remove((route) => route === oldest);
    }
    this.#ip.addRoute({
      prefix: destination,
      length: 128,
      gateway: gateway?.clone() ?? null,
      interface: this.#of,
      metric: METRIC + this.#of.index,
      expiresAt: now + REDIRECT_TIME,
      origin: "redirect",
    });
  }

  /** A neighbor does not answer, or is no router any more: destinations take their old way. */
  forgetRedirects(neighbor: IpAddress): void {
    this.#ip.routes.remove((route) =>
      route.origin === "redirect" && route.interface === this.#of &&
      (route.gateway ?? route.prefix).equals(neighbor)
    );
  }

  #prefixes(): Route[] {
    return this.#having("router").filter(({ gateway }) => gateway === null);
  }

  #having(origin: RouteOrigin): Route[] {
    return this.#ip.routes.all.filter((route) =>
      route.origin === origin && route.interface === this.#of
    );
  }
}
