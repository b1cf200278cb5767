import { assert, assertEquals } from "@std/assert";
import { FIRST_EPHEMERAL, pickPort } from "../../src/base/ports.ts";
import { withSeed } from "../random.ts";

const LAST = 65535;

Deno.test("pickPort() starts at a random dynamic port (RFC 6056 §3.3.1)", () => {
  withSeed(1, (random) => {
    const ports = Array.from({ length: 1000 }, () => pickPort(random, () => true));
    for (const port of ports) assert(port >= FIRST_EPHEMERAL && port <= LAST, `${port}`);
    // Drawn from 16384: hardly any comes twice, and both ends of the range come near.
    assert(new Set(ports).size > 900);
    assert(Math.min(...ports) < FIRST_EPHEMERAL + 200 && Math.max(...ports) > LAST - 200);
  });
});

Deno.test("pickPort() goes on to the next port that is free, around the end", () => {
  const startAt = (port: number) => ({ random: () => port - FIRST_EPHEMERAL });
  assertEquals(pickPort(startAt(50000), (port) => port > 50004), 50005);
  assertEquals(pickPort(startAt(LAST), (port) => port !== LAST), FIRST_EPHEMERAL);
});

Deno.test("pickPort() finds the only free port, and gives 0 when there is none", () => {
  withSeed(1, (random) => {
    assertEquals(pickPort(random, (port) => port === 60000), 60000);
    assertEquals(pickPort(random, () => false), 0);
  });
});
