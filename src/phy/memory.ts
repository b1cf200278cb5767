/**
 * Two devices joined in memory: what one sends, the other receives.
 *
 * @module
 */

import { copyBytes } from "../base/bytes.ts";
import { LINK_HEADROOM, Packet } from "../wire/packet.ts";
import type { Device, DeviceCapabilities, DeviceCounters } from "./device.ts";

/** Settings of {@linkcode memoryPair}. */
export interface MemoryPairOptions {
  /** Largest IP packet, in bytes. */
  mtu?: number;
  /** Most packets that wait on either side; what comes on top is dropped and counted. */
  queue?: number;
}

/** Makes two devices that are each other's far end. */
export function memoryPair(options: MemoryPairOptions = {}): [Device, Device] {
  const { mtu = 1500, queue = 512 } = options;
  const a = new MemoryDevice("memory0", mtu, queue);
  const b = new MemoryDevice("memory1", mtu, queue);
  a.join(b);
  b.join(a);
  return [a, b];
}

class MemoryDevice implements Device {
  readonly capabilities: DeviceCapabilities = { medium: "ip" };
  #peer: MemoryDevice | null = null;
  #packet: Packet;
  /** Slots of equal size; `#head` and `#tail` count packets and never wrap. */
  #slotSize: number;
  #lengths: Uint32Array;
  #head = 0;
  #tail = 0;
  #wake: ((open: boolean) => void) | null = null;
  #closed = false;
  #received = 0;
  #sent = 0;
  #dropped = 0;

  constructor(readonly name: string, readonly mtu: number, queue: number) {
    this.#slotSize = (LINK_HEADROOM + mtu + 7) & ~7;
    this.#lengths = new Uint32Array(queue);
    this.#packet = new Packet(new Uint8Array(this.#slotSize * queue));
  }

  join(peer: MemoryDevice): void {
    this.#peer = peer;
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    const count = Math.min(limit, this.#tail - this.#head);
    for (let i = 0; i < count; i++) {
      const slot = this.#head % this.#lengths.length;
      const at = slot * this.#slotSize + LINK_HEADROOM;
      handler(this.#packet.place(at, at + this.#lengths[slot]!));
      this.#head++;
      this.#received++;
    }
    return count;
  }

  readable(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#tail !== this.#head) return Promise.resolve(true);
    return new Promise((resolve) => this.#wake = resolve);
  }

  transmit(packet: Packet): boolean {
    const delivered = !this.#closed && this.#peer !== null && this.#peer.#deliver(packet);
    if (delivered) this.#sent++;
    else this.#dropped++;
    return delivered;
  }

  #deliver(packet: Packet): boolean {
    const length = packet.end - packet.at;
    if (this.#closed || length > this.mtu) return false;
    if (this.#tail - this.#head === this.#lengths.length) return false;
    const slot = this.#tail % this.#lengths.length;
    const at = slot * this.#slotSize + LINK_HEADROOM;
    copyBytes(packet.bytes, packet.at, this.#packet.bytes, at, length);
    this.#lengths[slot] = length;
    this.#tail++;
    this.#settle(true);
    return true;
  }

  #settle(open: boolean): void {
    this.#wake?.(open);
    this.#wake = null;
  }

  counters(): DeviceCounters {
    return {
      deviceReceived: this.#received,
      deviceSent: this.#sent,
      deviceDropped: this.#dropped,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#settle(false);
    return Promise.resolve();
  }
}
