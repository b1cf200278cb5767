import { assertEquals } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { FdDevice } from "../../ffi/fd_device.ts";
import { PostingReader } from "../../ffi/posting_reader.ts";
import { LINK_HEADROOM, Packet, type Tail, TRANSPORT_HEADROOM } from "../../src/wire/packet.ts";
import { type Answer, type Call, FakeLibc, hex } from "./fake_libc.ts";
import { noReader } from "./no_reader.ts";
import { SocketPair } from "./socketpair.ts";

function device(libc: FakeLibc, fields: Partial<Descriptor> = {}): FdDevice {
  const descriptor = { fd: 5, name: "tun0", mtu: 100, kind: "file", prefix: 0, ...fields } as const;
  return new FdDevice(libc, descriptor, noReader(libc));
}

/** A packet of so many bytes, its first ones 0x45 and its length. */
function packet(length: number): Packet {
  const packet = new Packet(new Uint8Array(300)).place(LINK_HEADROOM, LINK_HEADROOM + length);
  packet.bytes.set([0x45, length], packet.at);
  return packet;
}

Deno.test("transmit() drops and counts what the system does not take", () => {
  const cases: [answers: Answer[], counter: string, calls: number][] = [
    [[{ errno: "EAGAIN" }], "deviceSendBusy", 1],
    [[{ errno: "ENOBUFS" }], "deviceSendNoBuffers", 1],
    [[{ errno: "EIO" }], "deviceSendFailed", 1],
    [[{ errno: "EMSGSIZE" }], "deviceSendRefused", 1],
    [[{ errno: "EINTR" }, { errno: "EINTR" }, { errno: "EINVAL" }], "deviceSendRefused", 3],
  ];
  for (const [answers, counter, calls] of cases) {
    const libc = new FakeLibc("linux");
    libc.answers.write = answers;
    const tun = device(libc);
    assertEquals(tun.transmit(packet(20)), false, counter);
    assertEquals(tun.counters()[counter], 1, counter);
    assertEquals(tun.counters().deviceSent, 0);
    assertEquals(libc.calls.length, calls);
  }
});

Deno.test("transmit() repeats a send that a signal has interrupted", () => {
  const libc = new FakeLibc("linux");
  libc.answers.write = [{ errno: "EINTR" }, 20];
  const tun = device(libc);
  assertEquals(tun.transmit(packet(20)), true);
  assertEquals([tun.counters().deviceSent, tun.counters().deviceSentBytes], [1, 20]);
});

Deno.test("transmit() drops what is longer than the MTU", () => {
  const libc = new FakeLibc("linux");
  const tun = device(libc);
  assertEquals(tun.transmit(packet(100)), true);
  assertEquals(tun.transmit(packet(101)), false);
  assertEquals(libc.calls.length, 1);
  assertEquals(tun.counters().deviceSendTooBig, 1);
});

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 5);
const OFFLOAD: Partial<Descriptor> = { prefix: 10, offload: { udp: true } };

interface Sent {
  rule: string;
  version?: 4 | 6;
  protocol?: 6 | 17;
  /** Of the transport's header, in bytes. */
  header?: number;
  flags?: number;
  /** Bytes in front of the transport's header beyond the IP header without options. */
  options?: number;
  isPartial?: boolean;
  segmentSize?: number;
  /** The `virtio_net_hdr`: of a packet, and of the same in a frame. */
  want: [packet: string, frame: string];
}

const SENT: Sent[] = [
  {
    rule: "nothing is left to do of a whole packet",
    want: ["00000000 00000000 0000", "00000000 00000000 0000"],
  },
  {
    rule: "a checksum of TCP over IPv4 is completed",
    isPartial: true,
    want: ["01000000 00001400 1000", "01000000 00002200 1000"],
  },
  {
    rule: "a checksum of TCP over IPv6 is completed",
    version: 6,
    isPartial: true,
    want: ["01000000 00002800 1000", "01000000 00003600 1000"],
  },
  {
    rule: "a checksum of UDP is completed",
    protocol: 17,
    header: 8,
    isPartial: true,
    want: ["01000000 00001400 0600", "01000000 00002200 0600"],
  },
  {
    rule: "a segment of TCP over IPv4 is cut up, its options go in front of each",
    header: 32,
    isPartial: true,
    segmentSize: 1448,
    want: ["01013400 a8051400 1000", "01014200 a8052200 1000"],
  },
  {
    rule: "a segment of TCP over IPv6 is cut up",
    version: 6,
    isPartial: true,
    segmentSize: 1440,
    want: ["01043c00 a0052800 1000", "01044a00 a0053600 1000"],
  },
  {
    rule: "behind IP options the transport starts later",
    options: 8,
    isPartial: true,
    segmentSize: 9,
    want: ["01013000 09001c00 1000", "01013e00 09002a00 1000"],
  },
  {
    rule: "only the first one of the segments has the sender's answer to congestion",
    flags: 0x90,
    isPartial: true,
    segmentSize: 9,
    want: ["01812800 09001400 1000", "01813600 09002200 1000"],
  },
  {
    rule: "a run of datagrams is cut up",
    version: 6,
    protocol: 17,
    header: 8,
    isPartial: true,
    segmentSize: 1200,
    want: ["01053000 b0042800 0600", "01053e00 b0043600 0600"],
  },
];

