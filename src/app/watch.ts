/**
 * Looking on at what a stack does: a trace of its packets, and a capture file.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import type { Device } from "../phy/device.ts";
import type { TraceOptions, Tracer } from "../phy/trace.ts";
import { CaptureFile } from "./capture_file.ts";
import type { CommandLine } from "./command_line.ts";
import type { InterfaceOption } from "./interface_options.ts";

/** A trace of all devices. */
interface Trace {
  readonly tracer: Tracer;
  wrap(device: Device): Device;
}

/** Most often nobody wants one, and a start can do without what it takes. */
async function loadTrace(options: TraceOptions): Promise<Trace> {
  const { TraceDevice, Tracer } = await import("../phy/trace.ts");
  const tracer = new Tracer(options);
  return { tracer, wrap: (device) => new TraceDevice(device, tracer) };
}

/** What the options `trace`, `hex` and `pcap` ask for. */
export class Watch implements Disposable {
  #capture: CaptureFile | undefined;
  #trace: Trace | undefined;

  /**
   * Begins to look on.
   *
   * @param print Where a trace goes, line by line.
   * @throws {Error} If the capture file can't be made.
   */
  static async begin(
    line: CommandLine<InterfaceOption>,
    print: (line: string) => void,
  ): Promise<Watch> {
    const hex = line.has("hex");
    const isTraced = hex || line.has("trace");
    const trace = isTraced
      ? await loadTrace({ hex, now: () => performance.now(), print })
      : undefined;
    const path = line.text("pcap");
    return new Watch(path === undefined ? undefined : new CaptureFile(path), trace);
  }

  private constructor(capture: CaptureFile | undefined, trace: Trace | undefined) {
    this.#capture = capture;
    this.#trace = trace;
  }

  /** The device, with somebody who looks on. */
  wrap(device: Device): Device {
    const captured = this.#capture?.wrap(device) ?? device;
    return this.#trace?.wrap(captured) ?? captured;
  }

  /** Looks at the connections of a stack as well. */
  observe(stack: NetworkStack): void {
    if (this.#trace !== undefined) stack.observer = this.#trace.tracer.state;
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
