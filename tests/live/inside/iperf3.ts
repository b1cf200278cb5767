/**
 * Runs inside a namespace: a stack that serves iperf3, or measures with a server elsewhere.
 *
 * Arguments: `server`, then in JSON further options of the server; or `client`, then in JSON those of the
 * client. The stack is 10.0.0.2 and fd00::2, the host 10.0.0.1 and fd00::1. Prints `ready` once the
 * interface is up.
 *
 * @module
 */
import { createStack, openTun } from "../../../mod.ts";
import { runClient } from "../../../src/app/iperf3/client.ts";
import { Iperf3Server } from "../../../src/app/iperf3/server.ts";
import { print } from "../../../src/app/terminal.ts";

const [role, settings = "{}"] = Deno.args;
const device = await openTun();
const address = device.hostAddresses.length > 1 ? ["10.0.0.2", "fd00::2"] : "10.0.0.2";
await using stack = createStack({ device, address });
print("ready");
if (role === "server") {
  await new Iperf3Server(stack, { print, ...JSON.parse(settings) }).serve();
} else {
  await runClient(stack, {
    hostname: "10.0.0.1",
    port: 5201,
    interval: 1,
    json: false,
    print,
    ...JSON.parse(settings),
  });
}
