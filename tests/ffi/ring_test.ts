import { assert, assertEquals } from "@std/assert";
import { PacketRing, RING_BUDGET, ringShape } from "../../ffi/ring.ts";
import { ReaderCounter, Status } from "../../ffi/thread_status.ts";
import { LINK_HEADROOM } from "../../src/wire/packet.ts";
import { atEveryStep, random, soon } from "./interleave.ts";

/** Puts in packet number `count`, whose length and bytes follow from its number. */
function put(ring: PacketRing, count: number): void {
  const length = 1 + Math.abs(count) % ring.shape.mtu;
  const at = ring.packetAt(count);
  ring.bytes.fill(count & 0xff, at, at + length);
  ring.setLength(count, length);
}

/** Checks that packet number `count` is as {@linkcode put} made it. */
function check(ring: PacketRing, count: number): void {
  const length = 1 + Math.abs(count) % ring.shape.mtu;
  assertEquals(ring.lengthOf(count), length);
  const at = ring.packetAt(count);
  assert(ring.bytes.subarray(at, at + length).every((byte) => byte === (count & 0xff)));
}

Deno.test("ringShape() makes as many slots as the budget has room for, a power of two", () => {
  const cases: [mtu: number, budget: number, slots: number][] = [
    [1500, RING_BUDGET, 1024],
    [65535, RING_BUDGET, 16],
    [68, RING_BUDGET, 16384],
    [65535, 1, 4],
    [1500, 1544 * 8, 8],
    [1500, 1544 * 8 - 1, 4],
  ];
  for (const [mtu, budget, slots] of cases) {
    assertEquals(
      ringShape(mtu, budget),
      { slots, mtu, headroom: LINK_HEADROOM },
      `${mtu} in ${budget}`,
    );
  }
});

Deno.test("a slot has headroom, is 8-aligned and longer than the longest packet", () => {
  for (const mtu of [68, 1500, 1501, 9000, 65535]) {
    const ring = new PacketRing({ slots: 4, mtu });
    assertEquals(ring.bytes.byteOffset % 8, 0);
    assertEquals(ring.slotSize % 8, 0);
    for (let count = 0; count < 4; count++) {
      const at = ring.packetAt(count);
      assertEquals(at % 8, 0);
      assertEquals(at, count * ring.slotSize + LINK_HEADROOM);
      assert(at + mtu + 1 <= (count + 1) * ring.slotSize);
    }
    assertEquals(ring.bytes.length, 4 * ring.slotSize);
  }
});

Deno.test("packets come out in order, whatever the batches, across every wrap", () => {
  // The second start makes the counts pass 2^31, the third 2^32.
  for (const start of [0, 0x7fff_ffff - 500, -500]) {
    const producer = new PacketRing({ slots: 16, mtu: 100 });
    const words = new Int32Array(producer.memory);
    words[0] = words[16] = start; // head and tail
    const consumer = new PacketRing(producer.shape, producer.memory);
    const next = random(start);
    let tail = producer.tail;
    let head = consumer.head;
    for (let turn = 0; turn < 2000; turn++) {
      const free = producer.free(tail);
      assertEquals(free, 16 - ((tail - head) | 0));
      const batch = Math.min(free, next(20));
      for (let i = 0; i < batch; i++) {
        put(producer, tail);
        tail = (tail + 1) | 0;
      }
      assertEquals(consumer.waiting(head), (tail - head - batch) | 0, "not before it is published");
      if (batch > 0) producer.publish(tail);
      const take = Math.min(consumer.waiting(head), next(20));
      for (let i = 0; i < take; i++) {
        check(consumer, head);
        head = (head + 1) | 0;
      }
      consumer.release(head);
      assertEquals(consumer.head, head);
    }
  }
});

/** Awaits what another thread would keep the event loop alive for. */
async function alone<T>(promise: Promise<T>): Promise<T> {
  const interval = setInterval(() => {}, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(interval);
  }
}

