/**
 * A device whose packets wait in memory.
 *
 * @module
 */

import { copyBytes } from "../base/bytes.ts";
import { LINK_HEADROOM, Packet } from "../wire/packet.ts";
import {
  type Device,
  type DeviceCapabilities,
  type DeviceCounters,
  FRAME_OVERHEAD,
} from "./device.ts";

/** Bytes that put the IP header behind a frame's header of 14 on a boundary of 8. */
const FRAME_PADDING = 2;

/** What a {@linkcode MemoryDevice} is plugged into. */
export interface Wire {
  /** Takes a packet that the device sends, lent for the length of the call; `false`: dropped. */
  transmit(packet: Packet): boolean;
  /** The device is closed. */
  unplug?(): void;
}

/** The hardware address 02:00:00:00:00:01 for 1, and so on: one that nobody has assigned. */
export function numberedMac(n: number): Uint8Array {
  const mac = new Uint8Array(6);
  new DataView(mac.buffer).setUint32(2, n);
  mac[0] = 2;
  return mac;
}

/** One end of a wire in memory. */
export class MemoryDevice implements Device {
  readonly #wire: Wire;
  readonly #packet: Packet;
  /** Largest packet, or frame. */
  readonly #room: number;
  /** Offset of a packet in its slot. */
  readonly #offset: number;
  /** Slots of equal size; `#head` and `#tail` count packets and never wrap. */
  readonly #slotSize: number;
  readonly #lengths: Uint32Array;
  #head = 0;
  #tail = 0;
  #wake: ((open: boolean) => void) | null = null;
  #closed = false;
  #received = 0;
  #sent = 0;
  #dropped = 0;

  /** @param queue Most packets that wait to be received. */
  constructor(
    readonly name: string,
    readonly mtu: number,
    queue: number,
    readonly capabilities: DeviceCapabilities,
    wire: Wire,
  ) {
    const isFramed = capabilities.medium === "ethernet";
    this.#wire = wire;
    this.#room = isFramed ? mtu + FRAME_OVERHEAD : mtu;
    this.#offset = isFramed ? LINK_HEADROOM + FRAME_PADDING : LINK_HEADROOM;
    this.#slotSize = (this.#offset + this.#room + 7) & ~7;
    this.#lengths = new Uint32Array(queue);
    this.#packet = new Packet(new Uint8Array(this.#slotSize * queue));
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    const count = Math.min(limit, this.#tail - this.#head);
    for (let i = 0; i < count; i++) {
      const slot = this.#head % this.#lengths.length;
      const at = slot * this.#slotSize + this.#offset;
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
    const fits = packet.end - packet.at <= this.#room;
    const taken = fits && !this.#closed && this.#wire.transmit(packet);
    if (taken) this.#sent++;
    else this.#dropped++;
    return taken;
  }

  /** Puts a packet into the queue; `false` if there is no room for it, or the device is closed. */
  deliver(packet: Packet): boolean {
    const length = packet.end - packet.at;
    if (this.#closed || length > this.#room) return false;
    if (this.#tail - this.#head === this.#lengths.length) return false;
    const slot = this.#tail % this.#lengths.length;
    const at = slot * this.#slotSize + this.#offset;
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
    if (!this.#closed) {
      this.#closed = true;
      this.#wire.unplug?.();
      this.#settle(false);
    }
    return Promise.resolve();
  }
}
