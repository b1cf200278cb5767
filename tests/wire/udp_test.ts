import { assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import { pseudoHeaderSum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { checkUdp, UDP_HEADER, UdpHeader } from "../../src/wire/udp.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

const SOURCE = IpAddress.v4(10, 0, 0, 1);
const DESTINATION = IpAddress.v4(10, 0, 0, 2);
const pseudo = (length: number) => pseudoHeaderSum(SOURCE, DESTINATION, PROTOCOL.UDP, length);

/** `Hi!` from port 40000 to port 7: the worked example of docs/protocol_notes.md. */
const GOOD = "9c40 0007 000b e624 486921";

Deno.test("UdpHeader reads every field where RFC 768 puts it", () => {
  const udp = new UdpHeader().bind(viewOf("ff" + GOOD), 1);
  assertEquals(udp.sourcePort, 40000);
  assertEquals(udp.destinationPort, 7);
  assertEquals(udp.length, 11);
  assertEquals(udp.checksum, 0xe624);
});

Deno.test("UdpHeader writes every field in its place and nothing else", () => {
  const view = viewOf("ff".repeat(UDP_HEADER + 2));
  const udp = new UdpHeader().bind(view, 1);
  udp.sourcePort = 0x0102;
  udp.destinationPort = 0x0304;
  udp.length = 0x0506;
  udp.checksum = 0x0708;
  assertEquals(hexOf(view), "ff0102030405060708ff");
});

Deno.test("writeChecksum() of UDP makes the worked example of the protocol notes", () => {
  const view = viewOf("9c40 0007 000b ffff 486921");
  new UdpHeader().bind(view, 0).writeChecksum(pseudo(11));
  assertEquals(hexOf(view), bytesOf(GOOD).toHex());
});

Deno.test("[RFC768-01] a computed UDP checksum of zero is sent as all-ones", () => {
  const view = viewOf("9c40 0007 000a 0000 0000");
  const udp = new UdpHeader().bind(view, 0);
  udp.writeChecksum(pseudo(10));
  // Data equal to the checksum of no data makes the sum all-ones, and its complement zero.
  view.setUint16(8, udp.checksum);
  udp.writeChecksum(pseudo(10));
  assertEquals(udp.checksum, 0xffff);
  assertEquals(checkUdp(view, 0, 10, pseudo(10), true), Drop.NONE);
});

Deno.test("checkUdp() finds each thing that can be wrong", () => {
  const cases: [what: string, hex: string, required: boolean, want: Drop][] = [
    ["a good datagram", GOOD, false, Drop.NONE],
    ["a good datagram over IPv6", GOOD, true, Drop.NONE],
    ["no data", "9c40 0007 0008 4f94", true, Drop.NONE],
    ["bytes behind it", GOOD + "ffeeddccbb", false, Drop.NONE],
    ["no checksum", GOOD.replace("e624", "0000"), false, Drop.NONE],
    ["no checksum over IPv6", GOOD.replace("e624", "0000"), true, Drop.UDP_BAD_CHECKSUM],
    ["nothing", "", false, Drop.UDP_TRUNCATED],
    ["seven bytes", GOOD.slice(0, 17), false, Drop.UDP_TRUNCATED],
    ["length 0", GOOD.replace("000b", "0000"), false, Drop.UDP_BAD_LENGTH],
    ["length 7", GOOD.replace("000b", "0007"), false, Drop.UDP_BAD_LENGTH],
    ["length beyond the end", GOOD.replace("000b", "000c"), false, Drop.UDP_BAD_LENGTH],
    ["length beyond the end and no checksum", "9c40 0007 000c 0000 48", false, Drop.UDP_BAD_LENGTH],
    ["length 8 of 11", GOOD.replace("000b", "0008"), false, Drop.UDP_BAD_CHECKSUM],
    ["a bit of the data flipped", GOOD.replace("4869", "4868"), false, Drop.UDP_BAD_CHECKSUM],
    ["another port", GOOD.replace("0007", "0009"), false, Drop.UDP_BAD_CHECKSUM],
  ];
  for (const [what, hex, required, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const view = new DataView(bytes.buffer);
    const got = checkUdp(view, 3, bytes.length, pseudo(bytes.length - 3), required);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("checkUdp() notices a datagram that went to another address", () => {
  const other = pseudoHeaderSum(SOURCE, IpAddress.v4(10, 0, 0, 3), PROTOCOL.UDP, 11);
  assertEquals(checkUdp(viewOf(GOOD), 0, 11, other), Drop.UDP_BAD_CHECKSUM);
});
