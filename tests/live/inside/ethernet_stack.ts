/**
 * Runs inside a namespace: stacks with all services on an Ethernet.
 *
 * Arguments: `tap`, `switch` (a TAP bridged to a switch with a second stack, 10.0.0.3, on it) or
 * `packet` and the name of an interface. The stack is 10.0.0.2. Prints `NAME is up` once it serves,
 * and a line of JSON with all counters when it has ended in order, after its standard input did. If
 * the device fails it says so and ends with exit code 1.
 *
 * @module
 */

import { openPacketSocket } from "../../../ffi/packet_socket.ts";
import { openTap } from "../../../ffi/tap.ts";
import { startServices } from "../../../src/app/services/services.ts";
import { print, printError } from "../../../src/app/terminal.ts";
import { createStack, type NetworkStack } from "../../../src/host/network_stack.ts";
import { bridge } from "../../../src/phy/bridge.ts";
import type { Device } from "../../../src/phy/device.ts";
import { memorySwitch } from "../../../src/phy/switch.ts";

const [kind, name = ""] = Deno.args;
const MAC = "02:00:00:00:00:05";

function serve(device: Device, address: string): NetworkStack {
  const stack = createStack({ device, address });
  startServices(stack, { acceptAny: false, udpReverse: false });
  return stack;
}

const device = kind === "packet"
  ? await openPacketSocket({ interface: name, mac: MAC })
  : await openTap({ name: "stack0", mac: MAC });
const network = memorySwitch();
await using bridged = kind === "switch"
  ? bridge(device, network.connect({ mac: "02:00:00:00:00:01" }))
  : undefined;
await using second = bridged && serve(network.connect(), "10.0.0.3/24");
const stack = serve(
  bridged === undefined ? device : network.connect({ mac: "02:00:00:00:00:07" }),
  "10.0.0.2/24",
);
print(`${device.name} is up`);

const inputEnds = (async () => {
  for await (const _ of Deno.stdin.readable);
})();
try {
  await Promise.race([inputEnds, stack.finished]);
} catch (error) {
  await stack.close();
  printError(`${error}`);
  Deno.exit(1); // standard input is still being read
}
await second?.close();
await stack.close();
print(JSON.stringify({
  ...Object.fromEntries(stack.core.counters.entries()),
  ...device.counters(),
  ...network.counters(),
}));
