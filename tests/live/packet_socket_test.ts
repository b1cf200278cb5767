/** A stack on an interface that the kernel uses too: another kernel's tools talk to both. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { arpings, curls, endEthernet, pings, startEthernet } from "./ethernet.ts";
import { liveTest, Namespace } from "./namespace.ts";

const MIB = 1024 * 1024;

liveTest("a stack beside the kernel on one interface answers ping, arping and curl", [
  "ping",
  "arping",
  "curl",
], async () => {
  await using near = await Namespace.create();
  await using far = await Namespace.create();
  const peer = ["type", "veth", "peer", "name", "eth1", "netns", `${far.pid}`];
  await near.check("ip", ["link", "add", "eth0", ...peer]);
  for (const [ns, name, host] of [[near, "eth0", 9], [far, "eth1", 1]] as const) {
    await ns.check("ip", ["address", "add", `10.0.0.${host}/24`, "dev", name]);
    await ns.check("ip", ["link", "set", name, "up"]);
  }
  await using stack = await startEthernet(near, "packet", "eth0");
  await arpings(far, "eth1");
  await pings(far);
  await pings(far, "10.0.0.9");
  await curls(far, 8 * MIB);

  const counters = await endEthernet(stack);
  assertEquals(counters.icmpEchoReplies, 15);
  // The sender leaves checksums, and cutting up what it sends, to the interface.
  assert(counters.devicePartialReceived! > 0);
  assert(counters.deviceSuperSegmentsReceived! > 0);
  assert(counters.deviceSuperSegmentsSent! > 0);
  assertEquals(Object.keys(counters).filter((name) => /CHECKSUM/.test(name)), []);
  assertMatch(await near.check("ip", ["-d", "link", "show", "eth0"]), /promiscuity 0/);
});
