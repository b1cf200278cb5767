/**
 * UDP (RFC 768, RFC 1122 §4.1).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import {
  ErrorKind,
  type ErrorReceiver,
  type Network,
  type SendOptions,
  type TransportError,
} from "../base/network.ts";
import { type Bound, PortTable } from "../base/port_table.ts";
import { pickPort } from "../base/ports.ts";
import type { IpAddress } from "../wire/address.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { Drop } from "../wire/drop.ts";
import { IPV6_HEADER } from "../wire/ipv6.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { RecentMessages } from "./recent_messages.ts";
import { checkUdp, checkUdpHeader, UDP_HEADER, UdpHeader } from "../wire/udp.ts";

/** Default time to live of datagrams. */
const DEFAULT_OPTIONS: SendOptions = { ttl: 0, tos: 0, dontFragment: false };

/**
 * Most datagrams that are sent as one run, as Linux has it of old; and most bytes in them: links take
 * 65,535 with the headers, also of IPv6.
 */
const MAX_RUN = 64;
const MAX_RUN_LENGTH = 65_535 - IPV6_HEADER - UDP_HEADER;

/** Longest payload that fits the least that every host takes (RFC 1122 §3.3.2), in bytes. */
const SMALL = 576 - 60 - UDP_HEADER;

/** One datagram that has come in. Made once and used again: copy what outlives the call. */
export class Datagram {
  /** Holds the addresses and the memory. */
  packet!: Packet;
  /** Offset of the payload in the packet's memory. */
  at = 0;
  /** Offset behind the payload. */
  end = 0;
  sourcePort = 0;
  destinationPort = 0;
}

/** Whoever takes datagrams. */
export interface UdpReceiver extends Bound {
  /**
   * Gets each datagram, lent for the length of the call; returns why it could not take it.
   * `Drop.UDP_NO_PORT`: it takes none from there, as if nobody were bound.
   */
  datagram(datagram: Datagram): Drop;
  /**
   * Is told of an ICMP error about a datagram that was sent from its port (RFC 1122 §4.1.3.3);
   * returns why it does not believe it.
   */
  error?(error: TransportError): Drop;
}

/** UDP of one stack. */
export class Udp implements ErrorReceiver {
  #network: Network;
  #counters: Counters;
  #env: Env;
  #header = new UdpHeader();
  #datagram = new Datagram();
  #bound = new PortTable<UdpReceiver>();
  #recent: RecentMessages;

  constructor(network: Network, counters: Counters, env: Env) {
    this.#network = network;
    this.#counters = counters;
    this.#env = env;
    this.#recent = new RecentMessages(env);
  }

  /**
   * Takes a message that IP has laid open.
   *
   * @returns `Drop.UDP_NO_PORT` when nobody is bound to where it goes.
   */
  receive(packet: Packet): Drop {
    const drop = check(packet);
    if (drop !== Drop.NONE) return drop;
    const { view, transportAt: at } = packet;
    const header = this.#header.bind(view, at);
    const datagram = this.#datagram;
    datagram.packet = packet;
    datagram.at = at + UDP_HEADER;
    datagram.end = at + header.length;
    datagram.sourcePort = header.sourcePort;
    datagram.destinationPort = header.destinationPort;
    return packet.segmentSize > 0
      ? this.#deliverRun(datagram, packet.segmentSize)
      : this.#deliverOne(datagram);
  }

