/** Debian's iperf3 and ours, in both roles. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { liveTest, Namespace } from "./namespace.ts";
import { SOURCE, STACK } from "./program.ts";
import { Running } from "./running.ts";

const HOST = "10.0.0.1";
const STACK6 = "fd00::2";

/** What is looked at of a report in JSON: of one end of a direction. */
interface End {
  bytes: number;
  seconds: number;
  bits_per_second: number;
  retransmits?: number;
  jitter_ms: number;
  lost_packets: number;
  packets: number;
}

/** Of a report: what both programs write. */
interface Report {
  start: { test_start: Record<string, unknown>; connected: { local_host: string }[] };
  intervals: { streams: { bytes: number }[] }[];
  end: Record<string, End> & {
    streams: unknown[];
    cpu_utilization_percent: Record<string, number>;
  };
}

/** Runs a server in a namespace, and waits until it listens. */
async function listening(ns: Namespace, isOurs: boolean, ...args: string[]): Promise<Running> {
  const server = isOurs
    ? await SOURCE.start(ns, ["iperf3", "-s", ...args])
    : new Running(ns, "iperf3", ["-s", "--forceflush", ...args]);
  try {
    await server.waitFor("Server listening on 5201");
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Has a client measure, and returns its report. */
async function measure(ns: Namespace, isOurs: boolean, args: string[]): Promise<Report> {
  const { code, stdout, stderr } = isOurs
    ? await SOURCE.run(ns, ["iperf3", "-J", ...args])
    : await ns.run("iperf3", ["-J", ...args]);
  assertEquals(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** Both ends of a direction have seen about the same, in about the time. */
function checkDirection({ end }: Report, suffix: string, seconds: number): void {
  const sent = end[`sum_sent${suffix}`]!;
  const received = end[`sum_received${suffix}`]!;
  assert(sent.bytes > 0 && received.bytes > 0, `${sent.bytes} sent, ${received.bytes} received`);
  assert(received.bytes <= sent.bytes, `${sent.bytes} sent, ${received.bytes} received`);
  assertAlmostEquals(sent.seconds, seconds, 0.5);
  assertAlmostEquals(received.seconds, seconds, 0.5);
  assertAlmostEquals(sent.bits_per_second, sent.bytes * 8 / sent.seconds, 1);
}

interface Case {
  name: string;
  args: string[];
  check(report: Report): void;
}

/** What is measured with each of the two as client, and the other one as server. */
const CASES: Case[] = [
  {
    name: "TCP",
    args: ["-t", "1"],
    check(report) {
      checkDirection(report, "", 1);
      assert(report.end.sum_received!.bits_per_second > 50e6, "more than 50 Mbit/s");
      assertEquals(typeof report.end.sum_sent!.retransmits, "number");
    },
  },
  {
    name: "-R",
    args: ["-t", "1", "-R"],
    check(report) {
      checkDirection(report, "", 1);
      assert(report.end.sum_received!.bits_per_second > 50e6, "more than 50 Mbit/s");
      assertEquals(typeof report.end.sum_sent!.retransmits, "number", "the server has told");
      assertEquals(report.start.test_start.reverse, 1);
    },
  },
  {
    name: "-P 4",
    args: ["-t", "1", "-P", "4", "-b", "8M", "-i", "0.5"],
    check(report) {
      checkDirection(report, "", 1);
      assertEquals(report.end.streams.length, 4);
      assertAlmostEquals(report.end.sum_sent!.bytes, 4_000_000, 1_500_000);
      assert(report.intervals.length >= 2, `${report.intervals.length} intervals`);
      for (const { bytes } of report.intervals[0]!.streams) {
        assertAlmostEquals(bytes, 500_000, 250_000, "each has its share");
      }
    },
  },
  {
    name: "--bidir",
    args: ["-t", "1", "--bidir"],
    check(report) {
      checkDirection(report, "", 1);
      checkDirection(report, "_bidir_reverse", 1);
    },
  },
  {
    name: "-n and -l",
    args: ["-n", "1M", "-l", "16K", "-R"],
    check({ end, start }) {
      assertEquals(start.test_start.blksize, 16384);
      assert(end.sum_received!.bytes >= 1024 * 1024, `${end.sum_received!.bytes} bytes`);
    },
  },
  {
    name: "-k",
    args: ["-k", "10", "-l", "1000"],
    check({ end }) {
      assertAlmostEquals(end.sum_sent!.bytes, 10_000, 1000);
    },
  },
  {
    name: "-O",
    args: ["-O", "1", "-t", "1", "-b", "8M", "-l", "1000"],
    check({ end }) {
      // The ends begin to count at their own times.
      assertAlmostEquals(end.sum_sent!.bytes, 1_000_000, 200_000);
      assertAlmostEquals(end.sum_received!.bytes, 1_000_000, 200_000);
    },
  },
  {
    name: "-u",
    args: ["-u", "-t", "1", "-b", "4M", "-l", "1000"],
    check(report) {
      checkDirection(report, "", 1);
      const { sum_sent: sent, sum_received: received } = report.end;
      assertAlmostEquals(sent!.packets, 500, 15);
      assertAlmostEquals(received!.packets, sent!.packets, 10);
      assert(received!.lost_packets <= 10, `${received!.lost_packets} lost`);
      assert(received!.jitter_ms > 0 && received!.jitter_ms < 50, `${received!.jitter_ms} ms`);
    },
  },
  {
    name: "-u -R --udp-counters-64bit",
    args: ["-u", "-t", "1", "-b", "4M", "-l", "1000", "-R", "--udp-counters-64bit"],
    check({ end: { sum_received: received } }) {
      assertAlmostEquals(received!.packets, 500, 15);
      assert(received!.lost_packets <= 10, `${received!.lost_packets} lost`);
    },
  },
  {
    name: "-u --bidir -P 2",
    args: ["-u", "-t", "1", "-b", "1M", "-P", "2", "--bidir"],
    check(report) {
      assertEquals(report.end.streams.length, 4);
      checkDirection(report, "", 1);
      checkDirection(report, "_bidir_reverse", 1);
    },
  },
];

liveTest("iperf3: Debian's client measures with our server", ["iperf3"], async () => {
  await using ns = await Namespace.create();
  await using server = await listening(ns, true);
  for (const [i, { name, args, check }] of CASES.entries()) {
    const report = await measure(ns, false, ["-c", STACK, ...args]);
    explain(`${name}: the client's report`, report, check);
    await server.waitFor(`(test #${i + 2})`);
  }
  assertEquals(server.stderr, "");
  assert(!server.stdout.includes("iperf3: "), server.stdout);
  assertMatch(server.stdout, /Accepted connection from 10\.0\.0\.1, port \d+/);
  assertMatch(server.stdout, /\[SUM\]\[TX-S\] .* sender/);
  server.signal("SIGINT");
  assertEquals((await server.end()).code, 0);
});

liveTest("iperf3: our client measures with Debian's server", ["iperf3"], async () => {
  await using ns = await Namespace.create();
  await using server = await listening(ns, false);
  for (const [i, { name, args, check }] of CASES.entries()) {
    const report = await measure(ns, true, ["-c", HOST, ...args]);
    explain(`${name}: the client's report`, report, check);
    await server.waitFor(`(test #${i + 2})`);
  }
  assertEquals(server.stderr, "");
});

/** Fails with the report. */
function explain(what: string, report: Report, check: (report: Report) => void): void {
  try {
    check(report);
  } catch (error) {
    throw new Error(`${what}: ${JSON.stringify(report.end)}`, { cause: error });
  }
}

liveTest(
  "iperf3: our server's report in JSON says what the client's says",
  ["iperf3"],
  async () => {
    await using ns = await Namespace.create();
    await using server = await SOURCE.start(ns, ["iperf3", "-s", "-J", "-1"]);
    while ((await ns.run("ping", ["-c", "1", "-W", "1", STACK])).code !== 0);
    const report = await measure(ns, false, ["-c", STACK, "-u", "-t", "1", "-b", "2M"]);
    assertEquals((await server.end()).code, 0, "one test was asked for");
    assertEquals(server.stderr, "");
    const own: Report = JSON.parse(server.stdout);
    for (const field of ["bytes", "packets", "lost_packets"] as const) {
      assertEquals(own.end.sum_received![field], report.end.sum_received![field], field);
    }
    assertAlmostEquals(own.end.sum_received!.jitter_ms, report.end.sum_received!.jitter_ms, 0.001);
  },
);

liveTest("iperf3: over IPv6, both ways", ["iperf3"], async () => {
  await using ns = await Namespace.create();
  await using server = await listening(ns, true);
  for (const args of [[], ["-R"], ["-u", "-b", "1M"]]) {
    const report = await measure(ns, false, ["-c", STACK6, "-t", "1", ...args]);
    checkDirection(report, "", 1);
    assertEquals(report.start.connected[0]!.local_host, "fd00::1");
  }
  assertMatch(server.stdout, /local fd00::2 port 5201 connected to fd00::1 port/);
});

liveTest("iperf3: a second client is turned away, a killed one forgotten", ["iperf3"], async () => {
  await using ns = await Namespace.create();
  await using server = await listening(ns, true);
  for (const args of [[], ["-R"]]) {
    await using first = new Running(ns, "iperf3", ["-c", STACK, "-t", "30", ...args]);
    await server.waitFor(/ sec .*\n$/);
    const second = await ns.run("iperf3", ["-c", STACK, "-t", "1"]);
    assertMatch(second.stderr, /the server is busy running a test/);
    assertEquals(second.code, 1);
    first.signal("SIGKILL");
    await first.end();
    await server.waitFor(args.length === 0 ? "(test #2)" : "(test #4)");
    await measure(ns, false, ["-c", STACK, "-n", "1M"]);
  }
});

liveTest("iperf3: a busy server, and Ctrl-C on our side", ["iperf3"], async () => {
  await using ns = await Namespace.create();
  await using server = await listening(ns, false);
  await using client = await SOURCE.start(ns, ["iperf3", "-c", HOST, "-t", "30"]);
  await client.waitFor(/ sec .*\n/);
  const second = await ns.run("iperf3", ["-c", HOST, "-t", "1"]);
  assertMatch(second.stderr, /the server is busy/);
  client.signal("SIGINT");
  const { code, took } = await client.end();
  assertEquals(code, 0, client.stderr);
  assert(took < 2000, `${took} ms`);
  assertMatch(client.stdout, / sender\n$/);
  await server.waitFor("(test #2)");
  server.signal("SIGTERM");
  await server.end();
  assertMatch(server.stderr, /the client has terminated/);
});
