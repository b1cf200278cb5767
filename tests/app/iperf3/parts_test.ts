/** The parts of iperf3 that need no network. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  DatagramStats,
  headerLength,
  writeHeader,
} from "../../../src/app/iperf3/datagram_stats.ts";
import {
  directions,
  formatParameters,
  ParameterError,
  parseParameters,
  streamId,
} from "../../../src/app/iperf3/parameters.ts";
import {
  answerTo,
  cookieText,
  isAnswer,
  makeCookie,
  stateName,
  udpHello,
} from "../../../src/app/iperf3/protocol.ts";
import { Pacer } from "../../../src/app/iperf3/stream.ts";
import { formatBytes, formatRate, parseQuantity } from "../../../src/app/iperf3/units.ts";
import { SHORT } from "./sides.ts";

Deno.test("parseQuantity() reads suffixes, of bytes and of rates", () => {
  const cases: [text: string, step: 1000 | 1024, want: number][] = [
    ["0", 1024, 0],
    ["1500", 1024, 1500],
    ["64K", 1024, 65536],
    ["64k", 1000, 64000],
    ["2.5M", 1000, 2_500_000],
    ["1G", 1024, 2 ** 30],
    ["1T", 1000, 1e12],
  ];
  for (const [text, step, want] of cases) assertEquals(parseQuantity(text, step), want, text);
  for (const text of ["", "K", "-1", "1X", "1KB", "1e3", "0x10"]) {
    assertThrows(() => parseQuantity(text, 1024), TypeError, "is no number such as");
  }
});

Deno.test("formatBytes() and formatRate() show three digits", () => {
  const cases: [value: number, bytes: string, rate: string][] = [
    [0, "0.00 Bytes", "0.00 bits/sec"],
    [9.994, "9.99 Bytes", "9.99 bits/sec"],
    [9.996, "10.0 Bytes", "10.0 bits/sec"],
    [253952, "248 KBytes", "254 Kbits/sec"],
    [1310720, "1.25 MBytes", "1.31 Mbits/sec"],
    [10_485_760, "10.0 MBytes", "10.5 Mbits/sec"],
    [2e15, "1819 TBytes", "2000 Tbits/sec"],
  ];
  for (const [value, bytes, rate] of cases) {
    assertEquals([formatBytes(value), formatRate(value)], [bytes, rate]);
  }
});

Deno.test("a cookie has 36 characters of iperf3's alphabet, and is different each time", () => {
  const cookie = makeCookie();
  assertEquals([cookie.length, cookie[36]], [37, 0]);
  assert(/^[a-z2-7]{36}$/.test(cookieText(cookie)), cookieText(cookie));
  assert(cookieText(makeCookie()) !== cookieText(cookie));
});

Deno.test("UDP streams are greeted as 3.12 does, and as versions before 3.9 do", () => {
  const ascii = (text: string) => new TextEncoder().encode(text);
  assertEquals(udpHello(), ascii("9876"));
  assertEquals(answerTo(ascii("9876")), ascii("6789"));
  assert(isAnswer(ascii("6789")) && !isAnswer(ascii("9876")));
  assertEquals(
    answerTo(Uint8Array.of(0x15, 0xcd, 0x5b, 0x07)),
    Uint8Array.of(0xb1, 0x68, 0xde, 0x3a),
  );
  for (const rubbish of ["", "987", "6789", "98765"]) {
    assertEquals(answerTo(ascii(rubbish)), undefined);
  }
});

Deno.test("stateName() has a word for every state", () => {
  assertEquals([stateName(-1), stateName(16), stateName(77)], [
    "ACCESS_DENIED",
    "IPERF_DONE",
    "state 77",
  ]);
});

Deno.test("parameters of iperf3 3.12 are read", () => {
  const json = JSON.parse(
    '{"udp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":2,"reverse":true,"len":1000,' +
      '"bandwidth":1000000,"pacing_timer":1000,"udp_counters_64bit":1,"client_version":"3.12"}',
  );
  assertEquals(parseParameters(json), {
    ...SHORT,
    protocol: "UDP",
    time: 1,
    parallel: 2,
    reverse: true,
    length: 1000,
    bitrate: 1_000_000,
    counters64: true,
  });
});

Deno.test("what a client sends as parameters is what a server reads", () => {
  const all = [
    { ...SHORT, length: 131072, time: 10 },
    { ...SHORT, length: 100, blocks: 7, bidir: true, parallel: 128, noDelay: true, tos: 0xb8 },
    {
      ...SHORT,
      protocol: "UDP" as const,
      length: 16,
      bytes: 2 ** 40,
      bitrate: 5,
      counters64: true,
    },
  ];
  for (const parameters of all) {
    assertEquals(
      parseParameters(JSON.parse(JSON.stringify(formatParameters(parameters)))),
      parameters,
    );
  }
});

Deno.test("parameters that make no sense are refused, with iperf3's number", () => {
  const good = { tcp: true, len: 1000, parallel: 1, time: 1 };
  const cases: [json: unknown, code: number][] = [
    [null, 114],
    ["x", 114],
    [{ ...good, sctp: true }, 13],
    [{ ...good, parallel: 0 }, 6],
    [{ ...good, parallel: 129 }, 6],
    [{ ...good, parallel: "4" }, 6],
    [{ tcp: true }, 7],
    [{ ...good, len: 0 }, 7],
    [{ ...good, len: 2 ** 30 }, 7],
    [{ ...good, len: 1.5 }, 7],
    [{ udp: true, len: 65508 }, 7],
    [{ udp: true, len: 15 }, 7],
    [{ ...good, time: -1 }, 114],
    [{ ...good, time: 1e9 }, 114],
    [{ ...good, omit: 61 }, 114],
    [{ ...good, bandwidth: -5 }, 114],
    [{ ...good, TOS: 256 }, 114],
  ];
  for (const [json, code] of cases) {
    const error = assertThrows(() => parseParameters(json), ParameterError);
    assertEquals(error.code, code, JSON.stringify(json));
  }
});

Deno.test("streams are numbered 1, 3, 4 …; those of the client's sending come first", () => {
  assertEquals([0, 1, 2, 3].map(streamId), [1, 3, 4, 5]);
  const of = (wish: object) => directions({ ...SHORT, length: 1, parallel: 2, ...wish });
  assertEquals(of({}), ["up", "up"]);
  assertEquals(of({ reverse: true }), ["down", "down"]);
  assertEquals(of({ bidir: true }), ["up", "up", "down", "down"]);
});

/** Takes datagrams: their numbers, and when they were sent and received, in ms. */
function taken(datagrams: [count: number, sent: number, received: number][], is64Bit = false) {
  const stats = new DatagramStats();
  const view = new DataView(new ArrayBuffer(headerLength(is64Bit)));
  for (const [count, sent, received] of datagrams) {
    writeHeader(view, sent, count, is64Bit);
    stats.take(view, received, is64Bit);
  }
  return stats;
}

