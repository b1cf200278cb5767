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
import type { IpAddress } from "../../src/wire/address.ts";
import { bytesOf, packetOf } from "../packets.ts";
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
  /** Bytes per second; without a limit if left out. */
  rate?: number;
  /** Most bytes that wait for the link when it has a rate; what is more is dropped. */
  queue?: number;
}

/** Something that happens later. */
class Event implements Timed {
  heapIndex = -1;
  heapKey = 0;
  constructor(readonly deadline: number, readonly order: number, readonly run: () => void) {}
}

/** One host. */
export class Host {
  readonly stack: Stack;
  #deliver: ((bytes: Uint8Array) => void) | undefined;
  /** Changes of state that its connections have made. */
  readonly transitions: Set<string> = new Set();

  constructor(
    network: SimulatedNetwork,
    readonly address: IpAddress,
    readonly mtu: number,
    tcp: Partial<TcpConfig>,
  ) {
    this.stack = new Stack({
      link: {
        mtu,
        transmit: (packet) => {
          this.#deliver?.(bytesOf(packet));
          return true;
        },
      },
      addresses: [address],
      tcp,
    }, network.random);
    this.stack.tcp.observer = (tcb, next: State) =>
      void this.transitions.add(`${STATE_NAMES[tcb.state]}>${STATE_NAMES[next]}`);
  }

  /** Sets where its packets go. */
  connect(deliver: (bytes: Uint8Array) => void): void {
    this.#deliver = deliver;
  }
}

/** Hosts, links, and one clock. */
export class SimulatedNetwork {
  /** The clock, in milliseconds. */
  now = 1_000;
  readonly random: Random;
  readonly hosts: Host[] = [];
  /** Packets that links have dropped, doubled, held back and damaged. */
  readonly counts = { sent: 0, lost: 0, duplicated: 0, reordered: 0, corrupted: 0, overflowed: 0 };
  #events = new Deadlines<Event>();
  #order = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Adds a host. */
  host(address: IpAddress, tcp: Partial<TcpConfig> = {}, mtu = 1500): Host {
    const host = new Host(this, address, mtu, tcp);
    this.hosts.push(host);
    return host;
  }

  /** Joins two hosts; `back` is the way from `b` to `a`, and like `there` if left out. */
  link(a: Host, b: Host, there: LinkOptions, back: LinkOptions = there): void {
    a.connect(this.#direction(b, there));
    b.connect(this.#direction(a, back));
  }

  #direction(to: Host, options: LinkOptions): (bytes: Uint8Array) => void {
    const { random, counts } = this;
    /** When a link with a rate is through with what it has taken so far. */
    let freeAt = 0;
    const arrive = (bytes: Uint8Array, at: number) =>
      this.#at(at, () => to.stack.receive(packetOf(bytes), this.now));
    return (bytes) => {
      counts.sent++;
      let leaves = this.now;
      if (options.rate !== undefined) {
        freeAt = Math.max(freeAt, this.now);
        const waiting = (freeAt - this.now) * options.rate / 1000;
        if (waiting + bytes.length > (options.queue ?? Infinity)) {
          counts.overflowed++;
          return;
        }
        leaves = freeAt += bytes.length * 1000 / options.rate;
      }
      if (random.chance(options.loss ?? 0)) {
        counts.lost++;
        return;
      }
      let at = leaves + options.delay + (options.jitter ?? 0) * random.random() / 2 ** 32;
      if (random.chance(options.reorder ?? 0)) {
        counts.reordered++;
        at += random.between(1, options.reorderDelay ?? 2 * options.delay);
      }
      if (random.chance(options.corrupt ?? 0)) {
        counts.corrupted++;
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      }
      arrive(bytes, at);
      if (random.chance(options.duplicate ?? 0)) {
        counts.duplicated++;
        arrive(bytes.slice(), at + random.below(10));
      }
    };
  }

  #at(deadline: number, run: () => void): void {
    this.#events.update(new Event(deadline, this.#order++, run));
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
      this.now = Math.max(this.now, next);
      // What arrives at one time is one batch; the order within it is the order of sending.
      const batch: Event[] = [];
      for (let due = this.#events.due(this.now); due; due = this.#events.due(this.now)) {
        batch.push(due);
      }
      batch.sort((a, b) => a.deadline - b.deadline || a.order - b.order);
      for (const event of batch) event.run();
      for (const host of this.hosts) host.stack.poll(this.now);
    }
  }

  #nextEvent(): number {
    let next = this.#events.next();
    for (const host of this.hosts) next = Math.min(next, host.stack.nextDeadline());
    return next;
  }
}
