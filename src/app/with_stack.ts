/**
 * What commands that ask something of the network have in common: a stack for as long as it takes.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import { AddressState } from "../net/interface.ts";
import type { CommandLine } from "./command_line.ts";
import { UsageError } from "./errors.ts";
import { type InterfaceOption, readStackSettings } from "./interface_options.ts";
import { openStack } from "./open_interfaces.ts";
import { stopSignal } from "./stop_signal.ts";
import { printError } from "./terminal.ts";
import { Watch } from "./watch.ts";

/** How long a server or a router may take to give an address, in milliseconds. */
const LEARN_PATIENCE = 60_000;
/** How long a new address may take until it is known to be nobody else's, in milliseconds. */
const ADDRESS_PATIENCE = 5000;
const ADDRESS_INTERVAL = 20;

/**
 * Opens the stack that a command line asks for, and closes it when `body` has ended.
 *
 * @param body Gets a signal that is aborted when the user wants it to stop; returns the exit code.
 * @throws {UsageError} If what was asked for makes no sense.
 */
export async function withStack(
  line: CommandLine<InterfaceOption>,
  body: (stack: NetworkStack, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const settings = readStackSettings(line);
  // Not between what the command prints, which somebody may want to read by a program.
  using watch = await Watch.begin(line, printError);
  const { stack } = await openStack(settings, (device) => watch.wrap(device));
  watch.observe(stack);
  const stop = stopSignal();
  const controller = new AbortController();
  stop.received.then(() => controller.abort());
  try {
    await untilReady(stack, controller.signal);
    return await body(stack, controller.signal);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message);
    }
    throw error;
  } finally {
    await stack.close();
    stop.cancel();
  }
}

/**
 * Waits for addresses that servers and routers give, and until none is tentative any more: nothing
 * can be sent from those that are.
 */
async function untilReady(stack: NetworkStack, signal: AbortSignal): Promise<void> {
  await stack.ready({ timeout: LEARN_PATIENCE, signal }).catch((error) => {
    if (!signal.aborted) throw error;
  });
  const { ip } = stack.core;
  const end = performance.now() + ADDRESS_PATIENCE;
  const isTentative = () =>
    ip.interfaces.some(({ addresses }) =>
      addresses.some(({ state }) => state === AddressState.TENTATIVE)
    );
  while (isTentative() && performance.now() < end && !signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, ADDRESS_INTERVAL));
  }
}

/**
 * Reads a number of seconds, 0 or more.
 *
 * @returns Milliseconds.
 */
export function readSeconds(text: string): number {
  if (!/^(\d+(\.\d*)?|\.\d+)$/.test(text)) throw new Error(`expected seconds: got "${text}"`);
  return Math.round(Number(text) * 1000);
}

/** Names can be looked up only where a server is known. */
export function checkName(stack: NetworkStack, name: string): void {
  const isAddress = name.includes(":") || /^[\d.]+$/.test(name);
  if (!isAddress && stack.dnsServers.length === 0 && !/(^|\.)localhost\.?$/i.test(name)) {
    throw noServer(name);
  }
}

/** What to say when nobody can be asked. */
export function noServer(name: string): UsageError {
  return new UsageError(`To look up ${name}, name a server for names: --dns IP`);
}
