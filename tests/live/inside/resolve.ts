/**
 * Runs inside a namespace: a stack of its own that looks up names for a test. Each line of its input
 * is a call in JSON, the function's name first, and each line of its output what that returned, or
 * name and message of the error.
 *
 * Arguments: the stack's address, the host's, which serves names, and the search domain.
 *
 * @module
 */

import { stdin } from "node:process";
import { createInterface } from "node:readline";
import { createStack, openTun } from "../../../mod.ts";

const [address = "", hostAddress = "", domain = ""] = Deno.args;

const device = await openTun({ address, hostAddress });
const dns = { servers: [hostAddress], search: [domain] };
await using stack = createStack({ device, address, dns });
const { resolver } = stack;

const CALLS: Record<string, (...args: never[]) => unknown> = {
  resolve: stack.resolve.bind(stack),
  query: resolver.query.bind(resolver),
  reverse: resolver.reverse.bind(resolver),
  ping: stack.ping.bind(stack),
  counters: stack.counters.bind(stack),
};

for await (const line of createInterface({ input: stdin })) {
  const [call, ...args] = JSON.parse(line);
  let result: unknown;
  try {
    result = await CALLS[call]!(...args as never[]);
  } catch (error) {
    const { name, message } = error as Error;
    result = { name, message };
  }
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
}