  #deliverOne(datagram: Datagram): Drop {
    const why = datagram.packet.isGroup ? this.#deliverToGroup(datagram) : this.#deliver(datagram);
    if (why !== Drop.UDP_NO_PORT) this.#counters.udpReceived++;
    return why;
  }

  /** Delivers a run of datagrams, each with `size` bytes, the last maybe with less. */
  #deliverRun(run: Datagram, size: number): Drop {
    const { end } = run;
    for (;;) {
      run.end = Math.min(run.at + size, end);
      const why = this.#deliverOne(run);
      if (run.end === end || why === Drop.UDP_NO_PORT) return why;
      if (why !== Drop.NONE) this.#counters.drop(why);
      run.at = run.end;
    }
  }

  #deliver(datagram: Datagram): Drop {
    const receiver = this.#bound.find(datagram.packet.destination, datagram.destinationPort);
    return receiver === undefined ? Drop.UDP_NO_PORT : receiver.datagram(datagram);
  }

  /**
   * Everybody gets it who has the port, be it on all addresses or on the group's own: IP asks
   * whether somebody has joined the group (RFC 1122 §4.1.3.5 leaves the rest open).
   *
   * @returns Why it could not be taken, if nobody has.
   */
  #deliverToGroup(datagram: Datagram): Drop {
    const { packet: { destination }, destinationPort } = datagram;
    const receivers = this.#bound.all(destinationPort);
    let drop: Drop = Drop.UDP_NO_PORT;
    let isTaken = false;
    for (let i = 0; i < receivers.length; i++) {
      const receiver = receivers[i]!;
      if (receiver.address !== null && !receiver.address.equals(destination)) continue;
      const why = receiver.datagram(datagram);
      if (why === Drop.NONE) isTaken = true;
      else if (why !== Drop.UDP_NO_PORT) drop = why;
    }
    return isTaken ? Drop.NONE : drop;
  }

  /** Takes an ICMP error about a datagram (RFC 1122 §4.1.3.3). */
  error(error: TransportError, now: number): Drop {
    const { local, localPort, remote, remotePort, mtu, length } = error;
    const receiver = this.#bound.find(local, localPort);
    if (receiver === undefined) return Drop.ICMP_UNMATCHED;
    if (error.kind === ErrorKind.TOO_BIG) {
      // It changes what everybody sends to there: what was not sent cannot have been too big.
      if (!this.#recent.has(localPort, remote, remotePort)) return Drop.ICMP_UNMATCHED;
      if (!this.#network.tooBig(remote, mtu, length, now)) return Drop.ICMP_BAD_MTU;
    }
    return receiver.error?.(error) ?? Drop.NONE;
  }

  /** Binds a receiver to its address and port; `false` if that pair is taken. */
  bind(receiver: UdpReceiver): boolean {
    return this.#bound.add(receiver);
  }

  /** Undoes {@linkcode bind}. */
  unbind(receiver: UdpReceiver): void {
    this.#bound.remove(receiver);
  }

  /** An unused port that cannot be guessed (RFC 6056 §3.3.1); 0 when all are taken. */
  freePort(): number {
    return pickPort(this.#env, (port) => !this.#bound.has(port));
  }

  /**
   * Most bytes of payload that one datagram to `destination` holds. It may be fragmented, so what
   * the link or the path takes in one piece is no limit.
   */
  maxPayload(destination: IpAddress): number {
    return this.#network.maxFragmented(destination) - UDP_HEADER;
  }

  /**
   * Most bytes of payload that reach `destination` in one piece, as far as is known at `now`
   * (RFC 1191 §3).
   */
  maxUnfragmented(destination: IpAddress, now: number): number {
    return this.#network.maxMessage(destination, now) - UDP_HEADER;
  }

  /** Memory in which to build a payload, from this offset, before {@linkcode sendOutgoing}. */
  get outgoing(): Packet {
    return this.#network.outgoing;
  }

  /** Where the payload starts in {@linkcode outgoing}. */
  get payloadAt(): number {
    return this.#network.outgoing.messageAt + UDP_HEADER;
  }

  /** Sends a copy of `payload`; `false` if it had to be dropped. */
  send(
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
    payload: Uint8Array,
    options: SendOptions = DEFAULT_OPTIONS,
  ): boolean {
    if (payload.length > this.maxPayload(destination)) {
      this.#counters.drop(Drop.SEND_TOO_BIG);
      return false;
    }
    this.outgoing.bytes.set(payload, this.payloadAt);
    return this.sendOutgoing(
      source,
      sourcePort,
      destination,
      destinationPort,
      payload.length,
      options,
    );
  }

  /**
   * Sends copies of `payload`'s bytes as datagrams of `size` bytes, the last one maybe with less: as
   * many at once as the link takes.
   *
   * @param size 1 to {@linkcode maxPayload}.
   * @returns How many bytes were sent: fewer than there are, once a datagram had to be dropped.
   */
  sendRun(
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
    payload: Uint8Array,
    size: number,
    options: SendOptions,
    now: number,
  ): number {
    const { bytes } = this.#network.outgoing;
    // What has to be fragmented goes one by one.
    const isRun = size <= this.maxUnfragmented(destination, now) &&
      this.#hasOffload(destination, options);
    const most = isRun ? Math.min(MAX_RUN, Math.floor(MAX_RUN_LENGTH / size) || 1) * size : size;
    let at = 0;
    do {
      const length = Math.min(most, payload.length - at);
      bytes.set(payload.subarray(at, at + length), this.payloadAt);
      const isSent = this.sendOutgoing(
        source,
        sourcePort,
        destination,
        destinationPort,
        length,
        options,
        length > size ? size : 0,
      );
      if (!isSent) return at;
      at += length;
    } while (at < payload.length);
    return at;
  }

  /**
   * Sends the `length` bytes that were put at {@linkcode payloadAt} of {@linkcode outgoing}.
   *
   * @param segmentSize Bytes in each datagram of a run; 0: it is one datagram.
   */
  sendOutgoing(
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
    length: number,
    options: SendOptions = DEFAULT_OPTIONS,
    segmentSize = 0,
  ): boolean {
    const packet = this.#network.outgoing;
    packet.end = this.payloadAt + length;
    packet.segmentSize = segmentSize;
    packet.isPartial = this.#hasOffload(destination, options);
    const header = this.#header.bind(packet.view, packet.messageAt);
    header.sourcePort = sourcePort;
    header.destinationPort = destinationPort;
    header.length = UDP_HEADER + length;
    const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.UDP, UDP_HEADER + length);
    if (packet.isPartial) header.writePartialChecksum(pseudo);
    else header.writeChecksum(pseudo);
    if (!this.#network.send(source, destination, PROTOCOL.UDP, options)) return false;
    this.#counters.udpSent += segmentSize === 0 ? 1 : Math.ceil(length / segmentSize);
    const longest = segmentSize === 0 ? length : segmentSize;
    if (longest > SMALL) this.#recent.add(sourcePort, destination, destinationPort);
    return true;
  }

  /** Whether the link takes runs and partial checksums; not asked where a route is passed over. */
  #hasOffload(destination: IpAddress, options: SendOptions): boolean {
    return !options.interface && this.#network.hasOffload(destination, PROTOCOL.UDP);
  }
}

function check({ isVerified, view, transportAt: at, end, source, destination }: Packet): Drop {
  // RFC 8200 §8.1: in IPv6 there is no datagram without a checksum.
  const checksumRequired = source.family === 6;
  if (isVerified) return checkUdpHeader(view, at, end, checksumRequired);
  const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.UDP, end - at);
  return checkUdp(view, at, end, pseudo, checksumRequired);
}
