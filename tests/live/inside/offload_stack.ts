/**
 * Runs inside a namespace: a stack with all services on an interface with or without offload.
 *
 * Arguments: `tun`, `tap`, or the name of an interface to join; `on` or `off`. The stack is 10.0.0.2
 * and fd00::2. Prints `ready` once it serves, and a line of JSON with all counters when its standard
 * input has ended.
 *
 * @module
 */

import { openPacketSocket } from "../../../ffi/packet_socket.ts";
import { openTap } from "../../../ffi/tap.ts";
import { openTun } from "../../../ffi/tun.ts";
import { startServices } from "../../../src/app/services/services.ts";
import { print } from "../../../src/app/terminal.ts";
import { createStack } from "../../../src/host/network_stack.ts";
import type { Device } from "../../../src/phy/device.ts";

const [kind, how] = Deno.args as [string, string];
const offload = how === "on";

function open(): Promise<Device> {
  const name = "stack0";
  if (kind === "tun") return openTun({ name, offload });
  if (kind === "tap") return openTap({ name, offload });
  return openPacketSocket({ interface: kind, offload });
}

const device = await open();
const stack = createStack({ device, address: ["10.0.0.2/24", "fd00::2/64"] });
startServices(stack, { acceptAny: false, udpReverse: false });
await stack.ready();
print("ready");
for await (const _ of Deno.stdin.readable);
await stack.close();
print(JSON.stringify({ ...stack.counters(), ...device.counters() }));
