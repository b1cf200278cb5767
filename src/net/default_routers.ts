/**
 * The routers that offer themselves to the hosts of a link, and the one that is used
 * (RFC 4861 §6.3.4, §6.3.6).
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";

/** Most routers of one link: a liar must not fill the memory. */
export const MAX_ROUTERS = 16;
/** Routes of routers come behind those of users. */
const METRIC = 1024;

const EVERYWHERE = IpAddress.parse("::");

interface Router {
  readonly address: IpAddress;
  /** How long it wants to be used, in milliseconds. */
  until: number;
  /** Whether it has not answered, and not been heard of since. */
  hasFailed: boolean;
}

/** The default router list of one link; the default route leads to one of them. */
export class DefaultRouters {
  #ip: Ip;
  #of: Interface;
  #routers: Router[] = [];
  #current: Router | null = null;

  constructor(ip: Ip, of: Interface) {
    this.#ip = ip;
    this.#of = of;
  }

  /** A router offers itself for `lifetime` milliseconds from `now` on; for 0: no longer. */
  heard(address: IpAddress, lifetime: number, now: number): void {
    if (lifetime === 0) return this.remove(address);
    let router = this.#find(address);
    if (router === undefined) {
      if (this.#routers.length === MAX_ROUTERS) return;
      router = { address: address.clone(), until: 0, hasFailed: false };
      this.#routers.push(router);
    }
    router.until = now + lifetime;
    router.hasFailed = false;
    this.#choose();
  }

  /** A router does not answer: another one is taken, if there is one that may (§6.3.6). */
  failed(address: IpAddress): void {
    const router = this.#find(address);
    if (router === undefined) return;
    router.hasFailed = true;
    this.#choose();
  }

  /** Somebody is a router no more (§7.2.5, §6.3.5). */
  remove(address: IpAddress): void {
    this.#routers = this.#routers.filter((router) => !router.address.equals(address));
    this.#choose();
  }

  #find(address: IpAddress): Router | undefined {
    return this.#routers.find((router) => router.address.equals(address));
  }

  /** Stays with the router in use while it answers. If none does they are tried in turn. */
  #choose(): void {
    const routers = this.#routers;
    const at = this.#current === null ? -1 : routers.indexOf(this.#current);
    if (at !== -1 && !this.#current!.hasFailed) return;
    const next = routers.find(({ hasFailed }) => !hasFailed) ??
      routers[(at + 1) % Math.max(1, routers.length)] ?? null;
    if (next === this.#current) return;
    this.#current = next;
    this.#ip.routes.remove((route) =>
      route.interface === this.#of && route.gateway !== null && route.origin === "router"
    );
    if (next !== null) this.#addRoute(next.address);
  }

  #addRoute(gateway: IpAddress): void {
    const isThere = this.#ip.routes.all.some((route) =>
      route.interface === this.#of && route.length === 0 && route.gateway?.equals(gateway)
    );
    if (isThere) return; // the user's own, which does not end
    this.#ip.addRoute({
      prefix: EVERYWHERE,
      length: 0,
      gateway,
      interface: this.#of,
      metric: METRIC + this.#of.index,
      origin: "router",
    });
  }

  /** Takes out whose time is over at `now`. */
  poll(now: number): void {
    if (this.nextDeadline() > now) return;
    this.#routers = this.#routers.filter(({ until }) => until > now);
    this.#choose();
  }

  /** When {@linkcode poll} is due, in milliseconds. */
  nextDeadline(): number {
    let next = Infinity;
    for (let i = 0; i < this.#routers.length; i++) {
      next = Math.min(next, this.#routers[i]!.until);
    }
    return next;
  }
}