Deno.test("readable() resolves at once where packets wait, and once some are published", async () => {
  const ring = new PacketRing({ slots: 4, mtu: 100 });
  ring.setStatus(Status.RUNNING);
  let resolved = false;
  const readable = ring.readable().then(() => resolved = true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(resolved, false);
  put(ring, 0);
  ring.publish(1);
  await alone(readable);
  assertEquals(ring.counts.of(ReaderCounter.readerWakes), 1);
  await ring.readable();
  put(ring, 1);
  ring.publish(2);
  assertEquals(ring.counts.of(ReaderCounter.readerWakes), 1, "nobody sleeps, nobody is woken");
  assertEquals(ring.counts.of(ReaderCounter.readerBatches), 2);
});

Deno.test("readable() resolves for all who wait when the producer ends", async () => {
  for (const status of [Status.STOPPED, Status.FAILED, Status.DIED]) {
    const ring = new PacketRing({ slots: 4, mtu: 100 });
    ring.setStatus(Status.RUNNING);
    const all = Promise.all([ring.readable(), ring.leaves(Status.RUNNING), ring.readable()]);
    ring.setStatus(status, 77);
    await alone(all);
    assertEquals([ring.status, ring.errno], [status, 77]);
    await ring.readable();
  }
});

Deno.test("waitForRoom() does not wait for a producer that has to stop", () => {
  const ring = new PacketRing({ slots: 4, mtu: 100 });
  assertEquals(ring.waitForRoom(3), true);
  ring.requestStop();
  assertEquals(ring.waitForRoom(4), false);
  ring.pause(60_000);
});

Deno.test("a publication between any two steps of falling asleep wakes the consumer", async () => {
  const steps = await atEveryStep(async (interleaved) => {
    const ring = new PacketRing({ slots: 4, mtu: 100 });
    ring.setStatus(Status.RUNNING);
    let readable: Promise<void> | undefined;
    interleaved(() => readable = ring.readable(), () => ring.publish(1));
    await soon(readable!, "A wake-up was lost");
  });
  assert(steps >= 5);
});

Deno.test("a consumer that falls asleep between any two steps of a publication is woken", async () => {
  const steps = await atEveryStep(async (interleaved) => {
    const ring = new PacketRing({ slots: 4, mtu: 100 });
    ring.setStatus(Status.RUNNING);
    let readable: Promise<void> | undefined;
    interleaved(() => ring.publish(1), () => readable = ring.readable());
    await soon(readable!, "A wake-up was lost");
  });
  assert(steps >= 2);
});

Deno.test("room made, or a stop, between any two steps of waiting for it is noticed", async () => {
  for (const stop of [false, true]) {
    const steps = await atEveryStep((interleaved) => {
      const ring = new PacketRing({ slots: 4, mtu: 100 });
      ring.publish(4);
      interleaved(
        () => assertEquals(ring.waitForRoom(4), !stop),
        () => stop ? ring.requestStop() : ring.release(4),
      );
    });
    assert(steps >= 3);
  }
});

interface Stress {
  shape: { slots: number; mtu: number };
  packets: number;
  seed: number;
}

/** Runs a producer in a thread of its own, from the source of this module. */
function startProducer(memory: SharedArrayBuffer, stress: Stress): Worker {
  const worker = new Worker(new URL("./ring_producer.ts", import.meta.url), { type: "module" });
  worker.postMessage({ memory, ...stress });
  return worker;
}

Deno.test("no wake-up is lost between two threads, however their turns fall", async () => {
  // Few slots, so that each side has to wait for the other again and again.
  const cases: Stress[] = [
    { shape: { slots: 4, mtu: 64 }, packets: 30_000, seed: 1 },
    { shape: { slots: 64, mtu: 64 }, packets: 200_000, seed: 2 },
  ];
  let slept = 0;
  let waited = 0;
  for (const stress of cases) {
    const ring = new PacketRing(stress.shape);
    const worker = startProducer(ring.memory, stress);
    const next = random(stress.seed);
    let head = 0;
    let turns = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stuck = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Stuck at ${head}`)), 20_000);
    });
    try {
      await ring.leaves(Status.STARTING);
      while (head < stress.packets) {
        await Promise.race([ring.readable(), stuck]);
        const take = Math.min(ring.waiting(head), 1 + next(stress.shape.slots));
        for (let i = 0; i < take; i++) check(ring, head++);
        ring.release(head);
        // Now and then let the producer run into the full ring.
        if (++turns % 64 === 0) await new Promise((resolve) => setTimeout(resolve));
      }
      await Promise.race([ring.leaves(Status.RUNNING), stuck]);
      assertEquals(ring.waiting(head), 0);
      slept += ring.counts.of(ReaderCounter.readerWakes);
      waited += ring.counts.of(ReaderCounter.readerRingFull);
    } finally {
      clearTimeout(timer);
      worker.terminate();
    }
  }
  // How often depends on how the system shares out its processors.
  assert(slept > 0 && waited > 0);
});

Deno.test("a producer that waits on a full ring can be stopped", async () => {
  const stress = { shape: { slots: 4, mtu: 64 }, packets: 1000, seed: 3 };
  const ring = new PacketRing(stress.shape);
  const worker = startProducer(ring.memory, stress);
  try {
    await ring.leaves(Status.STARTING);
    await ring.readable();
    while (ring.counts.of(ReaderCounter.readerRingFull) === 0) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    ring.requestStop();
    await ring.leaves(Status.RUNNING);
    assertEquals(ring.status, Status.STOPPED);
    assertEquals(ring.waiting(ring.head), 4);
  } finally {
    worker.terminate();
  }
});
