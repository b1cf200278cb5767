import { assertEquals, assertThrows } from "@std/assert";
import { Chunks, chunks, chunkSize, Room } from "../../src/base/chunks.ts";
import { memory } from "../../src/wire/memory.ts";
import { withSeed } from "../random.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const LARGEST = 64 * MIB;

Deno.test("chunkSize() is a power of two from 2 KiB on that is large enough", () => {
  const cases: [bytes: number, want: number][] = [
    [1, 2 * KIB],
    [2 * KIB, 2 * KIB],
    [2 * KIB + 1, 4 * KIB],
    [65_535, 64 * KIB],
    [64 * KIB + 1, 128 * KIB],
    [8 * MIB, 8 * MIB],
    [LARGEST, LARGEST],
    [1024 * MIB, 1024 * MIB],
  ];
  for (const [bytes, want] of cases) assertEquals(chunkSize(bytes), want, `${bytes}`);
});

Deno.test("Chunks gives all of the memory, then nothing, then all of it again", () => {
  for (const size of [2 * KIB, 64 * KIB, 8 * MIB, LARGEST]) {
    const chunks = new Chunks(2 * LARGEST);
    for (let round = 0; round < 2; round++) {
      const taken = new Set<number>();
      for (let at = chunks.take(size); at >= 0; at = chunks.take(size)) taken.add(at);
      assertEquals(taken.size, 2 * LARGEST / size, `chunks of ${size}`);
      assertEquals(chunks.taken, 2 * LARGEST);
      assertEquals(chunks.take(1), -1);
      for (const at of taken) chunks.give(at);
      assertEquals(chunks.taken, 0);
    }
  }
});

Deno.test("Chunks has nothing that is larger than the largest, and nothing where there is too little", () => {
  for (const size of [LARGEST + 1, 2 ** 31 + 1, 2 ** 32 + 1, 2 ** 33]) {
    assertEquals(new Chunks(2 * LARGEST).take(size), -1, `${size}`);
  }
  assertEquals(new Chunks(LARGEST - 1).take(1), -1);
});

Deno.test("Chunks gives what was just given back, whatever else is free", () => {
  const chunks = new Chunks(LARGEST);
  const [first, second] = [chunks.take(5000), chunks.take(5000)];
  chunks.give(first);
  assertEquals(chunks.take(8 * KIB), first);
  chunks.give(second);
  assertEquals(chunks.take(6000), second);
});

Deno.test("Chunks takes no chunk back that it has not given", () => {
  const chunks = new Chunks(LARGEST);
  const at = chunks.take(4 * KIB);
  for (const wrong of [at + 2 * KIB, at + 4 * KIB, LARGEST]) {
    assertThrows(() => chunks.give(wrong), RangeError, `No chunk has been taken at ${wrong}`);
  }
  chunks.give(at);
  assertThrows(() => chunks.give(at), RangeError, "No chunk has been taken");
});

Deno.test("Chunks never overlap, and all become one again, for any sequence of calls", () => {
  withSeed(2, (random) => {
    const size = 2 * LARGEST;
    const chunks = new Chunks(size);
    for (let round = 0; round < 20; round++) {
      /** By 2 KiB, whether it is taken. */
      const map = new Uint8Array(size / (2 * KIB));
      const held: { at: number; bytes: number }[] = [];
      let taken = 0;
      const mark = (at: number, bytes: number, value: number) => {
        const places = map.subarray(at / (2 * KIB), (at + bytes) / (2 * KIB));
        assertEquals(places.length, bytes / (2 * KIB), "behind the end");
        assertEquals(places.every((is) => is === 1 - value), true, `${bytes} at ${at} overlap`);
        places.fill(value);
      };
      const give = () => {
        const i = random.below(held.length);
        const { at, bytes } = held[i]!;
        held[i] = held.at(-1)!;
        held.pop();
        mark(at, bytes, 0);
        taken -= bytes;
        chunks.give(at);
      };
      const mostly = random.pick([11, 15, 18, 24]);
      for (let step = 0; step < 2000; step++) {
        if (held.length > 0 && random.below(100) < 48) {
          give();
        } else {
          const wanted = 1 + random.below(2 ** random.pick([11, 12, 15, mostly, mostly]));
          const at = chunks.take(wanted);
          if (at < 0) {
            assertEquals(wanted > 2 * KIB, true, "no place, though the smallest is free");
            if (held.length > 0) give();
            continue;
          }
          const bytes = chunkSize(wanted);
          assertEquals(at % bytes, 0, "not aligned to its size");
          mark(at, bytes, 1);
          held.push({ at, bytes });
          taken += bytes;
        }
        assertEquals(chunks.taken, taken);
      }
      while (held.length > 0) give();
      const whole = [chunks.take(LARGEST), chunks.take(LARGEST)];
      assertEquals(whole.sort((a, b) => a - b), [0, LARGEST]);
      for (const at of whole) chunks.give(at);
    }
  });
});

Deno.test("the process's chunks are those of the packet memory", () => {
  const at = chunks.take(LARGEST);
  assertEquals(at + LARGEST <= memory.bytes.length, true);
  chunks.give(at);
});

Deno.test("a Room is a chunk until it is freed, once, and an array of its own where there is none", () => {
  const before = chunks.taken;
  const room = new Room(5000);
  assertEquals(room.bytes === memory.bytes, true);
  assertEquals(chunks.taken, before + 8 * KIB);
  room.free();
  room.free();
  assertEquals(chunks.taken, before);
  const large = new Room(LARGEST + 1);
  assertEquals([large.bytes.length, large.at], [LARGEST + 1, 0]);
  large.free();
  assertEquals(chunks.taken, before);
});

Deno.test("a Room that is forgotten is given back", async () => {
  const before = chunks.taken;
  for (let i = 0; i < 10; i++) new Room(4096);
  assertEquals(chunks.taken, before + 40 * KIB);
  for (let tries = 0; chunks.taken > before && tries < 100; tries++) {
    for (let i = 0; i < 10; i++) new Uint8Array(32 * MIB); // makes the collector run
    await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals(chunks.taken, before);
});
