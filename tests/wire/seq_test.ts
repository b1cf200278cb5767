import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from "../../src/wire/seq.ts";

Deno.test("seqDiff() orders numbers across the wrap", () => {
  const cases: [a: number, b: number, want: number][] = [
    [5, 3, 2],
    [3, 5, -2],
    [7, 7, 0],
    [2, 0xffff_fffe, 4],
    [0xffff_fffe, 2, -4],
    [0, 0xffff_ffff, 1],
    [0x7fff_ffff, 0, 0x7fff_ffff],
    [0x8000_0001, 0, -0x7fff_ffff],
  ];
  for (const [a, b, want] of cases) assertEquals(seqDiff(a, b), want, `${a} - ${b}`);
});

Deno.test("seqAdd() wraps at 2^32 in both directions", () => {
  const cases: [a: number, n: number, want: number][] = [
    [0xffff_ffff, 1, 0],
    [0xffff_fff0, 0x20, 0x10],
    [0x7fff_ffff, 1, 0x8000_0000],
    [0, -1, 0xffff_ffff],
  ];
  for (const [a, n, want] of cases) assertEquals(seqAdd(a, n), want, `${a} + ${n}`);
});

Deno.test("comparisons agree with the distance for numbers less than 2^31 apart", () => {
  fc.assert(fc.property(
    fc.nat({ max: 0xffff_ffff }),
    fc.integer({ min: -0x7fff_ffff, max: 0x7fff_ffff }),
    (b, distance) => {
      const a = seqAdd(b, distance);
      assertEquals(seqDiff(a, b), distance);
      assertEquals(
        [seqLt(a, b), seqLe(a, b), seqGt(a, b), seqGe(a, b)],
        [distance < 0, distance <= 0, distance > 0, distance >= 0],
      );
    },
  ));
});
