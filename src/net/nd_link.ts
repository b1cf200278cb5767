/**
 * IPv6 on one link: who answers for which address, and whose addresses are ours (RFC 4861 §7,
 * RFC 4862).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { MAC_LENGTH } from "../wire/mac.ts";
import { ND_REDIRECT_DESTINATION, ND_TARGET, NeighborMessage } from "../wire/nd.ts";
import type { NdOptions } from "../wire/nd_options.ts";
import type { Packet } from "../wire/packet.ts";
import { Autoconf } from "./autoconf.ts";
import { DuplicateAddresses } from "./duplicate_address.ts";
import { Ethernet } from "./ethernet.ts";
import { AddressState, ALL_ROUTERS, type Interface, type InterfaceAddress } from "./interface.ts";
import type { AddressOptions } from "./host_configuration.ts";
import type { Ip } from "./ip.ts";
import { LearnedRoutes } from "./learned_routes.ts";
import { NdSender } from "./nd_sender.ts";
import type { NeighborCache } from "./neighbors.ts";
import { NEIGHBOR_STATE } from "./neighbor_table.ts";
import type { OpaqueIds } from "./opaque_id.ts";
import { RouterDiscovery } from "./router_discovery.ts";
import { sourceAddress } from "./source_address.ts";

/** fe80::/64: what link-local addresses begin with (RFC 4291 §2.5.6). */
const LINK_LOCAL = IpAddress.parse("fe80::");
const UNSPECIFIED = IpAddress.parse("::");

/** Neighbor discovery on one interface. */
export class NdLink {
  readonly interface: Interface;
  #ip: Ip;
  #counters: Counters;
  #sender: NdSender;
  /** `null` on links without hardware addresses: there is one neighbor, and nobody is asked. */
  #neighbors: NeighborCache | null;
  #duplicates: DuplicateAddresses;
  #autoconf: Autoconf;
  #routes: LearnedRoutes;
  #routers: RouterDiscovery | null = null;
  #env: Env;
  #message = new NeighborMessage();
  #target = IpAddress.scratch();
  #destination = IpAddress.scratch();
  #mac = new Uint8Array(MAC_LENGTH);

