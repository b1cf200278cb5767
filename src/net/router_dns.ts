/**
 * DNS servers that IPv6 routers name (RFC 8106 §5.3.1, §6).
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";

/** Most servers of one link. */
export const MAX_DNS_SERVERS = 8;

interface Server {
  readonly address: IpAddress;
  /** How long it may be asked, in milliseconds. */
  until: number;
}

/** The DNS server list of one link. */
export class RouterDns {
  #servers: Server[] = [];
  #changed: () => void;

  /** @param changed Told when servers have come or gone. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The servers, in the order in which they were heard of. */
  get addresses(): IpAddress[] {
    return this.#servers.map(({ address }) => address);
  }

  /** A server may be asked for `lifetime` milliseconds from `now` on; for 0: no longer. */
  heard(address: IpAddress, lifetime: number, now: number): void {
    const known = this.#servers.find((server) => server.address.equals(address));
    if (known !== undefined) {
      known.until = now + lifetime;
      this.poll(now);
    } else if (lifetime > 0 && this.#servers.length < MAX_DNS_SERVERS) {
      this.#servers.push({ address: address.clone(), until: now + lifetime });
      this.#changed();
    }
  }

  /** Takes out whose time is over at `now`. */
  poll(now: number): void {
    if (this.nextDeadline() > now) return;
    this.#servers = this.#servers.filter(({ until }) => until > now);
    this.#changed();
  }

  /** When {@linkcode poll} is due, in milliseconds. */
  nextDeadline(): number {
    let next = Infinity;
    for (let i = 0; i < this.#servers.length; i++) {
      next = Math.min(next, this.#servers[i]!.until);
    }
    return next;
  }
}
