/**
 * IP at a host (RFC 791, RFC 8200, RFC 1122 §3): what comes in is laid open; what goes out gets its
 * header and finds its way.
 *
 * @module
 */

import { Room } from "../base/chunks.ts";
import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import { ErrorKind, type ErrorReporter, type Network, type SendOptions } from "../base/network.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import { IPV6_HEADER } from "../wire/ipv6.ts";
import { Packet, TRANSPORT_HEADROOM } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import type { Fragment } from "./datagram.ts";
import type { Forwarder } from "./forwarder.ts";
import { Fragmenter } from "./fragment.ts";
import { HeaderWriter } from "./header_writer.ts";
import { HostConfiguration } from "./host_configuration.ts";
import type { Interface } from "./interface.ts";
import { Ipv4Input } from "./ipv4_input.ts";
import { Ipv6Input } from "./ipv6_input.ts";
import type { Link, LinkLayer } from "./link_layer.ts";
import { Loopback } from "./loopback.ts";
import { Multicast } from "./multicast.ts";
import { NextHop } from "./next_hop.ts";
import { PathMtuCache } from "./path_mtu.ts";
import { DEFAULT_REASSEMBLY_CONFIG, Reassembler } from "./reassembly.ts";
import { completePacket, isTakenBy, longestPiece, Segmenter } from "./segmentation.ts";

/** Largest IPv4 packet, and largest payload of an IPv6 packet, in bytes. */
const MAX_LENGTH = 65535;

/** IP of one stack. */
export class Ip extends HostConfiguration implements Network {
  readonly #room = new Room(TRANSPORT_HEADROOM + MAX_LENGTH);
  readonly outgoing: Packet = new Packet(this.#room.bytes, this.#room.at);
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
  /** Whether any ever has: we have stood in for other hosts, and end what began so. */
  #hasTakenAll = new Uint8Array(256);
  /** Whether the packet that is being received is ours. */
  #isLooped = false;
  #paths: PathMtuCache;
  #reassembler: Reassembler;
  #fragmenter = new Fragmenter();
  #segmenter = new Segmenter();
  #input4: Ipv4Input;
  #input6: Ipv6Input;
  #header4 = new Ipv4Header();
  #headers: HeaderWriter;
  #hop = new NextHop(this);

  /** @param defaultTtl See {@linkcode defaultTtl}; 64 is what RFC 1340 assigned. */
  constructor(counters: Counters, env: Env, defaultTtl = 64) {
    const loopback = new Loopback(counters);
    super(loopback);
    this.loopback = loopback;
    this.defaultTtl = defaultTtl;
    this.counters = counters;
    this.#env = env;
    this.#paths = new PathMtuCache(env);
    this.#reassembler = new Reassembler(
      counters,
      DEFAULT_REASSEMBLY_CONFIG,
      (first, now) => this.reporter?.report(ErrorKind.REASSEMBLY_TIME_EXCEEDED, first, 0, now),
    );
    this.#headers = new HeaderWriter(env);
    this.current = this.outgoing;
    this.#input4 = new Ipv4Input(this);
    this.#input6 = new Ipv6Input(this);
    this.multicast = new Multicast(this.interfaces, this, counters, env);
    const lo = this.interfaces[0]!;
    this.addAddress(lo, { address: IpAddress.v4(127, 0, 0, 1), prefixLength: 8 });
    this.addAddress(lo, { address: IpAddress.parse("::1"), prefixLength: 128 });
  }

  override addInterface(
    name: string,
    link: Link,
    makeLayer: (of: Interface) => LinkLayer,
  ): Interface {
    const added = super.addInterface(name, link, makeLayer);
    added.isRouter = this.forwarder !== null;
    return added;
  }

  override changed(): void {
    super.changed();
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
      this.#hasTakenAll[one] = 1;
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
    return source.isLoopback || this.isOwn(source) || this.isDirectedBroadcast(source);
  }

  send(source: IpAddress, destination: IpAddress, protocol: number, options: SendOptions): boolean {
    const isSent = this.#send(source, destination, protocol, options);
    this.outgoing.leaveNothing();
    return isSent;
  }

