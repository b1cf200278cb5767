/**
 * Stacks on an Ethernet, inside a namespace, and the tools that talk to them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { denoArgs, type Namespace } from "./namespace.ts";
import { Running } from "./running.ts";
import { assertGivesBack } from "./transfer.ts";

const ETHERNET_STACK = new URL("./inside/ethernet_stack.ts", import.meta.url);

/** The address of the stack, and its hardware address as `arping` prints it. */
export const STACK = "10.0.0.2";
export const MAC = "02:00:00:00:00:05";

/** Starts `inside/ethernet_stack.ts`, and waits until it is up. */
export async function startEthernet(ns: Namespace, ...args: string[]): Promise<Running> {
  const stack = new Running(ns, Deno.execPath(), [...await denoArgs(ETHERNET_STACK), ...args]);
  try {
    await stack.waitFor(/^\S+ is up$/m);
    return stack;
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** Ends it, checks that it does so in order, and returns its counters. */
export async function endEthernet(stack: Running): Promise<Record<string, number>> {
  await stack.closeInput();
  const { code, took } = await stack.end();
  assertEquals(stack.stderr, "");
  assertEquals(code, 0);
  assert(took < 1500, `it took ${took} ms`);
  const counters = JSON.parse(stack.stdout.trimEnd().split("\n").at(-1)!);
  assertEquals([counters.deviceSendFailed, counters.deviceSendTooBig], [0, 0]);
  assertEquals(counters.readerTruncated, 0);
  return counters;
}

/** Has `ping` fill the MTU, or less, and no echo be lost. */
export async function pings(ns: Namespace, address = STACK): Promise<void> {
  for (const size of [0, 56, 1472]) {
    const how = ["-c", "5", "-i", "0.02", "-w", "10", "-M", "do", "-s", `${size}`];
    const text = await ns.check("ping", [...how, address]);
    assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
  }
}

/** Has `arping` ask who has the address, and only the stack answer. */
export async function arpings(ns: Namespace, name: string): Promise<void> {
  const text = await ns.check("arping", ["-c", "2", "-w", "5", "-I", name, STACK]);
  assertMatch(text, /Received 2 response\(s\)/);
  const answers = text.matchAll(/reply from (\S+) \[(\S+)\]/g);
  for (const [, address, mac] of answers) {
    assertEquals([address, mac!.toLowerCase()], [STACK, MAC]);
  }
}

/** Has `curl` get a page, and post `length` bytes and get them back. */
export async function curls(ns: Namespace, length: number, address = STACK): Promise<void> {
  const curl = ["--silent", "--fail", "--noproxy", "*", "--max-time", "20"];
  const page = await ns.check("curl", [...curl, `http://${address}:8080/`]);
  assertMatch(page, new RegExp(`^Hello from ${RegExp.escape(address)}, `));
  const args = [...curl, "--data-binary", "@-", `http://${address}:8080/echo`];
  await assertGivesBack((options) => ns.command("curl", args, options), length);
}
