/**
 * The demo: a stack at work, with everything that passes shown.
 *
 * `--device system` opens a real interface of this system, so it belongs into a network namespace
 * (`tools/demo.ts` makes one); `--device memory` joins two stacks in memory.
 *
 * @module
 */

import { bold, green, red, setColorEnabled } from "@std/fmt/colors";
import { openDevice } from "../../../ffi/open.ts";
import { createStack, type NetworkStack } from "../../host/network_stack.ts";
import type { Device } from "../../phy/device.ts";
import { memoryPair } from "../../phy/memory.ts";
import { TraceDevice, Tracer } from "../../phy/trace.ts";
import { startServices } from "../services/services.ts";
import { print, printError } from "../terminal.ts";
import { kernelSteps } from "./kernel_peer.ts";
import { PEER_ADDRESS, STACK_ADDRESS, type Step } from "./peer.ts";
import { stackSteps } from "./stack_peer.ts";

interface Outcome extends Step {
  readonly ok: boolean;
  readonly result: string;
}

async function demo(kind: string | undefined): Promise<boolean> {
  switch (kind) {
    case "system":
      return await withStack(await openDevice({ offload: false }), kernelSteps());
    case "memory": {
      const [device, peerDevice] = memoryPair();
      await using peer = createStack({ device: peerDevice, address: PEER_ADDRESS });
      return await withStack(device, stackSteps(peer));
    }
    default:
      throw new Error(`No such device: ${kind}; it is system or memory`);
  }
}

async function withStack(device: Device, steps: Step[]): Promise<boolean> {
  const tracer = new Tracer({ hex: false, now: () => performance.now(), print });
  const stack = createStack({ device: new TraceDevice(device, tracer), address: STACK_ADDRESS });
  stack.observer = tracer.state;
  print(bold(`${stack.deviceName} is up: the stack is ${STACK_ADDRESS}, its peer ${PEER_ADDRESS}`));
  let outcomes: Outcome[];
  try {
    startServices(stack, { acceptAny: false, udpReverse: false });
    outcomes = await runAll(steps);
  } finally {
    await stack.close();
  }
  print(summary(outcomes, stack));
  return outcomes.every(({ ok }) => ok);
}

async function runAll(steps: Step[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    print(`\n${bold(`--- ${step.what}: ${step.by}`)}`);
    try {
      outcomes.push({ ...step, ok: true, result: await step.run() });
    } catch (error) {
      outcomes.push({ ...step, ok: false, result: String(error) });
    }
  }
  return outcomes;
}

function summary(outcomes: Outcome[], stack: NetworkStack): string {
  const whatWidth = Math.max(...outcomes.map(({ what }) => what.length));
  const byWidth = Math.max(...outcomes.map(({ by }) => by.length));
  const { ipReceived, ipSent, tcpPassiveOpens } = stack.core.counters;
  return [
    `\n${bold("What was done")}`,
    ...outcomes.map(({ what, by, ok, result }) =>
      `  ${ok ? green("ok  ") : red("FAIL")} ${what.padEnd(whatWidth)}  ${
        by.padEnd(byWidth)
      }  ${result}`
    ),
    `  ${ipReceived} packets in, ${ipSent} out, ${tcpPassiveOpens} TCP connections accepted, ` +
    `${stack.deviceName} is gone again`,
  ].join("\n");
}

if (import.meta.main) {
  setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
  try {
    Deno.exit(await demo(Deno.args[1]) ? 0 : 1);
  } catch (error) {
    printError(`demo: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
