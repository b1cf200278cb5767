import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { finish, sum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import {
  checkIpv4,
  DONT_FRAGMENT,
  IPV4_MIN_HEADER,
  Ipv4Header,
  MORE_FRAGMENTS,
} from "../../src/wire/ipv4.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

/** A packet of 28 bytes from 10.0.0.1 to 10.0.0.2 with a good checksum. */
const GOOD = "4500001c 12344000 400114ab 0a000001 0a000002 0102030405060708";

/** `hex` with the checksum of its header made good, whatever else is wrong with it. */
function withChecksum(hex: string): string {
  const view = viewOf(hex);
  new Ipv4Header().bind(view, 0).writeChecksum();
  return hexOf(view);
}

Deno.test("Ipv4Header reads every field where RFC 791 §3.1 puts it", () => {
  const view = viewOf("ffff 47b800641234a0b939061aab");
  const ip = new Ipv4Header().bind(view, 2);
  assertEquals(ip.version, 4);
  assertEquals(ip.headerLength, 28);
  assertEquals(ip.tos, 0xb8);
  assertEquals(ip.totalLength, 100);
  assertEquals(ip.identification, 0x1234);
  assertEquals(ip.flagsAndOffset, 0xa0b9);
  assertEquals(ip.dontFragment, false);
  assertEquals(ip.moreFragments, true);
  assertEquals(ip.fragmentOffset, 1480);
  assertEquals(ip.ttl, 57);
  assertEquals(ip.protocol, PROTOCOL.TCP);
  assertEquals(ip.checksum, 0x1aab);
});

Deno.test("Ipv4Header writes every field in its place and nothing else", () => {
  const view = viewOf("ff".repeat(22));
  const ip = new Ipv4Header().bind(view, 1);
  ip.headerLength = 20;
  ip.tos = 0;
  ip.totalLength = 28;
  ip.identification = 0x1234;
  ip.flagsAndOffset = DONT_FRAGMENT;
  ip.ttl = 64;
  ip.protocol = PROTOCOL.ICMP;
  ip.checksum = 0xabcd;
  assertEquals(hexOf(view), "ff4500001c123440004001abcdffffffffffffffffff");
});

Deno.test("the fragment fields share a word and leave each other alone", () => {
  const view = viewOf("00".repeat(IPV4_MIN_HEADER));
  const ip = new Ipv4Header().bind(view, 0);
  ip.fragmentOffset = 65528;
  assertEquals(ip.flagsAndOffset, 0x1fff);
  ip.moreFragments = true;
  assertEquals(ip.flagsAndOffset, 0x1fff | MORE_FRAGMENTS);
  ip.dontFragment = true;
  assertEquals(ip.flagsAndOffset, 0x1fff | MORE_FRAGMENTS | DONT_FRAGMENT);
  ip.fragmentOffset = 8;
  assertEquals(ip.flagsAndOffset, 1 | MORE_FRAGMENTS | DONT_FRAGMENT);
  ip.moreFragments = false;
  ip.dontFragment = false;
  assertEquals(ip.flagsAndOffset, 1);
});

Deno.test("writeChecksum() covers the header with its options and nothing behind it", () => {
  const view = viewOf("4600001c 12344000 4001ffff 0a000001 0a000002 94040000 deadbeef");
  new Ipv4Header().bind(view, 0).writeChecksum();
  assertEquals(finish(sum(view, 0, 24)), 0);
  assertEquals(hexOf(view).slice(48), "deadbeef");
});

Deno.test("checkIpv4() finds each thing that can be wrong, in order", () => {
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a good packet", GOOD, Drop.NONE],
    ["padding behind it", GOOD + "00".repeat(18), Drop.NONE],
    ["no payload", withChecksum(GOOD.slice(0, 44).replace("001c", "0014")), Drop.NONE],
    ["nothing", "", Drop.IP_TRUNCATED],
    ["half a header", GOOD.slice(0, 20), Drop.IP_TRUNCATED],
    ["version 6", "6" + GOOD.slice(1), Drop.IP_BAD_VERSION],
    ["version 0", "00".repeat(28), Drop.IP_BAD_VERSION],
    ["header length 16", withChecksum("44" + GOOD.slice(2)), Drop.IP_BAD_LENGTH],
    ["header length 0", "40" + GOOD.slice(2), Drop.IP_BAD_LENGTH],
    ["header length beyond the total", "48" + GOOD.slice(2), Drop.IP_BAD_LENGTH],
    ["total length 19", withChecksum(GOOD.replace("001c", "0013")), Drop.IP_BAD_LENGTH],
    ["total length 0", withChecksum(GOOD.replace("001c", "0000")), Drop.IP_BAD_LENGTH],
    ["total length beyond the end", withChecksum(GOOD.replace("001c", "001d")), Drop.IP_TRUNCATED],
    ["total length 65535", withChecksum(GOOD.replace("001c", "ffff")), Drop.IP_TRUNCATED],
    ["the last byte cut off", GOOD.slice(0, -2), Drop.IP_TRUNCATED],
    ["a bit flipped", GOOD.replace("4001", "3f01"), Drop.IP_BAD_CHECKSUM],
    ["no checksum", GOOD.replace("14ab", "0000"), Drop.IP_BAD_CHECKSUM],
  ];
  for (const [what, hex, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const got = checkIpv4(new DataView(bytes.buffer), 3, bytes.length);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("checkIpv4() takes no packet with any one bit of its header flipped", () => {
  for (let bit = 0; bit < IPV4_MIN_HEADER * 8; bit++) {
    const bytes = bytesOf(GOOD);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const got = checkIpv4(new DataView(bytes.buffer), 0, bytes.length);
    assertEquals(got !== Drop.NONE, true, `bit ${bit}`);
  }
});

Deno.test("checkIpv4() answers whatever the bytes are", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(10), (bytes, at) => {
    if (bytes.length > at) bytes[at] = 0x40 | (bytes[at]! & 15);
    const end = Math.max(at, bytes.length);
    const got = checkIpv4(new DataView(bytes.buffer), at, end);
    assertEquals(typeof DROP_NAMES[got], "string");
  }));
});
