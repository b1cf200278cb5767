/** Multicast groups of a stack on a TAP, as a bridge of the kernel sees them; and ping's options. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { endEthernet, STACK, startEthernet } from "./ethernet.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { Running } from "./running.ts";

const MULTICAST_STACK = new URL("./inside/multicast_stack.ts", import.meta.url);
const GROUP = "239.1.2.3";
const GROUP6 = "ff05::1235";
const PORT = 5353;

/** How long the bridge may take to learn of something, in milliseconds. */
const PATIENCE = 10_000;

/**
 * A bridge that asks for groups every second, and forgets those that nobody answers for within three.
 * Times are in hundredths of seconds.
 */
async function addBridge(ns: Namespace, igmp: number, mld: number): Promise<void> {
  const times = {
    mcast_query_interval: 100,
    mcast_startup_query_interval: 100,
    mcast_query_response_interval: 50,
    mcast_membership_interval: 300,
  };
  await ns.check("ip", [
    ...["link", "add", "br0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1"],
    ...["mcast_igmp_version", `${igmp}`, "mcast_mld_version", `${mld}`],
    ...Object.entries(times).flatMap(([name, value]) => [name, `${value}`]),
  ]);
  await ns.check("ip", ["addr", "flush", "dev", "stack0"]);
  await ns.check("ip", ["link", "set", "stack0", "master", "br0", "up"]);
  await ns.check("ip", ["addr", "add", "10.0.0.1/24", "dev", "br0"]);
  await ns.check("ip", ["link", "set", "br0", "up"]);
}

/** Whether the bridge sends what goes to a group to the stack. */
async function isMember(ns: Namespace, group: string): Promise<boolean> {
  const text = await ns.check("bridge", ["-json", "mdb", "show", "dev", "br0"]);
  const [{ mdb }] = JSON.parse(text) as [{ mdb: { port: string; grp: string }[] }];
  return mdb.some(({ port, grp }) => port === "stack0" && grp === group);
}

async function waitForMember(ns: Namespace, group: string, wanted: boolean): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (await isMember(ns, group) !== wanted) {
    assert(performance.now() < end, `${group}: the bridge still says ${!wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startStack(ns: Namespace): Promise<Running> {
  const stack = new Running(ns, Deno.execPath(), await denoArgs(MULTICAST_STACK));
  await stack.waitFor(/^\S+ is up$/m);
  return stack;
}

for (const [igmp, mld] of [[3, 2], [2, 1]] as const) {
  liveTest(
    `a bridge that speaks IGMPv${igmp} and MLDv${mld} learns and keeps the groups of a stack`,
    [
      "bridge",
      "socat",
    ],
    async () => {
      await using ns = await Namespace.create();
      await using stack = await startStack(ns);
      await addBridge(ns, igmp, mld);
      for (const group of [GROUP, GROUP6]) {
        assertEquals(await stack.ask(`join ${group}`), "done");
        await waitForMember(ns, group, true);
      }
      // Longer than the bridge remembers: it has asked, and the stack has answered.
      await new Promise((resolve) => setTimeout(resolve, 4000));
      for (const group of [GROUP, GROUP6]) assert(await isMember(ns, group), group);
      await ns.check("socat", ["-", `UDP4-DATAGRAM:${GROUP}:${PORT},ip-multicast-if=10.0.0.1`], {
        stdin: "four",
      });
      await stack.waitFor("heard four");
      await ns.check("socat", ["-", `UDP6-DATAGRAM:[${GROUP6}]:${PORT},ipv6-multicast-if=br0`], {
        stdin: "six",
      }).catch(() => {});
      for (const group of [GROUP, GROUP6]) {
        assertEquals(await stack.ask(`leave ${group}`), "done");
        await waitForMember(ns, group, false);
      }
      const counters = await endEthernet(stack);
      assert(counters.groupQueriesReceived! >= 4, `${counters.groupQueriesReceived} queries`);
    },
  );
}

liveTest("the kernel's programs hear what a stack sends to a group", ["socat"], async () => {
  await using ns = await Namespace.create();
  await using stack = await startStack(ns);
  const address = `UDP4-RECV:${PORT},ip-add-membership=${GROUP}:10.0.0.1`;
  await using hearer = new Running(ns, "socat", ["-u", address, "-"]);
  const end = performance.now() + PATIENCE;
  while (!(await ns.check("ip", ["maddr", "show", "dev", "stack0"])).includes(GROUP)) {
    assert(performance.now() < end, "socat has not joined");
  }
  await stack.ask(`send ${GROUP} hello`);
  await hearer.waitFor("hello");
  await endEthernet(stack);
});

liveTest("ping -R and ping -T see the stack on the way (RFC 1122 §3.2.2.6)", ["ping"], async () => {
  await using ns = await Namespace.create();
  await using stack = await startEthernet(ns, "tap");
  const route = await ns.check("ping", ["-n", "-c", "1", "-w", "5", "-R", STACK]);
  assertMatch(route, /RR:\s+10\.0\.0\.1\s+10\.0\.0\.2\s+10\.0\.0\.1\s/);
  const times = await ns.check("ping", ["-n", "-c", "1", "-w", "5", "-T", "tsandaddr", STACK]);
  assertMatch(
    times,
    /TS:\s+10\.0\.0\.1\s+\d+ absolute\s+10\.0\.0\.2\s+-?\d+ absolute not-standard/,
  );
  const only = await ns.check("ping", ["-n", "-c", "1", "-w", "5", "-T", "tsonly", STACK]);
  assertMatch(only, /TS:/);
  await endEthernet(stack);
});
