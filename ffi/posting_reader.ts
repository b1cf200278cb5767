/**
 * The reader for devices that give one packet of the MTU at most per call.
 *
 * @module
 */

import type { DeviceCounters } from "../src/phy/device.ts";
import type { Packet } from "../src/wire/packet.ts";
import { Delivery } from "./delivery.ts";
import { type Descriptor, largestReceived, slotHeadroom } from "./descriptor.ts";
import type { Libc } from "./libc.ts";
import type { Reader, ReaderSystem } from "./reader.ts";
import { ReaderThread } from "./reader_thread.ts";
import { PacketRing, ringShape } from "./ring.ts";
import { READER_COUNTERS, ReaderCounter } from "./thread_status.ts";

/** Memory for packets of 64 KiB that wait, in bytes: for 64 of them. */
const OFFLOAD_BUDGET = 5 * 1024 * 1024;

/** What a {@linkcode PostingReader} may be told. */
export interface PostingReaderOptions extends ReaderSystem {
  /** Memory for packets that wait, in bytes. */
  budget?: number;
}

/** A reader whose thread reads as well, and posts the packets through a ring in shared memory. */
export class PostingReader implements Reader {
  readonly #descriptor: Descriptor;
  readonly #ring: PacketRing;
  readonly #thread: ReaderThread;
  readonly #delivery: Delivery;

  /**
   * Starts the reader and waits until its thread runs.
   *
   * @throws {DeviceError} If the thread cannot be started.
   */
  static async start(
    libc: Libc,
    descriptor: Descriptor,
    options: PostingReaderOptions = {},
  ): Promise<PostingReader> {
    const shape = ringShape(
      largestReceived(descriptor),
      options.budget ?? (descriptor.prefix === 10 ? OFFLOAD_BUDGET : undefined),
      slotHeadroom(descriptor),
    );
    const ring = new PacketRing(shape);
    const { memory } = ring;
    const thread = await ReaderThread.start(
      libc,
      ring,
      (wakeFd) => ({ kind: "posting", descriptor, wakeFd, memory, shape }),
      options.worker,
    );
    return new PostingReader(descriptor, ring, thread);
  }

  private constructor(descriptor: Descriptor, ring: PacketRing, thread: ReaderThread) {
    this.#descriptor = descriptor;
    this.#ring = ring;
    this.#thread = thread;
    this.#delivery = new Delivery(ring.bytes, descriptor);
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    if (this.#thread.isStopping) return 0;
    const ring = this.#ring;
    const start = ring.head;
    const count = Math.min(limit, ring.waiting(start));
    let head = start;
    try {
      while (head - start < count) {
        const at = ring.packetAt(head);
        const length = ring.lengthOf(head++);
        this.#delivery.hand(at, length, handler);
      }
    } finally {
      // Also when the handler throws: the packet that made it throw must not come again.
      if (head !== start) ring.release(head);
    }
    return count;
  }

  async readable(): Promise<boolean> {
    await this.#ring.readable();
    if (this.#thread.isStopping) return false;
    if (this.#ring.waiting(this.#ring.head) > 0) return true;
    const failure = this.#thread.failure(this.#descriptor);
    if (failure !== undefined) throw failure;
    return false;
  }

  counters(): DeviceCounters {
    const counters: Record<string, number> = this.#delivery.counters();
    for (const name of READER_COUNTERS) {
      const counter = ReaderCounter[name];
      counters[name] = this.#ring.counts.of(counter);
    }
    return counters;
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
