/** The arithmetic of `deno task bench:live`. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { cell, digits, median, reached, speedRatio, table } from "../../bench/live/figures.ts";
import { type CpuProfile, selfTimes } from "../../bench/live/profile.ts";

Deno.test("median() is the value in the middle, by size, and leaves its argument as it is", () => {
  const cases: [values: number[], want: number][] = [
    [[], NaN],
    [[7], 7],
    [[10, 9, 100], 10],
    [[4, 1, 3, 100], 3.5],
  ];
  for (const [values, want] of cases) assertEquals(median(values), want);
  const values = [3, 1, 2];
  median(values);
  assertEquals(values, [3, 1, 2]);
});

Deno.test("digits() keeps a place behind the point below 10, and parts thousands", () => {
  const cases: [value: number, want: string][] = [
    [0.04, "0.0"],
    [9.87, "9.9"],
    [9.97, "10"],
    [10.4, "10"],
    [999.6, "1,000"],
    [1234567, "1,234,567"],
  ];
  for (const [value, want] of cases) assertEquals(digits(value), want);
});

Deno.test("cell() shows the spread of several values, and none of one", () => {
  assertEquals(cell([20, 3, 1000]), "20 (3.0–1,000)");
  assertEquals(cell([5]), "5.0");
});

Deno.test("speedRatio() is above 1 for the faster one: of rates the higher, of times the lower", () => {
  assertEquals(speedRatio([8, 10, 90], [5], false), 2);
  assertEquals(speedRatio([8, 10, 90], [5], true), 0.5);
});

Deno.test("reached() says what was to be reached, at least or at most, and whether it is", () => {
  assertEquals(reached(0.6, 0.5, false), "≥ 0.5: yes");
  assertEquals(reached(0.4, 0.5, false), "≥ 0.5: no");
  assertEquals(reached(24, 25, true), "≤ 25: yes");
  assertEquals(reached(26, 25, true), "≤ 25: no");
  assertEquals(reached(15_000, 15_000, false), "≥ 15,000: yes");
  assertEquals(reached(1, undefined, false), "");
});

Deno.test("table() is Markdown, a line for its head and for each row", () => {
  assertEquals(
    table(["a", "b"], [["1", "2"], ["", "3"]]),
    "| a | b |\n| --- | --- |\n| 1 | 2 |\n|  | 3 |\n",
  );
});

Deno.test("selfTimes() adds up samples by function, the busiest first, and counts idleness apart", () => {
  const node = (id: number, functionName: string, url: string) => ({
    id,
    callFrame: { functionName, url },
  });
  const profile: CpuProfile = {
    nodes: [
      node(1, "(idle)", ""),
      node(2, "parse", "file:///src/wire.ts"),
      node(3, "", "file:///src/wire.ts"),
      node(4, "parse", "file:///src/wire.ts"), // called from elsewhere
    ],
    samples: [1, 2, 3, 4],
    timeDeltas: [600, 200, 100, 100],
  };
  const { busy, shares } = selfTimes(profile, 1);
  assertEquals(shares, [{ name: "parse wire.ts", share: 0.75 }]);
  assertAlmostEquals(busy, 0.4);
});
