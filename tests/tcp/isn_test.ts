import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { IsnGenerator } from "../../src/tcp/isn.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { PEER, STACK } from "../packets.ts";
import { Random } from "../random.ts";

const V6 = IpAddress.parse("2001:db8::1");

Deno.test("[MUST-8] an ISN moves by one every 4 microseconds, and wraps (RFC 9293 §3.4.1)", () => {
  const isn = new IsnGenerator(new Random(1));
  const at = (now: number) => isn.next(STACK, 80, PEER, 40000, now);
  const first = at(0);
  const cases: [now: number, ticks: number][] = [
    [0.004, 1],
    [1, 250],
    [1000, 250_000],
    [1_800_000_000_000, (1_800_000_000_000 * 250) % 2 ** 32],
    [2 ** 32 / 250, 0],
  ];
  for (const [now, ticks] of cases) assertEquals((at(now) - first) >>> 0, ticks, `at ${now}`);
});

Deno.test("[SHLD-1] [RFC6528-01] an ISN depends on each address and port (RFC 6528 §3)", () => {
  const isn = new IsnGenerator(new Random(1));
  const numbers = [
    isn.next(STACK, 80, PEER, 40000, 5),
    isn.next(STACK, 81, PEER, 40000, 5),
    isn.next(STACK, 80, PEER, 40001, 5),
    isn.next(PEER, 80, PEER, 40000, 5),
    isn.next(STACK, 80, STACK, 40000, 5),
    isn.next(PEER, 40000, STACK, 80, 5),
    isn.next(V6, 80, PEER, 40000, 5),
  ];
  assertEquals(new Set(numbers).size, numbers.length);
  assertEquals(isn.next(STACK, 80, PEER, 40000, 5), numbers[0], "the same again");
});

Deno.test("[MUST-9] an ISN depends on a secret of 128 bits that is drawn once (RFC 6528 §3)", () => {
  const next = (words: number[]) => {
    let draws = 0;
    const isn = new IsnGenerator({ random: () => words[draws++]! });
    const number = isn.next(STACK, 80, PEER, 40000, 5);
    assertEquals(draws, 4);
    return number;
  };
  const secret = [1, 2, 3, 4];
  for (let word = 0; word < 4; word++) {
    assertNotEquals(next(secret), next(secret.with(word, 99)));
  }
});

Deno.test("ISNs of neighbouring ports are spread over all of the space", () => {
  const isn = new IsnGenerator(new Random(1));
  const quarters = [0, 0, 0, 0];
  for (let port = 1; port <= 4000; port++) {
    quarters[isn.next(STACK, port, PEER, 40000, 5) >>> 30]!++;
  }
  for (const count of quarters) assert(count > 850 && count < 1150, quarters.join());
});
