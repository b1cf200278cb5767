/**
 * The side of a device that receives.
 *
 * @module
 */

import type { DeviceCounters } from "../src/phy/device.ts";
import { Packet } from "../src/wire/packet.ts";
import { type Descriptor, largestReceived, slotHeadroom } from "./descriptor.ts";
import { DeviceError, systemError } from "./errno.ts";
import { closeOnExec, type Libc } from "./libc.ts";
import type { ReaderMessage } from "./reader_worker.ts";
import { PacketRing, RING_COUNTERS, RingCounter, ringShape, Status } from "./ring.ts";

/**
 * Gets packets from a descriptor to the stack's thread. `receive` and `readable` are those of
 * {@linkcode "../src/phy/device.ts".Device}; a thread of the reader does the blocking wait.
 */
export interface Reader {
  /** Hands over packets that wait, in order, `limit` at most, and returns how many. */
  receive(limit: number, handler: (packet: Packet) => void): number;
  /** Resolves to `true` when packets may wait, to `false` once the reader has been stopped. */
  readable(): Promise<boolean>;
  /** Counts of what went through and of what went wrong. */
  counters(): DeviceCounters;
  /** Ends the thread and gives back all but the device's descriptor. Safe to call twice. */
  stop(): Promise<void>;
}

/** Memory for packets of 64 KiB that wait, in bytes: for 64 of them. */
const OFFLOAD_BUDGET = 5 * 1024 * 1024;

/** Starts a reader for a descriptor, which remains the caller's to close. */
export type StartReader = (libc: Libc, descriptor: Descriptor) => Promise<Reader>;

/** What a {@linkcode PostingReader} may be told. */
export interface PostingReaderOptions {
  /** Memory for packets that wait, in bytes. */
  budget?: number;
  /** Module of the thread. */
  worker?: URL;
}

/** Beside this module in the sources, beside the bundle in a bundle. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./reader_worker.${extension}`, import.meta.url);
}

/** A reader whose thread reads as well, and posts the packets through a ring in shared memory. */
export class PostingReader implements Reader {
  readonly #libc: Libc;
  readonly #descriptor: Descriptor;
  readonly #ring: PacketRing;
  readonly #packet: Packet;
  readonly #worker: Worker;
  readonly #pipe: Int32Array<ArrayBuffer>;
  #stopping: Promise<void> | undefined;
  #death = "";
  #packets = 0;
  #bytes = 0;

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
    const pipe = new Int32Array(2);
    if (libc.pipe(pipe) < 0) {
      throw systemError(libc.source.os, libc.errno(), "make a pipe", {
        EMFILE: "too many files are open; raise the limit with ulimit -n",
        ENFILE: "too many files are open on this system",
      });
    }
    for (const fd of pipe) closeOnExec(libc, fd);
    let worker: Worker;
    try {
      worker = new Worker(options.worker ?? workerUrl(), { type: "module", name: "reader" });
    } catch (error) {
      for (const fd of pipe) libc.close(fd);
      throw new DeviceError(`Cannot start the reader's thread: ${messageOf(error)}`, "WORKER");
    }
    const reader = new PostingReader(libc, descriptor, worker, pipe, options);
    await reader.#ring.leaves(Status.STARTING);
    if (reader.#ring.status === Status.DIED) {
      await reader.stop();
      throw new DeviceError(`Cannot start the reader's thread: ${reader.#death}`, "WORKER");
    }
    return reader;
  }

  private constructor(
    libc: Libc,
    descriptor: Descriptor,
    worker: Worker,
    pipe: Int32Array<ArrayBuffer>,
    options: PostingReaderOptions,
  ) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#worker = worker;
    this.#pipe = pipe;
    const shape = ringShape(
      largestReceived(descriptor),
      options.budget ?? (descriptor.prefix === 10 ? OFFLOAD_BUDGET : undefined),
      slotHeadroom(descriptor),
    );
    this.#ring = new PacketRing(shape);
    this.#packet = new Packet(this.#ring.bytes);
    worker.onmessage = (event: MessageEvent<string>) => this.#died(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#died(event.message);
    };
    const message: ReaderMessage = {
      source: libc.source,
      job: { descriptor, wakeFd: pipe[0]!, shape, memory: this.#ring.memory },
    };
    worker.postMessage(message);
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    if (this.#stopping !== undefined) return 0;
    const ring = this.#ring;
    const start = ring.head;
    const count = Math.min(limit, ring.waiting(start));
    let head = start;
    try {
      while (head - start < count) {
        const at = ring.packetAt(head);
        const length = ring.lengthOf(head++);
        this.#bytes += length;
        handler(this.#packet.place(at, at + length));
      }
    } finally {
      // Also when the handler throws: the packet that made it throw must not come again.
      if (head !== start) ring.release(head);
      this.#packets += head - start;
    }
    return count;
  }

  async readable(): Promise<boolean> {
    await this.#ring.readable();
    if (this.#stopping !== undefined) return false;
    if (this.#ring.waiting(this.#ring.head) > 0) return true;
    const { name } = this.#descriptor;
    switch (this.#ring.status) {
      case Status.FAILED:
        throw readError(this.#libc, name, this.#ring.errno);
      case Status.DIED:
        throw new DeviceError(`Cannot read from ${name}: ${this.#death}`, "WORKER");
      default:
        return false;
    }
  }

  counters(): DeviceCounters {
    const counters: Record<string, number> = {
      deviceReceived: this.#packets,
      deviceReceivedBytes: this.#bytes,
    };
    for (const name of RING_COUNTERS) counters[name] = this.#ring.counter(RingCounter[name]);
    return counters;
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  #died(reason: string): void {
    this.#death = reason;
    this.#ring.setStatus(Status.DIED);
    // Without the thread nothing keeps the event loop going until those who wait are told.
    setTimeout(() => {});
  }

  async #stop(): Promise<void> {
    const [readFd, writeFd] = this.#pipe as unknown as [number, number];
    this.#ring.requestStop();
    const byte = new Uint8Array(1);
    this.#libc.write(writeFd, Deno.UnsafePointer.of(byte), byte.length);
    await this.#ring.leaves(Status.RUNNING);
    this.#worker.terminate();
    this.#libc.close(writeFd);
    this.#libc.close(readFd);
  }
}

function readError(libc: Libc, name: string, errno: number): Error {
  const vanished = "the interface has vanished";
  if (errno === 0) return new DeviceError(`Cannot read from ${name}: ${vanished}`, "HANGUP");
  return systemError(libc.source.os, errno, `read from ${name}`, {
    EBADF: vanished,
    EBADFD: vanished,
    EIO: vanished,
    ENXIO: vanished,
    ENODEV: vanished,
    ENOTCONN: vanished,
    ECONNRESET: vanished,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
