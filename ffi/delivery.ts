/**
 * Handing received packets to the stack: what every reader does on the stack's thread.
 *
 * @module
 */

import type { DeviceCounters } from "../src/phy/device.ts";
import { Packet } from "../src/wire/packet.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Counting, ReaderCounter } from "./thread_status.ts";
import { finishPacket, Offload } from "./virtio.ts";

/** Hands over packets that lie in one memory. */
export class Delivery {
  readonly #packet: Packet;
  readonly #isOffloaded: boolean;
  readonly #counts: Counting;
  #packets = 0;
  #bytes = 0;

  /** @param bytes The memory. */
  constructor(bytes: Uint8Array, { prefix }: Descriptor, counts: Counting) {
    this.#packet = new Packet(bytes);
    this.#isOffloaded = prefix === 10;
    this.#counts = counts;
  }

  /** Hands over the packet at `at`, with its prefix in front, if it can be used. */
  hand(at: number, length: number, handler: (packet: Packet) => void): void {
    const packet = this.#packet.place(at, at + length);
    if (this.#isOffloaded && !this.#finish(packet)) return;
    this.#packets++;
    this.#bytes += length;
    handler(packet);
  }

  /** Does what the packet's sender has left to do. Returns whether the packet can be used. */
  #finish({ view, at, end }: Packet): boolean {
    const offload = finishPacket(view, at, end);
    if (offload === Offload.CHECKSUM) this.#counts.count(ReaderCounter.readerChecksums);
    else if (offload === Offload.UNSEGMENTED) this.#counts.count(ReaderCounter.readerUnsegmented);
    return offload !== Offload.UNSEGMENTED;
  }

  counters(): DeviceCounters {
    return { deviceReceived: this.#packets, deviceReceivedBytes: this.#bytes };
  }
}
