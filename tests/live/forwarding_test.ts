/** Our stack as the router between two kernels, each in a namespace of its own. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { Running } from "./running.ts";
import { feedAll } from "./transfer.ts";

const ROUTER = new URL("./inside/router.ts", import.meta.url);
const TWO_STACKS = new URL("./inside/two_stacks.ts", import.meta.url);
const MIB = 1024 * 1024;
/** The address of the host on the right, and the router's on the left, of both families. */
const FAR = ["10.2.0.9", "fd02::9"];
const ROUTER_LEFT = ["10.1.0.1", "fd01::1"];

/** Two kernels, and our router between them. */
interface Network {
  left: Namespace;
  right: Namespace;
  router: Running;
}

/** Has a cable lead to each host, on which the middle's kernel has no address. */
async function plug(
  middle: Namespace,
  hosts: readonly (readonly [Namespace, string, number])[],
): Promise<void> {
  for (const [ns, device] of hosts) {
    const peer = ["type", "veth", "peer", "name", device, "netns", `${ns.pid}`];
    await middle.check("ip", ["link", "add", device, ...peer]);
    await middle.check("ip", ["link", "set", device, "up"]);
  }
}

/**
 * A test with the network set up.
 *
 * @param how `make` and the MTU of the link on the right; or `join`, as our stack then joins Ethernets
 * by packet sockets, and `plain` if the one on the right takes no more than a wire does.
 */
function routedTest(
  name: string,
  programs: string[],
  how: readonly string[],
  body: (network: Network) => Promise<void>,
): void {
  liveTest(name, programs, async () => {
    await using middle = await Namespace.create();
    await using left = await Namespace.create();
    await using right = await Namespace.create();
    const hosts = [[left, "left", 1], [right, "right", 2]] as const;
    const isJoined = how[0] === "join";
    if (isJoined) await plug(middle, hosts);
    await using router = new Running(middle, Deno.execPath(), [...await denoArgs(ROUTER), ...how]);
    await router.waitFor("ready\n");
    for (const [ns, device, n] of hosts) {
      if (!isJoined) await middle.check("ip", ["link", "set", device, "netns", `${ns.pid}`]);
      await ns.check("ip", ["address", "add", `10.${n}.0.9/24`, "dev", device]);
      await ns.check("ip", ["address", "add", `fd0${n}::9/64`, "dev", device, "nodad"]);
      await ns.check("ip", ["link", "set", device, "up"]);
      await ns.check("ip", ["route", "add", "default", "via", `10.${n}.0.1`]);
      await ns.check("ip", ["-6", "route", "add", "default", "via", `fd0${n}::1`]);
    }
    for (const address of FAR) await left.check("ping", ["-n", "-c", "1", "-w", "10", address]);
    await body({ left, right, router });
  });
}

/** Ends the router, checks that it does so in order, and returns its counters. */
async function end(router: Running): Promise<Record<string, number>> {
  await router.closeInput();
  assertEquals([(await router.end()).code, router.stderr], [0, ""]);
  return JSON.parse(router.stdout.trimEnd().split("\n").at(-1)!);
}

routedTest(
  "two kernels talk through our router: pings, large ones, and who it is",
  ["ping", "traceroute"],
  ["make", "1500"],
  async ({ left, right, router }) => {
    for (const [i, address] of FAR.entries()) {
      const few = ["-n", "-c", "5", "-i", "0.05", "-w", "10"];
      const ping = (...args: string[]) => left.run("ping", [...few, ...args, address]);
      const plain = await ping();
      assertMatch(plain.stdout, / 0% packet loss/);
      assertMatch(plain.stdout, /ttl=63 /);
      assertMatch((await ping("-s", "20000")).stdout, / 0% packet loss/);
      const expired = await left.run("ping", ["-n", "-c", "1", "-w", "5", "-t", "1", address]);
      assertMatch(
        expired.stdout,
        new RegExp(`From ${ROUTER_LEFT[i]} icmp_seq=1 Time (to live )?exceeded`),
      );
      for (const how of [["-U"], ["-I"]]) {
        const hops = await left.check("traceroute", ["-n", "-q", "1", "-w", "2", ...how, address]);
        const seen = hops.trimEnd().split("\n").slice(1).map((line) => line.trim().split(/\s+/)[1]);
        assertEquals(seen, [ROUTER_LEFT[i], address], hops);
      }
    }
    const absent = await left.run("ping", ["-n", "-c", "1", "-w", "6", "10.2.0.77"]);
    assertMatch(absent.stdout, /From 10\.1\.0\.1 icmp_seq=1 Destination Host Unreachable/);
    const nowhere = await left.run("ping", ["-n", "-c", "1", "-w", "5", "192.0.2.1"]);
    assertMatch(nowhere.stdout, /From 10\.1\.0\.1 icmp_seq=1 Destination Net Unreachable/);
    assertEquals((await right.run("ping", ["-n", "-c", "1", "-w", "5", "10.1.0.9"])).code, 0);
    const counters = await end(router);
    assert(counters.ipForwarded! > 100);
    // What it says of its own accord while its interface moves to another namespace is lost.
    assert(counters.deviceSendFailed! < 10);
    assertEquals(counters.deviceSendTooBig, 0);
  },
);

