import { assert, assertEquals } from "@std/assert";
import { Pool } from "../../src/base/pool.ts";

Deno.test("Pool makes one where none was given back, and else takes that", () => {
  let made = 0;
  const pool = new Pool(8, () => ({ number: ++made }));
  const first = pool.take();
  const second = pool.take();
  assertEquals([first.number, second.number], [1, 2]);
  pool.give(first);
  assertEquals(pool.size, 1);
  assert(pool.take() === first);
  assertEquals([pool.take().number, pool.size], [3, 0]);
});

Deno.test("Pool keeps no more than it is told to", () => {
  const pool = new Pool(2, () => ({}));
  for (const one of [pool.take(), pool.take(), pool.take()]) pool.give(one);
  assertEquals(pool.size, 2);
});
