/**
 * What a host learns from routers (RFC 4861 §6.3), on one link.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import { IpAddress } from "../wire/address.ts";
import { RouterAdvertisement } from "../wire/nd.ts";
import { INFINITE_LIFETIME, type NdOptions, PREFIX_FLAG } from "../wire/nd_options.ts";
import type { Packet } from "../wire/packet.ts";
import type { Autoconf } from "./autoconf.ts";
import { DefaultRouters } from "./default_routers.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";
import type { LearnedRoutes } from "./learned_routes.ts";
import type { NeighborCache } from "./neighbors.ts";
import { SUBNET_PREFIX } from "./opaque_id.ts";
import { RouterDns } from "./router_dns.ts";

/** Longest wait before the first solicitation, in milliseconds: `MAX_RTR_SOLICITATION_DELAY`. */
const MAX_DELAY = 1000;
/** `MAX_RTR_SOLICITATIONS`, and what is between them in milliseconds: `RTR_SOLICITATION_INTERVAL`. */
const SOLICITATIONS = 3;
const INTERVAL = 4000;
/** Longest times that a router is believed, in milliseconds (RFC 4861 §6.2.1). */
const MAX_TIME = 3_600_000;

/** A deadline that the next poll finds due, whatever its time. */
const AT_ONCE = -Infinity;

/** What router discovery works with. */
export interface RouterDiscoveryOptions {
  readonly ip: Ip;
  readonly of: Interface;
  readonly env: Env;
  readonly autoconf: Autoconf;
  readonly routes: LearnedRoutes;
  /** `null` on links without hardware addresses. */
  readonly neighbors: NeighborCache | null;
  /** Asks routers to advertise themselves. */
  readonly solicit: () => void;
  /** Told when the DNS servers have changed. */
  readonly dnsChanged: () => void;
}

/** The host's part of router discovery. */
export class RouterDiscovery {
  readonly routers: DefaultRouters;
  readonly dns: RouterDns;
  #options: RouterDiscoveryOptions;
  #message = new RouterAdvertisement();
  #address = IpAddress.scratch();
  /** Solicitations sent; -1 before the delay has been chosen. */
  #sent = -1;
  #deadline = AT_ONCE;
  /** What routers said last: only what is new is acted on. */
  #reachableTime = 0;

  constructor(options: RouterDiscoveryOptions) {
    this.#options = options;
    this.routers = new DefaultRouters(options.ip, options.of);
    this.dns = new RouterDns(options.dnsChanged);
  }

  /** Takes a router advertisement (RFC 4861 §6.3.4), which has passed all checks. */
  advertised(packet: Packet, options: NdOptions, now: number): void {
    const { of, neighbors } = this.#options;
    const message = this.#message.bind(packet.view, packet.transportAt);
    if (message.hopLimit !== 0) of.hopLimit = message.hopLimit;
    if (neighbors !== null) this.#setTimes(neighbors);
    const lifetime = message.lifetime * 1000;
    this.routers.heard(packet.source, lifetime, now);
    neighbors?.setRouter(packet.source, true);
    if (lifetime !== 0) this.#deadline = Infinity; // it has heard us, or need not (§6.3.7)
    if (options.mtu !== 0) of.mtu6 = options.mtu;
    for (let i = 0; i < options.prefixes; i++) this.#takePrefix(packet.view, options, i, now);
    for (let i = 0; i < options.servers; i++) {
      const server = this.#address.load16(packet.view, options.serverAt[i]!).scope(of.index);
      this.dns.heard(server, milliseconds(options.serverLifetime[i]!), now);
    }
  }

  #setTimes(neighbors: NeighborCache): void {
    const { reachableTime, retransTimer } = this.#message;
    if (retransTimer !== 0 && retransTimer <= MAX_TIME) neighbors.setRetransTime(retransTimer);
    const isNews = reachableTime !== 0 && reachableTime !== this.#reachableTime;
    if (!isNews || reachableTime > MAX_TIME) return;
    this.#reachableTime = reachableTime;
    neighbors.setReachableTime(reachableTime);
  }

  /** RFC 4861 §6.3.4, RFC 4862 §5.5.3. */
  #takePrefix(view: DataView, options: NdOptions, i: number, now: number): void {
    const prefix = this.#address.load16(view, options.prefixAt[i]!);
    if (prefix.isLinkLocal || prefix.isMulticast) return;
    const length = options.prefixLength[i]!;
    const flags = options.prefixFlags[i]!;
    const valid = milliseconds(options.validLifetime[i]!);
    const preferred = milliseconds(options.preferredLifetime[i]!);
    const network = prefix.prefix(length);
    if ((flags & PREFIX_FLAG.ON_LINK) !== 0) {
      this.#options.routes.onLink(network, length, valid, now);
    }
    if ((flags & PREFIX_FLAG.AUTONOMOUS) !== 0 && length === SUBNET_PREFIX) {
      this.#options.autoconf.advertised(network, preferred, valid, now);
    }
  }

  /** Does what is due at `now`. */
  poll(now: number): void {
    this.routers.poll(now);
    this.dns.poll(now);
    if (this.#deadline > now) return;
    if (this.#sent < 0) {
      this.#deadline = now + MAX_DELAY * this.#options.env.random() / 0x1_0000_0000;
    } else {
      this.#options.solicit();
      this.#deadline = this.#sent + 1 < SOLICITATIONS ? now + INTERVAL : Infinity;
    }
    this.#sent++;
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    return Math.min(this.#deadline, this.routers.nextDeadline(), this.dns.nextDeadline());
  }
}

/** A lifetime as messages have it, in seconds, of which the longest one is for ever. */
function milliseconds(seconds: number): number {
  return seconds === INFINITE_LIFETIME ? Infinity : seconds * 1000;
}
