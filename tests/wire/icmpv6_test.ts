import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { pseudoHeaderSum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import {
  checkIcmpv6,
  ICMPV6_HEADER,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TYPE,
  ICMPV6_UNREACHABLE,
  Icmpv6Header,
} from "../../src/wire/icmpv6.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

/** An echo request from fe80::1 to fe80::2 with two bytes of data and a good checksum. */
const ECHO = "8000 e659 1234 0007 8a21";

/** The sum of its pseudo-header, for a message of another length. */
function pseudo(length: number): number {
  const [source, destination] = ["fe80::1", "fe80::2"].map((text) => IpAddress.parse(text));
  return pseudoHeaderSum(source!, destination!, PROTOCOL.ICMPV6, length);
}

Deno.test("Icmpv6Header reads every field where RFC 4443 puts it", () => {
  const icmp = new Icmpv6Header().bind(viewOf("ff" + ECHO), 1);
  assertEquals(icmp.type, ICMPV6_TYPE.ECHO_REQUEST);
  assertEquals(icmp.code, 0);
  assertEquals(icmp.checksum, 0xe659);
  assertEquals(icmp.rest, 0x1234_0007);
  assertEquals(icmp.identifier, 0x1234);
  assertEquals(icmp.sequence, 7);
  icmp.bind(viewOf("ff 02000000 fffffffe"), 1);
  assertEquals(icmp.mtu, 0xffff_fffe);
  assertEquals(icmp.pointer, 0xffff_fffe);
});

Deno.test("Icmpv6Header writes every field in its place and nothing else", () => {
  const view = viewOf("ff".repeat(ICMPV6_HEADER + 2));
  const icmp = new Icmpv6Header().bind(view, 1);
  icmp.type = ICMPV6_TYPE.DESTINATION_UNREACHABLE;
  icmp.code = ICMPV6_UNREACHABLE.PORT;
  icmp.checksum = 0xabcd;
  icmp.rest = 0;
  assertEquals(hexOf(view), "ff0104abcd00000000ff");
  icmp.identifier = 1;
  icmp.sequence = 2;
  assertEquals(hexOf(view), "ff0104abcd00010002ff");
  icmp.type = ICMPV6_TYPE.PACKET_TOO_BIG;
  icmp.code = 0;
  icmp.mtu = 0xffff_ffff;
  assertEquals(hexOf(view), "ff0200abcdffffffffff");
  icmp.type = ICMPV6_TYPE.PARAMETER_PROBLEM;
  icmp.code = ICMPV6_PARAMETER_PROBLEM.UNRECOGNIZED_OPTION;
  icmp.pointer = 42;
  assertEquals(hexOf(view), "ff0402abcd0000002aff");
});

Deno.test("writeChecksum() of ICMPv6 covers pseudo-header and message up to its end, odd or not", () => {
  const cases: [end: number, want: string][] = [[10, "e659"], [9, "e67b"], [8, "707d"]];
  for (const [end, want] of cases) {
    const view = viewOf("8000 ffff 1234 0007 8a21");
    new Icmpv6Header().bind(view, 0).writeChecksum(end, pseudo(end));
    assertEquals(hexOf(view).slice(4, 8), want, `${end} bytes`);
    assertEquals(checkIcmpv6(view, 0, end, pseudo(end)), Drop.NONE, `${end} bytes`);
  }
});

Deno.test("checkIcmpv6() finds each thing that can be wrong", () => {
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a good message", ECHO, Drop.NONE],
    ["nothing", "", Drop.ICMP_TRUNCATED],
    ["seven bytes", ECHO.slice(0, 17), Drop.ICMP_TRUNCATED],
    ["a bit flipped", ECHO.replace("8a21", "8a20"), Drop.ICMP_BAD_CHECKSUM],
    ["no checksum", ECHO.replace("e659", "0000"), Drop.ICMP_BAD_CHECKSUM],
    [
      "the checksum of ICMP, without a pseudo-header",
      "8000 e3a2 12340007 8a21",
      Drop.ICMP_BAD_CHECKSUM,
    ],
    ["the data cut off", ECHO.slice(0, 19), Drop.ICMP_BAD_CHECKSUM],
    ["all-zero", "00".repeat(16), Drop.ICMP_BAD_CHECKSUM],
  ];
  for (const [what, hex, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const length = bytes.length - 3;
    const got = checkIcmpv6(new DataView(bytes.buffer), 3, bytes.length, pseudo(length));
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("checkIcmpv6() answers whatever the bytes are", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const got = checkIcmpv6(new DataView(bytes.buffer), 0, bytes.length, pseudo(bytes.length));
    assertEquals(typeof DROP_NAMES[got], "string");
  }));
});