routedTest(
  "our router tells kernels of a smaller link, and splits what may be split",
  ["ping", "tracepath"],
  ["make", "1400"],
  async ({ left, router }) => {
    const ping = (...args: string[]) =>
      left.run("ping", ["-n", "-c", "3", "-i", "0.2", "-w", "5", ...args]);
    // First, while the kernel does not know that the path takes less than its link.
    assertMatch((await ping("-M", "dont", "-s", "4000", FAR[0]!)).stdout, / 0% packet loss/);
    const four = await ping("-M", "do", "-s", "1472", FAR[0]!);
    assertMatch(four.stdout, /From 10\.1\.0\.1 icmp_seq=1 Frag needed and DF set \(mtu = 1400\)/);
    const six = await ping("-M", "do", "-s", "1452", FAR[1]!);
    assertMatch(six.stdout, /From fd01::1 icmp_seq=1 Packet too big: mtu=1400/);
    for (const address of FAR) {
      const path = await left.check("tracepath", ["-n", "-m", "5", address]);
      assertMatch(path, /pmtu 1400/);
      assertMatch(path, /Resume: pmtu 1400 hops 2 back 2/);
    }
    const counters = await end(router);
    assert(counters["drop.IP_TOO_BIG"]! >= 2);
    assert(counters.ipFragmentsSent! > 0);
  },
);

for (
  const [by, how, isWhole] of [
    ["a TUN and a TAP", ["make", "1400"], true],
    ["two packet sockets", ["join"], true],
    ["two packet sockets, of which one takes no super-segments", ["join", "plain"], false],
  ] as const
) {
  routedTest(
    `100 MiB go through our router from kernel to kernel, by ${by}, with IPv4 and IPv6`,
    ["socat", "sha256sum"],
    how,
    async ({ left, right, router }) => {
      for (const [address, kind] of [[FAR[0]!, "TCP4"], [`[${FAR[1]}]`, "TCP6"]] as const) {
        await using server = new Running(right, "sh", [
          ...["-c", `socat -u ${kind}-LISTEN:7,reuseaddr - | sha256sum; echo done`],
        ]);
        await untilListens(right);
        const client = (options: Deno.CommandOptions) =>
          left.command("socat", ["-u", "-", `${kind}:${address}:7`], options);
        const sent = await feedAll(client, 100 * MIB);
        await server.waitFor("done\n");
        assertEquals(server.stdout.split(" ")[0], sent);
        await server.end();
      }
      const counters = await end(router);
      assert(counters.ipForwarded! > 3_200, "200 MiB in packets of 64 KiB at most");
      assert(counters.deviceSuperSegmentsReceived! > 1000);
      if (isWhole) {
        assert(counters.ipForwarded! < 100_000, "super-segments went through whole");
        assert(counters.deviceSuperSegmentsSent! > 1000);
      } else {
        assert(counters.ipForwarded! > 140_000, "segments, of what came in super-segments");
      }
    },
  );
}

liveTest(
  "two of our stacks talk through a kernel that forwards, by IPv4 and IPv6",
  [],
  async () => {
    await using ns = await Namespace.create();
    await ns.check("sh", [
      "-c",
      "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
    ]);
    const { code, stdout, stderr } = await ns.deno(TWO_STACKS);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, "10.2.0.2: 3000000 20000 4000\nfd02::2: 3000000 20000 4000\n");
  },
);

/** Waits until somebody listens on port 7. */
async function untilListens(ns: Namespace): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const sockets = await ns.check("cat", ["/proc/net/tcp", "/proc/net/tcp6"]);
    if (/:0007 \S+ 0A /.test(sockets)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("Nobody listens on port 7");
}
