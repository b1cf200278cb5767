import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { AckSample } from "../../src/tcp/congestion/congestion.ts";
import { Cubic } from "../../src/tcp/congestion/cubic.ts";
import { withSeed } from "../random.ts";

const MSS = 1000;
const C = 0.4;
const BETA = 0.7;
const ALPHA = 3 * (1 - BETA) / (1 + BETA);

/** Seconds until a window of `from` segments is back at `wMax` (RFC 9438 §4.2, figure 2). */
function timeBack(wMax: number, from: number): number {
  return Math.cbrt((wMax - from) / C);
}

/** W_cubic in segments, `t` seconds into the epoch (§4.2, figure 1). */
function cubicWindow(t: number, wMax: number, from: number): number {
  return C * (t - timeBack(wMax, from)) ** 3 + wMax;
}

/** Drives a control with acknowledgements in virtual time. Windows in segments here. */
class Path {
  now = 0;
  readonly control = new Cubic();
  readonly #sample = new AckSample();

  constructor(readonly rtt: number, readonly mss = MSS, synWasLost = false) {
    this.control.start(mss, synWasLost, 0);
    this.#sample.srtt = this.#sample.rtt = rtt;
  }

  get cwnd(): number {
    return this.control.cwnd / this.mss;
  }

  get ssthresh(): number {
    return this.control.ssthresh / this.mss;
  }

  /** An acknowledgement of so many segments; the window is the limit unless said otherwise. */
  ack(segments = 1, change: Partial<AckSample> = {}): this {
    const sample = Object.assign(this.#sample, {
      now: this.now,
      acked: segments * this.mss,
      flight: this.control.cwnd,
      windowLimited: true,
      inRecovery: false,
      ...change,
    });
    this.control.onAck(sample);
    return this;
  }

  /** Acknowledges a window within each round trip, one segment at a time, up to the time `until`. */
  run(until: number, change: Partial<AckSample> = {}): this {
    while (this.now < until) {
      const count = Math.max(1, Math.floor(this.cwnd));
      const from = this.now;
      for (let i = 1; i <= count; i++) {
        this.now = Math.min(from + this.rtt * i / count, until);
        this.ack(1, change);
        if (this.now >= until) return this;
      }
    }
    return this;
  }

  /** Fast recovery from a loss with a full window in flight, the end of it included. */
  lose(flight = this.control.cwnd): this {
    this.control.onLoss(flight, this.now);
    this.control.onRecovered(this.now);
    return this;
  }
}

/** A control that has lost a segment with a window of `wMax` segments, and is at 0.7 of it. */
function afterLoss(wMax: number, rtt: number, mss = MSS): Path {
  const path = new Path(rtt, mss);
  path.control.cwnd = wMax * mss;
  return path.lose();
}

Deno.test("[RFC9438-01] an acknowledgement moves the window by its part of the way to W_cubic(t + RTT) (RFC 9438 §4.2, §4.4)", () => {
  const cases: [wMax: number, rtt: number, acked: number][] = [
    [100, 100, 1],
    [100, 100, 2],
    [1000, 50, 1],
    [1000, 200, 30],
    [20_000, 100, 2],
  ];
  for (const [wMax, rtt, acked] of cases) {
    const path = afterLoss(wMax, rtt);
    const from = path.cwnd;
    assertAlmostEquals(from, BETA * wMax, 0.001);
    path.ack(0); // the epoch begins
    for (const t of [0.3, 0.5, 1]) {
      path.now = 1000 * t;
      const before = path.cwnd;
      path.ack(acked);
      const target = cubicWindow(t + rtt / 1000, wMax, from);
      assertAlmostEquals(path.cwnd, before + (target - before) * acked / before, 0.002);
    }
  }
});

Deno.test("[RFC9438-01] the window follows W_cubic: concave up to W_max at K, convex behind it (RFC 9438 §4.4, §4.5)", () => {
  const rtt = 100;
  const wMax = 400;
  const path = afterLoss(wMax, rtt);
  const from = path.cwnd;
  const k = timeBack(wMax, from);
  assertAlmostEquals(k, 6.694, 0.001);
  for (const part of [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2]) {
    path.run(part * k * 1000);
    assertAlmostEquals(path.cwnd, cubicWindow(part * k, wMax, from), 0.015 * path.cwnd);
  }
});

Deno.test("[RFC9438-01] the target is at most one and a half windows (RFC 9438 §4.2)", () => {
  const path = afterLoss(100, 100);
  path.ack(1);
  const from = path.cwnd;
  path.now = 60_000;
  path.ack(1);
  assertAlmostEquals(path.cwnd, from + 0.5, 0.002);
  // However much one acknowledgement covers, the window is not beyond the target at once.
  const before = path.cwnd;
  path.ack(10 * before);
  assertAlmostEquals(path.cwnd, 1.5 * before, 0.002);
});

