import { assertEquals } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { FdDevice } from "../../ffi/fd_device.ts";
import { PostingReader } from "../../ffi/posting_reader.ts";
import { LINK_HEADROOM, Packet, TRANSPORT_AT } from "../../src/wire/packet.ts";
import { type Answer, FakeLibc } from "./fake_libc.ts";
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
    [[{ errno: "EINTR" }, { errno: "EINTR" }, { errno: "EINVAL" }], "deviceSendFailed", 3],
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
      const at = n % 3 === 0 ? TRANSPORT_AT - 20 : LINK_HEADROOM + n % 30_000;
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
