/**
 * `tcpstack serve`: brings up an interface, and serves until it is stopped.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import type { Device } from "../phy/device.ts";
import type { Command } from "./command.ts";
import type { CommandLine } from "./command_line.ts";
import { INTERFACE_OPTIONS, type InterfaceOption, readStackSettings } from "./interface_options.ts";
import { UsageError } from "./errors.ts";
import { greeting, waiting } from "./greeting.ts";
import { type OpenInterface, openStack, type RoutingOptions } from "./open_interfaces.ts";
import { report } from "./report.ts";
import type { ServiceOptions } from "./services/services.ts";
import { stopSignal } from "./stop_signal.ts";
import { print } from "./terminal.ts";
import { Watch } from "./watch.ts";

/** How long to wait for an address before saying so, in milliseconds. */
const SOON = 100;

const OPTIONS = {
  "accept-any": { help: "echo on every TCP port" },
  forward: { help: "send packets of others on, as a router does" },
  "check-sources": { value: "HOW", help: "of those by the way back to them: strict or loose" },
  "udp-reverse": { help: "UDP echo turns the payload round" },
  trace: { ...INTERFACE_OPTIONS.trace, short: "t" },
  hex: { ...INTERFACE_OPTIONS.hex, short: "x" },
  quiet: { short: "q", help: "print errors only" },
} as const;

type ServeLine = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

/** `tcpstack serve`. */
export const SERVE: Command<keyof typeof OPTIONS> = {
  name: "serve",
  summary: "serve echo, chat, HTTP and more until Ctrl-C",
  operands: [],
  options: OPTIONS,
  notes: [
    "TCP 7 echo, 9 discard, 13 daytime, 19 chargen, 5201 iperf3, 8080 chat and HTTP;",
    "UDP echo on every port.",
    "",
    "  sudo tcpstack serve --trace                    then: ping 10.0.0.2, nc 10.0.0.2 7",
    "  sudo tcpstack serve --tap --address 10.9.0.2/24 --mtu 9000",
    "  sudo tcpstack serve --interface eth0 --dhcp",
    "",
    "SIGUSR2 has it show its neighbors, routes and connections.",
  ],
  run: serve,
};

/** Serves until SIGINT or SIGTERM. */
async function serve(line: ServeLine): Promise<number> {
  const settings = readStackSettings(line);
  const routing = readRouting(line);
  using watch = await Watch.begin(line, print);
  const isQuiet = line.has("quiet");
  const wrap = (device: Device) => watch.wrap(device);
  const { stack, interfaces } = await openStack(settings, wrap, routing);
  watch.observe(stack);
  const options = { acceptAny: line.has("accept-any"), udpReverse: line.has("udp-reverse") };
  const stop = stopSignal();
  const show = () => print(report(stack));
  Deno.addSignalListener("SIGUSR2", show); // SIGUSR1 is Deno's own: it opens a debugger
  let last = "";
  try {
    const { startServices } = await import("./services/services.ts"); // pings are answered already
    startServices(stack, options);
    if (!isQuiet) await greet(stack, interfaces, options, stop.received);
    await Promise.race([stop.received, stack.finished]);
    last = report(stack);
  } finally {
    await stack.close();
    stop.cancel();
    Deno.removeSignalListener("SIGUSR2", show);
  }
  if (!isQuiet) print(farewell(stack, interfaces, last));
  return 0;
}

/**
 * Reads whether the stack is a router.
 *
 * @throws {UsageError} If that makes no sense.
 */
export function readRouting(line: ServeLine): RoutingOptions {
  const reversePathCheck = line.parse("check-sources", (text) => {
    if (text === "strict" || text === "loose") return text;
    throw new Error("say strict or loose");
  });
  const forward = line.has("forward");
  if (reversePathCheck !== undefined && !forward) {
    throw new UsageError("Option --check-sources is about what a router sends on: add --forward");
  }
  return { forward, reversePathCheck };
}

/** Says what to type, once there is an address to type. */
async function greet(
  stack: NetworkStack,
  interfaces: readonly OpenInterface[],
  options: ServiceOptions,
  stopped: Promise<void>,
): Promise<void> {
  const isReady = await stack.ready({ timeout: SOON }).then(() => true, () => false);
  if (!isReady) print(waiting(interfaces));
  const ready = stack.ready().then(() => true, () => false);
  const over = Promise.allSettled([Promise.race([stopped, stack.finished])]);
  if (await Promise.race([ready, over]) === true) print(greeting(stack, interfaces, options));
}

function farewell(
  stack: NetworkStack,
  interfaces: readonly OpenInterface[],
  last: string,
): string {
  const counts = [
    ...Object.entries(stack.counters()),
    ...Object.entries(stack.deviceCounters()).filter(([, count]) => count !== 0),
  ];
  const width = Math.max(0, ...counts.map(([name]) => name.length));
  const gone = interfaces.map(({ kind, name }) =>
    kind === "packet" ? `${name} is left` : `${name} is gone`
  );
  return [
    `\n${gone.join(", ")}. What was known at the end:`,
    last,
    "What happened:",
    ...counts.map(([name, count]) => `  ${name.padEnd(width)}  ${count}`),
  ].join("\n");
}
