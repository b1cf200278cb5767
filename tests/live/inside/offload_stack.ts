/**
 * Runs inside a namespace: a stack with all services on an interface with or without offload.
 *
 * Arguments: `tun`, `tap`, or the name of an interface to join; `on` or `off`, or what the kernel
 * refuses: `no-header` or `no-offloads`. The stack is 10.0.0.2 and fd00::2. Prints `ready` once it serves, and a line of JSON with all counters when its standard
 * input has ended.
 *
 * @module
 */

import { ERRNO } from "../../../ffi/errno.ts";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import { flagsOf, IFF_VNET_HDR, TUNSETIFF } from "../../../ffi/linux.ts";
import { openPacketSocket } from "../../../ffi/packet_socket.ts";
import { openTap } from "../../../ffi/tap.ts";
import { openTun } from "../../../ffi/tun.ts";
import { startServices } from "../../../src/app/services/services.ts";
import { print } from "../../../src/app/terminal.ts";
import { createStack } from "../../../src/host/network_stack.ts";
import type { Device } from "../../../src/phy/device.ts";

const [kind, how] = Deno.args as [string, string];
const offload = how !== "off";

/** The system's library, of a kernel that refuses something. */
function refusing(): Libc {
  const libc = openLibc();
  let isRefused = false;
  return {
    ...libc,
    ioctl(fd, request, argument) {
      isRefused = how === "no-header" && request === TUNSETIFF &&
        (flagsOf(argument as Uint8Array) & IFF_VNET_HDR) !== 0;
      return isRefused ? -1 : libc.ioctl(fd, request, argument);
    },
    ioctlNumber(fd, request, argument) {
      isRefused = how === "no-offloads" && argument !== 0n;
      return isRefused ? -1 : libc.ioctlNumber(fd, request, argument);
    },
    errno: () => isRefused ? ERRNO.linux.EINVAL : libc.errno(),
  };
}

function open(): Promise<Device> {
  const name = "stack0";
  const system = { libc: refusing() };
  if (kind === "tun") return openTun({ name, offload }, system);
  if (kind === "tap") return openTap({ name, offload }, system);
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
