import { assert, assertEquals } from "@std/assert";
import { FIRST_EPHEMERAL, pickPort, PortSet } from "../../src/base/ports.ts";
import { withSeed } from "../random.ts";

const LAST = 65535;
const COUNT = LAST - FIRST_EPHEMERAL + 1;

Deno.test("[RFC6056-01] pickPort() starts at a random dynamic port (RFC 6056 §3.3.1)", () => {
  withSeed(1, (random) => {
    const ports = Array.from({ length: 1000 }, () => pickPort(random, () => true));
    for (const port of ports) assert(port >= FIRST_EPHEMERAL && port <= LAST, `${port}`);
    // Drawn from 16384: hardly any comes twice, and both ends of the range come near.
    assert(new Set(ports).size > 900);
    assert(Math.min(...ports) < FIRST_EPHEMERAL + 200 && Math.max(...ports) > LAST - 200);
  });
});

Deno.test("[RFC6056-01] with half of the ports in use in one row, no free one is likelier than others", () => {
  withSeed(2, (random) => {
    const inUse = (port: number) => port < FIRST_EPHEMERAL + COUNT / 2;
    const counts = new Map<number, number>();
    for (let i = 0; i < 20_000; i++) {
      const port = pickPort(random, (candidate) => !inUse(candidate));
      assert(!inUse(port));
      counts.set(port, (counts.get(port) ?? 0) + 1);
    }
    assert(Math.max(...counts.values()) < 20, `${Math.max(...counts.values())}`);
    assert(counts.size > 6000, `${counts.size}`);
  });
});

Deno.test("pickPort() comes by each port once, whatever is drawn", () => {
  for (const drawn of [0, 1, 0x3fff, 0x4000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    const tried: number[] = [];
    pickPort({ random: () => drawn }, (port) => (tried.push(port), false));
    assertEquals(tried.length, COUNT);
    assertEquals(new Set(tried).size, COUNT);
    assertEquals([Math.min(...tried), Math.max(...tried)], [FIRST_EPHEMERAL, LAST]);
  }
});

Deno.test("pickPort() finds the only free port, and gives 0 when there is none", () => {
  withSeed(1, (random) => {
    assertEquals(pickPort(random, (port) => port === 60000), 60000);
    assertEquals(pickPort(random, () => false), 0);
  });
});

Deno.test("PortSet holds ephemeral ports, each by itself", () => {
  const set = new PortSet();
  const added = [0, 80, FIRST_EPHEMERAL - 1, FIRST_EPHEMERAL, 50_000, 50_007, LAST];
  for (const port of added) set.add(port);
  for (let port = FIRST_EPHEMERAL; port <= LAST; port++) {
    assertEquals(set.has(port), added.includes(port), `${port}`);
  }
});
