import { assert, assertEquals } from "@std/assert";
import { chunks } from "../../src/base/chunks.ts";
import { DatagramQueue } from "../../src/socket/datagram_queue.ts";
import { Random } from "../random.ts";
import { pattern } from "../stacks.ts";

const from = (port: number): Deno.NetAddr => ({ transport: "udp", hostname: "10.0.0.1", port });

function add(queue: DatagramQueue, bytes: Uint8Array, port = 7): boolean {
  if (!queue.hasRoom(bytes.length)) return false;
  queue.add(bytes, 0, bytes.length, from(port));
  return true;
}

Deno.test("datagrams come out as they went in, in order, each with where it came from", () => {
  const queue = new DatagramQueue();
  const random = new Random(1);
  const content = pattern(70_000);
  const want: [Uint8Array, number][] = [];
  for (let i = 0; i < 5000; i++) {
    if (random.chance(0.5)) {
      const at = random.below(1000);
      const bytes = content.subarray(at, at + random.below(random.chance(0.1) ? 65_508 : 1500));
      if (add(queue, bytes, i)) want.push([bytes, i]);
    } else {
      const [bytes, port] = want.shift() ?? [];
      const received = queue.take();
      assertEquals(received?.[0], bytes, `seed ${random.seed}, step ${i}`);
      assertEquals(received?.[1].port, port, `seed ${random.seed}, step ${i}`);
    }
  }
  for (const [bytes] of want) assertEquals(queue.take()![0], bytes);
  assertEquals(queue.take(), undefined);
});

Deno.test("a datagram fills as much of the given memory as it needs, and loses what has no room", () => {
  const queue = new DatagramQueue();
  const target = new Uint8Array(new SharedArrayBuffer(8)).subarray(2, 6);
  for (const length of [3, 4, 5, 0]) {
    add(queue, pattern(length));
    const [bytes] = queue.takeInto(target)!;
    assertEquals([...bytes], [...pattern(Math.min(length, 4))]);
    assert(bytes.buffer === target.buffer);
    assertEquals(bytes.byteOffset, 2);
  }
  assertEquals(queue.takeInto(target), undefined);
});

Deno.test("a queue holds 256 datagrams, and 4 MiB", () => {
  const small = new DatagramQueue();
  let count = 0;
  while (add(small, pattern(0))) count++;
  assertEquals(count, 256);
  const large = new DatagramQueue();
  count = 0;
  while (add(large, pattern(65_507))) count++;
  assertEquals(count, Math.floor(4 * 2 ** 20 / 65_507));
  large.clear();
  assert(add(large, pattern(65_507)));
  large.clear();
});

Deno.test("those of one sender are kept, in order", () => {
  const queue = new DatagramQueue();
  for (let i = 0; i < 10; i++) add(queue, Uint8Array.of(i), i % 3);
  queue.keepFrom(from(1));
  for (const i of [1, 4, 7]) assertEquals(queue.take(), [Uint8Array.of(i), from(1)]);
  assertEquals(queue.take(), undefined);
});

Deno.test("a queue has memory while something waits", () => {
  const before = chunks.taken;
  const queue = new DatagramQueue();
  add(queue, pattern(1000));
  add(queue, pattern(1000));
  assert(chunks.taken > before);
  queue.take();
  queue.take();
  assertEquals(chunks.taken, before);
  add(queue, pattern(1000));
  queue.clear();
  assertEquals(chunks.taken, before);
});
