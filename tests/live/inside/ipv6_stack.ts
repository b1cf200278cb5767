/**
 * Runs inside a namespace: a stack with all services on a TAP interface, stack0.
 *
 * Arguments: its addresses; without any it takes what IPv6 routers offer. Prints `stack0 is up`, and
 * then answers each line of standard input with a line of JSON: `ping ADDRESS` with the time that it
 * took or an error, `addresses` with those that may be used for good, `routers`, `dns`, `counters`.
 *
 * @module
 */

import { stdin } from "node:process";
import { createInterface } from "node:readline";
import { openTap } from "../../../ffi/tap.ts";
import { startServices } from "../../../src/app/services/services.ts";
import { print } from "../../../src/app/terminal.ts";
import { createStack } from "../../../src/host/network_stack.ts";
import { AddressState } from "../../../src/net/interface.ts";
import { formatAddress } from "../../../src/socket/addresses.ts";

const device = await openTap({ name: "stack0", mac: "02:00:00:00:00:05" });
await using stack = createStack({ device, address: Deno.args });
startServices(stack, { acceptAny: false, udpReverse: false });
const { ip } = stack.core;
print(`${device.name} is up`);

const CALLS: Record<string, (argument: string) => unknown> = {
  ping: (address) => stack.ping(address, { timeout: 3000 }).catch((error) => `${error}`),
  addresses: () =>
    ip.interfaces[1]!.addresses.filter(({ state }) => state === AddressState.PREFERRED)
      .map(({ address }) => `${address.withZone(0)}`),
  routers: () => ip.routes.all.flatMap(({ gateway }) => gateway ? formatAddress(ip, gateway) : []),
  dns: () => stack.dnsServers,
  counters: () => stack.counters(),
};

for await (const line of createInterface({ input: stdin })) {
  const [call, argument = ""] = line.split(" ");
  print(JSON.stringify(await CALLS[call!]!(argument)));
}
