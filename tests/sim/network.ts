/**
 * Hosts in virtual time, joined by links that lose, delay, double, reorder and damage packets as a
 * seeded generator has it.
 *
 * @module
 */

import { Deadlines, type Timed } from "../../src/base/deadlines.ts";
import { Stack } from "../../src/stack/stack.ts";
import { type State, STATE_NAMES } from "../../src/tcp/state.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Packet } from "../../src/wire/packet.ts";
import { icmpError, oneInterface } from "../packets.ts";
import { icmpv6Error } from "../packets6.ts";
import { Ipv4Header } from "../../src/wire/ipv4.ts";
import { Ipv6Header } from "../../src/wire/ipv6.ts";
import type { Link } from "../../src/net/link_layer.ts";
import { joined, offloading } from "../offload.ts";
import type { Random } from "../random.ts";

/** What one direction of a link does to packets. Times in milliseconds, probabilities 0 to 1. */
export interface LinkOptions {
  /** Time that each packet takes. */
  delay: number;
  /** Up to this much longer, at random; packets may overtake each other then. */
  jitter?: number;
  loss?: number;
  /** Delivered twice. */
  duplicate?: number;
  /** Held back by as much as `reorderDelay`, so that later ones overtake it. */
  reorder?: number;
  reorderDelay?: number;
  /** One bit of the packet is turned over. */
  corrupt?: number;
  /** Losses in bursts (Gilbert and Elliott's model): while one lasts, everything is lost. */
  burst?: {
    /** How probable it is for each packet that one begins with it. */
    begins: number;
    /** How long they last on average; exponentially distributed. */
    lasts: number;
  };
  /** Bytes per second; without a limit if left out. */
  rate?: number;
  /** Most bytes that wait for the link when it has a rate; what is more is dropped. */
  queue?: number;
  /** From so many waiting bytes on, packets that may be are marked (RFC 3168 §5). */
  mark?: number;
  /** Largest packet, in bytes; larger ones are dropped. */
  mtu?: number;
  /** Whether whoever sent one of those is told: by a router at the near end. */
  tellsMtu?: boolean;
}

/** What is in front of and behind a packet in memory. */
const MARGIN = 64;

/** A packet on its way. Used again when it has arrived. */
class Delivery implements Timed {
  deadline = Infinity;
  heapIndex = -1;
  order = 0;
  to!: Host;
  packet: Packet = new Packet(new Uint8Array(0));

  /** Takes a copy of a packet's bytes. */
  load(packet: Packet): void {
    const length = packet.end - packet.at;
    if (this.packet.bytes.length < length + 2 * MARGIN) {
      this.packet = new Packet(new Uint8Array(length + 2 * MARGIN));
    }
    const { bytes } = this.packet;
    bytes.set(packet.bytes.subarray(packet.at, packet.end), MARGIN);
    bytes.fill(0xee, MARGIN + length);
    this.packet.place(MARGIN, MARGIN + length);
  }
}

function isIpv6(packet: Packet): boolean {
  return packet.bytes[packet.at]! >> 4 === 6;
}

/** One host. */
export class Host {
  readonly stack: Stack;
  #deliver: ((packet: Packet) => void) | undefined;
  /** Changes of state that its connections have made. */
  readonly transitions: Set<string> = new Set();

  /** The first of its addresses. */
  readonly address: IpAddress;

  constructor(
    network: SimulatedNetwork,
    readonly addresses: readonly IpAddress[],
    readonly mtu: number,
    tcp: Partial<TcpConfig>,
  ) {
    this.address = addresses[0]!;
    const link: Link = {
      mtu,
      transmit: (packet) => {
        this.#deliver?.(packet);
        return true;
      },
    };
    this.stack = new Stack({
      interfaces: oneInterface(network.offload ? offloading(link) : link, addresses),
      tcp,
    }, network.random);
    this.stack.tcp.observer = (tcb, next: State) =>
      void this.transitions.add(`${STATE_NAMES[tcb.state]}>${STATE_NAMES[next]}`);
  }

