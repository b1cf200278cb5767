/**
 * RACK's variables, point by point (RFC 8985 §6.2).
 */

import { assertEquals } from "@std/assert";
import { Rack } from "../../src/tcp/rack.ts";
import { Mark, Scoreboard } from "../../src/tcp/scoreboard.ts";
import { withSeed } from "../random.ts";

const MSS = 1000;

/** Segments of 1000 bytes from 0 on, sent at these times. */
function sentAt(...times: number[]): Scoreboard {
  const board = new Scoreboard();
  times.forEach((time, i) => {
    board.push(i * MSS, (i + 1) * MSS);
    board.stamp(i, time, 0, 0, 0, false);
  });
  return board;
}

/** One acknowledgement that delivers these records. */
function deliver(rack: Rack, board: Scoreboard, indices: number[], now: number): void {
  rack.begin(0);
  for (const i of indices) {
    rack.onDelivered(board, i, board.end(i), now, false);
    board.markSacked(i);
  }
}

function lost(board: Scoreboard): number[] {
  return Array.from({ length: board.count }, (_, i) => i)
    .filter((i) => (board.marks(i) & Mark.LOST) !== 0);
}

Deno.test("RACK keeps the least round trip of the last five minutes (RFC 8985 §6.2, step 1)", () => {
  const rack = new Rack();
  const cases: [rtt: number, now: number, want: number][] = [
    [50, 0, 50],
    [60, 1000, 50],
    [40, 2000, 40],
    [90, 302_000 - 1, 40],
    [90, 302_000, 90],
    [95, 302_001, 90],
  ];
  for (const [rtt, now, want] of cases) {
    rack.onRtt(rtt, now);
    assertEquals(rack.minRtt, want);
  }
});

Deno.test("[RFC8985-01] what was sent last of all that is delivered counts, the higher number where times are equal (RFC 8985 §6.2, step 2)", () => {
  const cases: [times: number[], delivered: number[], xmitAt: number, endSeq: number][] = [
    [[0, 10, 20], [1], 10, 2000],
    [[0, 10, 20], [2, 0], 20, 3000],
    [[0, 10, 20], [0, 2], 20, 3000],
    [[5, 5, 5], [1, 0], 5, 2000],
    [[30, 10, 20], [0, 1, 2], 30, 1000],
  ];
  for (const [times, delivered, wantAt, wantEnd] of cases) {
    const rack = new Rack();
    deliver(rack, sentAt(...times), delivered, 100);
    assertEquals([rack.xmitAt, rack.endSeq, rack.rtt], [wantAt, wantEnd, 100 - wantAt]);
  }
});

Deno.test("[RFC8985-01] a retransmission counts unless it was another sending that arrived (RFC 8985 §6.2, step 2)", () => {
  const cases: [age: number, byEarlier: boolean, counts: boolean][] = [
    [50, false, true],
    [49, false, false],
    [50, true, false],
    [400, true, false],
  ];
  for (const [age, byEarlier, counts] of cases) {
    const rack = new Rack();
    rack.onRtt(50, 0);
    const board = sentAt(1000 - age);
    board.markRepeated(0);
    rack.begin(0);
    rack.onDelivered(board, 0, board.end(0), 1000, byEarlier);
    assertEquals(rack.xmitAt === 1000 - age, counts, `${age} ${byEarlier}`);
  }
});

Deno.test("[RFC8985-02] reordering is an original below what was delivered before (RFC 8985 §6.2, step 3)", () => {
  const cases: [acks: number[][], repeated: number[], want: boolean][] = [
    [[[0], [1], [2]], [], false],
    [[[1], [0]], [], true],
    [[[2], [1]], [], true],
    // Within one acknowledgement there is no order
    [[[1, 0]], [], false],
    [[[2, 1, 0]], [], false],
    // What was sent again may be late by that
    [[[1], [0]], [0], false],
    [[[2], [0, 1]], [0], true],
  ];
  for (const [acks, repeated, want] of cases) {
    const rack = new Rack();
    const board = sentAt(0, 0, 0);
    for (const i of repeated) board.markRepeated(i);
    acks.forEach((indices, n) => deliver(rack, board, indices, 100 + n));
    assertEquals(rack.reorderingSeen, want, JSON.stringify(acks));
  }
});

