/**
 * What people do with a stack in the sessions that are shown here.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Namespace } from "../namespace.ts";
import { STACK } from "../program.ts";
import { Running } from "../running.ts";

/** Has `ping` send five echoes of each size, in bytes, none of which is lost. */
export async function pings(ns: Namespace, ...sizes: number[]): Promise<void> {
  for (const size of sizes) {
    const how = ["-c", "5", "-i", "0.02", "-w", "10", "-s", `${size}`];
    const text = await ns.check("ping", [...how, STACK]);
    assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
  }
}

/** Has somebody with `nc` join the chat. */
export async function joinChat(ns: Namespace, port: number): Promise<Running> {
  const client = new Running(ns, "nc", ["-N", STACK, `${port}`]);
  try {
    await client.waitFor(/^\* Welcome, .*\n/);
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

/** Has `nc` try a port on which nobody listens: it is refused. */
export async function assertRefused(ns: Namespace, port: number): Promise<void> {
  const { code, stderr } = await ns.run("nc", ["-v", "-w", "5", STACK, `${port}`]);
  assertStringIncludes(stderr, "Connection refused");
  assertEquals(code, 1);
}
