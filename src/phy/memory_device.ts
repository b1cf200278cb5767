/**
 * A device whose packets wait in memory.
 *
 * @module
 */

import { Room } from "../base/chunks.ts";
import { LINK_HEADROOM, type LinkOffload, Packet } from "../wire/packet.ts";
import {
  type Device,
  type DeviceCapabilities,
  type DeviceCounters,
  FRAME_OVERHEAD,
} from "./device.ts";

/** Largest super-segment, in bytes. */
const MAX_SUPER_SEGMENT = 65535;

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
  readonly #memory: Room;
  readonly #packet: Packet;
  /** Largest packet, or frame; and largest super-segment. */
  readonly #room: number;
  readonly #superRoom: number;
  /** Offset of the first slot's packet. */
  readonly #first: number;
  /** Slots of equal size; `#head` and `#tail` count packets and never wrap. */
  readonly #slotSize: number;
  readonly #lengths: Uint32Array;
  readonly #segmentSizes: Uint16Array;
  /** By slot, whether the checksum is partial. */
  readonly #isPartial: Uint8Array;
  #head = 0;
  #tail = 0;
  #wake: ((open: boolean) => void) | null = null;
  #closed = false;
  #received = 0;
  #sent = 0;
  #dropped = 0;

  /**
   * @param queue Most packets that wait to be received.
   * @param offload What packets may leave to the device: they keep it, and whoever receives them
   * gets them so.
   */
  constructor(
    readonly name: string,
    readonly mtu: number,
    queue: number,
    readonly capabilities: DeviceCapabilities,
    wire: Wire,
    readonly offload?: LinkOffload,
  ) {
    const isFramed = capabilities.medium === "ethernet";
    this.#wire = wire;
    const overhead = isFramed ? FRAME_OVERHEAD : 0;
    this.#room = mtu + overhead;
    this.#superRoom = offload === undefined ? 0 : MAX_SUPER_SEGMENT + overhead;
    const offset = isFramed ? LINK_HEADROOM + FRAME_PADDING : LINK_HEADROOM;
    this.#slotSize = (offset + Math.max(this.#room, this.#superRoom) + 7) & ~7;
    this.#lengths = new Uint32Array(queue);
    this.#segmentSizes = new Uint16Array(queue);
    this.#isPartial = new Uint8Array(queue);
    this.#memory = new Room(this.#slotSize * queue);
    this.#first = this.#memory.at + offset;
    this.#packet = new Packet(this.#memory.bytes);
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    const count = Math.min(limit, this.#tail - this.#head);
    for (let i = 0; i < count; i++) {
      if (this.#closed) return i; // the packets' memory is not ours any more
      const slot = this.#head % this.#lengths.length;
      const at = this.#first + slot * this.#slotSize;
      const packet = this.#packet.place(at, at + this.#lengths[slot]!);
      packet.segmentSize = this.#segmentSizes[slot]!;
      packet.isVerified = packet.isPartial = this.#isPartial[slot] === 1;
      handler(packet);
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
    const taken = this.#fits(packet) && !this.#closed && this.#wire.transmit(packet);
    if (taken) this.#sent++;
    else this.#dropped++;
    return taken;
  }

  /** Puts a packet into the queue; `false` if there is no room for it, or the device is closed. */
  deliver(packet: Packet): boolean {
    const length = packet.end - packet.at;
    if (this.#closed || !this.#fits(packet)) return false;
    if (this.#tail - this.#head === this.#lengths.length) return false;
    const slot = this.#tail % this.#lengths.length;
    const at = this.#first + slot * this.#slotSize;
    packet.copyTo(this.#packet.bytes, at);
    this.#lengths[slot] = length;
    this.#segmentSizes[slot] = packet.segmentSize;
    this.#isPartial[slot] = packet.isPartial ? 1 : 0;
    this.#tail++;
    this.#settle(true);
    return true;
  }

  #fits(packet: Packet): boolean {
    return packet.end - packet.at <= (packet.segmentSize > 0 ? this.#superRoom : this.#room);
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
      this.#memory.free();
      this.#settle(false);
    }
    return Promise.resolve();
  }
}
