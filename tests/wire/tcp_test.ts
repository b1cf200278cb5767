import { assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import { pseudoHeaderSum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import {
  ACK,
  checkTcp,
  CWR,
  ECE,
  FIN,
  flagNames,
  PSH,
  RST,
  SYN,
  TCP_MIN_HEADER,
  TcpHeader,
  URG,
} from "../../src/wire/tcp.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

const SOURCE = IpAddress.v4(10, 0, 0, 1);
const DESTINATION = IpAddress.v4(10, 0, 0, 2);
const pseudo = (length: number) => pseudoHeaderSum(SOURCE, DESTINATION, PROTOCOL.TCP, length);

/** `hex` with its checksum made good, whatever else is wrong with it. */
function withChecksum(hex: string): string {
  const view = viewOf(hex);
  new TcpHeader().bind(view, 0).writeChecksum(view.byteLength, pseudo(view.byteLength));
  return hexOf(view);
}

/** A SYN,ACK with an MSS option and three bytes of data. */
const GOOD = withChecksum("9c400007 fffffffe 80000001 6012faf0 00000000 020405b4 486921");

Deno.test("TcpHeader reads every field where RFC 9293 §3.1 puts it", () => {
  const tcp = new TcpHeader().bind(viewOf("ff 9c400007 fffffffe 80000001 6fc2faf0 1234abcd"), 1);
  assertEquals(tcp.sourcePort, 40000);
  assertEquals(tcp.destinationPort, 7);
  assertEquals(tcp.seq, 0xffff_fffe);
  assertEquals(tcp.ack, 0x8000_0001);
  assertEquals(tcp.dataOffset, 24);
  assertEquals(tcp.flags, CWR | ECE | SYN);
  assertEquals(tcp.window, 0xfaf0);
  assertEquals(tcp.checksum, 0x1234);
  assertEquals(tcp.urgentPointer, 0xabcd);
});

Deno.test("TcpHeader writes every field in its place and nothing else", () => {
  const view = viewOf("ff".repeat(TCP_MIN_HEADER + 2));
  const tcp = new TcpHeader().bind(view, 1);
  tcp.sourcePort = 40000;
  tcp.destinationPort = 7;
  tcp.seq = 0xffff_fffe;
  tcp.ack = 0x8000_0001;
  tcp.dataOffset = 60;
  tcp.flags = SYN | ACK;
  tcp.window = 0xfaf0;
  tcp.checksum = 0x1234;
  tcp.urgentPointer = 0xabcd;
  assertEquals(hexOf(view), "ff9c400007fffffffe80000001f012faf01234abcdff");
  assertEquals(tcp.dataOffset, 60);
});

Deno.test("flagNames() names each control bit, lowest first", () => {
  const cases: [flags: number, want: string][] = [
    [0, "none"],
    [FIN, "FIN"],
    [SYN, "SYN"],
    [SYN | ACK, "SYN,ACK"],
    [FIN | PSH | ACK, "FIN,PSH,ACK"],
    [RST | URG, "RST,URG"],
    [0xff, "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR"],
  ];
  for (const [flags, want] of cases) assertEquals(flagNames(flags), want);
});

Deno.test("checkTcp() finds each thing that can be wrong", () => {
  const offset = (nibble: string) => withChecksum(GOOD.slice(0, 24) + nibble + GOOD.slice(25));
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a good segment", GOOD, Drop.NONE],
    ["no data", withChecksum(GOOD.slice(0, 48)), Drop.NONE],
    ["reserved bits set", withChecksum(GOOD.slice(0, 25) + "f" + GOOD.slice(26)), Drop.NONE],
    ["nothing", "", Drop.TCP_TRUNCATED],
    ["19 bytes", GOOD.slice(0, 38), Drop.TCP_TRUNCATED],
    ["data offset 0", offset("0"), Drop.TCP_BAD_OFFSET],
    ["data offset 16", offset("4"), Drop.TCP_BAD_OFFSET],
    ["data offset beyond the end", offset("7"), Drop.TCP_BAD_OFFSET],
    ["data offset 60", offset("f"), Drop.TCP_BAD_OFFSET],
    ["a bit flipped", GOOD.replace("486921", "486920"), Drop.TCP_BAD_CHECKSUM],
    ["the last byte cut off", GOOD.slice(0, -2), Drop.TCP_BAD_CHECKSUM],
    ["a byte too many", GOOD + "00", Drop.TCP_BAD_CHECKSUM],
  ];
  for (const [what, hex, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const view = new DataView(bytes.buffer);
    const got = checkTcp(view, 3, bytes.length, pseudo(bytes.length - 3));
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("checkTcp() notices a segment that went to another address", () => {
  const length = GOOD.length / 2;
  const other = pseudoHeaderSum(SOURCE, IpAddress.v4(10, 0, 0, 3), PROTOCOL.TCP, length);
  assertEquals(checkTcp(viewOf(GOOD), 0, length, other), Drop.TCP_BAD_CHECKSUM);
});
