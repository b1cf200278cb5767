/**
 * Runs inside a namespace: a stack of ours as the router between two others. Makes a TUN, `left`, and
 * a TAP, `right`, whose host's ends are to be moved to where the hosts are; or joins two interfaces
 * of these names.
 *
 * Arguments: `make` and the MTU of the segment on the right, or `join`, and `plain` if nothing is to
 * be left to the one on the right. Prints `ready` once it forwards, and a line of JSON with all
 * counters when it has ended in order, after its standard input did.
 *
 * @module
 */

import { createStack, openPacketSocket, openTap, openTun } from "../../../mod.ts";
import { print } from "../../../src/app/terminal.ts";

const [how, mtu] = Deno.args;
const addresses = { address: ["10.1.0.1", "fd01::1"], hostAddress: ["10.1.0.9", "fd01::9"] };
const [left, right] = how === "join"
  ? [
    await openPacketSocket({ interface: "left" }),
    await openPacketSocket({ interface: "right", offload: mtu !== "plain" }),
  ]
  : [
    await openTun({ name: "left", ...addresses }),
    await openTap({ name: "right", mtu: Number(mtu), mac: "02:00:00:00:00:05" }),
  ];
const stack = createStack({
  interfaces: [
    { device: left, address: ["10.1.0.1/24", "fd01::1/64"] },
    { device: right, address: ["10.2.0.1/24", "fd02::1/64"] },
  ],
  forward: true,
  reversePathCheck: "strict",
});
print("ready");
for await (const _ of Deno.stdin.readable);
await stack.close();
print(JSON.stringify({ ...stack.counters(), ...stack.deviceCounters() }));
