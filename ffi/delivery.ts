/**
 * Handing received packets to the stack: what every reader does on the stack's thread.
 *
 * @module
 */

import type { DeviceCounters } from "../src/phy/device.ts";
import { Packet } from "../src/wire/packet.ts";
import type { Descriptor } from "./descriptor.ts";
import { OffloadInput } from "./virtio.ts";

/** Hands over packets that lie in one memory. */
export class Delivery {
  readonly #packet: Packet;
  /** Where headers are in front of packets. */
  readonly #input: OffloadInput | undefined;
  #packets = 0;
  #bytes = 0;

  /** @param bytes The memory. */
  constructor(bytes: Uint8Array, { prefix, mac, offload }: Descriptor) {
    this.#packet = new Packet(bytes);
    if (prefix !== 10) return;
    this.#input = new OffloadInput(mac === undefined ? "ip" : "ethernet", offload === undefined);
  }

  /** Hands over the packet at `at`, with its prefix in front, if it can be used. */
  hand(at: number, length: number, handler: (packet: Packet) => void): void {
    const packet = this.#packet.place(at, at + length);
    if (this.#input?.read(packet) === false) return;
    this.#packets++;
    this.#bytes += length;
    handler(packet);
  }

  counters(): DeviceCounters {
    return {
      deviceReceived: this.#packets,
      deviceReceivedBytes: this.#bytes,
      ...this.#input?.counters(),
    };
  }
}