Deno.test("[RFC8985-02] the reordering window is none, or a quarter of the least round trip, and no more than SRTT (RFC 8985 §6.2, step 4)", () => {
  const cases: [seen: boolean, sacked: number, inRecovery: boolean, srtt: number, want: number][] =
    [
      [false, 0, false, 100, 20],
      [false, 2, false, 100, 20],
      [false, 3, false, 100, 0],
      [false, 1, true, 100, 0],
      [true, 3, false, 100, 20],
      [true, 1, true, 100, 20],
      [true, 3, true, 15, 15],
    ];
  for (const [seen, sacked, inRecovery, srtt, want] of cases) {
    const rack = new Rack();
    rack.onRtt(80, 0);
    rack.reorderingSeen = seen;
    const board = sentAt(0, 0, 0, 0, 0);
    for (let i = 0; i < sacked; i++) board.markSacked(i);
    assertEquals(rack.reorderingWindow(board, MSS, srtt, inRecovery), want);
  }
});

Deno.test("[RFC8985-02] D-SACKs widen the window once a round trip, for sixteen recoveries without (RFC 8985 §6.2, step 4)", () => {
  const rack = new Rack();
  rack.onRtt(80, 0);
  rack.reorderingSeen = true;
  const board = sentAt(0);
  const window = () => rack.reorderingWindow(board, MSS, 1000, true) / 20;
  const cases: [una: number, nxt: number, want: number][] = [
    [1000, 5000, 2],
    [2000, 6000, 2],
    [4999, 9000, 2],
    [5000, 9000, 3],
    [8999, 9500, 3],
    [9000, 9900, 4],
  ];
  for (const [una, nxt, want] of cases) {
    rack.onDsack(una, nxt);
    assertEquals(window(), want, `SND.UNA ${una}`);
  }
  for (let i = 0; i < 15; i++) rack.onRecovered();
  assertEquals(window(), 4);
  rack.onRecovered();
  assertEquals(window(), 1);
});

Deno.test("[RFC8985-02] a round trip with a D-SACK is over when it is acknowledged, and stays so when numbers come round", () => {
  const rack = new Rack();
  rack.onRtt(80, 0);
  rack.reorderingSeen = true;
  const board = sentAt(0);
  const window = () => rack.reorderingWindow(board, MSS, 1000, true) / 20;
  rack.begin(1000);
  rack.onDsack(1000, 5000);
  rack.begin(4000);
  rack.onDsack(4000, 8000);
  assertEquals(window(), 2);
  for (const una of [5000, 2 ** 30, 2 ** 31, 2 ** 31 + 9000]) rack.begin(una);
  rack.onDsack(2 ** 31 + 9000, 2 ** 31 + 12_000);
  assertEquals(window(), 3);
});

Deno.test("[RFC8985-01] lost is what was sent before the newest that was delivered, once the time is over (RFC 8985 §6.2, step 5)", () => {
  const cases: [
    times: number[],
    delivered: number[],
    window: number,
    now: number,
    lost: number[],
    wait: number,
  ][] = [
    // The third took 100 ms
    [[0, 10, 20, 30], [2], 25, 120, [], 15],
    [[0, 10, 20, 30], [2], 25, 125, [0], 10],
    [[0, 10, 20, 30], [2], 25, 135, [0, 1], 0],
    [[0, 10, 20, 30], [2], 0, 120, [0, 1], 0],
    // Nothing was sent before the first
    [[0, 10, 20, 30], [0], 0, 500, [], 0],
    // Sent at the same time: by number
    [[10, 10, 10, 10], [2], 0, 110, [0, 1], 0],
    // The first was sent again after the third
    [[50, 10, 20, 30], [2], 0, 120, [1], 0],
  ];
  for (const [times, delivered, window, now, want, wait] of cases) {
    const rack = new Rack();
    const board = sentAt(...times);
    deliver(rack, board, delivered, times[delivered[0]!]! + 100);
    assertEquals(rack.detectLoss(board, window, now), wait);
    assertEquals(lost(board), want);
  }
});

Deno.test("[RFC8985-01] RACK marks what the RFC's own loop would mark, for any times and deliveries", () => {
  for (let run = 0; run < 300; run++) {
    withSeed(run, (random) => {
      const times = Array.from({ length: random.between(2, 20) }, () => random.below(50)).sort((
        a,
        b,
      ) => a - b);
      const board = sentAt(...times);
      const rack = new Rack();
      const delivered = times.map((_, i) => i).filter(() => random.chance(0.3));
      deliver(rack, board, delivered, 100);
      const window = random.below(30);
      const now = 100 + random.below(40);
      const newest = delivered.at(-1);
      const want = times.map((_, i) => i).filter((i) =>
        newest !== undefined && i < newest && !delivered.includes(i) &&
        times[i]! + (100 - times[newest]!) + window - now <= 0
      );
      rack.detectLoss(board, window, now);
      assertEquals(lost(board), want);
    });
  }
});