Deno.test("[RFC9438-01] the window never falls in congestion avoidance, whatever is acknowledged when", () => {
  withSeed(1, (random) => {
    for (let run = 0; run < 50; run++) {
      const path = afterLoss(random.between(3, 500), random.between(1, 300));
      for (let i = 0; i < 500; i++) {
        path.now += random.below(200);
        const before = path.cwnd;
        const acked = random.between(1, 20);
        path.ack(acked, { windowLimited: random.chance(0.8), flight: random.below(2) });
        assert(path.cwnd >= before, `${before} to ${path.cwnd}`);
        assert(
          path.cwnd <= before + 0.5 * acked + acked / before + 1,
          `${before} to ${path.cwnd}, ${acked}`,
        );
        assertEquals(path.control.cwnd % 1, 0);
      }
    }
  });
});

Deno.test("[RFC9438-01] time in which the application was the limit does not count (RFC 9438 §4.2, §5.8)", () => {
  for (const idle of [10, 1000, 100_000]) {
    const path = afterLoss(400, 100).run(3000);
    const other = afterLoss(400, 100).run(3000);
    const { cwnd } = path;
    path.run(path.now + idle, { windowLimited: false });
    assertEquals(path.cwnd, cwnd);
    path.run(path.now + 3000);
    other.run(other.now + 3000);
    assertAlmostEquals(path.cwnd, other.cwnd, 0.01 * other.cwnd);
  }
});

Deno.test("[RFC9438-01] time in which nothing was in flight does not count (RFC 9438 §5.8)", () => {
  const path = afterLoss(400, 100).run(3000);
  const other = afterLoss(400, 100).run(3000);
  path.ack(1, { flight: 0 });
  other.ack(1);
  // A pause of 50 s; what is sent then is acknowledged a round trip later.
  path.now += 50_100;
  other.now += 100;
  path.ack();
  other.ack();
  assertAlmostEquals(path.cwnd, other.cwnd, 0.01);
});

Deno.test("[RFC9438-02] on short paths the window grows as Reno's would: α a round trip, 1 from cwnd_prior on (RFC 9438 §4.3)", () => {
  const rtt = 1;
  const path = afterLoss(100, rtt);
  path.run(rtt * 20);
  assertAlmostEquals(path.cwnd, 70 + ALPHA * 20, 0.5);
  path.run(rtt * 30 / ALPHA);
  assertAlmostEquals(path.cwnd, 100, 0.8);
  const { cwnd, now } = path;
  path.run(now + 20 * rtt);
  assertAlmostEquals(path.cwnd, cwnd + 20, 1);
});

Deno.test("[RFC9438-02] the window is never below Reno's estimate (RFC 9438 §4.3)", () => {
  for (const rtt of [1, 5, 20, 100]) {
    for (const wMax of [4, 20, 200]) {
      const path = afterLoss(wMax, rtt);
      let estimate = path.cwnd;
      for (let i = 0; i < 2000; i++) {
        estimate += (estimate >= wMax ? 1 : ALPHA) / path.cwnd;
        path.now += rtt / path.cwnd;
        path.ack();
        assert(path.cwnd > estimate - 0.002, `${path.cwnd}, not ${estimate}`);
      }
    }
  }
});

Deno.test("[RFC9438-03] a loss leaves 0.7 of what is in flight, two segments at least (RFC 9438 §4.6)", () => {
  const cases: [flight: number, left: number][] = [[100_000, 70_000], [15_000, 10_500], [
    2000,
    2000,
  ], [1, 2000]];
  for (const [flight, left] of cases) {
    const path = new Path(100);
    path.control.cwnd = Math.max(flight, 1000);
    path.lose(flight);
    assertEquals([path.control.cwnd, path.control.ssthresh], [left, left]);
  }
});

Deno.test("[RFC9438-04] a second loss below W_max has the window aim lower, to leave room for new flows (RFC 9438 §4.7)", () => {
  const rtt = 100;
  const path = afterLoss(400, rtt).run(2000);
  const atLoss = path.cwnd;
  assertLess(atLoss, 400);
  path.lose();
  const from = path.cwnd;
  assertAlmostEquals(from, BETA * atLoss, 0.001);
  path.ack(0);
  path.now += 300;
  path.ack();
  const target = cubicWindow(0.3 + rtt / 1000, atLoss * (1 + BETA) / 2, from);
  assertAlmostEquals(path.cwnd, from + (target - from) / from, 0.002);
});

Deno.test("[RFC9438-04] a loss above W_max makes that window the new W_max (RFC 9438 §4.7)", () => {
  const rtt = 100;
  const path = afterLoss(100, rtt).run(7000);
  const atLoss = path.cwnd;
  assert(atLoss > 100);
  path.lose();
  const from = path.cwnd;
  path.ack(0);
  path.now += 300;
  path.ack();
  const target = cubicWindow(0.3 + rtt / 1000, atLoss, from);
  assertAlmostEquals(path.cwnd, from + (target - from) / from, 0.002);
});

Deno.test("[RFC9438-05] a timeout leaves one segment and a threshold of 0.7 of what was in flight (RFC 9438 §4.8)", () => {
  const path = new Path(100);
  path.control.cwnd = 100 * MSS;
  path.control.onTimeout(80 * MSS, 0, true);
  assertEquals([path.cwnd, path.ssthresh], [1, 56]);
  // A second one in a row changes the threshold no more (RFC 5681 §3.1).
  path.control.onTimeout(MSS, 0, false);
  assertEquals([path.cwnd, path.ssthresh], [1, 56]);
});

