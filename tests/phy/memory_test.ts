import { assertEquals } from "@std/assert";
import { memoryPair } from "../../mod.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import type { Device } from "../../src/phy/device.ts";
import { isPending } from "../stacks.ts";

/** A packet of bytes that are all `value`. */
function packet(value: number, length = 20): Packet {
  const memory = new Uint8Array(LINK_HEADROOM + length).fill(value);
  return new Packet(memory).place(LINK_HEADROOM, memory.length);
}

/** Takes up to `limit` packets: the first byte and the length of each. */
function receive(device: Device, limit = Infinity): [value: number, length: number][] {
  const list: [number, number][] = [];
  device.receive(limit, ({ bytes, at, end }) => list.push([bytes[at]!, end - at]));
  return list;
}

Deno.test("memoryPair() gives packets over in order, both ways, again and again", () => {
  const [a, b] = memoryPair({ queue: 4 });
  for (let i = 0; i < 10; i++) {
    for (const value of [1, 2, 3]) a.transmit(packet(3 * i + value, 20 + i));
    b.transmit(packet(i));
    assertEquals(receive(b), [1, 2, 3].map((value) => [3 * i + value, 20 + i]));
    assertEquals(receive(a), [[i, 20]]);
    assertEquals(receive(a), []);
  }
});

Deno.test("memoryPair() copies: the sender may use its memory again", () => {
  const [a, b] = memoryPair();
  const sent = packet(1);
  a.transmit(sent);
  sent.bytes.fill(9);
  assertEquals(receive(b), [[1, 20]]);
});

Deno.test("receive() keeps to its limit, and to the room that a header needs in front", () => {
  const [a, b] = memoryPair();
  for (const value of [1, 2, 3]) a.transmit(packet(value));
  let headroom = 0;
  assertEquals(b.receive(2, ({ at }) => headroom = at), 2);
  assertEquals(headroom >= LINK_HEADROOM, true);
  assertEquals(receive(b), [[3, 20]]);
});

Deno.test("a full queue drops what comes on top, and counts it with the sender", () => {
  const [a, b] = memoryPair({ queue: 2 });
  assertEquals([1, 2, 3].map((value) => a.transmit(packet(value))), [true, true, false]);
  assertEquals(a.counters(), { deviceReceived: 0, deviceSent: 2, deviceDropped: 1 });
  assertEquals(receive(b), [[1, 20], [2, 20]]);
  assertEquals(b.counters(), { deviceReceived: 2, deviceSent: 0, deviceDropped: 0 });
  assertEquals(a.transmit(packet(4)), true);
});

Deno.test("packets up to the MTU pass, and longer ones are dropped", () => {
  const [a, b] = memoryPair({ mtu: 100 });
  assertEquals([a.mtu, b.mtu], [100, 100]);
  assertEquals(a.transmit(packet(1, 100)), true);
  assertEquals(a.transmit(packet(2, 101)), false);
  assertEquals(receive(b), [[1, 100]]);
});

Deno.test("readable() resolves when a packet waits, or comes, or never will", async () => {
  const [a, b] = memoryPair();
  a.transmit(packet(1));
  assertEquals(await b.readable(), true, "one waits");
  receive(b);
  const next = b.readable();
  assertEquals(await isPending(next), true);
  a.transmit(packet(2));
  assertEquals(await next, true, "one has come");
  receive(b);
  const last = b.readable();
  await b.close();
  await b.close();
  assertEquals(await last, false, "closed meanwhile");
  assertEquals(await b.readable(), false, "closed before");
});

Deno.test("a closed device sends and takes nothing", async () => {
  const [a, b] = memoryPair();
  await b.close();
  assertEquals(a.transmit(packet(1)), false);
  assertEquals(b.transmit(packet(1)), false);
  assertEquals([a, b].map((device) => device.counters().deviceDropped), [1, 1]);
});

Deno.test("memoryPair() carries frames when asked to, up to the MTU, a header and a tag", () => {
  const [a, b] = memoryPair({ medium: "ethernet", mtu: 100 });
  assertEquals([a.capabilities.medium, b.capabilities.medium], ["ethernet", "ethernet"]);
  assertEquals(a.capabilities.mac!.toHex(), "020000000001");
  assertEquals(b.capabilities.mac!.toHex(), "020000000002");
  assertEquals(a.transmit(packet(1, 118)), true);
  assertEquals(a.transmit(packet(2, 119)), false);
  let headroom = 0;
  b.receive(1, ({ at }) => headroom = at);
  assertEquals(headroom >= LINK_HEADROOM, true);
  assertEquals((headroom + 14) % 4, 0, "the IP header is aligned");
});

Deno.test("without offload, what is longer than the MTU does not pass, whatever it stands for", () => {
  const [a, b] = memoryPair();
  assertEquals([a.offload, b.offload], [undefined, undefined]);
  assertEquals(a.transmit(Object.assign(packet(1, 1501), { segmentSize: 1000 })), false);
});

Deno.test("with offload, packets pass with what is left to the link, text of elsewhere and all", () => {
  for (const medium of ["ip", "ethernet"] as const) {
    const [a, b] = memoryPair({ offload: true, medium, queue: 3 });
    assertEquals([a.offload, b.offload], [{ udp: true }, { udp: true }]);
    const overhead = medium === "ip" ? 0 : 18;
    const cases: [length: number, isPartial: boolean, segmentSize: number, passes: boolean][] = [
      [1500 + overhead, false, 0, true],
      [1501 + overhead, true, 0, false],
      [65_535 + overhead, true, 1460, true],
      [65_536 + overhead, true, 1460, false],
      [20, true, 0, true],
      [30, false, 65_000, true],
      [40, false, 0, true],
    ];
    for (const [length, isPartial, segmentSize, passes] of cases) {
      const sent = Object.assign(packet(1, length), { isPartial, segmentSize });
      assertEquals(a.transmit(sent), passes);
      const got: unknown[] = [];
      b.receive(9, (one) => {
        got.push([one.end - one.at, one.isPartial, one.isVerified, one.segmentSize]);
      });
      assertEquals(got, passes ? [[length, isPartial, isPartial, segmentSize]] : []);
    }
    const long = packet(1, 1000);
    const bytes = Uint8Array.of(3, 3, 3, 2, 2);
    Object.assign(long.tail, { bytes, at: 3, length: 2, restAt: 0, restLength: 3 });
    a.transmit(long);
    b.receive(1, ({ bytes, at, end }) => {
      assertEquals([...bytes.subarray(end - 6, end)], [1, 2, 2, 3, 3, 3]);
      assertEquals(end - at, 1000);
    });
  }
});
