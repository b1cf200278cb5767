import { assertEquals } from "@std/assert";
import { MAX_TURNS, Patience } from "../../src/host/patience.ts";

/** How many turns in vain it takes until a sleep. */
function turns(patience: Patience): number {
  let count = 0;
  while (patience.goesOn(false)) count++;
  return count;
}

Deno.test("turns in vain are bounded, and fewer after each long sleep, down to none", () => {
  const patience = new Patience();
  const counts = [];
  for (let i = 0; i < 7; i++) {
    counts.push(turns(patience));
    patience.slept(5);
  }
  assertEquals(counts, [MAX_TURNS, 10, 5, 2, 1, 0, 0]);
});

Deno.test("a short sleep, or a turn that found something, makes for all turns again", () => {
  for (
    const renew of [
      (patience: Patience) => patience.slept(0.05),
      (patience: Patience) => {
        patience.goesOn(false);
        patience.goesOn(true);
      },
    ]
  ) {
    const patience = new Patience();
    for (let i = 0; i < 3; i++) patience.slept(5);
    renew(patience);
    assertEquals(turns(patience), MAX_TURNS);
  }
});

Deno.test("packets that a sleep was ended by do not tell that turns would have found them", () => {
  const patience = new Patience();
  for (let i = 0; i < 5; i++) {
    patience.slept(5);
    patience.goesOn(true);
  }
  assertEquals(turns(patience), 0);
});