Deno.test("[RFC9438-05] after a timeout K is 0 and W_max the window at which slow start ends (RFC 9438 §4.8)", () => {
  const rtt = 100;
  const path = new Path(rtt);
  path.control.cwnd = 1000 * MSS;
  path.control.onTimeout(1000 * MSS, 0, true);
  while (path.cwnd < path.ssthresh) path.ack();
  assertEquals(path.cwnd, 700);
  path.now = 10_000;
  path.run(15_000);
  assertAlmostEquals(path.cwnd, C * 5 ** 3 + 700, 0.01 * path.cwnd);
});

Deno.test("[RFC9438-06] below the threshold slow start adds what is acknowledged, eight segments at most, up to the threshold (RFC 9438 §4.10, RFC 9406 §4.2)", () => {
  const path = new Path(100);
  assertEquals([path.cwnd, path.ssthresh], [10, Infinity]);
  assertEquals(path.ack(1).cwnd, 11);
  assertEquals(path.ack(0.5).cwnd, 11.5);
  assertEquals(path.ack(20).cwnd, 19.5);
  path.control.onTimeout(36 * MSS, 0, true);
  // What an acknowledgement covers in recovery may have arrived long ago.
  assertEquals(path.ack(20, { inRecovery: true }).cwnd, 2);
  assertEquals(path.ack(2).cwnd, 4);
  assertEquals(path.ack(8).cwnd, 12);
  assertEquals(path.ack(8).ack(8).cwnd, BETA * 36);
  assertLess(path.ack(1).cwnd, 26);
});

Deno.test("[RFC9438-06] slow start that has ended by HyStart++ goes on with K = 0 (RFC 9438 §4.10)", () => {
  const path = new Path(100);
  let rtt = 100;
  while (path.ssthresh === Infinity) {
    const count = Math.floor(path.cwnd);
    for (let i = 0; i < count && path.ssthresh === Infinity; i++) {
      path.ack(1, { rtt, una: path.now + i, nxt: path.now + count });
    }
    path.now += count;
    rtt += 20;
  }
  assertEquals(path.cwnd, path.ssthresh);
  const { cwnd, now } = path;
  path.run(now + 5000, { rtt: 100 });
  assertAlmostEquals(path.cwnd, C * 5 ** 3 + cwnd, 0.02 * path.cwnd);
});

Deno.test("a loss that was none is taken back with all that CUBIC knew (RFC 9438 §4.9)", () => {
  for (const rtt of [1, 100]) {
    for (const how of ["loss", "timeout", "timeouts", "timeout, and growth since"]) {
      const path = afterLoss(100, rtt).run(20 * rtt);
      const other = afterLoss(100, rtt).run(20 * rtt);
      const { cwnd, ssthresh, now } = path;
      if (how === "loss") path.control.onLoss(path.control.cwnd, now);
      else path.control.onTimeout(path.control.cwnd / 4, now, true);
      if (how === "timeouts") path.control.onTimeout(MSS, now, false);
      if (how.endsWith("since")) { for (let i = 0; i < 30; i++) path.ack(2); }
      assertLess(path.ssthresh, cwnd);
      path.control.cwnd = 5 * MSS; // as recovery had it
      path.control.undo(now);
      assertEquals([path.cwnd, path.ssthresh], [cwnd, ssthresh]);
      path.run(120 * rtt);
      other.run(120 * rtt);
      assertAlmostEquals(path.cwnd, other.cwnd, 0.002);
    }
  }
});

Deno.test("a loss undone late leaves a window that has become larger as it is (RFC 9438 §4.9)", () => {
  const path = afterLoss(400, 100).run(3000);
  path.control.onLoss(path.control.cwnd, path.now);
  path.control.cwnd = 1000 * MSS;
  path.control.undo(path.now);
  assertEquals(path.cwnd, 1000);
});

Deno.test("the formulas hold from windows of two segments to a GiB, and for any segment size", () => {
  const rtt = 300;
  const cases: [wMax: number, mss: number][] = [
    [4, 536],
    [4, 65_483],
    [1000, 65_483],
    [741_000, 1448],
    [2 ** 30 / 88, 88],
  ];
  for (const [wMax, mss] of cases) {
    const path = afterLoss(wMax, rtt, mss);
    const from = path.cwnd;
    const k = timeBack(wMax, from);
    const step = Math.max(1, Math.floor(from / 100));
    let estimate = from;
    while (path.now < k * 2000) {
      estimate += (estimate >= wMax ? 1 : ALPHA) * step / path.cwnd;
      path.now += rtt * step / path.cwnd;
      path.ack(step);
    }
    const want = Math.max(cubicWindow(path.now / 1000, wMax, from), estimate);
    assertAlmostEquals(path.cwnd, want, 0.03 * want + 1, `${wMax} segments of ${mss}`);
  }
});
