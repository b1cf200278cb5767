import { assertEquals } from "@std/assert";
import { OffloadInput } from "../../ffi/virtio.ts";
import type { Medium } from "../../src/phy/device.ts";
import { finish, sum } from "../../src/wire/checksum.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";

/** A packet or frame, as many bytes of its first header as are looked at. */
const IP4 = (protocol: number, flags = 0x40, options = 0) => [
  ...[0x45 + options / 4, 0, 0, 0, 0, 0, flags, 0, 64, protocol, 0, 0],
  ...new Array(8 + options).fill(0),
];
const IP6 = (next: number) => [0x60, 0, 0, 0, 0, 0, next, 64, ...new Array(32).fill(0)];
const FRAME = (type: number) => [...new Array(12).fill(2), type >> 8, type & 0xff];
const ZEROS = (length: number): number[] => new Array(length).fill(0);
/** A transport's header and text, of 24 bytes. */
const TEXT = new Array(24).fill(3);

interface InputCase {
  rule: string;
  medium?: Medium;
  bytes: number[];
  flags?: number;
  type?: number;
  size?: number;
  start?: number;
  offset?: number;
  /** Whether to complete every checksum. */
  completes?: true;
  /** What is known of the packet afterwards; left out if it can't be used. */
  want?: { verified?: true; partial?: true; segment?: number; completed?: true };
}

const TCP4 = [...IP4(6), ...TEXT];
const UDP4 = [...IP4(17), ...TEXT];
const TCP6 = [...IP6(6), ...TEXT];
const UDP6 = [...IP6(17), ...TEXT];

const INPUT_CASES: InputCase[] = [
  { rule: "nothing is known of a plain packet", bytes: TCP4, want: {} },
  { rule: "a card has verified it", bytes: TCP4, flags: 2, want: { verified: true } },
  ...([
    ["TCP over IPv4", TCP4, 20, 16, 1],
    ["TCP over IPv6", TCP6, 40, 16, 4],
    ["UDP over IPv4", UDP4, 20, 6, 5],
    ["UDP over IPv6", UDP6, 40, 6, 5],
    ["TCP behind IPv4 options", [...IP4(6, 0, 8), ...TEXT], 28, 16, 1],
    [
      "TCP behind IPv6 options",
      [...IP6(0), 60, 1, ...ZEROS(14), 6, ...ZEROS(7), ...TEXT],
      64,
      16,
      4,
    ],
  ] as const).flatMap(([what, bytes, start, offset, type]): InputCase[] => [
    {
      rule: `${what} is left partial`,
      bytes: [...bytes],
      flags: 1,
      start,
      offset,
      want: { verified: true, partial: true },
    },
    {
      rule: `a super-segment of ${what}`,
      bytes: [...bytes],
      flags: 1,
      type,
      size: 1448,
      start,
      offset,
      want: { verified: true, partial: true, segment: 1448 },
    },
    {
      rule: `a super-segment of ${what} in a frame`,
      medium: "ethernet",
      bytes: [...FRAME(what.includes("IPv4") ? 0x0800 : 0x86dd), ...bytes],
      flags: 1,
      type,
      size: 1448,
      start: 14 + start,
      offset,
      want: { verified: true, partial: true, segment: 1448 },
    },
  ]),
  {
    rule: "a super-segment with ECN is one",
    bytes: TCP4,
    flags: 1,
    type: 0x81,
    size: 9,
    start: 20,
    offset: 16,
    want: { verified: true, partial: true, segment: 9 },
  },
  {
    rule: "a super-segment may have its checksum",
    bytes: TCP6,
    flags: 2,
    type: 4,
    size: 9,
    want: { verified: true, segment: 9 },
  },
  ...([
    ["in a fragment", [...IP4(6, 0x20), ...TEXT], 20, 16],
    ["in a tunnel", [...IP4(47), ...IP4(6), ...TEXT], 40, 16],
    ["in a tunnel over UDP", [...IP4(17), ...TEXT, ...TEXT], 40, 6],
    ["not where that of UDP is", UDP4, 20, 16],
    ["of another protocol", [...IP4(132), ...TEXT], 20, 8],
    ["behind headers that do not end", [...IP6(0), 6, ...TEXT], 45, 16],
  ] as const).map(([where, bytes, start, offset]): InputCase => ({
    rule: `a checksum ${where} is completed`,
    bytes: [...bytes],
    flags: 1,
    start,
    offset,
    want: { completed: true },
  })),
  ...[[0x8100], [0x88a8, 0x8100]].map((tags): InputCase => ({
    rule: `a super-segment behind ${tags.length} tags`,
    medium: "ethernet",
    bytes: [
      ...FRAME(tags[0]!),
      ...tags.slice(1).flatMap((t) => [0x40, 0, t >> 8, t & 255]),
      0x40,
      0,
      8,
      0,
      ...TCP4,
    ],
    flags: 1,
    type: 1,
    size: 9,
    start: 34 + 4 * tags.length,
    offset: 16,
    want: { verified: true, partial: true, segment: 9 },
  })),
  {
    rule: "a checksum is completed if all are to be",
    bytes: [...TCP4, 7],
    flags: 1,
    start: 20,
    offset: 16,
    completes: true,
    want: { completed: true },
  },
  {
    rule: "a super-segment remains one if checksums are to be completed",
    bytes: UDP6,
    flags: 1,
    type: 5,
    size: 9,
    start: 40,
    offset: 6,
    completes: true,
    want: { completed: true, segment: 9 },
  },
  { rule: "a packet of no length is left alone", bytes: [], flags: 2, want: { verified: true } },
  { rule: "a checksum's start beyond the packet", bytes: TCP4, flags: 1, start: 0xffff },
  { rule: "a checksum's field beyond it", bytes: TCP4, flags: 1, start: 20, offset: 23 },
  {
    rule: "a super-segment of as many packets as there may be",
    bytes: [...UDP4, ...ZEROS(2048 - UDP4.length)],
    flags: 2,
    type: 5,
    size: 1,
    want: { verified: true, segment: 1 },
  },
  {
    rule: "a super-segment of more of them",
    bytes: [...UDP4, ...ZEROS(2049 - UDP4.length)],
    flags: 2,
    type: 5,
    size: 1,
  },
  { rule: "a super-segment's size of nothing", bytes: TCP4, type: 1 },
  { rule: "a super-segment of the other family", bytes: TCP4, type: 4, size: 9 },
  { rule: "a super-segment of the other family", bytes: TCP6, type: 1, size: 9 },
  { rule: "a super-segment of the other protocol", bytes: UDP4, type: 1, size: 9 },
  { rule: "a super-segment of the other protocol", bytes: TCP4, type: 5, size: 9 },
  { rule: "a super-segment of ICMP", bytes: [...IP4(1), ...TEXT], type: 5, size: 9 },
  {
    rule: "a super-segment in a frame of tags",
    medium: "ethernet",
    bytes: [...FRAME(0x8100), ...new Array(50).fill([0, 0, 0x81, 0]).flat()],
    type: 1,
    size: 9,
  },
  { rule: "fragments of a datagram", bytes: UDP4, type: 3, size: 9 },
  { rule: "an unknown type", bytes: TCP4, type: 0x7f, size: 9 },
];

