/**
 * Runs inside a namespace: a stack on a TAP, `stack0`, with the addresses 10.0.0.2 and fd00::2, that
 * does what each line of its standard input says, and prints `done`: `join GROUP`, `leave GROUP`,
 * `send GROUP TEXT`. Prints `heard TEXT` for each datagram that comes to port 5353. Prints a line
 * of JSON with all counters when it has ended in order, after its standard input did.
 *
 * @module
 */

import { openTap } from "../../../ffi/tap.ts";
import { print } from "../../../src/app/terminal.ts";
import { createStack } from "../../../src/host/network_stack.ts";
import type { MulticastMembership } from "../../../src/socket/multicast.ts";

const PORT = 5353;

const device = await openTap({ name: "stack0", mac: "02:00:00:00:00:05" });
const stack = createStack({ device, address: ["10.0.0.2/24", "fd00::2/64"] });
const socket = stack.listenDatagram({ port: PORT, loopback: false });
const memberships = new Map<string, MulticastMembership>();

async function obey(line: string): Promise<void> {
  const [what, group = "", text] = line.split(" ");
  if (what === "join") {
    const join = group.includes(":")
      ? socket.joinMulticastV6(group)
      : socket.joinMulticastV4(group);
    memberships.set(group, await join);
  } else if (what === "leave") await memberships.get(group)!.leave();
  else {
    const to = { transport: "udp", hostname: group, port: PORT } as const;
    await socket.send(new TextEncoder().encode(text), to);
  }
  print("done");
}

const hearing = (async () => {
  for await (const [bytes] of socket) print(`heard ${new TextDecoder().decode(bytes)}`);
})();
print(`${device.name} is up`);
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) await obey(line);
}
await stack.close();
await hearing;
print(JSON.stringify({
  ...Object.fromEntries(stack.core.counters.entries()),
  ...device.counters(),
}));
