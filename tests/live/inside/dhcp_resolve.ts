/**
 * A stack on an interface that is there already. It asks for its address, looks up a name with the
 * servers that came with it, pings that, tells what it has learned as JSON, and ends.
 *
 * Arguments: the interface, and the name.
 */

import { createStack, openPacketSocket } from "../../../mod.ts";

const [name, host] = Deno.args as [string, string];
await using stack = createStack({
  device: await openPacketSocket({ interface: name }),
  dhcp: { hostName: "guest" },
  autoconf: false,
});
await stack.ready({ timeout: 30_000 });
const addresses = await stack.resolve(host);
await stack.ping(addresses[0]!);
const learned = JSON.stringify({
  interfaces: stack.interfaces(),
  routes: stack.routes(),
  neighbors: stack.neighbors(),
  servers: stack.dnsServers,
  addresses,
});
Deno.stdout.writeSync(new TextEncoder().encode(`${learned}\n`));
