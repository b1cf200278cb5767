import { assert, assertEquals } from "@std/assert";
import { Assembler } from "../../src/base/assembler.ts";
import { seqAdd } from "../../src/wire/seq.ts";
import { withSeed } from "../random.ts";

type Range = [start: number, end: number];

const MAX_RANGES = 2048;

function ranges(assembler: Assembler): Range[] {
  return Array.from({ length: assembler.count }, (_, i) => [assembler.start(i), assembler.end(i)]);
}

Deno.test("Assembler keeps ranges in order, and joins what touches or overlaps", () => {
  const cases: [added: Range[], kept: Range[]][] = [
    [[[10, 20]], [[10, 20]]],
    [[[30, 40], [10, 20]], [[10, 20], [30, 40]]],
    [[[10, 20], [20, 30]], [[10, 30]]],
    [[[20, 30], [10, 20]], [[10, 30]]],
    [[[10, 20], [15, 30]], [[10, 30]]],
    [[[10, 20], [5, 15]], [[5, 20]]],
    [[[10, 20], [12, 18]], [[10, 20]]],
    [[[12, 18], [10, 20]], [[10, 20]]],
    [[[10, 20], [30, 40], [50, 60], [20, 50]], [[10, 60]]],
    [[[10, 20], [30, 40], [50, 60], [15, 35]], [[10, 40], [50, 60]]],
    [[[10, 20], [30, 40], [50, 60], [0, 100]], [[0, 100]]],
    [[[10, 20], [10, 20]], [[10, 20]]],
  ];
  for (const [added, kept] of cases) {
    const assembler = new Assembler();
    for (const [start, end] of added) assert(assembler.add(start, end));
    assertEquals(ranges(assembler), kept);
  }
});

Deno.test("Assembler takes what is complete from a number on, and drops what lies before it", () => {
  const cases: [kept: Range[], next: number, end: number, left: Range[]][] = [
    [[], 10, 10, []],
    [[[20, 30]], 10, 10, [[20, 30]]],
    [[[20, 30]], 20, 30, []],
    [[[20, 30]], 25, 30, []],
    [[[20, 30]], 30, 30, []],
    [[[20, 30]], 40, 40, []],
    [[[20, 30], [40, 50]], 20, 30, [[40, 50]]],
    [[[20, 30], [40, 50]], 45, 50, []],
  ];
  for (const [kept, next, end, left] of cases) {
    const assembler = new Assembler();
    for (const range of kept) assembler.add(...range);
    assertEquals(assembler.take(next), end);
    assertEquals(ranges(assembler), left);
  }
});

Deno.test("Assembler works across the wrap of sequence numbers", () => {
  const assembler = new Assembler();
  assembler.add(5, 10);
  assembler.add(0xffff_fff0, 0xffff_fff8);
  assertEquals(ranges(assembler), [[0xffff_fff0, 0xffff_fff8], [5, 10]]);
  assembler.add(0xffff_fff8, 5);
  assertEquals(ranges(assembler), [[0xffff_fff0, 10]]);
  assertEquals(assembler.take(0xffff_fff0), 10);
});

Deno.test("Assembler refuses one range too many, but still joins", () => {
  const assembler = new Assembler();
  for (let i = 0; i < MAX_RANGES; i++) assert(assembler.add(i * 10, i * 10 + 5));
  assert(!assembler.add(100_000, 100_005));
  assertEquals(assembler.count, MAX_RANGES);
  assert(assembler.add(5, 10));
  assertEquals(assembler.count, MAX_RANGES - 1);
  assert(assembler.add(100_000, 100_005));
});

Deno.test("Assembler finds the first range that ends at a number or behind it", () => {
  const assembler = new Assembler();
  assertEquals(assembler.find(5), 0);
  for (const start of [0xffff_fff0, 10, 30]) assembler.add(start, (start + 5) >>> 0);
  const cases: [seq: number, index: number][] = [
    [0xffff_ffe0, 0],
    [0xffff_fff5, 0],
    [0xffff_fff6, 1],
    [15, 1],
    [16, 2],
    [35, 2],
    [36, 3],
  ];
  for (const [seq, index] of cases) assertEquals(assembler.find(seq), index, `${seq}`);
});

Deno.test("Assembler forgets everything when cleared", () => {
  const assembler = new Assembler();
  assembler.add(1, 2);
  assembler.clear();
  assertEquals(assembler.count, 0);
  assertEquals(assembler.take(1), 1);
});

Deno.test("Assembler agrees with a set of numbers, wherever in sequence space", () => {
  withSeed(1, (random) => {
    for (let round = 0; round < 300; round++) {
      const base = random.pick([0, 0x7fff_ffc0, 0xffff_ffc0, random.random()]);
      const assembler = new Assembler();
      const model = new Set<number>();
      let next = 0;
      for (let step = 0; step < 40; step++) {
        if (random.chance(0.8)) {
          const start = random.between(next, 120);
          const end = random.between(start + 1, 130);
          assert(assembler.add(seqAdd(base, start), seqAdd(base, end)));
          for (let i = start; i < end; i++) model.add(i);
        } else {
          if (random.chance(0.5)) next = Math.min(next + random.below(20), 120);
          while (model.has(next)) next++;
          const end = assembler.take(seqAdd(base, next));
          assertEquals((end - base) >>> 0, next);
          for (const i of model) if (i < next) model.delete(i);
        }
        assertEquals(
          ranges(assembler).map(([start, end]) => [(start - base) >>> 0, (end - base) >>> 0]),
          rangesOf(model),
        );
      }
    }
  });
});

function rangesOf(numbers: Set<number>): Range[] {
  const list: Range[] = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = list.at(-1);
    if (last !== undefined && last[1] === n) last[1] = n + 1;
    else list.push([n, n + 1]);
  }
  return list;
}