  #send(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
  ): boolean {
    const packet = this.outgoing;
    if (!this.#hop.find(destination, options.interface)) {
      return this.#dropped(Drop.SEND_NO_ROUTE);
    }
    const by = this.#hop.interface;
    // RFC 1122 §3.2.1.3 (g): such an address must not appear outside a host.
    if (source.isLoopback && !by.isLoopback) return this.#dropped(Drop.SEND_NO_ROUTE);
    if (!this.#maySendFrom(source, protocol)) return this.#dropped(Drop.SEND_BAD_SOURCE);
    const hopLimit = destination.family === 6 && by.hopLimit || this.defaultTtl;
    this.#headers.write(packet, source, destination, protocol, options, hopLimit);
    packet.protocol = protocol;
    packet.transportAt = packet.messageAt;
    // RFC 1112 §6.1: a copy for the sender's own host.
    if (options.loop && !by.isLoopback && destination.isMulticast && by.isInGroup(destination)) {
      this.loopback.transmit(packet, by);
    }
    const mtu = by.mtu(destination.family);
    const isTooBig = longestPiece(packet) > mtu;
    if (options.dontFragment || packet.segmentSize > 0) {
      return isTooBig ? this.#dropped(Drop.SEND_TOO_BIG) : this.#emit(packet);
    }
    return isTooBig || destination.family === 6
      ? this.#sendFragments(destination, mtu)
      : this.#emit(packet);
  }

  /**
   * RFC 1122 §3.2.1.3: an address that was ours, and may be another host's by now, is not used any
   * more by what began with it.
   */
  #maySendFrom(source: IpAddress, protocol: number): boolean {
    return this.isOwn(source) || source.isUnspecified || this.#hasTakenAll[protocol] === 1;
  }

  /** Sends a packet to the next hop that was found last, as its link takes it. */
  #emit(packet: Packet): boolean {
    return isTakenBy(packet, this.#hop.interface.link.offload)
      ? this.#emitOne(packet)
      : this.#segmenter.finish(packet, this.#emitOne);
  }

  readonly #emitOne = (packet: Packet): boolean => {
    const { interface: by, neighbor } = this.#hop;
    if (!by.layer.send(packet, neighbor)) return false;
    this.counters.ipSent++;
    return true;
  };

  readonly #emitFragment = (packet: Packet): boolean => {
    this.counters.ipFragmentsSent++;
    return this.#emitOne(packet);
  };

  /** Sends the outgoing packet, in fragments if need be: of IPv6, routers on the way make none. */
  #sendFragments(destination: IpAddress, linkMtu: number): boolean {
    const packet = this.outgoing;
    if (destination.family === 4) {
      completePacket(packet);
      return this.#fragmenter.split4(packet, linkMtu, this.#emitFragment);
    }
    const mtu = this.#paths.estimate(destination, linkMtu, this.#now);
    if (packet.end - packet.at <= mtu) return this.#emit(packet);
    completePacket(packet);
    return this.#fragmenter.split6(packet, this.#env.random(), mtu, this.#emitFragment);
  }

  #dropped(reason: Drop): boolean {
    this.counters.drop(reason);
    return false;
  }

  /** The interface that what goes to `destination` leaves by; `undefined` if there is no way. */
  interfaceFor(destination: IpAddress): Interface | undefined {
    return this.#hop.find(destination) ? this.#hop.interface : undefined;
  }

  #mtu(destination: IpAddress): number {
    const by = this.interfaceFor(destination) ?? this.interfaces[1] ?? this.interfaces[0]!;
    return by.mtu(destination.family);
  }

  maxMessage(destination: IpAddress, now: number): number {
    const estimate = this.#paths.estimate(destination, this.#mtu(destination), now);
    return estimate - headerLength(destination);
  }

  hasOffload(destination: IpAddress, protocol: number): boolean {
    const offload = this.interfaceFor(destination)?.link.offload;
    if (offload === undefined) return false;
    return protocol === PROTOCOL.TCP || (protocol === PROTOCOL.UDP && offload.udp);
  }

  maxLinkMessage(destination: IpAddress): number {
    return this.#mtu(destination) - headerLength(destination);
  }

  maxFragmented(destination: IpAddress): number {
    return destination.family === 4 ? MAX_LENGTH - IPV4_MIN_HEADER : MAX_LENGTH;
  }

  suspect(destination: IpAddress): void {
    this.counters.ipSuspectedPaths++;
    if (!this.#hop.find(destination)) return;
    this.#hop.interface.layer.suspect(this.#hop.neighbor);
  }

  confirm(destination: IpAddress, now: number): void {
    if (!this.#hop.find(destination)) return;
    this.#hop.interface.layer.confirm(this.#hop.neighbor, now);
  }

  tooBig(destination: IpAddress, mtu: number, length: number, now: number): boolean {
    return this.#paths.tooBig(destination, mtu, length, this.#mtu(destination), now);
  }

  sourceFor(destination: IpAddress, only?: number): IpAddress | undefined {
    return this.#hop.find(destination, only) ? this.#hop.sourceFor(destination) : undefined;
  }

  /**
   * The neighbor by which `destination` is reached, lent; `undefined` if it is not by that
   * interface.
   */
  firstHop(destination: IpAddress, by: Interface): IpAddress | undefined {
    const isBy = this.#hop.find(destination) && this.#hop.interface === by;
    return isBy ? this.#hop.neighbor : undefined;
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
