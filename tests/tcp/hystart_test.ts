import { assertEquals } from "@std/assert";
import { AckSample } from "../../src/tcp/congestion/congestion.ts";
import { HyStart } from "../../src/tcp/congestion/hystart.ts";

const MSS = 1000;
/** Rounds begin here, so that sequence numbers wrap in the middle. */
const START = 0xffff_c000;

/** Feeds rounds of acknowledgements, one a segment. */
class Rounds {
  readonly hystart = new HyStart();
  #una = START;
  #sample = new AckSample();
  /** Bytes that the window has grown by in the last round. */
  growth = 0;

  /** A round in which these round-trip times are measured; -1: none. */
  round(rtts: readonly number[]): this {
    this.growth = 0;
    const nxt = (this.#una + rtts.length * MSS) >>> 0;
    rtts.forEach((rtt, i) => {
      this.#una = (this.#una + MSS) >>> 0;
      // With the last of them, the next round has been sent.
      const sent = i < rtts.length - 1 ? nxt : (nxt + rtts.length * MSS) >>> 0;
      Object.assign(this.#sample, { rtt, acked: MSS, una: this.#una, nxt: sent });
      this.growth += this.hystart.onAck(this.#sample, MSS);
    });
    return this;
  }

  get state(): string {
    return this.hystart.isOver
      ? "over"
      : this.hystart.isConservative
      ? "conservative"
      : "slow start";
  }
}

function flat(rtt: number, count = 10): number[] {
  return new Array(count).fill(rtt);
}

Deno.test("HyStart++ leaves slow start when the round-trip time rises by an eighth, 4 to 16 ms (RFC 9406 §4.2)", () => {
  const cases: [before: number, after: number, state: string][] = [
    [10, 13.9, "slow start"],
    [10, 14, "conservative"],
    [1, 4.9, "slow start"],
    [1, 5, "conservative"],
    [80, 89.9, "slow start"],
    [80, 90, "conservative"],
    [300, 315.9, "slow start"],
    [300, 316, "conservative"],
    [300, 200, "slow start"],
  ];
  for (const [before, after, state] of cases) {
    assertEquals(
      new Rounds().round(flat(before)).round(flat(after)).state,
      state,
      `${before} ${after}`,
    );
  }
});

Deno.test("HyStart++ takes the least of a round's measurements, so that jitter is none (RFC 9406 §4.2)", () => {
  const rounds = new Rounds().round(flat(40));
  for (let i = 0; i < 20; i++) {
    rounds.round([80, 95, 70, 41 + (i % 4), 120, 60, 80, 99, 70, 44]);
    assertEquals(rounds.state, "slow start");
    assertEquals(rounds.growth, 10 * MSS);
  }
});

Deno.test("HyStart++ judges no round with less than eight measurements (RFC 9406 §4.3)", () => {
  assertEquals(new Rounds().round(flat(40)).round(flat(100, 7)).state, "slow start");
  assertEquals(new Rounds().round(flat(40)).round([-1, ...flat(100, 7), -1]).state, "slow start");
  assertEquals(new Rounds().round(flat(40)).round(flat(100, 8)).state, "conservative");
  // The first round has nothing to be compared with.
  assertEquals(new Rounds().round([...flat(40), ...flat(100)]).state, "slow start");
});

Deno.test("conservative slow start grows by a quarter of what is acknowledged, for five rounds (RFC 9406 §4.2)", () => {
  const rounds = new Rounds().round(flat(40)).round(flat(50, 8));
  // The round in which it began is the first of the five.
  for (let round = 2; round <= 5; round++) {
    assertEquals(rounds.state, "conservative");
    rounds.round(flat(50, 16));
    assertEquals(rounds.growth, 16 * MSS / 4);
  }
  assertEquals(rounds.state, "over");
});

Deno.test("conservative slow start goes back to slow start when the delay falls again, and may begin anew (RFC 9406 §4.2)", () => {
  const rounds = new Rounds().round(flat(40)).round(flat(50)).round(flat(50));
  assertEquals(rounds.state, "conservative");
  rounds.round([...flat(52, 7), 49.9]);
  assertEquals(rounds.state, "slow start");
  rounds.round(flat(49.9));
  assertEquals([rounds.state, rounds.growth], ["slow start", 10 * MSS]);
  rounds.round(flat(60)).round(flat(60));
  assertEquals(rounds.state, "conservative");
  rounds.round(flat(60)).round(flat(60));
  assertEquals(rounds.state, "conservative");
  rounds.round(flat(60));
  assertEquals(rounds.state, "over");
});

Deno.test("one acknowledgement counts for eight segments at most (RFC 9406 §4.2, L without pacing)", () => {
  const hystart = new HyStart();
  const sample = Object.assign(new AckSample(), { rtt: 40, una: 20 * MSS, nxt: 40 * MSS });
  for (const [acked, growth] of [[MSS / 2, MSS / 2], [8 * MSS, 8 * MSS], [20 * MSS, 8 * MSS]]) {
    sample.acked = acked!;
    assertEquals(hystart.onAck(sample, MSS), growth);
  }
});
