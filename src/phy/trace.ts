/**
 * A device that shows what passes through it.
 *
 * @module
 */

import type { Device } from "./device.ts";
import { ObservedDevice } from "./observed.ts";
import type { Tracer } from "./trace/tracer.ts";

export { hexDump } from "./trace/hex_dump.ts";
export { type TraceOptions, Tracer } from "./trace/tracer.ts";

/** Any device, with every packet shown. */
export class TraceDevice extends ObservedDevice {
  constructor(device: Device, tracer: Tracer) {
    const { medium } = device.capabilities;
    super(device, (direction, packet) => tracer.packet(direction, packet, medium));
  }
}
