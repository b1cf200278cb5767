import { assertEquals } from "@std/assert";
import { Delivery } from "../../ffi/delivery.ts";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { LINK_HEADROOM } from "../../src/wire/packet.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 5);
const TUN: Descriptor = { fd: 5, name: "tun0", mtu: 1500, kind: "file", prefix: 10 };
const ETH: Descriptor = { ...TUN, kind: "socket", mac: MAC };
const OFFLOAD = { offload: { udp: true } };

/** A super-segment of UDP over IPv4, whose checksum is begun: the sum of a pseudo-header. */
const DATAGRAMS = [
  ...[0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
  ...[0, 9, 0, 9, 0, 10, 0x14, 0x1e, 1, 2],
];
/** What stands in front of it, in a packet and in a frame. */
const HEADER = [1, 5, 28, 0, 1, 0, 20, 0, 6, 0];
const FRAME_HEADER = [1, 5, 42, 0, 1, 0, 34, 0, 6, 0];
const ETHERNET = [...MAC, ...MAC, 8, 0];

interface Case {
  rule: string;
  descriptor: Descriptor;
  header: number[];
  bytes: number[];
  /** Left out: it can't be used. */
  want?: [isVerified: boolean, isPartial: boolean, segmentSize: number];
}

const CASES: Case[] = [
  {
    rule: "a packet is as it came where there is no header",
    descriptor: { ...TUN, prefix: 0 },
    header: [],
    bytes: [1, 2],
    want: [false, false, 0],
  },
  {
    rule: "a packet of a TUN tells what is left to do",
    descriptor: { ...TUN, ...OFFLOAD },
    header: HEADER,
    bytes: DATAGRAMS,
    want: [true, true, 1],
  },
  {
    rule: "a frame tells what is left to do",
    descriptor: { ...ETH, ...OFFLOAD },
    header: FRAME_HEADER,
    bytes: [...ETHERNET, ...DATAGRAMS],
    want: [true, true, 1],
  },
  {
    rule: "without offloads its checksum is completed",
    descriptor: ETH,
    header: FRAME_HEADER,
    bytes: [...ETHERNET, ...DATAGRAMS],
    want: [false, false, 1],
  },
  {
    rule: "what is malformed is not handed over",
    descriptor: { ...TUN, ...OFFLOAD },
    header: [1, 0, 0, 0, 0, 0, 255, 255, 255, 255],
    bytes: DATAGRAMS,
  },
];

for (const { rule, descriptor, header, bytes, want } of CASES) {
  Deno.test(`Delivery: ${rule}`, () => {
    const memory = new Uint8Array(200);
    memory.set([...header, ...bytes], LINK_HEADROOM - header.length);
    const delivery = new Delivery(memory, descriptor);
    let got: typeof want;
    delivery.hand(LINK_HEADROOM, bytes.length, (packet) => {
      assertEquals([packet.at, packet.end], [LINK_HEADROOM, LINK_HEADROOM + bytes.length]);
      got = [packet.isVerified, packet.isPartial, packet.segmentSize];
    });
    assertEquals(got, want);
    const counters = delivery.counters();
    assertEquals(counters.deviceReceived, want === undefined ? 0 : 1);
    assertEquals(counters.deviceReceivedBytes, want === undefined ? 0 : bytes.length);
    const malformed = header.length === 0 ? undefined : want === undefined ? 1 : 0;
    assertEquals(counters.deviceOffloadMalformed, malformed);
  });
}
