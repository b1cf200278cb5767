import { assertEquals } from "@std/assert";
import { readRequest } from "../../src/app/commands.ts";
import { PingReport } from "../../src/app/ping_report.ts";
import { hopLine } from "../../src/app/traceroute_report.ts";
import { recordLine } from "../../src/app/resolve.ts";
import type { EchoResult, IcmpReport, TraceReply } from "../../mod.ts";

const HOST = "10.0.0.1";

const reply = (sequence: number, time: number, from = HOST): EchoResult => (
  { kind: "reply", sequence, from, bytes: 64, ttl: 63, time }
);

const error = (sequence: number, kind: IcmpReport["kind"], mtu = 0): EchoResult => (
  { kind: "error", sequence, report: { kind, from: "10.0.0.254", mtu, isOwn: false }, time: 1 }
);

Deno.test("ping's lines are those of the ping that people know", () => {
  const report = new PingReport(HOST, HOST, 56);
  assertEquals(report.header, "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.");
  assertEquals(new PingReport("there", "fd00::1", 9).header, "PING there (fd00::1) 9 data bytes");
  const cases: [result: EchoResult, line: string | undefined][] = [
    [reply(1, 0.1234), "64 bytes from 10.0.0.1: icmp_seq=1 ttl=63 time=0.123 ms"],
    [reply(2, 1.2345), "64 bytes from 10.0.0.1: icmp_seq=2 ttl=63 time=1.23 ms"],
    [reply(3, 12.345), "64 bytes from 10.0.0.1: icmp_seq=3 ttl=63 time=12.3 ms"],
    [reply(4, 123.45), "64 bytes from 10.0.0.1: icmp_seq=4 ttl=63 time=123 ms"],
    [{ kind: "timeout", sequence: 5 }, undefined],
    [error(6, "host-unreachable"), "From 10.0.0.254 icmp_seq=6 Destination Host Unreachable"],
    [error(7, "time-exceeded"), "From 10.0.0.254 icmp_seq=7 Time to live exceeded"],
    [error(8, "too-big", 900), "From 10.0.0.254 icmp_seq=8 Packet too big (mtu = 900)"],
  ];
  for (const [result, line] of cases) assertEquals(report.add(result), line);
  const named = new PingReport("there", HOST, 56);
  assertEquals(
    named.add(reply(1, 1)),
    "64 bytes from there (10.0.0.1): icmp_seq=1 ttl=63 time=1.00 ms",
  );
  assertEquals(
    named.add(reply(1, 1, "10.0.0.2")),
    "64 bytes from 10.0.0.2: icmp_seq=1 ttl=63 time=1.00 ms",
  );
});

Deno.test("ping's statistics count what was lost, errors and those that are still under way", () => {
  const cases: [results: EchoResult[], sent: number, want: string[]][] = [
    [[], 0, ["0 packets transmitted, 0 received, 0% packet loss, time 5ms"]],
    [[], 1, ["1 packets transmitted, 0 received, 100% packet loss, time 5ms"]],
    [[reply(1, 1), reply(2, 2), reply(3, 6)], 3, [
      "3 packets transmitted, 3 received, 0% packet loss, time 5ms",
      "rtt min/avg/max/mdev = 1.000/3.000/6.000/2.160 ms",
    ]],
    [[reply(1, 1), { kind: "timeout", sequence: 2 }, error(3, "prohibited")], 3, [
      "3 packets transmitted, 1 received, +1 errors, 66.6667% packet loss, time 5ms",
      "rtt min/avg/max/mdev = 1.000/1.000/1.000/0.000 ms",
    ]],
  ];
  for (const [results, sent, want] of cases) {
    const report = new PingReport(HOST, HOST, 56);
    for (const result of results) report.add(result);
    const lines = report.statistics(sent, 5).split("\n");
    assertEquals(lines, ["", "--- 10.0.0.1 ping statistics ---", ...want]);
    assertEquals(report.hasReply, want.length === 2);
  }
});

Deno.test("traceroute's lines are those of the traceroute that people know", () => {
  const answer = (address: string, kind: TraceReply["kind"], mtu = 0): TraceReply => (
    { address, time: 1.5, kind, mtu }
  );
  const name = (address: string) => address === "10.0.0.1" ? "gw" : address;
  const cases: [replies: (TraceReply | null)[], line: string][] = [
    [[null, null, null], " 7  * * *"],
    [[answer("10.0.0.1", "time-exceeded"), null], " 7  gw (10.0.0.1)  1.500 ms *"],
    [
      [answer("10.0.0.1", "time-exceeded"), answer("10.0.0.9", "host-unreachable")],
      " 7  gw (10.0.0.1)  1.500 ms 10.0.0.9 (10.0.0.9)  1.500 ms !H",
    ],
    [
      [answer("10.0.0.1", "prohibited"), answer("10.0.0.1", "too-big", 900)],
      " 7  gw (10.0.0.1)  1.500 ms !X  1.500 ms !F-900",
    ],
  ];
  for (const [replies, line] of cases) {
    assertEquals(hopLine({ hop: 7, replies, reached: false }, name), line);
  }
  const numeric = { hop: 12, replies: [answer("10.0.0.1", "reply")], reached: true };
  assertEquals(hopLine(numeric), "12  10.0.0.1  1.500 ms");
});

Deno.test("records are printed as they stand in zone files, and texts cannot command a terminal", () => {
  const common = { name: "a.test", ttl: 60 };
  assertEquals(recordLine({ ...common, type: "A", data: HOST }), "a.test. 60 IN A 10.0.0.1");
  assertEquals(
    recordLine({ ...common, type: "MX", data: { preference: 5, exchange: "mx.test" } }),
    "a.test. 60 IN MX 5 mx.test.",
  );
  assertEquals(
    recordLine({ ...common, type: "TXT", data: ['say "x"', "\x1b[2J\\"] }),
    'a.test. 60 IN TXT "say \\"x\\"" "\\027[2J\\\\"',
  );
});

Deno.test("a letter before the command is that of serve, where several commands have it", async () => {
  const cases: [args: string, command: string, operands: string[]][] = [
    ["-t --address 10.9.0.2", "serve", []],
    ["-t serve", "serve", []],
    ["-q --tap ping 10.0.0.1", "ping", ["10.0.0.1"]],
    ["--count 3 ping 10.0.0.1 -t 7", "ping", ["10.0.0.1"]],
    ["traceroute -I -m 5 10.0.0.1", "traceroute", ["10.0.0.1"]],
    ["resolve a.test MX", "resolve", ["a.test", "MX"]],
  ];
  for (const [args, name, operands] of cases) {
    const { command, line } = await readRequest(args.split(" "));
    assertEquals([command.name, [...line.operands]], [name, operands], args);
  }
});
