/**
 * Runs inside a namespace: the stack and all its services on a utun device.
 *
 * Arguments: the MTU, and the library that stands in for Darwin's. Prints `NAME is up` once the stack
 * serves, and a line of JSON with all counters when it has ended in order, after its standard input
 * did. If the device fails it says so and ends with exit code 1.
 *
 * @module
 */

import { openLibc } from "../../ffi/libc.ts";
import { openUtun } from "../../ffi/utun.ts";
import { startServices } from "../../src/app/services/services.ts";
import { print, printError } from "../../src/app/terminal.ts";
import { createStack } from "../../src/host/network_stack.ts";
import { linuxIfconfig } from "./linux_ifconfig.ts";

const [mtu, library] = Deno.args;

const device = await openUtun({ name: "utun7", mtu: Number(mtu) }, {
  libc: openLibc({ path: library, os: "darwin", arch: "x86_64" }),
  run: linuxIfconfig,
});
const stack = createStack({ device, address: "10.0.0.2" });
startServices(stack, { acceptAny: false, udpReverse: false });
print(`${stack.deviceName} is up`);

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
await stack.close();
print(JSON.stringify({
  ...Object.fromEntries(stack.core.counters.entries()),
  ...stack.deviceCounters(),
}));
