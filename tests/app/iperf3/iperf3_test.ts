/** Our client against our server. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createStack, memoryPair, State, type TcpListener } from "../../../mod.ts";
import { Iperf3Server } from "../../../src/app/iperf3/server.ts";
import type { Device } from "../../../src/phy/device.ts";
import { FAR, NEAR, pairTest, settles, until } from "../../stacks.ts";
import { measure, servedTest } from "./sides.ts";

const MEGABYTE = 1024 * 1024;

servedTest("TCP: all that was asked for is sent, and received", async ({ near, printed }) => {
  const { summary, printed: shown } = await measure(near, { bytes: 4 * MEGABYTE });
  const [direction, another] = summary.directions;
  assertEquals(another, undefined);
  assert(direction!.isSender);
  assertEquals(direction!.sent!.bytes, 4 * MEGABYTE);
  assertEquals(direction!.received!.bytes, 4 * MEGABYTE);
  assertEquals(direction!.sent!.retransmits, 0);
  assert(direction!.sent!.seconds > 0);
  assertStringIncludes(shown, `Connecting to host ${FAR}, port 5201`);
  assertMatch(shown, /\[ {2}1\] +0\.00-\S+ +sec {2}4\.00 MBytes .* 0 +sender\n/);
  assertMatch(shown, /\[ {2}1\] +0\.00-\S+ +sec {2}4\.00 MBytes .* receiver\n/);
  assertStringIncludes(shown, "iperf Done.");
  await until(() => printed.length >= 8, "the server has said its part");
  assertStringIncludes(printed[0]!, "Server listening on 5201 (test #1)");
  assertMatch(printed[1]!, new RegExp(`^Accepted connection from ${NEAR}, port \\d+$`));
  assertMatch(printed.join("\n"), /4\.00 MBytes .* receiver$/m);
  await until(() => printed.at(-1)!.includes("(test #2)"), "it listens again");
});

servedTest("TCP, -R: the server sends until the client has enough", async ({ near }) => {
  const { summary, printed } = await measure(near, { bytes: 3 * MEGABYTE, reverse: true });
  const [direction] = summary.directions;
  assert(!direction!.isSender);
  assert(direction!.received!.bytes >= 3 * MEGABYTE);
  assert(direction!.sent!.bytes >= direction!.received!.bytes);
  assertEquals(direction!.sent!.retransmits, 0, "the server has counted them");
  assertStringIncludes(printed, `Reverse mode, remote host ${FAR} is sending`);
});

servedTest("TCP, -P 4: four streams have their share", async ({ near }) => {
  const { summary, printed } = await measure(near, { bytes: 8 * MEGABYTE, parallel: 4 });
  const [{ streams, sent, received }] = summary.directions as [typeof summary.directions[0]];
  assertEquals(streams.map(({ stream }) => stream.id), [1, 3, 4, 5]);
  for (const { sent, received } of streams) {
    assert(sent!.bytes >= MEGABYTE, `${sent!.bytes} bytes of 8 MiB`);
    assertEquals(received!.bytes, sent!.bytes);
  }
  assertEquals(streams.reduce((sum, { sent }) => sum + sent!.bytes, 0), sent!.bytes);
  assertEquals(received!.bytes, sent!.bytes);
  assertMatch(printed, /\[SUM\] .* sender\n\[SUM\] .* receiver\n/);
});

servedTest("TCP, --bidir -P 2: both send at once, at the rate asked for", async ({ near }) => {
  const { summary, printed } = await measure(near, {
    time: 1,
    bidir: true,
    parallel: 2,
    bitrate: 8_000_000,
    length: 10_000,
  }, { interval: 0.5 });
  assertEquals(summary.directions.map(({ isSender }) => isSender), [true, false]);
  for (const { sent, received, streams } of summary.directions) {
    assertEquals(streams.length, 2);
    assertAlmostEquals(sent!.bytes, 2_000_000, 300_000);
    assertAlmostEquals(received!.bytes, sent!.bytes, 300_000);
    assertAlmostEquals(sent!.seconds, 1, 0.3);
  }
  const { intervals } = summary.test;
  assertEquals(intervals.length, 2, "two of half a second");
  assertEquals(
    intervals.flat().filter(({ stream }) => stream.id === 1).reduce((n, { bytes }) => n + bytes, 0),
    summary.local.streams.get(1)!.bytes,
    "the intervals are the whole",
  );
  assertMatch(printed, /\[SUM\]\[TX-C\] +0\.00-0\.5/);
  assertMatch(printed, /\[ {2}5\]\[RX-C\] .* receiver\n\[SUM\]\[RX-C\] .* sender\n/);
});

servedTest("TCP, -k: so many blocks, and -l their length", async ({ near }) => {
  const { summary } = await measure(near, { blocks: 10, length: 5000 });
  assertEquals(summary.directions[0]!.received!.bytes, 50_000);
});

servedTest("UDP: every datagram is counted, at the rate asked for", async ({ near, printed }) => {
  const { summary, printed: shown } = await measure(near, {
    protocol: "UDP",
    blocks: 200,
    length: 1000,
    bitrate: 8_000_000,
  });
  const [{ sent, received, streams }] = summary.directions as [typeof summary.directions[0]];
  assertEquals([sent!.packets, sent!.bytes], [200, 200_000]);
  assertEquals([received!.packets, received!.lost], [200, 0]);
  assertEquals(received!.bytes, 200_000);
  assertAlmostEquals(sent!.seconds, 0.199, 0.15);
  assert(received!.jitter > 0 && received!.jitter < 20, `${received!.jitter} ms`);
  assertEquals(streams[0]!.stream.remoteAddr, { transport: "udp", hostname: FAR, port: 5201 });
  assertMatch(shown, /0\/200 \(0%\) +receiver/);
  await until(() => printed.join("\n").includes("receiver"), "the server has said its part");
  assertMatch(printed.join("\n"), /ms {2}0\/200 \(0%\) +receiver/);
});

servedTest("UDP, --bidir -P 2 with 64-bit counters", async ({ near }) => {
  const { summary } = await measure(near, {
    protocol: "UDP",
    time: 1,
    length: 500,
    bitrate: 400_000,
    bidir: true,
    parallel: 2,
    counters64: true,
  });
  for (const { sent, received } of summary.directions) {
    assertAlmostEquals(sent!.packets, 200, 10);
    assertAlmostEquals(received!.packets, sent!.packets, 4);
    assertEquals(received!.lost, 0);
  }
});

servedTest("without -l, a datagram of UDP fills a packet", async ({ near }) => {
  const { summary } = await measure(near, { protocol: "UDP", blocks: 3, bitrate: 1_000_000 });
  assertEquals(summary.test.parameters.length, 1448);
});

/** A device that loses every `n`-th large packet that is sent. */
function lossy(device: Device, n: number): Device {
  let count = 0;
  return {
    name: device.name,
    mtu: device.mtu,
    capabilities: device.capabilities,
    receive: (limit, handler) => device.receive(limit, handler),
    readable: () => device.readable(),
    transmit(packet) {
      const isLarge = packet.end - packet.at > 500;
      return isLarge && ++count % n === 0 ? true : device.transmit(packet);
    },
    counters: () => device.counters(),
    close: () => device.close(),
  };
}

