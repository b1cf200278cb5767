/**
 * A device that shows what passes through it.
 *
 * @module
 */

import type { Packet } from "../wire/packet.ts";
import type { Device, DeviceCapabilities, DeviceCounters } from "./device.ts";
import type { Tracer } from "./trace/tracer.ts";

export { hexDump } from "./trace/hex_dump.ts";
export { type TraceOptions, Tracer } from "./trace/tracer.ts";

/** Any device, with every packet shown. */
export class TraceDevice implements Device {
  #device: Device;
  #tracer: Tracer;

  constructor(device: Device, tracer: Tracer) {
    this.#device = device;
    this.#tracer = tracer;
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

  receive(limit: number, handler: (packet: Packet) => void): number {
    return this.#device.receive(limit, (packet) => {
      this.#tracer.packet("<", packet, this.capabilities.medium);
      handler(packet);
    });
  }

  readable(): Promise<boolean> {
    return this.#device.readable();
  }

  transmit(packet: Packet): boolean {
    this.#tracer.packet(">", packet, this.capabilities.medium);
    return this.#device.transmit(packet);
  }

  counters(): DeviceCounters {
    return this.#device.counters();
  }

  close(): Promise<void> {
    return this.#device.close();
  }
}
