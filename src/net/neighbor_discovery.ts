/**
 * Neighbor discovery at a host (RFC 4861), on all its links.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { ICMPV6_TYPE } from "../wire/icmpv6.ts";
import { checkNd } from "../wire/nd.ts";
import { NdOptions } from "../wire/nd_options.ts";
import type { Packet } from "../wire/packet.ts";
import type { Icmpv6Receiver } from "./icmpv6.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";
import { NdLink } from "./nd_link.ts";
import { OpaqueIds } from "./opaque_id.ts";

/** Bytes of a secret that nobody has chosen. */
const SECRET_LENGTH = 16;

/** Hands each message to the link that it is about. */
export class NeighborDiscovery implements Icmpv6Receiver {
  #ip: Ip;
  #env: Env;
  #ids: OpaqueIds | null = null;
  /** Of each interface on which IPv6 is on, at its number. */
  #links: (NdLink | undefined)[] = [];
  #options = new NdOptions();
  /** Told of the DNS servers that routers name, all of them, whenever they have changed. */
  onDnsServers: ((servers: readonly IpAddress[]) => void) | null = null;

  /** @param secret What opaque identifiers are made with (RFC 7217 §5); by default random. */
  constructor(ip: Ip, env: Env, secret?: Uint8Array) {
    this.#ip = ip;
    this.#env = env;
    if (secret !== undefined) this.#ids = new OpaqueIds(secret);
  }

  /** Switches IPv6 on at an interface whose link carries it. */
  start(of: Interface): NdLink {
    this.#ids ??= new OpaqueIds(randomSecret(this.#env));
    return this.#links[of.index] ??= new NdLink(this.#ip, of, this.#ids, this.#env);
  }

  /** What {@linkcode start} has made for an interface. */
  linkOf(of: Interface): NdLink | undefined {
    return this.#links[of.index];
  }

  /** Has an interface look for routers, and do what they say (RFC 4861 §6.3, RFC 4862 §5.5). */
  discoverRouters(of: Interface): void {
    this.start(of).discoverRouters(() => this.onDnsServers?.(this.dnsServers));
  }

  /** The DNS servers that routers name. */
  get dnsServers(): IpAddress[] {
    return this.#links.flatMap((link) => link?.routers?.dns.addresses ?? []);
  }

  /** A neighbor does not answer; see {@linkcode EthernetHooks.ndFailed}. */
  failed(by: Interface, neighbor: IpAddress): void {
    this.linkOf(by)?.failed(neighbor);
  }

  /** Asks for a neighbor; see {@linkcode EthernetHooks.ndSolicit}. */
  solicit(by: Interface, target: IpAddress, unicast: boolean): void {
    this.linkOf(by)?.solicit(target, unicast);
  }

  receive(packet: Packet, from: Interface, now: number): Drop {
    // In fragments much can be hidden from those who guard a network (RFC 6980 §5).
    if (this.#ip.hasReassembled(packet)) return Drop.ND_BAD_MESSAGE;
    const options = this.#options;
    const drop = checkNd(packet, options);
    if (drop !== Drop.NONE) return drop;
    const link = this.linkOf(from);
    if (link === undefined) return Drop.ND_NOT_FOR_US; // IPv6 is off
    switch (packet.view.getUint8(packet.transportAt)) {
      case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
        return link.solicited(packet, options, now);
      case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT:
        return link.advertised(packet, options, now);
      case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
        return link.routerAdvertised(packet, options, now);
      case ICMPV6_TYPE.REDIRECT:
        return link.redirected(packet, options, now);
      default:
        return Drop.ND_NOT_FOR_US; // a host doesn't answer router solicitations (§6.2.6)
    }
  }

  /** Does what is due at `now`. */
  poll(now: number): void {
    for (let i = 0; i < this.#links.length; i++) this.#links[i]?.poll(now);
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    let next = Infinity;
    for (let i = 0; i < this.#links.length; i++) {
      const link = this.#links[i];
      if (link !== undefined) next = Math.min(next, link.nextDeadline());
    }
    return next;
  }
}

function randomSecret(env: Env): Uint8Array {
  const secret = new DataView(new ArrayBuffer(SECRET_LENGTH));
  for (let at = 0; at < SECRET_LENGTH; at += 4) secret.setUint32(at, env.random());
  return new Uint8Array(secret.buffer);
}