for (const reverse of [false, true]) {
  Deno.test(`UDP${reverse ? ", -R" : ""}: what gets lost is counted`, async () => {
    const [a, b] = memoryPair();
    await using near = createStack({ device: lossy(a, 10), address: NEAR });
    await using far = createStack({ device: lossy(b, 10), address: FAR });
    const server = new Iperf3Server(far, { print: () => {} });
    const serving = server.serve();
    const { summary } = await measure(near, {
      protocol: "UDP",
      blocks: 181,
      length: 1000,
      bitrate: 8_000_000,
      reverse,
    });
    const [{ sent, received }] = summary.directions as [typeof summary.directions[0]];
    if (reverse) {
      assertEquals(received!.bytes, 181_000, "as much as was asked for has arrived");
      assertEquals(received!.lost, 20);
      assert(sent!.packets >= 201);
    } else {
      assertEquals(sent!.packets, 181);
      assertEquals([received!.packets, received!.lost], [181, 18]);
      assertEquals(received!.bytes, 163_000);
    }
    await server.close();
    await settles(serving);
  });
}

servedTest("-O: what the first second transfers does not count", async ({ near, printed }) => {
  const { summary } = await measure(near, { omit: 1, time: 1, bitrate: 1_000_000, length: 1000 });
  const { sent, received } = summary.directions[0]!;
  assertAlmostEquals(sent!.bytes, 125_000, 15_000);
  assertAlmostEquals(received!.bytes, 125_000, 15_000);
  assertAlmostEquals(sent!.seconds, 1, 0.2);
  assertEquals(summary.test.intervals.map(([span]) => span!.omitted), [true, false]);
  assertMatch(printed.join("\n"), /\(omitted\)/);
});

servedTest("-J: the report is JSON with iperf3's names", async ({ near }) => {
  const { printed } = await measure(near, { bytes: MEGABYTE, bidir: true }, { json: true });
  const { start, intervals, end } = JSON.parse(printed);
  assertEquals(start.connecting_to, { host: FAR, port: 5201 });
  assertEquals(start.cookie.length, 36);
  assertEquals(start.connected.length, 2);
  assertEquals(start.test_start.protocol, "TCP");
  assertEquals(start.test_start.bytes, MEGABYTE);
  assertEquals(intervals[0].streams.length, 2);
  assert(intervals[0].streams[0].snd_cwnd > 0);
  assertEquals(intervals[0].sum.sender, true);
  assertEquals(intervals[0].sum_bidir_reverse.sender, false);
  assert(end.sum_sent.bytes > 0 && end.sum_sent.retransmits === 0);
  assert(end.sum_received.bits_per_second > 0);
  assert(end.sum_sent_bidir_reverse.bytes > 0);
  assert(end.sum_received_bidir_reverse.bytes > 0);
  assert(end.cpu_utilization_percent.host_total > 0);
  assert(end.cpu_utilization_percent.remote_total > 0);
  assertEquals(end.sender_tcp_congestion, "cubic");
  assertEquals(end.receiver_tcp_congestion, "cubic");
});

