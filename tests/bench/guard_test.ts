/** What `deno task bench:guard` takes for lost. */

import { assertEquals, assertRejects } from "@std/assert";
import { compare, isLost } from "../../bench/live/guard.ts";
import type { Measure, Side } from "../../bench/live/measures.ts";

/** A side that gives these values one after another, and fails where there is none any more. */
function side(...values: number[]): Side {
  return {
    name: "side",
    run: () => {
      const value = values.shift();
      return value === undefined ? Promise.reject(new Error("No more")) : Promise.resolve([value]);
    },
  };
}

const measure = (ours: Side, beside: Side): Measure => ({
  name: "rate",
  figures: [{ name: "rate", unit: "1/s" }],
  sides: [ours, beside],
});

Deno.test("less than half of the recorded ratio is lost, and half of it is not", () => {
  assertEquals([0.49, 0.5, 2].map((ratio) => isLost(ratio, 1)), [true, false, false]);
});

Deno.test("the best of three runs of each side counts, after one in which ours warms up", async () => {
  const ours = side(99, 1, 6, 2);
  assertEquals((await compare(measure(ours, side(12, 3, 8)), 0.5)).ratio, 0.5);
});

Deno.test("what seems to be lost, or fails, is measured again, twice at most", async () => {
  const slow = [0, 1, 1, 1];
  const fast = [0, 9, 9, 9];
  const beside = () => side(...Array.from({ length: 9 }, () => 10));
  const recorded = 0.9;
  const ratio = async (...runs: number[][]) =>
    (await compare(measure(side(...runs.flat()), beside()), recorded)).ratio;
  assertEquals(await ratio(slow, slow, fast), 0.9);
  assertEquals(await ratio(slow, slow, slow, fast), 0.1);
  const failing = () => {
    let runs = 0;
    const { run } = side(...fast);
    return { name: "side", run: () => runs++ < 2 ? Promise.reject(new Error("Lost")) : run() };
  };
  assertEquals((await compare(measure(failing(), beside()), recorded)).ratio, 0.9);
  await assertRejects(() => compare(measure(side(), beside()), recorded), Error, "No more");
});
