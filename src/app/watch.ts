/**
 * Looking on at what a stack does: a trace of its packets, and a capture file.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import type { Device } from "../phy/device.ts";
import { TraceDevice, Tracer } from "../phy/trace.ts";
import { CaptureFile } from "./capture_file.ts";
import type { CommandLine } from "./command_line.ts";
import type { InterfaceOption } from "./interface_options.ts";

/** What the options `trace`, `hex` and `pcap` ask for. */
export class Watch implements Disposable {
  #capture: CaptureFile | undefined;
  #tracer: Tracer | undefined;

  /**
   * @param print Where a trace goes, line by line.
   * @throws {Error} If the capture file can't be made.
   */
  constructor(line: CommandLine<InterfaceOption>, print: (line: string) => void) {
    const path = line.text("pcap");
    this.#capture = path === undefined ? undefined : new CaptureFile(path);
    if (line.has("trace") || line.has("hex")) {
      this.#tracer = new Tracer({ hex: line.has("hex"), now: () => performance.now(), print });
    }
  }

  /** The device, with somebody who looks on. */
  wrap(device: Device): Device {
    const captured = this.#capture?.wrap(device) ?? device;
    return this.#tracer === undefined ? captured : new TraceDevice(captured, this.#tracer);
  }

  /** Looks at the connections of a stack as well. */
  observe(stack: NetworkStack): void {
    if (this.#tracer !== undefined) stack.observer = this.#tracer.state;
  }

  /**
   * Closes the file, once the stack is closed.
   *
   * @throws {Error} If not everything could be written.
   */
  [Symbol.dispose](): void {
    this.#capture?.[Symbol.dispose]();
  }
}