/** A packet, or a frame, that fits a case; zeros but for what the header is made of. */
function sent(of: Sent, link: 0 | 14): Packet {
  const { version = 4, protocol = 6, header = 20, flags = 0x10, options = 0 } = of;
  const packet = new Packet(new Uint8Array(300));
  const ip = LINK_HEADROOM + link;
  packet.transportAt = ip + (version === 4 ? 20 : 40) + options;
  packet.place(LINK_HEADROOM, packet.transportAt + header + 10);
  packet.bytes.fill(0xee, 0, LINK_HEADROOM);
  packet.bytes[ip] = version << 4;
  packet.bytes[packet.transportAt + 12] = header << 2;
  packet.bytes[packet.transportAt + 13] = flags;
  packet.protocol = protocol;
  packet.isPartial = of.isPartial ?? false;
  packet.segmentSize = of.segmentSize ?? 0;
  return packet;
}

for (const of of SENT) {
  Deno.test(`transmit() tells the kernel: ${of.rule}`, () => {
    for (const [i, link] of ([0, 14] as const).entries()) {
      const libc = new FakeLibc("linux");
      const mac = link === 14 ? { mac: MAC } : {};
      const packet = sent(of, link);
      const { at, end } = packet;
      const content = packet.bytes.slice(at, end);
      assertEquals(device(libc, { ...OFFLOAD, ...mac }).transmit(packet), true);
      const [call] = libc.calls as [Call];
      assertEquals(call.slice(0, 2), ["write", 5]);
      const bytes = Uint8Array.fromHex(`${call[2]}`.replaceAll(" ", ""));
      assertEquals(hex(bytes.subarray(0, 10)), of.want[i]);
      assertEquals(bytes.subarray(10), content);
    }
  });
}

Deno.test("transmit() finds the version of a segment behind the tags of its frame", () => {
  const types: [version: 4 | 6, type: string][] = [[4, "01"], [6, "04"]];
  for (const [version, type] of types) {
    for (const tags of [[0x81, 0, 0x60, 5], [0x88, 0xa8, 0x40, 5, 0x81, 0, 0x40, 6]]) {
      const packet = sent(
        { rule: "", version, isPartial: true, segmentSize: 9, want: ["", ""] },
        14,
      );
      const ip = packet.at + 14;
      packet.bytes.copyWithin(ip + tags.length, ip, packet.end);
      packet.bytes.set([...tags, 8, 0], ip - 2);
      packet.end += tags.length;
      packet.transportAt += tags.length;
      const libc = new FakeLibc("linux");
      assertEquals(device(libc, { ...OFFLOAD, mac: MAC }).transmit(packet), true);
      const [call] = libc.calls as [Call];
      assertEquals(`${call[2]}`.slice(2, 4), type, `version ${version}, ${tags.length / 4} tags`);
    }
  }
});

Deno.test("transmit() sends headers and the pieces of a tail with one call", () => {
  const storage = Uint8Array.from({ length: 100 }, (_, i) => i);
  const small = Uint8Array.from({ length: 5 }, (_, i) => 0xf0 + i);
  const cases: [rule: string, tail: Partial<Tail>, pieces: string[]][] = [
    ["one piece", { bytes: storage, at: 7, length: 3 }, ["070809"]],
    [
      "two pieces, where a ring begins again",
      { bytes: storage, at: 98, length: 2, restAt: 0, restLength: 3 },
      ["6263", "000102"],
    ],
    ["a memory of few bytes", { bytes: small, at: 1, length: 4 }, ["f1f2f3f4"]],
  ];
  for (const kind of ["file", "socket"] as const) {
    const libc = new FakeLibc("linux");
    const tun = device(libc, { ...OFFLOAD, kind });
    for (const [rule, tail, pieces] of [...cases, ...cases]) {
      const packet = sent({ ...SENT[1]!, isPartial: true, segmentSize: 2 }, 0);
      const head = packet.end;
      Object.assign(packet.tail, tail);
      packet.end += packet.tail.length + packet.tail.restLength;
      libc.calls.length = 0;
      assertEquals(tun.transmit(packet), true, rule);
      const headers = hex(packet.bytes.subarray(LINK_HEADROOM - 10, head));
      assertEquals(libc.calls, [["writev", 5, headers, ...pieces]], rule);
    }
    const counters = tun.counters();
    assertEquals([counters.deviceSent, counters.deviceSuperSegmentsSent], [6, 6]);
    assertEquals(counters.deviceSentBytes, 6 * (20 + 30) + 2 * (3 + 5 + 4));
  }
});

