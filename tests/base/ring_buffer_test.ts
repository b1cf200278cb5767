import { assertEquals } from "@std/assert";
import { chunks, Room } from "../../src/base/chunks.ts";
import { RingBuffer } from "../../src/base/ring_buffer.ts";
import { copyBytes } from "../../src/wire/bytes.ts";
import { finish, sum } from "../../src/wire/checksum.ts";
import { memory } from "../../src/wire/memory.ts";
import { Packet, TRANSPORT_HEADROOM } from "../../src/wire/packet.ts";
import { withSeed } from "../random.ts";

/** The bytes `start`, `start + 1`, … */
function count(start: number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => start + i);
}

function readAll(ring: RingBuffer): Uint8Array {
  const target = new Uint8Array(ring.length);
  assertEquals(ring.read(target), target.length);
  return target;
}

Deno.test("RingBuffer gives back what was written, in order", () => {
  const ring = new RingBuffer(100);
  assertEquals(ring.write(count(0, 10), 2, 8), 6);
  assertEquals([ring.length, ring.free], [6, 94]);
  assertEquals(ring.write(count(8, 2), 0, 2), 2);
  assertEquals(readAll(ring), count(2, 8));
  assertEquals([ring.length, ring.free], [0, 100]);
});

Deno.test("RingBuffer takes no more than its capacity, whatever its memory's size", () => {
  for (const capacity of [1, 100, 2048, 3000, 65535]) {
    const ring = new RingBuffer(capacity);
    assertEquals(ring.write(new Uint8Array(capacity + 5), 0, capacity + 5), capacity);
    assertEquals(ring.write(new Uint8Array(1), 0, 1), 0);
    assertEquals(ring.free, 0);
  }
});

Deno.test("RingBuffer writes nothing of an empty range", () => {
  const ring = new RingBuffer(10);
  assertEquals(ring.write(count(0, 5), 5, 5), 0);
  assertEquals(ring.read(new Uint8Array(5)), 0);
});

Deno.test("RingBuffer keeps order across its end, and when it grows there", () => {
  const ring = new RingBuffer(10_000);
  ring.write(new Uint8Array(2000), 0, 2000);
  ring.consume(2000); // the head is near the end of 2048 bytes
  ring.write(count(0, 200), 0, 200);
  assertEquals(ring.length, 200);
  const more = count(200, 3000);
  ring.write(more, 0, 3000); // takes more memory
  assertEquals(readAll(ring), count(0, 3200));
});

Deno.test("RingBuffer peeks at any place without taking", () => {
  const ring = new RingBuffer(4096);
  ring.write(new Uint8Array(2000), 0, 2000);
  ring.consume(2000);
  ring.write(count(0, 200), 0, 200);
  const target = new Uint8Array(102);
  ring.peek(40, 100, target, 1);
  assertEquals(target, Uint8Array.of(0, ...count(40, 100), 0));
  assertEquals(ring.length, 200);
});

Deno.test("RingBuffer describes any place, across its end too, so that a packet can gather it", () => {
  const ring = new RingBuffer(4096);
  ring.write(new Uint8Array(2000), 0, 2000);
  ring.consume(1990); // 10 zeros are left in front
  ring.write(count(0, 200), 0, 200);
  const cases: [offset: number, n: number][] = [[10, 200], [50, 1], [10, 48], [10, 49], [58, 152]];
  for (const [offset, n] of cases) {
    const packet = new Packet(new Uint8Array(1000)).place(0, TRANSPORT_HEADROOM + n);
    ring.describe(offset, n, packet.tail);
    assertEquals(packet.tail.length + packet.tail.restLength, n);
    assertEquals(packet.headEnd, TRANSPORT_HEADROOM);
    packet.gather();
    assertEquals(packet.bytes.subarray(TRANSPORT_HEADROOM, packet.end), count(offset - 10, n));
  }
  assertEquals(ring.length, 210);
});

Deno.test("RingBuffer copies any place into a packet, across its end too, and tells the sum", () => {
  const ring = new RingBuffer(4096);
  ring.write(new Uint8Array(2000), 0, 2000);
  ring.consume(1990); // 10 zeros are left in front
  ring.write(count(0, 200), 0, 200);
  const elsewhere = new Uint8Array(4096);
  const room = new Room(4096);
  const cases: [offset: number, n: number][] = [[10, 200], [50, 1], [10, 48], [10, 49], [57, 152]];
  for (const [offset, n] of cases) {
    const want = count(offset - 10, n);
    for (const packet of [new Packet(elsewhere), new Packet(room.bytes, room.at)]) {
      const at = packet.messageAt;
      const total = ring.peekAndSum(offset, n, packet, at);
      assertEquals(packet.bytes.slice(at, at + n), want);
      assertEquals(
        finish(total),
        finish(sum(new DataView(want.buffer), 0, n)),
        `${n} at ${offset}`,
      );
    }
  }
  assertEquals(ring.length, 210);
  room.free();
});

Deno.test("RingBuffer holds what is placed behind a gap until the gap is filled", () => {
  const ring = new RingBuffer(10_000);
  ring.write(count(0, 10), 0, 10);
  ring.place(5, count(15, 10), 0, 10);
  assertEquals(ring.length, 10);
  ring.place(4000, count(0, 3), 0, 3); // grows with something behind the gap
  ring.write(count(10, 5), 0, 5);
  ring.extend(10);
  assertEquals(readAll(ring), count(0, 25));
});

Deno.test("RingBuffer forgets everything when cleared, and can be used again", () => {
  const ring = new RingBuffer(5000);
  ring.write(count(0, 100), 0, 100);
  ring.clear();
  assertEquals([ring.length, ring.free], [0, 5000]);
  ring.write(count(7, 3), 0, 3);
  assertEquals(readAll(ring), count(7, 3));
});

