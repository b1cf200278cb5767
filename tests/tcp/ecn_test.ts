/**
 * ECN's state, point by point (RFC 3168 §6.1).
 */

import { assertEquals } from "@std/assert";
import { Ecn } from "../../src/tcp/ecn.ts";
import { seqAdd } from "../../src/wire/seq.ts";

const NXT = 0xffff_fff0;

Deno.test("what was out when the window was reduced tells of the same congestion (RFC 3168 §6.1.2)", () => {
  const cases: [offset: number, settled: boolean][] = [
    [-1000, false],
    [-1, false],
    [0, true],
    [1, true],
  ];
  for (const [offset, settled] of cases) {
    const ecn = new Ecn();
    assertEquals(ecn.isSettled(seqAdd(NXT, offset)), true);
    ecn.onReduced(NXT);
    assertEquals(ecn.isSettled(seqAdd(NXT, offset)), settled);
  }
});

Deno.test("congestion counts again, however much has been acknowledged since the last: numbers come round", () => {
  for (const acknowledged of [1, 2 ** 30, 2 ** 31, 2 ** 31 + 1, 3 * 2 ** 30, 2 ** 32]) {
    const ecn = new Ecn();
    ecn.onReduced(NXT);
    ecn.onAcknowledged(NXT);
    assertEquals(ecn.isSettled(seqAdd(NXT, -1)), false);
    for (let done = 1; done < acknowledged; done = Math.min(2 * done, acknowledged)) {
      ecn.onAcknowledged(seqAdd(NXT, done));
    }
    ecn.onAcknowledged(seqAdd(NXT, acknowledged));
    assertEquals(ecn.isSettled(seqAdd(NXT, acknowledged - 1)), true, `${acknowledged}`);
  }
});
