/**
 * What a stack in C on a TAP interface of Linux shows: Ethernet with an ARP cache, a routing table,
 * fragments, and the errors of ICMP.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { liveTest, Namespace } from "../namespace.ts";
import { type Serving, SOURCE, STACK, untilUp } from "../program.ts";
import { pings } from "./session.ts";

/** A session with the stack on TAP interfaces, in a namespace of its own. */
function session(
  name: string,
  programs: string[],
  args: string[],
  body: (ns: Namespace, serving: Serving) => Promise<void>,
): void {
  liveTest(`C on TAP: ${name}`, programs, async () => {
    await using ns = await Namespace.create();
    await using serving = await SOURCE.serve(ns, "--tap", "--no-ipv6", ...args);
    await body(ns, serving);
    if (serving.process.isRunning) await serving.stop();
  });
}

const MAC = "02:00:00:00:00:05";

session("arping, the ARP cache and the routing table", ["arping", "ping"], [
  ...["--mac", MAC, "--address", `${STACK}/24`],
  ...["--and", "--tap", "--address", "10.1.0.2/24", "--host-address", "10.1.0.1"],
  ...["--route", "10.7.0.0/16,via=10.1.0.1", "--gateway", "10.1.0.1"],
], async (ns, serving) => {
  const text = await ns.check("arping", ["-c", "2", "-w", "5", "-I", "tap0", STACK]);
  assertMatch(text, /Received 2 response\(s\)/);
  assertMatch(text.toLowerCase(), new RegExp(`reply from 10.0.0.2 \\[${MAC}\\]`));
  await pings(ns, 56);
  assertMatch(await ns.check("ip", ["neigh", "show", STACK]), new RegExp(`lladdr ${MAC}`));
  await ns.check("ping", ["-c", "1", "-w", "5", "10.1.0.2"]);
  await serving.stop();
  // What it has learnt, and which ways it knows.
  for (
    const row of [
      /^ +Neighbor +hardware /m,
      /^ +10\.0\.0\.1 +(\w\w:){5}\w\w +\w+ +\d+ s +tap0$/m,
      /^ +10\.1\.0\.1 +(\w\w:){5}\w\w +\w+ +\d+ s +tap1$/m,
      /^ +Route to +by +interface/m,
      /^ +10\.0\.0\.0\/24 +on the link +tap0$/m,
      /^ +10\.1\.0\.0\/24 +on the link +tap1$/m,
      /^ +10\.7\.0\.0\/16 +10\.1\.0\.1 +tap1$/m,
      /^ +0\.0\.0\.0\/0 +10\.1\.0\.1 +tap1$/m,
    ]
  ) assertMatch(serving.process.stdout, row);
});

session("fragments of large pings, and of datagrams", ["ping", "socat"], [
  "--trace",
], async (ns, serving) => {
  await pings(ns, 8000, 65507);
  const stdin = "x".repeat(9000);
  const udp = ["-b", "65536", "-t", "0.5", "-", `UDP:${STACK}:7`];
  assertEquals(await ns.check("socat", udp, { stdin }), stdin);
  await serving.stop();
  // A datagram in seven frames, there and back: all but the last are followed by more.
  const { stdout } = serving.process;
  for (const direction of ["<", ">"]) {
    for (const at of [1480, 2960, 4440, 5920, 7400]) {
      const rest = `fragment at ${at}, protocol 17 \\[id 0x\\w+, 1480 bytes, more\\]`;
      assertMatch(stdout, new RegExp(` ${direction} \\S+ → \\S+ \\S+ → \\S+ ${rest}$`, "m"));
    }
    assertMatch(
      stdout,
      new RegExp(` ${direction} .* UDP len 9000 \\[fragment at 0, .* more\\]$`, "m"),
    );
    assertMatch(
      stdout,
      new RegExp(` ${direction} .* at 8880, protocol 17 \\[.*, 128 bytes\\]$`, "m"),
    );
  }
  assertMatch(stdout, /^ +ipReassembled +11$/m);
});

session("errors of ICMP from a router", ["ping", "traceroute"], [
  ...["--forward", "--trace", "--address", `${STACK}/24`],
  ...["--and", "--tap", "--address", "10.1.0.2/24", "--host-address", "none"],
], async (ns, serving) => {
  for (const network of ["10.1.0.0/24", "10.8.0.0/16"]) {
    await ns.check("ip", ["route", "add", network, "via", STACK]);
  }
  const ping = async (...args: string[]) =>
    (await ns.run("ping", ["-n", "-c", "1", "-w", "5", ...args])).stdout;
  assertMatch(
    await ping("-t", "1", "10.1.0.77"),
    /From 10\.0\.0\.2 icmp_seq=1 Time to live exceeded/,
  );
  assertMatch(await ping("10.8.0.1"), /From 10\.0\.0\.2 icmp_seq=1 Destination Net Unreachable/);
  assertMatch(await ping("10.1.0.77"), /From 10\.0\.0\.2 icmp_seq=1 Destination Host Unreachable/);
  const hops = await ns.check("traceroute", ["-n", "-q", "1", "-w", "2", "-P", "200", STACK]);
  assertMatch(hops, /^ 1 {2}10\.0\.0\.2 .* !P$/m);
  const trace = serving.process.stdout;
  for (
    const what of [
      "time exceeded in transit, about 10.0.0.1 → 10.1.0.77 ICMP",
      "unreachable network, about 10.0.0.1 → 10.8.0.1 ICMP",
      "unreachable host, about 10.0.0.1 → 10.1.0.77 ICMP",
      "unreachable protocol, about 10.0.0.1 → 10.0.0.2 protocol 200",
    ]
  ) assertStringIncludes(trace, ` 10.0.0.2 → 10.0.0.1 ICMP ${what}\n`);
});

liveTest("C on TAP: a port of nobody can't be reached", ["traceroute", "socat"], async () => {
  await using ns = await Namespace.create();
  await using iperf3 = await SOURCE.start(ns, ["iperf3", "-s", "--tap", "--no-ipv6"]);
  await untilUp(ns, "tap0", iperf3);
  const { code, stderr } = await ns.run("socat", ["-t", "5", "-", `UDP:${STACK}:9`], {
    stdin: "anybody?",
  });
  assertMatch(stderr, /Connection refused/);
  assertEquals(code, 1);
  // What traceroute takes for having arrived.
  const hops = await ns.check("traceroute", ["-n", "-q", "1", "-w", "2", "-U", STACK]);
  assertMatch(hops, /^ 1 {2}10\.0\.0\.2 /m);
  iperf3.signal("SIGINT");
  await iperf3.end();
});
