import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { MAX_PROBES, Phase, Plpmtud, smallerThan } from "../../src/tcp/plpmtud.ts";

/** Probes until the search is over, on a path that carries `path`. Returns the sizes tried. */
function search(plpmtud: Plpmtud, path: number): number[] {
  const tried: number[] = [];
  for (let size = plpmtud.next(); size !== 0; size = plpmtud.next()) {
    tried.push(size);
    plpmtud.sent(0, size);
    assertEquals(plpmtud.next(), 0, "one probe at a time");
    if (size <= path) plpmtud.succeeded();
    else plpmtud.failed();
    assert(tried.length < 100, "the search ends");
  }
  assertEquals(plpmtud.phase, Phase.SEARCH_COMPLETE);
  return tried;
}

Deno.test("[RFC8899-01] what is settled on is not probed", () => {
  assertEquals(new Plpmtud(1500).next(), 0);
});

Deno.test("[RFC8899-01] a search tries the largest size first, and often needs no other", () => {
  const plpmtud = new Plpmtud(1200);
  plpmtud.raise(1500);
  assertEquals(plpmtud.phase, Phase.SEARCHING);
  assertEquals(search(plpmtud, 1500), [1500]);
  assertEquals(plpmtud.size, 1500);
});

Deno.test("[RFC8899-02] a search finds what the path carries to within 16 bytes, in few probes, and never settles above", () => {
  for (const most of [1280, 1500, 9000, 65535]) {
    for (let path = 1200; path < 1500; path++) {
      const plpmtud = new Plpmtud(1200);
      plpmtud.raise(most);
      const tried = search(plpmtud, path);
      assertLessOrEqual(plpmtud.size, Math.min(path, most));
      assertLessOrEqual(Math.min(path, most) - plpmtud.size, 15, `${path}`);
      assertLessOrEqual(tried.length, 3 * 14);
    }
  }
});

Deno.test("[RFC8899-02] where more than an Ethernet carries gets lost, an Ethernet's MTU is tried next", () => {
  const plpmtud = new Plpmtud(1200);
  plpmtud.raise(9000);
  assertEquals(search(plpmtud, 1500).slice(0, 4), [9000, 9000, 9000, 1500]);
  assertEquals(plpmtud.size, 1500);
});

Deno.test("[RFC8899-01] a size is taken for too large when it was lost three times in a row, not before", () => {
  const plpmtud = new Plpmtud(1200);
  plpmtud.raise(1500);
  for (let i = 0; i < MAX_PROBES; i++) {
    assertEquals(plpmtud.next(), 1500);
    plpmtud.sent(0, 1);
    plpmtud.failed();
  }
  assertEquals(plpmtud.next(), 1350);
  plpmtud.sent(0, 1);
  plpmtud.failed();
  assertEquals(plpmtud.next(), 1350);
  plpmtud.sent(0, 1);
  plpmtud.succeeded();
  assertEquals([plpmtud.size, plpmtud.next()], [1350, 1425]);
});

Deno.test("[RFC8899-03] a router's word holds as far as it tells less than what is sent or probed", () => {
  const cases: [what: string, mtu: number, size: number, most: number, next: number][] = [
    ["below the size", 1000, 1000, 1000, 0],
    ["between the size and the probe", 1400, 1200, 1400, 1400],
    ["at the size", 1200, 1200, 1200, 0],
  ];
  for (const [what, mtu, size, most, next] of cases) {
    const plpmtud = new Plpmtud(1200);
    plpmtud.raise(1500);
    plpmtud.sent(0, 1);
    plpmtud.tooBig(mtu);
    assertEquals([plpmtud.size, plpmtud.most, plpmtud.next()], [size, most, next], what);
    assertEquals(plpmtud.probed, 0, what);
  }
});

Deno.test("[RFC8899-02] large sizes are fallen back from to 1200, then 576; IPv6 never below 1280", () => {
  const cases: [length: number, family: 4 | 6, want: number][] = [
    [65535, 4, 1200],
    [1500, 4, 1200],
    [1201, 4, 1200],
    [1200, 4, 576],
    [577, 4, 576],
    [576, 4, 0],
    [100, 4, 0],
    [1500, 6, 1280],
    [1280, 6, 0],
  ];
  for (const [length, family, want] of cases) {
    assertEquals(smallerThan(length, family), want, `${length}`);
  }
});

Deno.test("[RFC8899-02] after a fall-back nothing is probed until the smaller size has got through", () => {
  const plpmtud = new Plpmtud(1500);
  plpmtud.fallBack(1200);
  assertEquals([plpmtud.phase, plpmtud.size, plpmtud.next()], [Phase.BASE, 1200, 0]);
  plpmtud.raise(1500);
  assertEquals([plpmtud.phase, plpmtud.next()], [Phase.SEARCHING, 1500]);
});
