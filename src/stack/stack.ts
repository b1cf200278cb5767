/**
 * The stack: joins interfaces, IP, ICMP, UDP and TCP, without I/O and without a clock.
 *
 * @module
 */

import { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import { ErrorKind, type ErrorReporter } from "../base/network.ts";
import { TokenBucket } from "../base/token_bucket.ts";
import { Echo } from "../net/echo.ts";
import { Ethernet, type EthernetHooks } from "../net/ethernet.ts";
import { Forwarder, type ReversePathCheck } from "../net/forwarder.ts";
import { DEFAULT_ICMP_CONFIG, Icmp, type IcmpConfig } from "../net/icmp.ts";
import { IcmpOutput } from "../net/icmp_output.ts";
import { Icmpv6 } from "../net/icmpv6.ts";
import type { Interface } from "../net/interface.ts";
import { Ip } from "../net/ip.ts";
import type { Link } from "../net/link_layer.ts";
import { NeighborDiscovery } from "../net/neighbor_discovery.ts";
import { PointToPoint } from "../net/point_to_point.ts";
import { RawReceivers } from "../net/raw.ts";
import { sourceAddress } from "../net/source_address.ts";
import { TransportErrors } from "../net/transport_errors.ts";
import { Udp } from "../net/udp.ts";
import { DEFAULT_TCP_CONFIG, type TcpConfig } from "../tcp/config.ts";
import { Tcp } from "../tcp/tcp.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { DhcpClients } from "./dhcp_clients.ts";
import type { DhcpSettings } from "./dhcp_interface.ts";

/** Most times that one poll goes round for what the stack sends to itself. */
const LOOPBACK_ROUNDS = 16;

/** An address of an interface. */
export interface AddressConfig {
  readonly address: IpAddress;
  /**
   * How many leading bits its neighbors have in common with it. All of them: it has none, and on a
   * link without hardware addresses everything lies behind the link's other end.
   */
  readonly prefixLength: number;
}

/** An interface to begin with. */
export interface InterfaceConfig {
  readonly name: string;
  /** Where its packets, or frames, go. */
  readonly link: Link;
  /** The hardware address, 6 bytes, if the link is an Ethernet. */
  readonly mac?: Uint8Array;
  readonly addresses: readonly AddressConfig[];
  /** Routers to everywhere, one of a family. */
  readonly gateways?: readonly IpAddress[];
  /**
   * Whether to look for IPv6 routers, and take addresses, routes and DNS servers from them (RFC 4861,
   * RFC 4862); by default on an Ethernet without addresses, unless packets are forwarded.
   */
  readonly autoconf?: boolean;
  /** To have an address given by a DHCP server, which takes an Ethernet. */
  readonly dhcp?: DhcpSettings;
}

/** What a stack is made of. */
export interface StackOptions {
  readonly interfaces: readonly InterfaceConfig[];
  /** Time to live, or hop limit, of what is sent without one: 1 to 255; by default 64. */
  readonly ttl?: number;
  /** Whether packets of others are sent on to where they belong: the stack is a router. */
  readonly forward?: boolean;
  /** What is checked of the sources of packets that are sent on; by default nothing. */
  readonly reversePathCheck?: ReversePathCheck;
  /** Settings of TCP; those left out have their defaults. */
  readonly tcp?: Partial<TcpConfig>;
  /** Settings of ICMP; those left out have their defaults. */
  readonly icmp?: Partial<IcmpConfig>;
  /**
   * What the IPv6 addresses that the stack gives itself are made with (RFC 7217): they stay the same
   * with the same secret, of 16 bytes or more. By default random.
   */
  readonly secret?: Uint8Array;
}

/**
 * One host. Times are in milliseconds and must not go backwards.
 *
 * Whoever runs it calls {@linkcode receive} for each packet of a batch, then {@linkcode poll}; and
 * `poll` again when {@linkcode nextDeadline} has come, or after calls to `udp` or `tcp`.
 */
export class Stack implements ErrorReporter {
  readonly counters: Counters = new Counters();
  readonly ip: Ip;
  readonly echo: Echo;
  readonly icmp: Icmp;
  readonly icmpv6: Icmpv6;
  readonly neighborDiscovery: NeighborDiscovery;
  readonly udp: Udp;
  readonly tcp: Tcp;
  /** Who takes packets as they are. */
  readonly raw: RawReceivers = new RawReceivers();
  readonly dhcp: DhcpClients;
  /** Called, at the end of a poll, when addresses, routes or leases have changed. */
  configurationChanged: (() => void) | null = null;
  #generation = 0;
  #env: Env;
  #errors: TransportErrors;
  #now = 0;
  readonly #receiveOwn: (packet: Packet, by: Interface | undefined) => void;

  constructor(options: StackOptions, env: Env) {
    const { counters } = this;
    this.#env = env;
    const ip = this.ip = new Ip(counters, env, options.ttl);
    ip.reporter = this;
    const { forward = false, reversePathCheck = false } = options;
    if (forward) ip.forwarder = new Forwarder(ip, reversePathCheck);
    const { errorRate, errorBurst } = { ...DEFAULT_ICMP_CONFIG, ...options.icmp };
    const output = new IcmpOutput(ip, counters, new TokenBucket(errorRate, errorBurst));
    this.echo = new Echo(ip, counters, env, output);
    this.#errors = new TransportErrors(counters);
    this.icmp = new Icmp(ip, counters, this.echo, this.#errors, output);
    this.icmpv6 = new Icmpv6(ip, counters, this.echo, this.#errors, output);
    this.neighborDiscovery = new NeighborDiscovery(ip, env, options.secret);
    this.icmpv6.neighborDiscovery = this.neighborDiscovery;
    this.icmpv6.listenerDiscovery = ip.multicast;
    this.udp = new Udp(ip, counters, env);
    this.tcp = new Tcp(ip, counters, env, { ...DEFAULT_TCP_CONFIG, ...options.tcp });
    this.#errors.receivers.set(PROTOCOL.TCP, this.tcp).set(PROTOCOL.UDP, this.udp)
      .set(PROTOCOL.ICMP, this.echo).set(PROTOCOL.ICMPV6, this.echo);
    this.dhcp = new DhcpClients({ ip, udp: this.udp, counters, env });
    for (const config of options.interfaces) this.addInterface(config);
    this.#receiveOwn = (packet, by) => {
      if (by === undefined) this.receive(packet, this.#now, ip.interfaces[0]);
      else this.#receiveLooped(packet, by, this.#now);
    };
  }

  /** Adds an interface, with its addresses and the routes that they need. */
  addInterface(config: InterfaceConfig): Interface {
    const { ip } = this;
    const { name, link, mac, addresses, gateways = [] } = config;
    const added = ip.addInterface(
      name,
      link,
      (of) => mac === undefined ? new PointToPoint(link, this.counters) : this.#ethernet(of, mac),
    );
    const { layer } = added;
    for (const { address, prefixLength } of addresses) {
      if (address.family === 6 && added.carriesIpv6) {
        this.neighborDiscovery.start(added).addAddress({ address, prefixLength });
      } else {
        ip.addAddress(added, { address, prefixLength });
        if (layer instanceof Ethernet) layer.arp.announce(address);
      }
      const isAlone = prefixLength === address.length * 8 && added.layer.mac === null;
      if (isAlone) this.#addDefaultRoute(added, address.family, null);
    }
    const isHostWithout = mac !== undefined && addresses.length === 0 && ip.forwarder === null;
    const { autoconf = isHostWithout } = config;
    if (autoconf && added.carriesIpv6) this.neighborDiscovery.discoverRouters(added);
    this.neighborDiscovery.linkOf(added)?.addLinkLocal();
    if (config.dhcp !== undefined && layer instanceof Ethernet) {
      this.dhcp.add(added, layer, config.dhcp);
    }
    for (const gateway of gateways) {
      this.#addDefaultRoute(added, gateway.family, gateway.clone().scope(added.index));
    }
    return added;
  }

  #ethernet(of: Interface, mac: Uint8Array): Ethernet {
    const { ip } = this;
    const hooks: EthernetHooks = {
      isOwn4: (address) => of.has(address),
      sourceFor4: (target) => sourceAddress(of, target, target),
      claimed: (address, now) => this.dhcp.claimed(of, address, now),
      conflict: (address, _mac, now) => {
        if (!this.dhcp.conflict(of, address, now)) ip.removeAddress(of, address);
      },
      ndSolicit: (target, unicast) => this.neighborDiscovery.solicit(of, target, unicast),
      ndFailed: (target) => this.neighborDiscovery.failed(of, target),
      unreachable: (packet, now) => ip.unreachable(packet, of, now),
    };
    // A fixed address is kept whatever comes (RFC 5227 §2.4 c): two forged packets would take it away.
    const arp = { keepAddresses: true };
    return new Ethernet({
      link: of.link,
      mac,
      counters: this.counters,
      env: this.#env,
      hooks,
      arp,
    });
  }

  #addDefaultRoute(by: Interface, family: 4 | 6, gateway: IpAddress | null): void {
    const prefix = family === 4 ? EVERYWHERE_4 : EVERYWHERE_6;
    this.ip.addRoute({ prefix, length: 0, gateway, interface: by, metric: by.index });
  }

  /**
   * Takes one packet, or frame, from the link of an interface. The bytes are lent.
   *
   * @param from By default the first interface besides loopback.
   */
  receive(packet: Packet, now: number, from: Interface = this.ip.interfaces[1]!): void {
    let why = from.layer.receive(packet, now);
    if (why === Drop.NONE) {
      why = this.ip.receive(packet, from, now);
      if (why === Drop.NONE) why = this.#deliver(this.ip.current, from, now);
    }
    if (why !== Drop.NONE && why !== Drop.TAKEN) this.counters.drop(why);
  }

  #receiveLooped(packet: Packet, by: Interface, now: number): void {
    let why = this.ip.receiveLooped(packet, by, now);
    if (why === Drop.NONE) why = this.#deliver(this.ip.current, by, now);
    if (why !== Drop.NONE) this.counters.drop(why);
  }

  #deliver(packet: Packet, from: Interface, now: number): Drop {
    const isTaken = this.raw.deliver(packet);
    switch (packet.protocol) {
      case PROTOCOL.TCP:
        return this.tcp.receive(packet, now);
      case PROTOCOL.UDP:
        return this.#deliverUdp(packet, from, now);
      case PROTOCOL.ICMP:
        if (packet.source.family === 4) return this.icmp.receive(packet, now);
        break;
      case PROTOCOL.IGMP:
        if (packet.source.family === 4) return this.ip.multicast.receiveIgmp(packet, from, now);
        break;
      case PROTOCOL.ICMPV6:
        if (packet.source.family === 6) return this.icmpv6.receive(packet, from, now);
        break;
      case PROTOCOL.NO_NEXT_HEADER:
        if (packet.source.family === 6) return Drop.NONE; // RFC 8200 §4.7
        break;
    }
    if (isTaken) return Drop.NONE;
    if (packet.source.family === 4) this.report(ErrorKind.PROTOCOL_UNREACHABLE, packet, 0, now);
    else this.report(ErrorKind.UNKNOWN_NEXT_HEADER, packet, this.ip.protocolPointer, now);
    return Drop.IP_UNKNOWN_PROTOCOL;
  }

  #deliverUdp(packet: Packet, from: Interface, now: number): Drop {
    this.dhcp.arriving(from, now);
    const drop = this.udp.receive(packet);
    if (drop === Drop.UDP_NO_PORT) this.report(ErrorKind.PORT_UNREACHABLE, packet, 0, now);
    return drop;
  }

  report(kind: ErrorKind, about: Packet, value: number, now: number): void {
    if (this.ip.isOwn(about.source)) this.#errors.deliverOwn(kind, about, now);
    else if (about.source.family === 4) this.icmp.sendError(kind, about, value, now);
    else this.icmpv6.sendError(kind, about, value, now);
  }

  /**
   * Tells users what a batch has brought, ahead of {@linkcode poll}: what they do about it is sent
   * with the answers to the batch, and often in the same packets.
   */
  tell(now: number): void {
    this.tcp.tell(now);
  }

  /** Ends a batch: does what is due at `now`, tells users, and sends. */
  poll(now: number): void {
    this.#now = now;
    this.#pollRounds(now);
    const { generation } = this.ip.routes;
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.configurationChanged?.();
  }

  #pollRounds(now: number): void {
    for (let round = 0; round < LOOPBACK_ROUNDS; round++) {
      this.tcp.poll(now);
      this.tcp.flush(now);
      this.neighborDiscovery.poll(now);
      this.dhcp.poll(now);
      this.ip.poll(now);
      if (!this.ip.loopback.drain(this.#receiveOwn)) return;
    }
  }

  /** When {@linkcode poll} has to be called at the latest, in ms; `Infinity`: no time is set. */
  nextDeadline(): number {
    return Math.min(
      this.tcp.nextDeadline(),
      this.neighborDiscovery.nextDeadline(),
      this.dhcp.nextDeadline(),
      this.ip.nextDeadline(),
    );
  }
}

const EVERYWHERE_4 = IpAddress.v4(0, 0, 0, 0);
const EVERYWHERE_6 = IpAddress.parse("::");
