/**
 * The loop that moves packets from a device into a stack, under the real clock.
 *
 * @module
 */

import type { Interface } from "../net/interface.ts";
import type { Device } from "../phy/device.ts";
import type { Stack } from "../stack/stack.ts";
import type { Packet } from "../wire/packet.ts";
import { Patience } from "./patience.ts";

/** Most packets that are answered at once: one acknowledgement a connection. */
const BATCH = 64;

/**
 * About how many bytes are answered at once, where packets are long: the sender goes on before the
 * processor's cache has forgotten what came first, which the program has yet to read.
 */
const BATCH_BYTES = 256 * 1024;

/**
 * How long batches are received one after another before timers and signals get their turn, in
 * milliseconds. With one batch a turn, a program that sends as much as it can would leave those
 * who send to it behind, because its turn is the longer one.
 */
const SLICE = 2;

/** How many turns of promises a program has to go on in, after each call, before it is sent. */
const GRACE = 8;
/** How many there are at most from the first call on: some programs never stop calling. */
const MAX_GRACE = 64;

/** Longest time that `setTimeout` can wait, in milliseconds: it takes a longer one for none. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** Runs one stack on its devices. */
export class Dispatcher {
  /** Settles when all devices are closed; at once, with its error, if one fails. */
  readonly finished: Promise<void>;
  #stack: Stack;
  #now: () => number;
  /** The time that a whole batch is received at. */
  #batchTime = 0;
  #stopped = false;
  /** Settles when what was caused is done, if it is going to be. */
  #polling: Promise<void> | undefined;
  /** Turns of promises that are left until what was caused is done. */
  #grace = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  /** By device: receives what waits, a batch at most, and returns how many packets that were. */
  #receivers: (() => number)[] = [];

  /**
   * @param devices One for each of the stack's interfaces but loopback, in their order.
   * @param now The clock, in milliseconds; must not go backwards.
   */
  constructor(devices: readonly Device[], stack: Stack, now: () => number) {
    this.#stack = stack;
    this.#now = now;
    const loops = devices.map((device, i) => this.#run(device, stack.ip.interfaces[i + 1]!));
    this.finished = Promise.all(loops).then(() => {}).finally(() => this.stop());
  }

  async #run(device: Device, from: Interface): Promise<void> {
    let bytes = 0;
    let limit = BATCH;
    const take = (packet: Packet) => {
      bytes += packet.end - packet.at;
      this.#stack.receive(packet, this.#batchTime, from);
    };
    const receive = (): number => {
      bytes = 0;
      this.#batchTime = this.#now();
      const count = device.receive(limit, take);
      // As many packets as make a batch, if they are like these.
      if (count > 0) limit = Math.max(1, Math.min(BATCH, Math.floor(BATCH_BYTES * count / bytes)));
      return count;
    };
    this.#receivers.push(receive);
    const patience = new Patience();
    await nextTurn(); // whoever has made the stack gets to listen before the first packet
    while (!this.#stopped) {
      let found = false;
      const end = this.#now() + SLICE;
      while (!this.#stopped && receive() > 0) {
        found = true;
        this.#stack.tell(this.#batchTime);
        await this.#pollSoon();
        if (this.#now() >= end) break;
      }
      if (patience.goesOn(found)) {
        await nextTurn();
      } else {
        const asleep = this.#now();
        if (!await device.readable()) return;
        patience.slept(this.#now() - asleep);
      }
    }
  }

  /**
   * To be called after every call into the stack. What it caused is done some turns of promises
   * after the last call, once for all of them: a program that was told of something gets to write
   * its answer, and to close, before any of it is sent.
   */
  kick(): void {
    if (!this.#stopped) this.#pollSoon();
  }

  #pollSoon(): Promise<void> {
    this.#grace = GRACE;
    return this.#polling ??= this.#pollAfterGrace();
  }

  async #pollAfterGrace(): Promise<void> {
    for (let turn = 0; this.#grace > 0 && turn < MAX_GRACE; turn++) {
      this.#grace--;
      await undefined;
    }
    this.#polling = undefined;
    if (!this.#stopped) this.#poll();
  }

  /** No packet, timer or kick does anything from now on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #poll(): void {
    this.#stack.poll(this.#now());
    this.#arm();
  }

  /** One timer serves all deadlines; it is only moved when one comes earlier. */
  #arm(): void {
    const at = this.#stack.nextDeadline();
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      // What a timer waits for may have come already.
      for (const receive of this.#receivers) receive();
      this.#poll();
    }, Math.min(Math.max(0, at - this.#now()), MAX_TIMEOUT));
  }
}

/** Lets timers, signals and promises have their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
