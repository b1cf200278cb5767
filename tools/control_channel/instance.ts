/**
 * One stack under the channel's control: its sockets, the calls that wait, and its time.
 *
 * @module
 */

import { Stack } from "../../src/stack/stack.ts";
import { Packet } from "../../src/wire/packet.ts";
import type { Clock, VirtualClock } from "./clock.ts";
import type { Settings } from "./flags.ts";
import { Errno } from "./linux.ts";
import { type Call, fail, type Host, type Reply, type Socket } from "./sockets.ts";

/** Most sockets at a time. */
const MAX_SOCKETS = 1024;
/** Most calls that wait at a time, and the most memory that they may hold, in bytes. */
const MAX_WAITING = 1024;
const MAX_HELD = 64 * 1024 * 1024;
/** Most timers that one ADVANCE runs. */
const MAX_TIMERS = 1_000_000;

/** What an instance is made of. */
export interface Plan {
  readonly settings: Settings;
  readonly clock: Clock;
  /** Gives uint32s. */
  random(): number;
}

/** What an instance tells of. */
export interface InstanceEvents {
  /** The stack sends a packet. The bytes are lent. */
  packet(bytes: Uint8Array): void;
  /** The call that was begun under this identifier has ended. */
  reply(id: number, reply: Reply): void;
}

interface Waiting {
  readonly id: number;
  /** The handle that it is about; -1 if it is about none. */
  readonly handle: number;
  readonly call: Call;
}

/** A stack, fresh when made. */
export class Instance implements Host {
  readonly stack: Stack;
  #events: InstanceEvents;
  #sockets = new Map<number, Socket>();
  #nextHandle: number;
  #waiting: Waiting[] = [];
  #packetsSent = 0;

  /** @param firstHandle Handles are counted from there on; none is used twice. */
  constructor(readonly plan: Plan, events: InstanceEvents, firstHandle: number) {
    const { settings, random } = plan;
    this.#events = events;
    this.#nextHandle = firstHandle;
    const transmit = (packet: Packet): boolean => {
      this.#packetsSent++;
      events.packet(packet.bytes.subarray(packet.at, packet.end));
      return true;
    };
    const only = { address: settings.address, prefixLength: settings.address.length * 8 };
    this.stack = new Stack({
      interfaces: [{ name: "channel", link: { mtu: settings.mtu, transmit }, addresses: [only] }],
      tcp: settings.tcp,
    }, { random: () => random() });
  }

  get now(): number {
    return this.plan.clock.now;
  }

  get nextHandle(): number {
    return this.#nextHandle;
  }

  sockets(): Iterable<Socket> {
    return this.#sockets.values();
  }

  /** The socket of a handle. */
  socket(handle: number): Socket | undefined {
    return this.#sockets.get(handle);
  }

  register(socket: Socket): number | undefined {
    if (this.#sockets.size >= MAX_SOCKETS) return undefined;
    this.#sockets.set(this.#nextHandle, socket);
    return this.#nextHandle++;
  }

  /** Begins a call. It is answered when it has ended, after all that comes of it at once. */
  begin(id: number, handle: number, call: Call): void {
    const reply = call.attempt() ?? this.#wait({ id, handle, call });
    this.settle();
    if (reply !== undefined) this.#events.reply(id, reply);
  }

  #wait(waiting: Waiting): Reply | undefined {
    let held = waiting.call.size ?? 0;
    for (const { call } of this.#waiting) held += call.size ?? 0;
    if (this.#waiting.length >= MAX_WAITING || held > MAX_HELD) return fail(Errno.ENOBUFS);
    this.#waiting.push(waiting);
    return undefined;
  }

  /** CLOSE: the handle is gone at once, and calls that wait on it end. */
  close(id: number, handle: number, socket: Socket): void {
    this.#sockets.delete(handle);
    this.#cancel(Errno.EBADF, (waiting) => waiting.handle === handle);
    this.begin(id, -1, socket.close());
  }

  /** Every call that waits ends: the instance is about to be dropped. */
  drop(): void {
    this.#cancel(Errno.EINTR, () => true);
  }

  #cancel(errno: number, isMeant: (waiting: Waiting) => boolean): void {
    const ended = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((waiting) => !ended.includes(waiting));
    for (const { id } of ended) this.#events.reply(id, fail(errno));
  }

  /** Takes one packet, and does all that comes of it at once. */
  receive(bytes: Uint8Array): void {
    this.stack.receive(new Packet(bytes).place(0, bytes.length), this.now);
    this.settle();
  }

  /**
   * Does what is due, then tries the calls that wait, oldest first. What a call has sent goes out
   * before its answer.
   */
  settle(): void {
    this.stack.poll(this.now);
    for (const waiting of [...this.#waiting]) {
      const reply = waiting.call.attempt();
      this.stack.poll(this.now);
      if (reply === undefined) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#events.reply(waiting.id, reply);
    }
  }

  /** When there is something to do next, in milliseconds; `Infinity`: nothing. */
  nextDeadline(): number {
    let next = this.stack.nextDeadline();
    for (const { call } of this.#waiting) next = Math.min(next, call.deadline ?? Infinity);
    return next;
  }

  /**
   * Lets virtual time pass: timers run one after another, each at its own time.
   *
   * @param until In microseconds. The clock is there in the end, or at the time of the first timer
   * that has sent a packet if it is to stop at that.
   * @returns Whether it came to that end; `false` if there were more timers than can be believed.
   */
  advance(clock: VirtualClock, until: number, stopsOnPacket: boolean): boolean {
    const sentBefore = this.#packetsSent;
    for (let timers = 0; clock.hasStarted; timers++) {
      const deadline = this.nextDeadline();
      const at = clock.toMicroseconds(deadline);
      if (at > until) break;
      if (timers >= MAX_TIMERS) return false;
      clock.set(at, deadline);
      this.settle();
      if (stopsOnPacket && this.#packetsSent > sentBefore) return true;
    }
    clock.set(until);
    return true;
  }
}