Deno.test("what is missing is lost, until it comes late", () => {
  const cases: [counts: number[], packets: number, lost: number, outOfOrder: number][] = [
    [[], 0, 0, 0],
    [[1, 2, 3], 3, 0, 0],
    [[2, 3], 3, 1, 0],
    [[1, 5], 5, 3, 0],
    [[1, 4, 2, 3], 4, 0, 2],
    [[1, 1], 1, 0, 1],
  ];
  for (const [counts, ...want] of cases) {
    const { packets, lost, outOfOrder } = taken(counts.map((count) => [count, 0, 0]));
    assertEquals([packets, lost, outOfOrder], want, String(counts));
  }
});

Deno.test("numbers beyond 32 bits are counted where both agree on 64", () => {
  assertEquals(taken([[2 ** 40 + 3, 0, 0]], true).packets, 2 ** 40 + 3);
  assertEquals(taken([[2 ** 32 + 3, 0, 0]], false).packets, 3);
});

Deno.test("jitter is RFC 3550's: a sixteenth of each change of the time on the way", () => {
  // Clocks differ by 5000 ms, which does not matter; the times are 10, 10, 26 and 10 ms.
  const stats = taken([[1, 5000, 10], [2, 5100.25, 110.25], [3, 6000, 1026], [4, 7000, 2010]]);
  assertAlmostEquals(stats.jitter, (16 / 16) * 15 / 16 + 16 / 16, 0.01);
});

Deno.test("a datagram that is cut off is not counted", () => {
  const stats = new DatagramStats();
  stats.take(new DataView(new ArrayBuffer(11)), 0, false);
  stats.take(new DataView(new ArrayBuffer(15)), 0, true);
  assertEquals([stats.packets, stats.jitter], [0, 0]);
});

Deno.test("a pacer waits until the rate allows the next block", () => {
  const pacer = new Pacer(8000, 100); // a byte per millisecond
  assertEquals(
    [pacer.wait(0, 100), pacer.wait(50, 100), pacer.wait(50, 149), pacer.wait(50, 200)],
    [
      0,
      50,
      1,
      0,
    ],
  );
  assertEquals(new Pacer(0, 0).wait(1e9, 1), 0);
});
