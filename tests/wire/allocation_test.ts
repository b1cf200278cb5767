/**
 * What is done for every packet allocates nothing, over a million packets.
 */

import { assertEquals } from "@std/assert";
import { Room } from "../../src/base/chunks.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { copyAndSum, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop } from "../../src/wire/drop.ts";
import { checkIpv4, Ipv4Header } from "../../src/wire/ipv4.ts";
import { Packet } from "../../src/wire/packet.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { ACK, checkTcp, TcpHeader } from "../../src/wire/tcp.ts";
import { TcpOptions, writeTimestamps } from "../../src/wire/tcp_options.ts";
import { allocatedBy } from "../allocations.ts";

const PACKETS = 1_000_000;
/** A full segment at an MTU of 1500: headers, timestamps and text. */
const LENGTH = 1500;
const OPTIONS = 12;

const SOURCE = IpAddress.v4(10, 0, 0, 1);
const DESTINATION = IpAddress.v4(10, 0, 0, 2);

const ip = new Ipv4Header();
const tcp = new TcpHeader();
const options = new TcpOptions();

/** Writes a segment. Timestamps are int32, which V8 never puts on the heap in order to pass them. */
function build(packet: Packet, i: number): void {
  const { view, messageAt } = packet;
  const at = packet.at = messageAt - 20;
  const end = packet.end = at + LENGTH;
  tcp.bind(view, messageAt);
  tcp.sourcePort = 80;
  tcp.destinationPort = 40_000 + (i & 1023);
  tcp.seq = (0xf000_0000 + i) >>> 0;
  tcp.ack = (0x9000_0000 + i) >>> 0;
  tcp.dataOffset = 20 + OPTIONS;
  tcp.flags = ACK;
  tcp.window = 0xffff;
  tcp.urgentPointer = 0;
  writeTimestamps(view, messageAt + 20, (0xa000_0000 + i) | 0, (0xb000_0000 + i) | 0);
  tcp.writeChecksum(end, pseudoHeaderSum(SOURCE, DESTINATION, PROTOCOL.TCP, end - messageAt));
  ip.bind(view, at);
  ip.headerLength = 20;
  ip.tos = 0;
  ip.totalLength = LENGTH;
  ip.identification = i & 0xffff;
  ip.flagsAndOffset = 0x4000;
  ip.ttl = 64;
  ip.protocol = PROTOCOL.TCP;
  SOURCE.store(view, at + 12);
  DESTINATION.store(view, at + 16);
  ip.writeChecksum();
}

/** Takes what was read, so that reading cannot be left out. */
let sink = 0;

/** Checks a segment, and reads all of its headers. */
function parse(packet: Packet): void {
  const { view, at, messageAt, end } = packet;
  if (checkIpv4(view, at, end) !== Drop.NONE) throw new Error("IPv4");
  ip.bind(view, at);
  packet.source.load4(view, at + 12);
  packet.destination.load4(view, at + 16);
  const length = end - messageAt;
  const pseudo = pseudoHeaderSum(packet.source, packet.destination, ip.protocol, length);
  if (checkTcp(view, messageAt, end, pseudo) !== Drop.NONE) throw new Error("TCP");
  tcp.bind(view, messageAt);
  options.parse(view, messageAt + 20, messageAt + tcp.dataOffset);
  sink = (sink + ip.totalLength + ip.identification + ip.ttl + ip.tos + tcp.sourcePort +
    tcp.destinationPort + tcp.seq + tcp.ack + tcp.flags + tcp.window + options.timestampValue) | 0;
}

Deno.test("allocations are seen", () => {
  const kept: unknown[] = [null];
  assertEquals(allocatedBy(PACKETS / 10, (i) => kept[0] = { i }) >= 8, true, "objects");
  assertEquals(allocatedBy(PACKETS / 10, () => kept[0] = new Uint8Array(8)) >= 8, true, "arrays");
});

for (const where of ["in the packet memory", "elsewhere"]) {
  const room = new Room(65_536);
  const packet = where === "elsewhere"
    ? new Packet(new Uint8Array(2000))
    : new Packet(room.bytes, room.at);

  Deno.test(`checksums allocate nothing, ${where}`, () => {
    const { view, messageAt } = packet;
    const allocated = allocatedBy(PACKETS, (i) => {
      sink = (sink + sum(view, messageAt, messageAt + 1460, i)) | 0;
      sink = (sink + sum(view, messageAt, messageAt + 20, i)) | 0;
    });
    assertEquals(allocated, 0);
  });

  Deno.test(`building segments of IPv4 and TCP allocates nothing, ${where}`, () => {
    const allocated = allocatedBy(PACKETS, (i) => build(packet, i));
    assertEquals(allocated, 0);
  });

  Deno.test(`parsing segments of IPv4 and TCP allocates nothing, ${where}`, () => {
    build(packet, 1);
    const allocated = allocatedBy(PACKETS, () => parse(packet));
    assertEquals(allocated, 0);
  });
}

Deno.test("copying text into a segment allocates nothing, in the packet memory", () => {
  const [text, room] = [new Room(65_536), new Room(65_536)];
  const packet = new Packet(room.bytes, room.at);
  const allocated = allocatedBy(PACKETS, () => {
    sink = (sink + copyAndSum(text.bytes, text.at, packet, packet.messageAt, 1460)) | 0;
  });
  assertEquals(allocated, 0);
});
