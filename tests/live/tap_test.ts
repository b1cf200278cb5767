/** Stacks on a TAP interface: the host's own tools talk to them over Ethernet. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { arpings, curls, endEthernet, MAC, pings, STACK, startEthernet } from "./ethernet.ts";
import { liveTest, Namespace } from "./namespace.ts";

const MIB = 1024 * 1024;

liveTest("a stack on a TAP answers ping, arping and curl", [
  "ping",
  "arping",
  "curl",
], async () => {
  await using ns = await Namespace.create();
  await using stack = await startEthernet(ns, "tap");
  await arpings(ns, "stack0");
  await pings(ns);
  await curls(ns, 8 * MIB);
  const neighbor = await ns.check("ip", ["neigh", "show", STACK, "dev", "stack0"]);
  assertMatch(neighbor, new RegExp(`lladdr ${MAC}`));
  const counters = await endEthernet(stack);
  assertEquals(counters.icmpEchoReplies, 15);
  assert(counters.tcpBytesReceived! > 8 * MIB);
  assertEquals(await ns.check("ip", ["-br", "link", "show", "type", "tun"]), "");
});

liveTest("two stacks on a switch are hosts of one Ethernet with the kernel behind a TAP", [
  "ping",
  "curl",
], async () => {
  await using ns = await Namespace.create();
  await using stack = await startEthernet(ns, "switch");
  for (const address of [STACK, "10.0.0.3"]) {
    await pings(ns, address);
    await curls(ns, MIB, address);
  }
  const neighbors = await ns.check("ip", ["neigh", "show", "dev", "stack0"]);
  assertMatch(neighbors, /10\.0\.0\.2 lladdr 02:00:00:00:00:07/);
  assertMatch(neighbors, /10\.0\.0\.3 lladdr 02:00:00:00:00:02/);
  const { switchForwarded, switchDropped } = await endEthernet(stack);
  assert(switchForwarded! > 1000);
  assertEquals(switchDropped, 0);
});