Deno.test("RingBuffer takes memory with the first byte, and gives it back with the last", () => {
  const before = chunks.taken;
  const ways: [how: string, empty: (ring: RingBuffer) => void][] = [
    ["read", (ring) => readAll(ring)],
    ["consumed", (ring) => ring.consume(3000)],
    ["truncated", (ring) => ring.truncate(0)],
    ["cleared", (ring) => ring.clear()],
  ];
  for (const [how, empty] of ways) {
    const ring = new RingBuffer(10_000);
    assertEquals(chunks.taken, before, how);
    for (let round = 0; round < 2; round++) {
      ring.write(count(0, 3000), 0, 1000);
      ring.write(count(0, 3000), 1000, 3000);
      assertEquals(chunks.taken, before + 4096, how);
      empty(ring);
      assertEquals([ring.length, chunks.taken], [0, before], how);
    }
  }
});

Deno.test("RingBuffer keeps its memory as long as something waits behind a gap", () => {
  const before = chunks.taken;
  const ring = new RingBuffer(10_000);
  ring.write(count(0, 10), 0, 10);
  ring.place(5, count(15, 10), 0, 10);
  readAll(ring);
  assertEquals(chunks.taken, before + 2048);
  ring.write(count(10, 5), 0, 5);
  ring.extend(10);
  assertEquals(readAll(ring), count(10, 15));
  assertEquals(chunks.taken, before);
});

Deno.test("RingBuffer takes as much memory as it needed the last time, and half of it if that would do", () => {
  const before = chunks.taken;
  const ring = new RingBuffer(100_000);
  const cases: [length: number, want: number][] = [
    [30_000, 32 * 1024],
    [17_000, 32 * 1024],
    [1, 32 * 1024],
    [1, 16 * 1024],
    [1, 8 * 1024],
    [9000, 16 * 1024],
    [1, 16 * 1024],
  ];
  for (const [length, want] of cases) {
    ring.write(count(0, length), 0, length);
    assertEquals(chunks.taken, before + want, `${length} bytes`);
    assertEquals(readAll(ring), count(0, length));
  }
});

Deno.test("RingBuffer has memory of its own when there is no other, and gives none of it back", () => {
  const before = chunks.taken;
  const rest: number[] = [];
  for (let size = 2 ** 26; size >= 2048; size /= 2) {
    for (let at = chunks.take(size); at >= 0; at = chunks.take(size)) rest.push(at);
  }
  const ring = new RingBuffer(100_000);
  ring.write(count(0, 3000), 0, 3000);
  for (const at of rest) chunks.give(at);
  assertEquals(chunks.taken, before);
  const more = count(3000, 5000);
  ring.write(more, 0, 5000); // moves to a chunk
  assertEquals(chunks.taken, before + 8192);
  assertEquals(readAll(ring), count(0, 8000));
  assertEquals(chunks.taken, before);
});

Deno.test("RingBuffer leaves the packet memory with what is in the queue, and can be used on", () => {
  const before = chunks.taken;
  const ring = new RingBuffer(10_000);
  ring.leave();
  ring.write(count(0, 3500), 0, 3500);
  ring.consume(3000);
  ring.place(10, count(0, 1000), 0, 1000); // across the end
  ring.leave();
  assertEquals([ring.length, chunks.taken], [500, before]);
  const packet = new Packet(new Uint8Array(1000)).place(0, 500);
  ring.describe(0, 500, packet.tail);
  assertEquals(packet.tail.bytes === memory.bytes, false);
  ring.write(count(3500, 6000), 0, 6000);
  assertEquals(readAll(ring), count(3000, 6500));
  ring.place(10, count(0, 10), 0, 10);
  ring.leave();
  assertEquals(chunks.taken, before);
});

Deno.test("RingBuffer behaves as an array with a gap behind it does, for any sequence of calls", () => {
  withSeed(1, (random) => {
    for (let round = 0; round < 100; round++) {
      const capacity = random.pick([10, 2048, 5000, 20_000]);
      const ring = new RingBuffer(capacity);
      let model: number[] = [];
      for (let step = 0; step < 60; step++) {
        const bytes = random.bytes(random.below(Math.min(capacity, 1500)));
        switch (random.below(4)) {
          case 0: {
            const taken = ring.write(bytes, 0, bytes.length);
            assertEquals(taken, Math.min(bytes.length, capacity - model.length));
            model.push(...bytes.subarray(0, taken));
            break;
          }
          case 1: { // text ahead of a gap, then the gap
            const gap = random.below(100);
            if (gap + bytes.length > ring.free) break;
            ring.place(gap, bytes, 0, bytes.length);
            const filling = random.bytes(gap);
            ring.write(filling, 0, gap);
            ring.extend(bytes.length);
            model.push(...filling, ...bytes);
            break;
          }
          case 2: {
            const target = new Uint8Array(random.below(2000));
            const n = ring.read(target);
            assertEquals(n, Math.min(target.length, model.length));
            assertEquals([...target.subarray(0, n)], model.slice(0, n));
            model = model.slice(n);
            break;
          }
          case 3: {
            const n = random.below(model.length + 1);
            ring.consume(n);
            model = model.slice(n);
            break;
          }
        }
        assertEquals(ring.length, model.length);
      }
      assertEquals([...readAll(ring)], model);
    }
  });
});

Deno.test("copyBytes() copies the range and nothing else, short or long", () => {
  for (const length of [0, 1, 63, 64, 65, 1000]) {
    const target = new Uint8Array(length + 2).fill(0xee);
    copyBytes(count(0, length + 9), 5, target, 1, length);
    assertEquals(target, Uint8Array.of(0xee, ...count(5, length), 0xee));
  }
});