Deno.test("transmit() lets super-segments be longer than the MTU, and no packets", () => {
  const cases: [offload: Partial<Descriptor>, segmentSize: number, end: number, want: boolean][] = [
    [OFFLOAD, 100, 65535, true],
    [OFFLOAD, 100, 65535 + 19, false],
    [OFFLOAD, 0, 101, false],
    [{ prefix: 10 }, 100, 101, false],
    [{}, 100, 101, false],
  ];
  for (const [offload, segmentSize, length, want] of cases) {
    const packet = new Packet(new Uint8Array(70_000)).place(LINK_HEADROOM, LINK_HEADROOM + length);
    packet.segmentSize = segmentSize;
    const tun = device(new FakeLibc("linux"), offload);
    assertEquals(tun.transmit(packet), want);
    assertEquals(tun.counters().deviceSendTooBig, want ? 0 : 1);
  }
});

Deno.test("a kernel that refuses a run of datagrams gets no more of them", () => {
  const libc = new FakeLibc("linux");
  libc.answers.write = [{ errno: "EINVAL" }, { errno: "EINVAL" }];
  const tun = device(libc, OFFLOAD);
  const [tcp, udp] = [SENT[4]!, SENT[8]!];
  assertEquals(tun.transmit(sent(tcp, 0)), false);
  assertEquals(tun.offload, { udp: true });
  assertEquals(tun.transmit(sent(udp, 0)), false);
  assertEquals(tun.offload, { udp: false });
  assertEquals(tun.counters().deviceSendRefused, 2);
});

Deno.test("transmit() never writes to a descriptor that was closed", async () => {
  const libc = new FakeLibc("linux");
  const tun = device(libc);
  const closing = tun.close();
  assertEquals(tun.transmit(packet(20)), false);
  await closing;
  assertEquals(tun.transmit(packet(20)), false);
  assertEquals(libc.calls, [["the reader stops"], ["close", 5]]);
  assertEquals(tun.counters().deviceSendClosed, 2);
});

Deno.test("transmit() sends the packet's bytes from wherever they lie", async () => {
  for (const prefix of [0, 4] as const) {
    using pair = new SocketPair("seqpacket");
    // The device closes what it is given; the pair's own library and descriptors stay.
    const libc = { ...pair.libc, close: () => 0, unload() {} };
    const descriptor = { fd: pair.fd, name: "pair0", mtu: 1500, kind: "socket", prefix } as const;
    const reader = await PostingReader.start(pair.libc, descriptor);
    const dev = new FdDevice(libc, descriptor, reader);
    // In turn from memories of its own and of others, at many offsets: more than are remembered.
    const memories = [new Uint8Array(40_000), new Uint8Array(new SharedArrayBuffer(40_000))];
    const packets = memories.map((bytes) => new Packet(bytes));
    for (let n = 0; n < 40_000; n++) {
      const at = n % 3 === 0 ? TRANSPORT_HEADROOM - 20 : LINK_HEADROOM + n % 30_000;
      const length = 1 + n % 50;
      const packet = packets[(n >> 1) & 1]!.place(at, at + length);
      packet.bytes.fill(n & 0xff, at, at + length);
      packet.bytes[at] = 0x45;
      assertEquals(dev.transmit(packet), true);
      const got = pair.receive()!;
      assertEquals(got.length, prefix + length);
      assertEquals(got[prefix], 0x45);
      if (length > 1) assertEquals(got[got.length - 1], n & 0xff);
      if (prefix === 4) assertEquals([...got.subarray(0, 4)], [0, 0, 0, 2]);
    }
    await dev.close();
  }
});

Deno.test("a packet can be sent back from where it was received", async () => {
  using pair = new SocketPair("seqpacket");
  const libc = { ...pair.libc, close: () => 0, unload() {} };
  const descriptor = {
    fd: pair.fd,
    name: "pair0",
    mtu: 1500,
    kind: "socket",
    prefix: 4,
  } as const;
  const dev = new FdDevice(libc, descriptor, await PostingReader.start(pair.libc, descriptor));
  for (let n = 0; n < 3000; n++) {
    pair.send(Uint8Array.of(0, 0, 0, 30, 0x60, n & 0xff));
    await dev.readable();
    dev.receive(1, (packet) => dev.transmit(packet));
    assertEquals([...pair.receive()!], [0, 0, 0, 30, 0x60, n & 0xff]);
  }
  const counters = dev.counters();
  assertEquals([counters.deviceReceived, counters.deviceSent], [3000, 3000]);
  assertEquals([counters.deviceReceivedBytes, counters.deviceSentBytes], [6000, 6000]);
  await dev.close();
});
