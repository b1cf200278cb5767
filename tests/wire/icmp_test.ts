import { assertEquals } from "@std/assert";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import {
  checkIcmp,
  ICMP_HEADER,
  ICMP_TYPE,
  ICMP_UNREACHABLE,
  IcmpHeader,
} from "../../src/wire/icmp.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

/** An echo request with two bytes of data and a good checksum. */
const ECHO = "0800 5ba3 1234 0007 8a21";

Deno.test("IcmpHeader reads every field where RFC 792 puts it", () => {
  const icmp = new IcmpHeader().bind(viewOf("ff" + ECHO), 1);
  assertEquals(icmp.type, ICMP_TYPE.ECHO);
  assertEquals(icmp.code, 0);
  assertEquals(icmp.checksum, 0x5ba3);
  assertEquals(icmp.rest, 0x1234_0007);
  assertEquals(icmp.identifier, 0x1234);
  assertEquals(icmp.sequence, 7);
});

Deno.test("IcmpHeader writes every field in its place and nothing else", () => {
  const view = viewOf("ff".repeat(ICMP_HEADER + 2));
  const icmp = new IcmpHeader().bind(view, 1);
  icmp.type = ICMP_TYPE.DESTINATION_UNREACHABLE;
  icmp.code = ICMP_UNREACHABLE.PORT;
  icmp.checksum = 0xabcd;
  icmp.rest = 0xfedc_ba98;
  assertEquals(hexOf(view), "ff0303abcdfedcba98ff");
  icmp.identifier = 1;
  icmp.sequence = 2;
  assertEquals(hexOf(view), "ff0303abcd00010002ff");
});

Deno.test("writeChecksum() of ICMP covers the message up to its end, odd or not", () => {
  const cases: [message: string, end: number, want: string][] = [
    ["0800 ffff 1234 0007 8a21", 10, "5ba3"],
    ["0800 ffff 1234 0007 8a21", 9, "5bc4"],
    ["0800 ffff 1234 0007 8a21", 8, "e5c4"],
  ];
  for (const [message, end, want] of cases) {
    const view = viewOf(message);
    new IcmpHeader().bind(view, 0).writeChecksum(end);
    assertEquals(hexOf(view).slice(4, 8), want, `${end} bytes`);
    assertEquals(checkIcmp(view, 0, end), Drop.NONE, `${end} bytes`);
  }
});

Deno.test("checkIcmp() finds each thing that can be wrong", () => {
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a good message", ECHO, Drop.NONE],
    ["nothing", "", Drop.ICMP_TRUNCATED],
    ["seven bytes", ECHO.slice(0, 17), Drop.ICMP_TRUNCATED],
    ["a bit flipped", ECHO.replace("8a21", "8a20"), Drop.ICMP_BAD_CHECKSUM],
    ["no checksum", ECHO.replace("5ba3", "0000"), Drop.ICMP_BAD_CHECKSUM],
    ["the data cut off", ECHO.slice(0, 19), Drop.ICMP_BAD_CHECKSUM],
    ["all-zero", "00".repeat(16), Drop.ICMP_BAD_CHECKSUM],
  ];
  for (const [what, hex, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const got = checkIcmp(new DataView(bytes.buffer), 3, bytes.length);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});
