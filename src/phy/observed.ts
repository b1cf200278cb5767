/**
 * A device with somebody who looks on.
 *
 * @module
 */

import type { LinkOffload, Packet } from "../wire/packet.ts";
import type { Device, DeviceCapabilities, DeviceCounters } from "./device.ts";

/** Sees a packet that came in (`<`) or goes out (`>`), lent for the length of the call. */
export type Observer = (direction: "<" | ">", packet: Packet) => void;

/**
 * Any device, with every packet that it hands over or takes shown to an observer: what it drops for
 * want of room was taken, and the device has counted it.
 */
export class ObservedDevice implements Device {
  #device: Device;
  #observe: Observer;

  /** Shows what passes through `device`. */
  constructor(device: Device, observe: Observer) {
    this.#device = device;
    this.#observe = observe;
  }

  get name(): string {
    return this.#device.name;
  }

  get mtu(): number {
    return this.#device.mtu;
  }

  get capabilities(): DeviceCapabilities {
    return this.#device.capabilities;
  }

  get offload(): LinkOffload | undefined {
    return this.#device.offload;
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    return this.#device.receive(limit, (packet) => {
      this.#observe("<", packet);
      handler(packet);
    });
  }

  readable(): Promise<boolean> {
    return this.#device.readable();
  }

  transmit(packet: Packet): boolean {
    packet.gather();
    this.#observe(">", packet);
    return this.#device.transmit(packet);
  }

  counters(): DeviceCounters {
    return this.#device.counters();
  }

  close(): Promise<void> {
    return this.#device.close();
  }
}