  constructor(ip: Ip, of: Interface, ids: OpaqueIds, env: Env) {
    const { counters } = ip;
    this.interface = of;
    this.#ip = ip;
    this.#counters = counters;
    this.#env = env;
    this.#sender = new NdSender(of, counters);
    this.#neighbors = of.layer instanceof Ethernet ? of.layer.neighbors6 : null;
    const hasNeighbors = this.#neighbors !== null;
    this.#duplicates = new DuplicateAddresses({
      probe: (address) => this.#sender.probe(address),
      unique: (entry, now) => this.#unique(entry, now),
      duplicate: (entry) => this.#duplicate(entry),
    }, env);
    const check = hasNeighbors ? (entry: InterfaceAddress) => this.#duplicates.check(entry) : null;
    this.#autoconf = new Autoconf(ip, of, ids, check);
    this.#routes = new LearnedRoutes(ip, of);
  }

  /**
   * Begins to look for routers, with the next poll, and to do what they say.
   *
   * @param dnsChanged Told when the DNS servers that they name have changed.
   */
  discoverRouters(dnsChanged: () => void): void {
    this.#routers ??= new RouterDiscovery({
      ip: this.#ip,
      of: this.interface,
      env: this.#env,
      autoconf: this.#autoconf,
      routes: this.#routes,
      neighbors: this.#neighbors,
      solicit: () => this.#sender.solicitRouters(this.#sourceFor(ALL_ROUTERS)),
      dnsChanged,
    });
  }

  /** What routers have said; `null` if nobody listens to them. */
  get routers(): RouterDiscovery | null {
    return this.#routers;
  }

  /**
   * Gives the interface an address that somebody has chosen. It is used at once, while others are
   * asked whether they have it: a program that starts a stack need not wait. Should one of them
   * answer, it is taken away again (RFC 4429; there for addresses that are made up).
   */
  addAddress(options: AddressOptions): InterfaceAddress {
    if (this.#neighbors === null) return this.#ip.addAddress(this.interface, options);
    const entry = this.#ip.addAddress(this.interface, {
      ...options,
      state: AddressState.OPTIMISTIC,
    });
    this.#duplicates.check(entry);
    return entry;
  }

  /** Sees to it that the interface has a link-local address (RFC 4291 §2.1). */
  addLinkLocal(): void {
    const { addresses } = this.interface;
    const has = addresses.some(({ address }) => address.family === 6 && address.isLinkLocal);
    if (!has) this.#autoconf.add(LINK_LOCAL, "link-local", Infinity, Infinity);
  }

  /** Asks for a neighbor; see {@linkcode EthernetHooks.ndSolicit}. */
  solicit(target: IpAddress, unicast: boolean): void {
    const source = this.#sourceFor(target);
    if (source !== undefined) this.#sender.solicit(source, target, unicast);
  }

  #sourceFor(target: IpAddress): InterfaceAddress | undefined {
    const source = sourceAddress(this.interface, target, target);
    return source && this.interface.find(source);
  }

  /** Takes a neighbor solicitation (RFC 4861 §7.2.3, RFC 4862 §5.4.3). */
  solicited(packet: Packet, options: NdOptions, now: number): Drop {
    const entry = this.interface.find(this.#targetOf(packet));
    if (entry === undefined) return Drop.ND_NOT_FOR_US;
    const { source } = packet;
    if (source.isUnspecified && this.#duplicates.heard(entry, now)) return Drop.NONE;
    if (entry.state === AddressState.TENTATIVE) return Drop.ND_NOT_FOR_US;
    if (!source.isUnspecified) this.#heardFrom(packet, options.sourceLinkAddressAt, now);
    this.#sender.advertise(entry, this.#isReachable(source) ? source : UNSPECIFIED);
    return Drop.NONE;
  }

  /**
   * Whether an answer would not have to wait for one. Hosts whose address is optimistic keep their
   * hardware address to themselves when they ask; two of them would wait for each other.
   */
  #isReachable(asker: IpAddress): boolean {
    const state = this.#neighbors?.stateOf(asker);
    return state !== null && state !== NEIGHBOR_STATE.INCOMPLETE;
  }

  /** A neighbor may tell its hardware address along with what it wants. */
  #heardFrom(packet: Packet, macAt: number, now: number): void {
    if (macAt === -1 || this.#neighbors === null) return;
    this.#neighbors.heardFrom(packet.source, this.#macAt(packet, macAt), now);
  }

  /** Takes a neighbor advertisement (RFC 4861 §7.2.5, RFC 4862 §5.4.4). */
  advertised(packet: Packet, options: NdOptions, now: number): Drop {
    const target = this.#targetOf(packet);
    const entry = this.interface.find(target);
    if (entry !== undefined) {
      return this.#duplicates.heard(entry, now) ? Drop.NONE : Drop.ND_NOT_FOR_US;
    }
    if (this.#neighbors === null || this.#neighbors.stateOf(target) === null) {
      return Drop.ND_NOT_FOR_US;
    }
    const at = options.targetLinkAddressAt;
    const mac = at === -1 ? null : this.#macAt(packet, at);
    const message = this.#message.bind(packet.view, packet.transportAt);
    const { isSolicited: solicited, isOverride: override, isRouter } = message;
    if (this.#neighbors.advertised(target, mac, { solicited, override, isRouter }, now)) {
      this.#routers?.routers.remove(target);
      this.#routes.forgetRedirects(target);
    }
    return Drop.NONE;
  }

  /** A neighbor does not answer any more: what went by way of it takes another way. */
  failed(neighbor: IpAddress): void {
    this.#routers?.routers.failed(neighbor);
    this.#routes.forgetRedirects(neighbor);
  }

  /** Takes a router advertisement. */
  routerAdvertised(packet: Packet, options: NdOptions, now: number): Drop {
    if (this.#routers === null) return Drop.ND_NOT_FOR_US;
    this.#counters.ndRouterAdvertisementsReceived++;
    this.#heardFrom(packet, options.sourceLinkAddressAt, now);
    this.#routers.advertised(packet, options, now);
    return Drop.NONE;
  }

  /** Takes a redirect, from whom the destination is reached by now alone (RFC 4861 §8.1, §8.3). */
  redirected(packet: Packet, options: NdOptions, now: number): Drop {
    if (this.interface.isRouter) return Drop.ND_NOT_FOR_US; // routers know their ways (§8.2)
    const neighbors = this.#neighbors;
    const destination = this.#destination
      .load16(packet.view, packet.transportAt + ND_REDIRECT_DESTINATION)
      .scope(this.interface.index);
    const target = this.#targetOf(packet);
    const isFromHop = this.#ip.firstHop(destination, this.interface)?.equals(packet.source);
    const isOfUse = !destination.isLinkLocal && !target.isUnspecified && !this.#ip.isOwn(target);
    if (neighbors === null || !isFromHop || !isOfUse) return Drop.ND_NOT_FOR_US;
    this.#counters.ndRedirectsReceived++;
    const isNeighbor = target.equals(destination);
    this.#routes.redirect(destination, isNeighbor ? null : target, now);
    const at = options.targetLinkAddressAt;
    if (at !== -1) neighbors.heardFrom(target, this.#macAt(packet, at), now);
    if (!isNeighbor) neighbors.setRouter(target, true);
    return Drop.NONE;
  }

  #targetOf({ view, transportAt }: Packet): IpAddress {
    return this.#target.load16(view, transportAt + ND_TARGET).scope(this.interface.index);
  }

  #macAt({ bytes }: Packet, at: number): Uint8Array {
    for (let i = 0; i < MAC_LENGTH; i++) this.#mac[i] = bytes[at + i]!;
    return this.#mac;
  }

  #unique(entry: InterfaceAddress, now: number): void {
    entry.state = entry.preferredUntil > now ? AddressState.PREFERRED : AddressState.DEPRECATED;
    this.#ip.changed();
  }

  #duplicate(entry: InterfaceAddress): void {
    this.#counters.ndDuplicateAddresses++;
    this.#ip.removeAddress(this.interface, entry.address);
    this.#autoconf.taken(entry);
  }

  /** Does what is due at `now`. */
  poll(now: number): void {
    this.#routers?.poll(now);
    this.#duplicates.poll(now);
    this.#autoconf.poll(now, (entry) => this.#duplicates.release(entry));
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    return Math.min(
      this.#routers?.nextDeadline() ?? Infinity,
      this.#duplicates.nextDeadline(),
      this.#autoconf.nextDeadline(),
    );
  }
}