servedTest("-J on the server: a report for each test", async ({ near, printed }) => {
  await measure(near, { protocol: "UDP", blocks: 20, bitrate: 1_000_000, length: 100 });
  await until(() => printed.length === 1, "the report is there");
  const { start, end } = JSON.parse(printed[0]!);
  assertEquals(start.accepted_connection.host, NEAR);
  assertEquals(end.sum_received.packets, 20);
  assertEquals(end.streams[0].udp.lost_packets, 0);
}, { json: true });

servedTest("a second client is told that the server is busy", async ({ near }) => {
  const first = measure(near, { time: 1, bitrate: 1_000_000, length: 1000 });
  await until(() => near.core.tcp.connectionCount === 2, "the first one measures");
  await assertRejects(
    () => measure(near, { bytes: 1000 }),
    Deno.errors.Busy,
    "The server is busy running a test: try again later",
  );
  assertEquals((await first).summary.directions[0]!.received!.lost, 0);
  await measure(near, { bytes: 1000 });
});

servedTest("Ctrl-C: the client tells what was measured, and the server too", async (served) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const { signal } = controller;
  const { summary, printed } = await measure(
    served.near,
    { time: 10, bitrate: 10_000_000, length: 1000 },
    { signal },
  );
  assert(summary.test.seconds < 2);
  assertMatch(printed, / sender$/);
  await until(
    () => served.printed.includes("iperf3: The client has terminated"),
    "the server knows",
  );
});

pairTest("Ctrl-C: a client waits no longer for a server that is silent", async ({ near, far }) => {
  const listener = far.listen({ port: 5201 });
  const controller = new AbortController();
  const failure = assertRejects(
    () => measure(near, { bytes: 1000 }, { signal: controller.signal }),
    Deno.errors.ConnectionAborted,
  );
  const conn = await listener.accept();
  await conn.read(new Uint8Array(37));
  controller.abort();
  await failure;
  conn.close();
  listener.close();
});

servedTest("a server that is closed tells the client", async ({ near, server }) => {
  const client = measure(near, { time: 10, bitrate: 10_000_000, length: 1000 });
  const failure = assertRejects(() => client, Deno.errors.Interrupted, "The server has terminated");
  const isOpen = ({ state }: { state: State }) => state === State.ESTABLISHED;
  await until(() => [...near.core.tcp.connections()].filter(isOpen).length === 2, "it measures");
  await server.close();
  await failure;
});

servedTest("a server for one test ends behind it", async ({ near, far }) => {
  await measure(near, { bytes: 1000 });
  await until(() => near.core.tcp.connectionCount + far.core.tcp.connectionCount <= 2, "it ends");
  await assertRejects(() => measure(near, { bytes: 1000 }), Deno.errors.ConnectionRefused);
}, { oneOff: true });

pairTest("a client whose server is not there says so", async ({ near }) => {
  await assertRejects(() => measure(near, { bytes: 1 }), Deno.errors.ConnectionRefused);
});

/** What a server says at first, what when the test is over, and what the client thinks of it. */
const WRONG_SERVERS: [first: number[], last: number[], message: string][] = [
  [[99], [], "The server says state 99 instead of PARAM_EXCHANGE"],
  [[9, 16], [], "The server says IPERF_DONE instead of CREATE_STREAMS"],
  [[9, 0xfe, 0, 0, 0, 7, 0, 0, 0, 0], [], "The server refuses: its error is number 7"],
  [[9, 10, 1, 2, 13], [], "The server says EXCHANGE_RESULTS while the test runs"],
  [[9, 10, 1, 2], [14], "The server says DISPLAY_RESULTS instead of EXCHANGE_RESULTS"],
  [[9, 10, 1, 2], [13, 0xff, 0, 0, 0], "The peer announces JSON of 4278190080 bytes"],
  [[9, 10, 1, 2], [13, 0, 0, 0, 1, 0x7b], "The peer sends something that is no JSON"],
  [[9, 10, 1, 2], [13, 0, 0, 0, 2, 0x7b, 0x7d], "The peer's results are not what they should be"],
];

const TEST_END = 4;

/** A server that says what it was told to, whatever the client does. */
async function pretend(listener: TcpListener, first: number[], last: number[]): Promise<void> {
  const control = await listener.accept();
  await control.write(Uint8Array.from(first));
  const stream = first[1] === 10 ? await listener.accept() : undefined;
  const buffer = new Uint8Array(4096);
  for (let n = await control.read(buffer); n !== null; n = await control.read(buffer)) {
    if (buffer[n - 1] === TEST_END) await control.write(Uint8Array.from(last));
  }
  control.close();
  stream?.close();
}

pairTest("a client does not believe a server all that it says", async ({ near, far }) => {
  const listener = far.listen({ port: 5201 });
  for (const [first, last, message] of WRONG_SERVERS) {
    const serving = pretend(listener, first, last).catch(() => {});
    await assertRejects(
      () => measure(near, { blocks: 2, length: 1000, bitrate: 80_000 }),
      Error,
      message,
    );
    await serving;
  }
  listener.close();
});
