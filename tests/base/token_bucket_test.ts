import { assertEquals } from "@std/assert";
import { TokenBucket } from "../../src/base/token_bucket.ts";

Deno.test("TokenBucket allows so many at once, then so many a second, and saves up no more than that", () => {
  const bucket = new TokenBucket(2, 3);
  const cases: [now: number, tries: number, want: number][] = [
    [1000, 5, 3],
    [1499, 1, 0],
    [1500, 2, 1],
    [2500, 9, 2],
    [1_000_000, 9, 3],
  ];
  for (const [now, tries, want] of cases) {
    let taken = 0;
    for (let i = 0; i < tries; i++) if (bucket.take(now)) taken++;
    assertEquals(taken, want, `at ${now}`);
  }
});

Deno.test("TokenBucket with no rate allows none, and with an infinite one all", () => {
  const none = new TokenBucket(0, 10);
  const all = new TokenBucket(Infinity, 1);
  for (let i = 0; i < 100; i++) assertEquals([none.take(i * 1e6), all.take(0)], [false, true]);
});