for (const { rule, medium = "ip", bytes, want, ...rest } of INPUT_CASES) {
  const { flags = 0, type = 0, size = 0, start = 0, offset = 0 } = rest;
  const fields = `flags ${flags}, type ${type}, start ${start}, ${medium}`;
  const verb = want === undefined ? "drops and counts" : "knows";
  Deno.test(`OffloadInput ${verb}: ${rule} (${fields}, ${bytes.length} bytes)`, () => {
    const at = LINK_HEADROOM + 2;
    const packet = new Packet(new Uint8Array(2200).fill(0xaa));
    packet.bytes.set(bytes, at);
    packet.place(at, at + bytes.length);
    packet.view.setUint8(at - 10, flags);
    packet.view.setUint8(at - 9, type);
    packet.view.setUint16(at - 6, size, true);
    packet.view.setUint16(at - 4, start, true);
    packet.view.setUint16(at - 2, offset, true);
    const before = packet.bytes.slice();
    const input = new OffloadInput(medium, rest.completes ?? false);

    assertEquals(input.read(packet), want !== undefined);

    if (want?.completed) {
      assertEquals(packet.view.getUint16(packet.end), 0xaaaa, "what is behind it is none of it");
      const field = at + start + offset;
      // Together with what was there before, the sum is that of all ones.
      const begun = new DataView(before.buffer).getUint16(field);
      assertEquals(finish(sum(packet.view, at + start, packet.end, begun)), 0);
      before.set(packet.bytes.subarray(field, field + 2), field);
    }
    assertEquals(packet.bytes, before, "nothing else is touched");
    const known = want && {
      isVerified: want.verified ?? false,
      isPartial: want.partial ?? false,
      segmentSize: want.segment ?? 0,
    };
    const { isVerified, isPartial, segmentSize } = packet;
    if (known !== undefined) assertEquals({ isVerified, isPartial, segmentSize }, known);
    assertEquals(input.counters(), {
      deviceSuperSegmentsReceived: want?.segment === undefined ? 0 : 1,
      devicePartialReceived: want?.partial || want?.completed ? 1 : 0,
      deviceOffloadMalformed: want === undefined ? 1 : 0,
    });
  });
}

Deno.test("OffloadInput never completes a checksum to zero, which means none to UDP", () => {
  const packet = new Packet(new Uint8Array(100)).place(LINK_HEADROOM, LINK_HEADROOM + 4);
  packet.bytes.set([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], packet.at - 10);
  assertEquals(new OffloadInput("ip", true).read(packet), true);
  assertEquals(packet.view.getUint16(packet.at), 0xffff);
});