  /** Whether a packet is for this host. */
  isFor(packet: Packet): boolean {
    const to = IpAddress.scratch();
    if (isIpv6(packet)) to.load16(packet.view, packet.at + 24);
    else to.load4(packet.view, packet.at + 16);
    return this.has(to);
  }

  /** Whether an address is one of this host's. */
  has(address: IpAddress): boolean {
    return this.addresses.some((own) => own.equals(address));
  }

  /** Sets where its packets go. */
  connect(deliver: (packet: Packet) => void): void {
    this.#deliver = deliver;
  }
}

/** Marks a packet as having met congestion, if its sender allows that; returns whether it does. */
function mark(packet: Packet): boolean {
  if (isIpv6(packet)) {
    const header = new Ipv6Header().bind(packet.view, packet.at);
    if ((header.trafficClass & 3) === 0) return false;
    header.writeFirstWord(header.trafficClass | 3, header.flowLabel);
    return true;
  }
  const header = new Ipv4Header().bind(packet.view, packet.at);
  if ((header.tos & 3) === 0) return false;
  header.tos |= 3;
  header.writeChecksum();
  return true;
}

/** Hosts, links, and one clock. */
export class SimulatedNetwork {
  /** The clock, in milliseconds. */
  now = 1_000;
  readonly random: Random;
  readonly hosts: Host[] = [];
  /** Packets that links have dropped, doubled, held back and damaged. */
  readonly counts = {
    sent: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    overflowed: 0,
    marked: 0,
    tooBig: 0,
  };
  #deliveries = new Deadlines<Delivery>();
  #spare: Delivery[] = [];
  #order = 0;
  #batch: Delivery[] = [];

  /**
   * @param offload Whether hosts leave segmentation and checksums to their links, and get segments
   * that arrive at one time joined.
   */
  constructor(random: Random, readonly offload = false) {
    this.random = random;
  }

  /** Adds a host with an address, or several. */
  host(
    addresses: IpAddress | readonly IpAddress[],
    tcp: Partial<TcpConfig> = {},
    mtu = 1500,
  ): Host {
    const host = new Host(this, [addresses].flat(), mtu, tcp);
    this.hosts.push(host);
    return host;
  }

  /** Joins two hosts; `back` is the way from `b` to `a`, and like `there` if left out. */
  link(a: Host, b: Host, there: LinkOptions, back: LinkOptions = there): void {
    this.join([a], [b], there, back);
  }

  /** Joins all hosts on the one side with all on the other by one link, which they share. */
  join(left: Host[], right: Host[], there: LinkOptions, back: LinkOptions = there): void {
    const rightward = this.#direction(right, there);
    const leftward = this.#direction(left, back);
    for (const host of left) host.connect(rightward);
    for (const host of right) host.connect(leftward);
  }

