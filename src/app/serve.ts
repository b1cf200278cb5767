/**
 * `tcpstack serve`: brings up an interface, and serves until it is stopped.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { openDevice } from "../../ffi/open.ts";
import { createStack, type NetworkStack } from "../host/network_stack.ts";
import type { Device } from "../phy/device.ts";
import { TraceDevice, Tracer } from "../phy/trace.ts";
import { UsageError } from "./errors.ts";
import type { ServeOptions } from "./options.ts";
import { startServices } from "./services/services.ts";
import { print } from "./terminal.ts";

/**
 * Serves until SIGINT or SIGTERM.
 *
 * @throws {UsageError} If the options cannot be fulfilled.
 * @throws {Error} If the interface can't be opened, or fails.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const device = await open(options);
  const tracer = options.trace
    ? new Tracer({ hex: options.hex, now: () => performance.now(), print })
    : undefined;
  const stack = createStack({
    device: tracer === undefined ? device : new TraceDevice(device, tracer),
    address: options.address.toString(),
  });
  if (tracer !== undefined) stack.observer = tracer.state;
  const stop = stopSignal();
  try {
    startServices(stack, options);
    if (!options.quiet) print(greeting(stack, options));
    await Promise.race([stop.received, stack.finished]);
  } finally {
    await stack.close();
    stop.cancel();
  }
  if (!options.quiet) print(farewell(stack));
}

async function open(options: ServeOptions): Promise<Device> {
  try {
    return await openDevice(options);
  } catch (error) {
    // What the options ask for makes no sense.
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

/** Resolves when the user wants it to stop. */
function stopSignal(): { received: Promise<void>; cancel(): void } {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => resolve();
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return {
    received: promise,
    cancel() {
      for (const signal of signals) Deno.removeSignalListener(signal, listener);
    },
  };
}

function greeting(stack: NetworkStack, options: ServeOptions): string {
  const { address, hostAddress } = options;
  const commands: [command: string, what: string][] = [
    [`ping ${address}`, ""],
    [`nc ${address} 7`, "TCP echo (9 discard, 13 daytime, 19 chargen)"],
    [`nc ${address} 8080`, "chat: start it twice"],
    [`curl http://${address}:8080/`, "the same port speaks HTTP"],
    [`nc -u ${address} 7`, `UDP echo${options.udpReverse ? ", reversed" : ""}, on any port`],
  ];
  if (options.acceptAny) commands.push([`nc ${address} 12345`, "TCP echo on every other port"]);
  return [
    `${bold(stack.deviceName)} is up: ${hostAddress} is this host, ${address} is the stack.`,
    "In a second terminal:",
    ...commands.map(([command, what]) => `  ${bold(command.padEnd(28))} ${what}`.trimEnd()),
    "Ctrl-C stops.",
  ].join("\n");
}

function farewell(stack: NetworkStack): string {
  const counts = [
    ...Object.entries(stack.counters()),
    ...Object.entries(stack.deviceCounters()).filter(([, count]) => count !== 0),
  ];
  const width = Math.max(0, ...counts.map(([name]) => name.length));
  return [
    `\n${stack.deviceName} is gone. What happened:`,
    ...counts.map(([name, count]) => `  ${name.padEnd(width)}  ${count}`),
  ].join("\n");
}
