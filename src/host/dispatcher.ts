/**
 * The loop that moves packets from a device into a stack, under the real clock.
 *
 * @module
 */

import type { Interface } from "../net/interface.ts";
import type { Device } from "../phy/device.ts";
import type { Stack } from "../stack/stack.ts";
import type { Packet } from "../wire/packet.ts";

/** Most packets that are answered at once: one acknowledgement a connection. */
const BATCH = 64;

/**
 * How long batches are received one after another before timers and programs get their turn, in
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
  #kicked = false;
  /** Turns of promises that are left until what was caused is done. */
  #grace = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

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
    const receive = (packet: Packet) => this.#stack.receive(packet, this.#batchTime, from);
    await nextTurn(); // whoever has made the stack gets to listen before the first packet
    while (!this.#stopped) {
      const end = this.#now() + SLICE;
      let count: number;
      do {
        this.#batchTime = this.#now();
        count = device.receive(BATCH, receive);
        if (count === BATCH) this.#poll();
      } while (count === BATCH && this.#now() < end && !this.#stopped);
      if (count > 0 && count < BATCH) {
        this.#stack.tell(this.#batchTime);
        this.kick();
      }
      if (count > 0) await nextTurn();
      else if (!await device.readable()) return;
    }
  }

  /**
   * To be called after every call into the stack. What it caused is done some turns of promises
   * after the last call, once for all of them: a program that was told of something gets to write
   * its answer, and to close, before any of it is sent.
   */
  kick(): void {
    this.#grace = GRACE;
    if (this.#kicked || this.#stopped) return;
    this.#kicked = true;
    this.#afterKicks();
  }

  async #afterKicks(): Promise<void> {
    for (let turn = 0; this.#grace > 0 && turn < MAX_GRACE; turn++) {
      this.#grace--;
      await undefined;
    }
    this.#kicked = false;
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
      this.#poll();
    }, Math.min(Math.max(0, at - this.#now()), MAX_TIMEOUT));
  }
}

/** Lets timers, signals and promises have their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
