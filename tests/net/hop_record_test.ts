/** Record route and timestamp options, as hosts and routers fill them in (RFC 791 §3.1). */

import { assertEquals } from "@std/assert";
import { HopRecorder } from "../../src/net/hop_record.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { icmp, ipv4, type Sent, STACK } from "../packets.ts";
import { TestHost } from "../stack/host.ts";
import { bytesOf } from "../wire/hex.ts";
import { Router } from "./router.ts";

const US = "0a000002";
const THEM = "0a000001";
/** What the clock of `TestHost` says, as a time that does not count from midnight. */
const TIME = (0x8000_0000 + 1_000_000).toString(16);

/** An echo request with these options. */
function request(options: string): Uint8Array<ArrayBuffer> {
  const payload = icmp(8, 0, Uint8Array.of(0, 1, 0, 2, 7, 7)).slice(20);
  return ipv4({ protocol: 1, payload, options: bytesOf(options) });
}

function optionsOf({ options }: Sent): string {
  return options === undefined ? "" : options.toHex();
}

Deno.test("echo replies carry on what the request has recorded, with us in it (RFC 1122 §3.2.2.6)", () => {
  const cases: [what: string, options: string, want: string][] = [
    ["no options", "", ""],
    ["options that are not for us", "94040000 5e041234", ""],
    ["an empty route", `01 07 0b 04 ${"00".repeat(8)}`, `070b08 ${US} 00000000 00`],
    ["a route with a hop", `070b08 ${THEM} 00000000 00`, `070b0c ${THEM} ${US} 00`],
    ["a route that is full", `070708 ${THEM} 00`, `070708 ${THEM} 00`],
    ["times alone", "440c0500 00000000 00000000", `440c0900 ${TIME} 00000000`],
    ["times behind others", "440c0900 00000005 00000000", `440c0d00 00000005 ${TIME}`],
    ["no room for a time", "44080900 00000005", "44080910 00000005"],
    ["no room, again", "440809e0 00000005", "440809f0 00000005"],
    [
      "times with addresses",
      `44140d01 ${THEM} 00000005 00000000 00000000`,
      `44141501 ${THEM} 00000005 ${US} ${TIME}`,
    ],
    ["our time, asked for", `440c0503 ${US} 00000000`, `440c0d03 ${US} ${TIME}`],
    ["another's time", `440c0503 ${THEM} 00000000`, `440c0503 ${THEM} 00000000`],
    ["ours, given already", `440c0d03 ${US} 00000005`, `440c0d03 ${US} 00000005`],
    [
      "both",
      `44080500 00000000 070704 00000000 00`,
      `070708 ${US} 44080900 ${TIME} 00`,
    ],
  ];
  for (const [what, options, want] of cases) {
    const [reply, ...more] = new TestHost().receive(request(options));
    assertEquals(more, [], what);
    assertEquals(optionsOf(reply!), want.replaceAll(" ", ""), what);
    assertEquals([reply!.source, reply!.destination], ["10.0.0.2", "10.0.0.1"], what);
    assertEquals(reply!.payload.subarray(4).toHex(), "000100020707", what);
  }
});

Deno.test("malformed options are answered with a parameter problem that points at them (RFC 792)", () => {
  const cases: [options: string, pointer: number][] = [
    ["07070300000000 00", 22],
    ["4408050200000000", 23],
    ["01 5e090000 000000", 21],
  ];
  for (const [options, pointer] of cases) {
    const bytes = request(options);
    const sent = new TestHost().receive(bytes);
    assertEquals(sent.map(({ payload }) => [payload[0], payload[1], payload[4]]), [[
      12,
      0,
      pointer,
    ]]);
    assertEquals(sent[0]!.payload.subarray(8), bytes);
  }
});

Deno.test("[RFC1122-03] a host is silent about packets to others, whatever options they have (RFC 1122 §3.2.1.3)", () => {
  const host = new TestHost();
  const rest = { protocol: 17, payload: new Uint8Array(8), destination: IpAddress.v4(10, 0, 0, 9) };
  for (const options of ["07030000", "8307040a 00000100"]) {
    assertEquals(host.receive(ipv4({ ...rest, options: bytesOf(options) })), [], options);
  }
  assertEquals(host.drops("IP_NOT_FOR_US"), 2);
});

Deno.test("a router tells of bad options of packets that it would send on (RFC 1812 §5.3.13.2)", () => {
  const host = new Router([
    { name: "left", addresses: ["10.1.0.1/24"] },
    { name: "right", addresses: ["10.2.0.1/24"] },
  ]);
  const [source, destination] = [IpAddress.v4(10, 1, 0, 5), IpAddress.v4(10, 2, 0, 5)];
  const options = bytesOf("07030000");
  const packet = ipv4({ source, destination, protocol: 17, payload: new Uint8Array(8), options });
  const [[name, bytes] = [], ...more] = host.receive("left", packet);
  assertEquals([name, bytes?.[20], more], ["left", 12, []]);
});

Deno.test("routers write their address on the link that the packet leaves by (RFC 1812 §5.2.4.1)", () => {
  const recorder = new HopRecorder({ isOwn: (address) => address.equals(STACK) });
  const by = IpAddress.v4(192, 0, 2, 1);
  const cases: [options: string, want: string | null][] = [
    ["", null],
    ["94040000", null],
    [`070704 00000000 00`, "070708 c0000201 00"],
    [`440c0501 00000000 00000000`, "440c0d01 c0000201 80000007"],
    [`440c0503 ${US} 00000000`, `440c0d03 ${US} 80000007`],
  ];
  for (const [options, want] of cases) {
    const bytes = ipv4({
      protocol: 17,
      payload: new Uint8Array(8),
      options: bytesOf(options),
    });
    const padded = Uint8Array.of(9, 9, 9, ...bytes);
    const changed = recorder.record(new DataView(padded.buffer), 3, by, 7);
    assertEquals(changed, want !== null);
    const end = padded.length - 8;
    assertEquals(padded.subarray(23, end).toHex(), (want ?? options).replaceAll(" ", ""));
  }
});
