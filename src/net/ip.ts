/**
 * IP at a host (RFC 791, RFC 8200, RFC 1122 §3): interfaces, addresses and routes; what goes out
 * gets its header and finds its way.
 *
 * @module
 */

import { copyBytes } from "../base/bytes.ts";
import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import { ErrorKind, type ErrorReporter, type Network, type SendOptions } from "../base/network.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { DONT_FRAGMENT, IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import { IPV4_OPTION } from "../wire/ipv4_options.ts";
import { IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import { ROUTER_ALERT_HEADER, writeRouterAlert } from "../wire/ipv6_extensions.ts";
import { Packet, TRANSPORT_AT } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { type AddressOrigin, AddressState, Interface, type InterfaceAddress } from "./interface.ts";
import type { Fragment } from "./datagram.ts";
import type { Forwarder } from "./forwarder.ts";
import { Fragmenter } from "./fragment.ts";
import { Ipv4Input } from "./ipv4_input.ts";
import { Ipv6Input } from "./ipv6_input.ts";
import type { Link, LinkLayer } from "./link_layer.ts";
import { Loopback } from "./loopback.ts";
import { Multicast } from "./multicast.ts";
import { PathMtuCache } from "./path_mtu.ts";
import { DEFAULT_REASSEMBLY_CONFIG, Reassembler } from "./reassembly.ts";
import { type Route, RouteTable } from "./routes.ts";
import { sourceAddress } from "./source_address.ts";

/** Largest IPv4 packet, and largest payload of an IPv6 packet, in bytes. */
const MAX_LENGTH = 65535;
/** The router alert option of IPv4 (RFC 2113 §2.1). */
const ROUTER_ALERT = Uint8Array.of(IPV4_OPTION.ROUTER_ALERT, 4, 0, 0);

const BROADCAST = IpAddress.v4(255, 255, 255, 255);

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

/** IP of one stack. */
export class Ip implements Network {
  readonly outgoing: Packet = new Packet(new Uint8Array(TRANSPORT_AT + MAX_LENGTH));
  /** In the order of their numbers, which start at 1; the first is the loopback interface. */
  readonly interfaces: Interface[] = [];
  readonly routes: RouteTable = new RouteTable();
  readonly counters: Counters;
  /** The groups that we are in. */
  readonly multicast: Multicast;
  /** The way to ourselves. */
  readonly loopback: Loopback;
  /** Who is told of packets that come to nothing. */
  reporter: ErrorReporter | null = null;
  /** Who sends packets of others on; `null` at a host. To be set before interfaces are added. */
  forwarder: Forwarder | null = null;
  /** Time to live of what is sent without one, 1 to 255 (RFC 1122 §3.2.1.7). */
  readonly defaultTtl: number;
  /** What {@linkcode receive} has laid open. */
  current: Packet;
  #env: Env;
  /** The time of the last call that told it, for what lasts minutes. */
  #now = 0;
  /** By protocol, how many want all of its packets. */
  #takenAll = new Uint32Array(256);
  /** Whether the packet that is being received is ours. */
  #isLooped = false;
  #paths = new PathMtuCache();
  #reassembler: Reassembler;
  #fragmenter = new Fragmenter();
  #input4: Ipv4Input;
  #input6: Ipv6Input;
  #header4 = new Ipv4Header();
  #header6 = new Ipv6Header();
  #identification: number;
  #flowSecret: number;
  /** The way that was looked up last: most packets go where the last one went. */
  #hopTo = IpAddress.scratch();
  #hopOnly = 0;
  #hopGeneration = -1;
  #hopInterface: Interface | null = null;
  #hopNext: IpAddress = IpAddress.scratch();
  #hopNextOwn = IpAddress.scratch();

  /** @param defaultTtl See {@linkcode defaultTtl}; 64 is what RFC 1340 assigned. */
  constructor(counters: Counters, env: Env, defaultTtl = 64) {
    this.defaultTtl = defaultTtl;
    this.counters = counters;
    this.#env = env;
    this.#reassembler = new Reassembler(
      counters,
      DEFAULT_REASSEMBLY_CONFIG,
      (first, now) => this.reporter?.report(ErrorKind.REASSEMBLY_TIME_EXCEEDED, first, 0, now),
    );
    this.#identification = env.random() & 0xffff;
    this.#flowSecret = env.random();
    this.current = this.outgoing;
    this.#input4 = new Ipv4Input(this);
    this.#input6 = new Ipv6Input(this);
    this.multicast = new Multicast(this.interfaces, this, counters, env);
    this.loopback = new Loopback(counters);
    const lo = new Interface(1, "lo", this.loopback, () => this.loopback, true);
    this.interfaces.push(lo);
    this.addAddress(lo, { address: IpAddress.v4(127, 0, 0, 1), prefixLength: 8 });
    this.addAddress(lo, { address: IpAddress.parse("::1"), prefixLength: 128 });
  }

  /** Adds an interface, as yet without addresses. */
  addInterface(name: string, link: Link, makeLayer: (of: Interface) => LinkLayer): Interface {
    const added = new Interface(this.interfaces.length + 1, name, link, makeLayer);
    added.isRouter = this.forwarder !== null;
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

  /**
   * The neighbor by which `destination` is reached, lent; `undefined` if it is not by that
   * interface.
   */
  firstHop(destination: IpAddress, by: Interface): IpAddress | undefined {
    const isBy = this.#findHop(destination, destination.zone) && this.#hopInterface === by;
    return isBy ? this.#hopNext : undefined;
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
    this.multicast.changed();
  }

  /**
   * Joins a multicast group on an interface, once more if somebody has before; to be undone by
   * {@linkcode leave} as often.
   *
   * @returns `false` if the interface has as many groups as it can have.
   */
  join(on: Interface, group: IpAddress): boolean {
    return this.multicast.join(on, group);
  }

  /** Undoes one {@linkcode join}. */
  leave(on: Interface, group: IpAddress): void {
    this.multicast.leave(on, group);
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

  /**
   * Checks a packet whose link layer has opened it, and fills in what the transports ask for:
   * addresses, protocol, TTL, where the transport starts; `end` is pulled in to the packet's own.
   *
   * @returns `Drop.NONE` if it is for us and whole: {@linkcode current} holds it then. `Drop.TAKEN`
   * if it waits for other fragments, or went on to another host.
   */
  receive(packet: Packet, from: Interface, now: number): Drop {
    this.counters.ipReceived++;
    this.#now = now;
    return this.#open(packet, from, now);
  }

  /** The same for a packet of ours to a group that we are in on the interface that it left by. */
  receiveLooped(packet: Packet, by: Interface, now: number): Drop {
    this.#isLooped = true;
    const drop = this.receive(packet, by, now);
    this.#isLooped = false;
    return drop;
  }

  #open(packet: Packet, from: Interface, now: number): Drop {
    this.current = packet;
    const isVersion6 = packet.at < packet.end && packet.view.getUint8(packet.at) >>> 4 === 6;
    return isVersion6
      ? this.#input6.receive(packet, from, now)
      : this.#input4.receive(packet, from, now);
  }

  /** Takes in a fragment; lays its datagram open if that is whole now. */
  reassemble(fragment: Fragment, from: Interface, now: number): Drop {
    // Fragments of fragments serve no purpose but to confuse.
    if (fragment.packet === this.#reassembler.whole) return Drop.IPV6_LONG_CHAIN;
    const drop = this.#reassembler.add(fragment, now);
    if (drop !== Drop.NONE) return drop;
    return this.#open(this.#reassembler.whole, from, now);
  }

  /** Whether a packet that {@linkcode receive} has laid open came in fragments. */
  hasReassembled(packet: Packet): boolean {
    return packet === this.#reassembler.whole;
  }

  /** Nobody has answered for the next hop of a packet: whoever sent it is told. */
  unreachable(packet: Packet, by: Interface, now: number): void {
    this.refuse(ErrorKind.HOST_UNREACHABLE, packet, 0, by, now);
  }

  /**
   * Tells whoever sent a good packet that it goes no further.
   *
   * @param value See {@linkcode ErrorReporter.report}.
   * @param on The interface whose link its link-local addresses are of.
   */
  refuse(kind: ErrorKind, packet: Packet, value: number, on: Interface, now: number): void {
    const { view, at } = packet;
    const isVersion4 = view.getUint8(at) >>> 4 === 4;
    // Of a datagram's fragments the first one alone tells whose it is.
    if (isVersion4 && this.#header4.bind(view, at).fragmentOffset !== 0) return;
    if (isVersion4) this.#input4.describe(packet);
    else this.#input6.describe(packet, on.index);
    packet.isGroup = false;
    this.reporter?.report(kind, packet, value, now);
  }

  /** Where the number of the upper protocol stands, of the IPv6 packet laid open last. */
  get protocolPointer(): number {
    return this.#input6.protocolPointer;
  }

  /** Sends a packet that is for somebody else on its way, if that is what we do. */
  forward(packet: Packet, from: Interface, now: number): Drop {
    return this.forwarder?.forward(packet, from, now) ?? Drop.IP_NOT_FOR_US;
  }

  /**
   * Has packets of a protocol end here whatever host they are for, and ICMP errors about them: what
   * a tunnel or a transparent proxy needs. Calls with `true` are counted, and undone by as many
   * with `false`.
   */
  takeAll(protocol: number, on: boolean): void {
    for (const one of [protocol, PROTOCOL.ICMP, PROTOCOL.ICMPV6]) {
      this.#takenAll[one]! += on ? 1 : -1;
    }
  }

  /** Whether packets of a protocol end here whatever host they are for. */
  takesAll(protocol: number): boolean {
    return this.#takenAll[protocol] !== 0;
  }

  /** Sources that no host can have, or that claim to be us (RFC 1122 §3.2.1.3, RFC 4291 §2.7). */
  isInvalidSource(source: IpAddress, from: Interface): boolean {
    if (source.isMulticast || source.isBroadcast || source.isUnspecified) return true;
    if (from.isLoopback || this.#isLooped) return false;
    return source.isLoopback || this.isOwn(source) || this.#isDirectedBroadcast(source);
  }

  /** Whether an answer to `address` would go to everybody on one of our links. */
  #isDirectedBroadcast(address: IpAddress): boolean {
    const { interfaces } = this;
    for (let i = 0; i < interfaces.length; i++) {
      if (interfaces[i]!.isDirectedBroadcast(address)) return true;
    }
    return false;
  }

  send(source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions): boolean {
    const packet = this.outgoing;
    if (!this.#findHop(destination, options.interface ?? destination.zone)) {
      return this.#dropped(Drop.SEND_NO_ROUTE);
    }
    const by = this.#hopInterface!;
    // RFC 1122 §3.2.1.3 (g): such an address must not appear outside a host.
    if (source.isLoopback && !by.isLoopback) return this.#dropped(Drop.SEND_NO_ROUTE);
    if (destination.family === 4) this.#writeHeader4(source, destination, protocol, options);
    else this.#writeHeader6(source, destination, protocol, options);
    // RFC 1112 §6.1: a copy for the sender's own host.
    if (options.loop && !by.isLoopback && destination.isMulticast && by.isInGroup(destination)) {
      this.loopback.transmit(packet, by);
    }
    const mtu = by.mtu(destination.family);
    if (packet.end - packet.at > mtu || (destination.family === 6 && !options.dontFragment)) {
      return options.dontFragment
        ? this.#dropped(Drop.SEND_TOO_BIG)
        : this.#sendFragments(destination, mtu);
    }
    return this.#emit(packet);
  }

  /** Hands a packet to the interface that was found last. */
  readonly #emit = (packet: Packet): boolean => {
    if (!this.#hopInterface!.layer.send(packet, this.#hopNext)) return false;
    this.counters.ipSent++;
    return true;
  };

  readonly #emitFragment = (packet: Packet): boolean => {
    this.counters.ipFragmentsSent++;
    return this.#emit(packet);
  };

  /** Sends the outgoing packet, in fragments if need be: of IPv6, routers on the way make none. */
  #sendFragments(destination: IpAddress, linkMtu: number): boolean {
    const packet = this.outgoing;
    if (destination.family === 4) {
      return this.#fragmenter.split4(packet, linkMtu, this.#emitFragment);
    }
    const mtu = this.#paths.estimate(destination, linkMtu, this.#now);
    if (packet.end - packet.at <= mtu) return this.#emit(packet);
    packet.transportAt = TRANSPORT_AT;
    return this.#fragmenter.split6(packet, this.#env.random(), mtu, this.#emitFragment);
  }

  #dropped(reason: Drop): boolean {
    this.counters.drop(reason);
    return false;
  }

  #writeHeader4(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
  ): void {
    const { outgoing } = this;
    const extras = options.routerAlert ? ROUTER_ALERT : options.ipv4Options;
    const extra = extras === undefined ? 0 : extras.length;
    const at = TRANSPORT_AT - IPV4_MIN_HEADER - extra;
    outgoing.at = at;
    if (extras !== undefined) copyBytes(extras, 0, outgoing.bytes, TRANSPORT_AT - extra, extra);
    const header = this.#header4.bind(outgoing.view, at);
    header.headerLength = IPV4_MIN_HEADER + extra;
    header.tos = options.tos;
    header.totalLength = outgoing.end - at;
    // Only packets that may be fragmented need an identification of their own (RFC 6864 §4.1).
    this.#identification = (this.#identification + 1) & 0xffff;
    header.identification = this.#identification;
    header.flagsAndOffset = options.dontFragment ? DONT_FRAGMENT : 0;
    header.ttl = options.ttl || this.defaultTtl;
    header.protocol = protocol;
    source.store(outgoing.view, at + 12);
    destination.store(outgoing.view, at + 16);
    header.writeChecksum();
  }

  #writeHeader6(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
  ): void {
    const { outgoing } = this;
    const { view } = outgoing;
    const extra = options.routerAlert ? ROUTER_ALERT_HEADER : 0;
    const at = TRANSPORT_AT - IPV6_HEADER - extra;
    outgoing.at = at;
    if (extra !== 0) writeRouterAlert(view, at + IPV6_HEADER, protocol);
    const header = this.#header6.bind(view, at);
    header.writeFirstWord(options.tos, this.#flowLabel(source, destination, protocol));
    header.payloadLength = outgoing.end - at - IPV6_HEADER;
    header.nextHeader = extra !== 0 ? PROTOCOL.HOP_BY_HOP : protocol;
    header.hopLimit = options.ttl || this.#hopInterface!.hopLimit || this.defaultTtl;
    source.store(view, at + 8);
    destination.store(view, at + 24);
  }

  /** The same for every packet of a flow, and not to be guessed (RFC 6437 §3). */
  #flowLabel(source: IpAddress, destination: IpAddress, protocol: number): number {
    const hasPorts = protocol === PROTOCOL.TCP || protocol === PROTOCOL.UDP;
    const ports = hasPorts ? this.outgoing.view.getInt32(TRANSPORT_AT) : protocol;
    const hash = destination.hash(source.hash(ports ^ this.#flowSecret));
    return (hash & 0xfffff) || 1;
  }

  /**
   * Finds the way to `destination`, and leaves it in the fields whose names begin with `hop`.
   *
   * @param only Number of the interface to leave by; 0: any.
   * @returns Whether there is one.
   */
  #findHop(destination: IpAddress, only: number): boolean {
    if (
      this.#hopGeneration === this.routes.generation && this.#hopOnly === only &&
      this.#hopTo.equals(destination)
    ) {
      return this.#hopInterface !== null;
    }
    this.#hopGeneration = this.routes.generation;
    this.#hopOnly = only;
    this.#hopTo.load(destination);
    this.#hopNextOwn.load(destination);
    this.#hopNext = this.#hopNextOwn;
    return (this.#hopInterface = this.#lookup(destination, only)) !== null;
  }

  #lookup(destination: IpAddress, only: number): Interface | null {
    const by = only === 0 ? null : this.interfaces[only - 1] ?? null;
    if (only !== 0 && by === null) return null;
    if (destination.isLoopback || this.isOwn(destination)) return this.interfaces[0]!;
    const route = this.routes.lookup(destination, by);
    if (destination.isMulticast || destination.isBroadcast) {
      return by ?? route?.interface ?? this.interfaces[1] ?? null;
    }
    if (route === undefined) return by; // what the user has named an interface for is there
    if (route.gateway !== null) this.#hopNext = route.gateway;
    else if (route.interface.isDirectedBroadcast(destination)) this.#hopNext = BROADCAST;
    return route.interface;
  }

  /** The interface that what goes to `destination` leaves by; `undefined` if there is no way. */
  interfaceFor(destination: IpAddress): Interface | undefined {
    return this.#findHop(destination, destination.zone) ? this.#hopInterface! : undefined;
  }

  #mtu(destination: IpAddress): number {
    const by = this.interfaceFor(destination) ?? this.interfaces[1] ?? this.interfaces[0]!;
    return by.mtu(destination.family);
  }

  maxMessage(destination: IpAddress, now: number): number {
    const estimate = this.#paths.estimate(destination, this.#mtu(destination), now);
    return estimate - headerLength(destination);
  }

  maxLinkMessage(destination: IpAddress): number {
    return this.#mtu(destination) - headerLength(destination);
  }

  maxFragmented(destination: IpAddress): number {
    return destination.family === 4 ? MAX_LENGTH - IPV4_MIN_HEADER : MAX_LENGTH;
  }

  suspect(destination: IpAddress): void {
    this.counters.ipSuspectedPaths++;
    if (this.#findHop(destination, destination.zone)) {
      this.#hopInterface!.layer.suspect(this.#hopNext);
    }
  }

  confirm(destination: IpAddress, now: number): void {
    if (this.#findHop(destination, destination.zone)) {
      this.#hopInterface!.layer.confirm(this.#hopNext, now);
    }
  }

  tooBig(destination: IpAddress, mtu: number, length: number, now: number): boolean {
    return this.#paths.tooBig(destination, mtu, length, this.#mtu(destination), now);
  }

  sourceFor(destination: IpAddress, only = destination.zone): IpAddress | undefined {
    if (!this.#findHop(destination, only)) return undefined;
    const by = this.#hopInterface!;
    // To ourselves we speak from the address that is spoken to.
    if (by.isLoopback) return this.#ownEntry(destination);
    return sourceAddress(by, destination, this.#hopNext) ?? this.#elsewhere(by, destination);
  }

  #ownEntry(address: IpAddress): IpAddress {
    for (const { addresses } of this.interfaces) {
      const entry = addresses.find((entry) => entry.address.equals(address));
      if (entry !== undefined) return entry.address;
    }
    return address.clone(); // 127.0.0.2 and the like
  }

  /** An address of another interface, where the one that a packet leaves by has none that will do. */
  #elsewhere(by: Interface, destination: IpAddress): IpAddress | undefined {
    if (destination.isLinkLocal || destination.isBroadcast) return undefined;
    for (const other of this.interfaces) {
      if (other === by || other.isLoopback) continue;
      const source = sourceAddress(other, destination, this.#hopNext);
      if (source !== undefined && !source.isLinkLocal) return source;
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

  /** Does what is due at `now`, on every interface; sends what waits for that. */
  poll(now: number): void {
    this.#now = now;
    this.routes.poll(now);
    this.#reassembler.poll(now);
    this.multicast.poll(now);
    for (let i = 0; i < this.interfaces.length; i++) this.interfaces[i]!.layer.poll(now);
  }

  /** When {@linkcode poll} is due, in milliseconds. */
  nextDeadline(): number {
    let next = Math.min(
      this.routes.nextDeadline(),
      this.#reassembler.nextDeadline(),
      this.multicast.nextDeadline(),
    );
    for (let i = 0; i < this.interfaces.length; i++) {
      next = Math.min(next, this.interfaces[i]!.layer.nextDeadline());
    }
    return next;
  }
}

function headerLength({ family }: IpAddress): number {
  return family === 4 ? IPV4_MIN_HEADER : IPV6_HEADER;
}
