/**
 * DHCP at work on one interface: what a server gives is checked (RFC 5227), used, and given up when
 * its time is over.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import type { SendOptions } from "../base/network.ts";
import { DhcpClient, type DhcpHost } from "../net/dhcp.ts";
import type { DhcpLease } from "../net/dhcp_lease.ts";
import type { Ethernet } from "../net/ethernet.ts";
import type { Interface } from "../net/interface.ts";
import type { Ip } from "../net/ip.ts";
import type { Route } from "../net/routes.ts";
import type { Datagram, Udp } from "../net/udp.ts";
import { IpAddress } from "../wire/address.ts";

/** Where servers answer to. */
export const DHCP_CLIENT_PORT = 68;
const DHCP_SERVER_PORT = 67;
/** What a client asks for and takes at least, and at most, with its IP header (RFC 2132 §9.10). */
const MIN_ANSWER = 576;
const MAX_ANSWER = 1500;

const EVERYWHERE = IpAddress.v4(0, 0, 0, 0);

/** What a DHCP client says of itself. */
export interface DhcpSettings {
  /** By what the server knows the client; by default its hardware address. */
  readonly clientIdentifier?: Uint8Array;
  /** A name that the server may give to others. */
  readonly hostName?: string;
  /** The kind of system that it is. */
  readonly vendorClass?: string;
}

/** What the clients of one stack work with. */
export interface DhcpParts {
  readonly ip: Ip;
  readonly udp: Udp;
  readonly counters: Counters;
  readonly env: Env;
}

/** The client of an interface, and what it has brought about there. */
export class DhcpInterface implements DhcpHost {
  readonly interface: Interface;
  readonly #client: DhcpClient;
  #ip: Ip;
  #udp: Udp;
  #layer: Ethernet;
  #sendOptions: SendOptions;
  #now = 0;
  #hasBegun = false;
  /** The address of the lease, and whether nobody else has it: then it is the interface's. */
  #address: IpAddress | undefined;
  #isOurs = false;
  #isReleasing = false;
  #routes: Route[] = [];

  /** @throws {RangeError} If `settings` hold what no message can. */
  constructor(of: Interface, layer: Ethernet, settings: DhcpSettings, parts: DhcpParts) {
    const { ip, udp, counters, env } = parts;
    this.interface = of;
    this.#ip = ip;
    this.#udp = udp;
    this.#layer = layer;
    this.#sendOptions = { ttl: 0, tos: 0, dontFragment: false, interface: of.index };
    const maxMessageSize = Math.min(Math.max(of.mtu(4), MIN_ANSWER), MAX_ANSWER);
    const options = { ...settings, hardwareAddress: layer.mac, maxMessageSize };
    this.#client = new DhcpClient(options, this, env, counters);
  }

  /** What holds at present: a lease whose address nobody else has. */
  get lease(): DhcpLease | undefined {
    return this.#isOurs ? this.#client.lease : undefined;
  }

  /** Whether the interface does without an address because it waits for a server's. */
  get isWaiting(): boolean {
    return !this.#isOurs;
  }

  /** Whether packets wait for a neighbor's hardware address. */
  get hasToSend(): boolean {
    return this.#layer.neighbors4.waitingBytes > 0;
  }

  /** Takes a datagram that has come by the interface. */
  receive({ packet, at, end }: Datagram, now: number): void {
    this.#now = now;
    this.#client.receive(packet.view, at, end, now);
  }

  /** ARP has found that nobody has the address. */
  claimed(address: IpAddress, now: number): void {
    const { lease } = this.#client;
    if (lease === undefined || !lease.address.equals(address)) return;
    this.#now = now;
    this.#isOurs = true;
    this.#use(lease);
  }

  /**
   * ARP has found that somebody else has the address, before or after we had it.
   *
   * @returns Whether it is one of DHCP.
   */
  conflict(address: IpAddress, now: number): boolean {
    if (!this.#client.lease?.address.equals(address)) return false;
    this.#now = now;
    this.#client.decline(address, now);
    return true;
  }

  send(message: Uint8Array, source: IpAddress, destination: IpAddress): void {
    this.#udp.send(
      source,
      DHCP_CLIENT_PORT,
      destination,
      DHCP_SERVER_PORT,
      message,
      this.#sendOptions,
    );
  }

  configured(lease: DhcpLease): void {
    this.#address ??= lease.address;
    if (this.#isOurs) this.#use(lease);
    else this.#layer.arp.claim(lease.address, this.#now);
  }

  lost(): void {
    // What is sent last needs the address until it has left.
    if (!this.#isReleasing) this.#giveUp();
  }

  #use(lease: DhcpLease): void {
    const { address, prefixLength } = lease;
    const ip = this.#ip;
    const of = this.interface;
    let entry = of.find(address);
    if (entry !== undefined && entry.prefixLength !== prefixLength) {
      ip.removeAddress(of, address);
      entry = undefined;
    }
    entry ??= ip.addAddress(of, { address, prefixLength, origin: "dhcp" });
    entry.preferredUntil = entry.validUntil = this.#client.expiresAt;
    of.mtu4 = lease.mtu ?? Infinity;
    this.#setRoutes(lease);
    ip.changed();
  }

  /** Routers of the server's choice need not be in the network of the address (RFC 3442). */
  #setRoutes(lease: DhcpLease): void {
    this.#removeRoutes();
    const { interface: of } = this;
    const { index: metric } = of;
    const [router] = lease.routers;
    const ways = router === undefined
      ? lease.routes
      : [...lease.routes, { destination: EVERYWHERE, prefixLength: 0, router }];
    this.#routes = ways.map(({ destination, prefixLength, router }) =>
      this.#ip.addRoute({
        prefix: destination,
        length: prefixLength,
        gateway: router.isUnspecified ? null : router,
        interface: of,
        metric,
      })
    );
  }

  #removeRoutes(): void {
    const routes = this.#routes;
    if (routes.length > 0) this.#ip.routes.remove((route) => routes.includes(route));
    this.#routes = [];
  }

  #giveUp(): void {
    const address = this.#address!;
    this.#address = undefined;
    this.#layer.arp.release(address);
    if (!this.#isOurs) return;
    this.#isOurs = false;
    this.#removeRoutes();
    this.interface.mtu4 = Infinity;
    this.#ip.removeAddress(this.interface, address);
  }

  /** Gives the address back: the stack is about to be closed. */
  release(): void {
    this.#isReleasing = true;
    this.#client.release();
  }

  /** Does what is due at `now`. */
  poll(now: number): void {
    this.#now = now;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#client.start(now);
    }
    this.#client.poll(now);
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    return this.#hasBegun ? this.#client.nextDeadline() : -Infinity;
  }
}
