/**
 * The reader for devices that give up to 64 KiB per call.
 *
 * @module
 */

import { Room } from "../src/base/chunks.ts";
import type { DeviceCounters } from "../src/phy/device.ts";
import type { Packet } from "../src/wire/packet.ts";
import { Delivery } from "./delivery.ts";
import { type Descriptor, slotHeadroom } from "./descriptor.ts";
import { isTrouble } from "./device_poll.ts";
import { Intake, Outcome } from "./intake.ts";
import type { Libc } from "./libc.ts";
import type { Reader, ReaderSystem } from "./reader.ts";
import { readError, ReaderThread } from "./reader_thread.ts";
import { Counts, READER_COUNTERS, ReaderCounter, Status } from "./thread_status.ts";
import { Errand, WakeLine } from "./wake_line.ts";

/**
 * A reader whose thread only waits, and wakes the stack's thread, which reads. Every packet comes
 * to the same place, which remains in the processor's cache.
 */
export class WakingReader implements Reader {
  readonly #libc: Libc;
  readonly #descriptor: Descriptor;
  readonly #line: WakeLine;
  readonly #thread: ReaderThread;
  readonly #counts = new Counts();
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  readonly #room: Room;
  /** Where a packet starts, and what `read` gets for it: the place of its prefix. */
  readonly #at: number;
  readonly #pointer: Deno.PointerValue;
  /** What the thread has to do before there is anything to read again; `WAIT`: read on. */
  #errand: Errand = Errand.WAIT;
  /** Whether `poll` has spoken of an error, and nothing came since. */
  #isTroubled = false;
  #failure: Error | undefined;

  /**
   * Starts the reader and waits until its thread runs.
   *
   * @throws {DeviceError} If the thread cannot be started.
   */
  static async start(
    libc: Libc,
    descriptor: Descriptor,
    options: ReaderSystem = {},
  ): Promise<WakingReader> {
    const line = new WakeLine();
    const { memory } = line;
    const thread = await ReaderThread.start(
      libc,
      line,
      (wakeFd) => ({ kind: "waking", descriptor, wakeFd, memory }),
      options.worker,
    );
    return new WakingReader(libc, descriptor, line, thread);
  }

  private constructor(libc: Libc, descriptor: Descriptor, line: WakeLine, thread: ReaderThread) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#line = line;
    this.#thread = thread;
    this.#intake = new Intake(libc, descriptor, this.#counts);
    const headroom = slotHeadroom(descriptor);
    const from = headroom - descriptor.prefix;
    this.#room = new Room(from + this.#intake.room);
    this.#at = this.#room.at + headroom;
    const { bytes, at } = this.#room;
    this.#pointer = Deno.UnsafePointer.of(bytes.subarray(at + from));
    this.#delivery = new Delivery(bytes, descriptor);
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    if (this.#thread.isStopping || this.#failure !== undefined) return 0;
    if (this.#errand !== Errand.WAIT) return 0;
    let count = 0;
    for (let calls = 0; calls < limit; calls++) { // also those that find what is no packet
      const got = this.#intake.read(this.#pointer);
      if (got > 0) {
        if (count++ === 0) this.#counts.count(ReaderCounter.readerBatches);
        this.#isTroubled = false;
        this.#delivery.hand(this.#at, got, handler);
      } else if (got !== Outcome.MORE) {
        this.#pause(got);
        break;
      }
    }
    return count;
  }

  /** There is nothing to read for now. */
  #pause(outcome: number): void {
    switch (outcome) {
      case Outcome.NOTHING:
        // A device that has nothing but an error to tell would tell it again and again.
        if (this.#isTroubled) this.#fail(0);
        break;
      case Outcome.NO_BUFFERS:
        this.#errand = Errand.PAUSE;
        break;
      case Outcome.DOWN:
        this.#errand = Errand.UNTIL_UP;
        break;
      case Outcome.FAILED:
        this.#fail(this.#intake.errno);
    }
  }

  #fail(errno: number): void {
    this.#failure = readError(this.#libc, this.#descriptor.name, errno);
  }

  async readable(): Promise<boolean> {
    if (this.#thread.isStopping) return false;
    if (this.#failure === undefined) await this.#line.send(this.#errand);
    if (this.#thread.isStopping) return false;
    const failure = this.#failure ?? this.#thread.failure(this.#descriptor);
    if (failure !== undefined) throw failure;
    if (this.#line.status !== Status.RUNNING) return false;
    this.#errand = Errand.WAIT;
    this.#isTroubled = isTrouble(this.#line.revents);
    return true;
  }

  counters(): DeviceCounters {
    const counters: Record<string, number> = this.#delivery.counters();
    for (const name of READER_COUNTERS) {
      const counter = ReaderCounter[name];
      counters[name] = this.#line.counts.of(counter) + this.#counts.of(counter);
    }
    return counters;
  }

  async stop(): Promise<void> {
    await this.#thread.stop();
    this.#room.free();
  }
}
