import { assert, assertEquals } from "@std/assert";
import { Deadlines, type Timed } from "../../src/base/deadlines.ts";
import { withSeed } from "../random.ts";

class Item implements Timed {
  deadline = Infinity;
  heapIndex = -1;
  constructor(readonly name: string) {}
}

function itemsOf(heap: Deadlines<Item>, ...deadlines: number[]): Item[] {
  return deadlines.map((deadline, i) => {
    const item = new Item(`item ${i}`);
    item.deadline = deadline;
    heap.update(item);
    return item;
  });
}

Deno.test("Deadlines gives out what is due, the earliest first", () => {
  const heap = new Deadlines<Item>();
  itemsOf(heap, 30, 10, 20);
  assertEquals(heap.next(), 10);
  assertEquals(heap.due(9), undefined);
  assertEquals(heap.due(25)?.deadline, 10);
  assertEquals(heap.due(25)?.deadline, 20);
  assertEquals(heap.due(25), undefined);
  assertEquals(heap.next(), 30);
});

Deno.test("Deadlines has nothing next when it is empty, or when all deadlines are taken off", () => {
  const heap = new Deadlines<Item>();
  assertEquals(heap.next(), Infinity);
  const [item] = itemsOf(heap, 10);
  item!.deadline = Infinity;
  heap.update(item!);
  assertEquals(heap.next(), Infinity);
  assertEquals(heap.size, 0);
  assertEquals(heap.due(100), undefined);
});

Deno.test("Deadlines follows a deadline that moves to an earlier or a later time", () => {
  const heap = new Deadlines<Item>();
  const [a, b] = itemsOf(heap, 10, 20);
  a!.deadline = 30;
  heap.update(a!);
  assertEquals(heap.next(), 20);
  b!.deadline = 5;
  heap.update(b!);
  assertEquals(heap.due(50), b);
  assertEquals(heap.due(50), a);
});

Deno.test("Deadlines takes out what is removed, once or twice", () => {
  const heap = new Deadlines<Item>();
  const [a, b] = itemsOf(heap, 10, 20);
  heap.remove(a!);
  heap.remove(a!);
  assertEquals(heap.due(50), b);
  assertEquals(heap.size, 0);
});

Deno.test("Deadlines agrees with a sorted list, for any sequence of calls", () => {
  withSeed(1, (random) => {
    for (let round = 0; round < 100; round++) {
      const heap = new Deadlines<Item>();
      const items = Array.from({ length: 30 }, (_, i) => new Item(`item ${i}`));
      let now = 0;
      for (let step = 0; step < 300; step++) {
        const item = random.pick(items);
        switch (random.below(5)) {
          case 0:
            heap.remove(item);
            item.deadline = Infinity;
            break;
          case 1:
            now += random.below(20);
            for (;;) {
              const earliest = Math.min(...items.map(({ deadline }) => deadline));
              const due = heap.due(now);
              assertEquals(due?.deadline, earliest <= now ? earliest : undefined);
              if (due === undefined) break;
              due.deadline = Infinity;
            }
            break;
          default:
            item.deadline = random.chance(0.2) ? Infinity : now + random.below(100);
            heap.update(item);
        }
        assertEquals(heap.next(), Math.min(...items.map(({ deadline }) => deadline)));
      }
    }
  });
});

/** An item that counts how often it, or another, is put into a place. */
class Counting implements Timed {
  static moves = 0;
  deadline = Infinity;
  #index = -1;

  get heapIndex(): number {
    return this.#index;
  }

  set heapIndex(index: number) {
    Counting.moves++;
    this.#index = index;
  }
}

Deno.test("Deadlines moves a dozen items at most when one of 100,000 moves, and none when it is pushed back", () => {
  withSeed(1, (random) => {
    const heap = new Deadlines<Counting>();
    const items = Array.from({ length: 100_000 }, () => new Counting());
    const moves = (call: () => void) => {
      Counting.moves = 0;
      call();
      return Counting.moves;
    };
    const set = (item: Counting, deadline: number) => {
      item.deadline = deadline;
      return moves(() => heap.update(item));
    };
    const bound = 2 + Math.ceil(Math.log(items.length) / Math.log(4));
    for (const item of items) assert(set(item, 7200 + random.below(7200)) <= bound);
    for (let i = 0; i < 1000; i++) {
      const item = random.pick(items);
      assert(set(item, i) <= bound, "a segment is sent");
      assertEquals(heap.next(), i);
      assertEquals(set(item, 20_000 + i), 0, "it is acknowledged");
      assert(moves(() => heap.next()) <= bound);
      assert(moves(() => heap.remove(item)) <= bound, "closed");
      assert(set(item, 20_000 + i) <= bound, "opened");
    }
  });
});