  #direction(hosts: Host[], options: LinkOptions): (packet: Packet) => void {
    const { random, counts } = this;
    /** When a link with a rate is through with what it has taken so far. */
    let freeAt = 0;
    let burstEnds = -1;
    return (packet) => {
      counts.sent++;
      const length = packet.end - packet.at;
      if (length > (options.mtu ?? Infinity)) {
        counts.tooBig++;
        if (options.tellsMtu) this.#tellMtu(packet, options.mtu!);
        return;
      }
      let leaves = this.now;
      if (options.rate !== undefined) {
        freeAt = Math.max(freeAt, this.now);
        const waiting = (freeAt - this.now) * options.rate / 1000;
        if (waiting + length > (options.queue ?? Infinity)) {
          counts.overflowed++;
          return;
        }
        if (waiting >= (options.mark ?? Infinity) && mark(packet)) counts.marked++;
        leaves = freeAt += length * 1000 / options.rate;
      }
      if (random.chance(options.loss ?? 0)) {
        counts.lost++;
        return;
      }
      if (options.burst !== undefined) {
        const { begins, lasts } = options.burst;
        if (leaves >= burstEnds && random.chance(begins)) {
          burstEnds = leaves - lasts * Math.log(1 - random.random() / 2 ** 32);
        }
        if (leaves < burstEnds) {
          counts.lost++;
          return;
        }
      }
      let at = leaves + options.delay + (options.jitter ?? 0) * random.random() / 2 ** 32;
      if (random.chance(options.reorder ?? 0)) {
        counts.reordered++;
        at += random.between(1, options.reorderDelay ?? 2 * options.delay);
      }
      const to = hosts.length === 1 ? hosts[0]! : hosts.find((host) => host.isFor(packet));
      if (to === undefined) return;
      const delivery = this.#arrives(to, packet, at);
      if (random.chance(options.corrupt ?? 0)) {
        counts.corrupted++;
        delivery.packet.bytes[MARGIN + random.below(length)]! ^= 1 << random.below(8);
      }
      if (random.chance(options.duplicate ?? 0)) {
        counts.duplicated++;
        this.#arrives(to, delivery.packet, at + random.below(10));
      }
    };
  }

  /**
   * Tells whoever sent a packet that it was too big (RFC 1191 §4, RFC 4443 §3.2), by quoting as
   * little as a router must.
   */
  #tellMtu(packet: Packet, mtu: number): void {
    const source = IpAddress.scratch();
    const quote = (most: number) =>
      packet.bytes.subarray(packet.at, Math.min(packet.at + most, packet.end));
    let bytes: Uint8Array;
    if (isIpv6(packet)) {
      source.load16(packet.view, packet.at + 8);
      bytes = icmpv6Error(2, 0, quote(1280 - 48), mtu, source);
    } else {
      source.load4(packet.view, packet.at + 12);
      bytes = icmpError(3, 4, quote(28), mtu, source);
    }
    const from = this.hosts.find((host) => host.has(source));
    if (from === undefined) return;
    this.#arrives(from, new Packet(bytes).place(0, bytes.length), this.now + 1);
  }

  /** Has a copy of a packet arrive at a host. */
  #arrives(to: Host, packet: Packet, at: number): Delivery {
    const delivery = this.#spare.pop() ?? new Delivery();
    delivery.load(packet);
    delivery.to = to;
    delivery.order = this.#order++;
    delivery.deadline = at;
    this.#deliveries.update(delivery);
    return delivery;
  }

  /**
   * Lets time pass until `done`.
   *
   * @param limit Most virtual time to pass, in milliseconds.
   * @throws {Error} If that was not enough, or nothing is left to happen.
   */
  run(done: () => boolean, limit: number): void {
    const end = this.now + limit;
    while (!done()) {
      const next = this.#nextEvent();
      if (next === Infinity) throw new Error(`Nothing is left to happen, after ${this.now} ms`);
      if (next > end) throw new Error(`Not done after ${limit} ms`);
      this.#step(next);
    }
  }

  /** Lets time pass until `time`, whatever happens. */
  runTo(time: number): void {
    for (let next = this.#nextEvent(); next <= time; next = this.#nextEvent()) this.#step(next);
    this.now = Math.max(this.now, time);
  }

  /** Does what happens at `time`. */
  #step(time: number): void {
    this.now = Math.max(this.now, time);
    // What arrives at one time is one batch; the order within it is the order of sending.
    const batch = this.#batch;
    for (let due = this.#deliveries.due(this.now); due; due = this.#deliveries.due(this.now)) {
      batch.push(due);
    }
    if (batch.length > 1) batch.sort((a, b) => a.deadline - b.deadline || a.order - b.order);
    if (this.offload) {
      for (const host of this.hosts) {
        const packets = batch.filter(({ to }) => to === host).map(({ packet }) => packet);
        for (const packet of joined(packets)) host.stack.receive(packet, this.now);
      }
    } else for (const { to, packet } of batch) to.stack.receive(packet, this.now);
    this.#spare.push(...batch);
    batch.length = 0;
    for (const host of this.hosts) host.stack.poll(this.now);
  }

  #nextEvent(): number {
    let next = this.#deliveries.next();
    for (const host of this.hosts) next = Math.min(next, host.stack.nextDeadline());
    return next;
  }
}
