import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import {
  checkIpv6,
  FragmentHeader,
  IPV6_FRAGMENT_HEADER,
  IPV6_HEADER,
  Ipv6Header,
} from "../../src/wire/ipv6.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

const ADDRESSES = "20010db8000000000000000000000001 20010db8000000000000000000000002";

/** A packet with 8 bytes of UDP. */
const GOOD = `6ab12345 0008 11 40 ${ADDRESSES} 0102030405060708`;

Deno.test("Ipv6Header reads every field where RFC 8200 §3 puts it", () => {
  const view = viewOf("ffff" + GOOD);
  const ip = new Ipv6Header().bind(view, 2);
  assertEquals(ip.version, 6);
  assertEquals(ip.trafficClass, 0xab);
  assertEquals(ip.flowLabel, 0x12345);
  assertEquals(ip.payloadLength, 8);
  assertEquals(ip.nextHeader, PROTOCOL.UDP);
  assertEquals(ip.hopLimit, 64);
  assertEquals(`${IpAddress.scratch().load16(view, 10)}`, "2001:db8::1");
  assertEquals(`${IpAddress.scratch().load16(view, 26)}`, "2001:db8::2");
});

Deno.test("Ipv6Header writes every field in its place and nothing else", () => {
  const view = viewOf("ff".repeat(10));
  const ip = new Ipv6Header().bind(view, 1);
  ip.writeFirstWord(0x12, 0xabcde);
  ip.payloadLength = 0x5678;
  ip.nextHeader = PROTOCOL.ICMPV6;
  ip.hopLimit = 255;
  assertEquals(hexOf(view), "ff612abcde56783afff".padEnd(20, "f"));
  ip.trafficClass = 0xff;
  assertEquals(hexOf(view).slice(2, 10), "6ffabcde");
  ip.flowLabel = 0;
  assertEquals(hexOf(view).slice(2, 10), "6ff00000");
  ip.trafficClass = 0;
  ip.flowLabel = 0xfffff;
  assertEquals(hexOf(view).slice(2, 10), "600fffff");
  ip.writeFirstWord(0xff, 0xfffff);
  assertEquals([ip.version, ip.trafficClass, ip.flowLabel], [6, 0xff, 0xfffff]);
});

Deno.test("checkIpv6() finds each thing that can be wrong, in order", () => {
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a good packet", GOOD, Drop.NONE],
    ["padding behind it", GOOD + "00".repeat(18), Drop.NONE],
    ["no payload", `60000000 0000 3b 40 ${ADDRESSES}`, Drop.NONE],
    ["nothing", "", Drop.IP_TRUNCATED],
    ["a byte of a header", "60", Drop.IP_TRUNCATED],
    ["a header but for a byte", `60000000 0000 3b 40 ${ADDRESSES.slice(0, -2)}`, Drop.IP_TRUNCATED],
    ["version 4", "4" + GOOD.slice(1), Drop.IP_BAD_VERSION],
    ["version 0", "00".repeat(48), Drop.IP_BAD_VERSION],
    ["a jumbogram", `60000000 0000 00 40 ${ADDRESSES} 06 00 c2 04 00010000`, Drop.IP_BAD_LENGTH],
    ["payload length beyond the end", GOOD.replace("0008", "0009"), Drop.IP_TRUNCATED],
    ["payload length 65535", GOOD.replace("0008", "ffff"), Drop.IP_TRUNCATED],
    ["the last byte cut off", GOOD.slice(0, -2), Drop.IP_TRUNCATED],
  ];
  for (const [what, hex, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const got = checkIpv6(new DataView(bytes.buffer), 3, bytes.length);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("checkIpv6() answers whatever the bytes are, and takes no packet that reaches beyond", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 90 }), fc.nat(10), (bytes, at) => {
    if (bytes.length > at) bytes[at] = 0x60 | (bytes[at]! & 15);
    if (bytes.length > at + 4) bytes[at + 4] = 0;
    const end = Math.max(at, bytes.length);
    const view = new DataView(bytes.buffer);
    const got = checkIpv6(view, at, end);
    assertEquals(typeof DROP_NAMES[got], "string");
    if (got !== Drop.NONE) return;
    const { payloadLength } = new Ipv6Header().bind(view, at);
    assertEquals(at + IPV6_HEADER + payloadLength <= end, true);
  }));
});

Deno.test("FragmentHeader reads every field where RFC 8200 §4.5 puts it", () => {
  const fragment = new FragmentHeader().bind(viewOf("ff 3a ff 05af deadbeef"), 1);
  assertEquals(fragment.nextHeader, PROTOCOL.ICMPV6);
  assertEquals(fragment.offset, 0x05a8);
  assertEquals(fragment.more, true);
  assertEquals(fragment.identification, 0xdeadbeef);
});

Deno.test("FragmentHeader writes what it reads, and zeros into reserved bits", () => {
  const cases: [offset: number, more: boolean, identification: number, hex: string][] = [
    [0, true, 1, "1100000100000001"],
    [0, false, 0xffff_ffff, "11000000ffffffff"],
    [1448, true, 7, "110005a900000007"],
    [65528, false, 0x8000_0000, "1100fff880000000"],
  ];
  for (const [offset, more, identification, hex] of cases) {
    const view = viewOf("ff".repeat(IPV6_FRAGMENT_HEADER + 2));
    const fragment = new FragmentHeader().bind(view, 1);
    fragment.write(PROTOCOL.UDP, offset, more, identification);
    assertEquals(hexOf(view), `ff${hex}ff`);
    assertEquals(
      [fragment.nextHeader, fragment.offset, fragment.more, fragment.identification],
      [PROTOCOL.UDP, offset, more, identification],
    );
  }
});
