/**
 * The scoreboard against a naive model of it.
 */

import { assertEquals } from "@std/assert";
import { Mark, Scoreboard } from "../../src/tcp/scoreboard.ts";
import { seqAdd } from "../../src/wire/seq.ts";
import { type Random, withSeed } from "../random.ts";

interface Record {
  start: number;
  end: number;
  marks: number;
  sentAt: number;
}

/** What a scoreboard holds, as a list; numbers don't wrap here. */
class Model {
  records: Record[] = [];
  next: number;

  constructor(first: number) {
    this.next = first;
  }

  sum(bits: number): number {
    return this.records.filter(({ marks }) => (marks & bits) === bits)
      .reduce((total, { start, end }) => total + end - start, 0);
  }

  get bytes(): number {
    return this.records.reduce((total, { start, end }) => total + end - start, 0);
  }

  nextLost(): number {
    return this.records.findIndex(({ marks }) => (marks & (Mark.LOST | Mark.RESENT)) === Mark.LOST);
  }
}

function same(board: Scoreboard, model: Model, step: string): void {
  const { records } = model;
  const held = Array.from({ length: board.count }, (_, i) => ({
    start: board.start(i),
    end: board.end(i),
    marks: board.marks(i),
    sentAt: board.sentAt(i),
  }));
  const want = records.map((record) => ({
    ...record,
    start: record.start >>> 0,
    end: record.end >>> 0,
  }));
  assertEquals(held, want, step);
  assertEquals(board.bytes, model.bytes, step);
  assertEquals(board.sacked, model.sum(Mark.SACKED), step);
  assertEquals(board.sackedCount, records.filter(({ marks }) => marks & Mark.SACKED).length, step);
  assertEquals(board.lost, model.sum(Mark.LOST), step);
  assertEquals(board.resent, model.sum(Mark.RESENT), step);
  const gone = model.sum(Mark.SACKED) + model.sum(Mark.LOST) - model.sum(Mark.RESENT);
  assertEquals(board.pipe, model.bytes - gone, step);
  assertEquals(board.nextLost(), model.nextLost(), step);
}

/** Something that can happen to both; `i` is a record. */
const STEPS: { [name: string]: (board: Scoreboard, model: Model, i: number, r: Random) => void } = {
  markSacked(board, { records }, i) {
    board.markSacked(i);
    const record = records[i]!;
    record.marks = (record.marks | Mark.SACKED) & ~(Mark.LOST | Mark.RESENT);
  },
  markLost(board, { records }, i) {
    board.markLost(i);
    const record = records[i]!;
    if ((record.marks & Mark.SACKED) === 0) {
      record.marks = (record.marks | Mark.LOST) & ~Mark.RESENT;
    }
  },
  unmarkLost(board, { records }, i) {
    board.unmarkLost(i);
    if (records[i]!.marks & Mark.LOST) records[i]!.marks &= ~(Mark.LOST | Mark.RESENT);
  },
  resendNext(board, { records }, _i, random) {
    const i = board.nextLost();
    if (i < 0) return;
    const now = random.below(1000);
    board.stamp(i, now, 0, 0, 0, false);
    board.markResent(i);
    records[i]!.marks |= Mark.RESENT | Mark.REPEATED;
    records[i]!.sentAt = now;
  },
  split(board, { records }, i, random) {
    const { start, end } = records[i]!;
    if (end - start < 2) return;
    const at = random.between(start + 1, end - 1);
    board.split(i, at >>> 0);
    records.splice(i, 1, { ...records[i]!, end: at }, { ...records[i]!, start: at });
  },
  join(board, { records }, i) {
    const next = records[i + 1];
    if (next === undefined || next.marks !== records[i]!.marks) return;
    board.join(i);
    records.splice(i, 2, { ...records[i]!, end: next.end });
  },
  shift(board, { records }) {
    board.shift();
    records.shift();
  },
  trimFront(board, { records }, _i, random) {
    const { start, end } = records[0]!;
    if (end - start < 2) return;
    const at = random.between(start + 1, end - 1);
    board.trimFront(at >>> 0);
    records[0]!.start = at;
  },
  find(board, { records }, i, random) {
    const { start, end } = records[i]!;
    assertEquals(board.find(random.between(start, end - 1) >>> 0), i);
    assertEquals(board.find((records[0]!.start - 1) >>> 0), -1);
    assertEquals(board.find(records.at(-1)!.end >>> 0), -1);
  },
};

Deno.test("[RFC6675-01] the scoreboard keeps the same account as a list of segments, whatever happens to them (RFC 6675 §4)", () => {
  const names = Object.keys(STEPS);
  for (let run = 0; run < 60; run++) {
    withSeed(run, (random) => {
      const board = new Scoreboard();
      const model = new Model(0x1_0000_0000 - random.below(20_000));
      for (let step = 0; step < 300; step++) {
        if (model.records.length === 0 || (model.records.length < 60 && random.chance(0.3))) {
          const start = model.next;
          model.next += random.between(1, 1460);
          const i = board.push(start >>> 0, model.next >>> 0);
          board.stamp(i, step, 0, 0, 0, false);
          model.records.push({ start, end: model.next, marks: 0, sentAt: step });
        } else {
          const name = random.pick(names);
          STEPS[name]!(board, model, random.below(model.records.length), random);
          same(board, model, `${step} ${name}`);
        }
      }
      if (model.records.length === 0) return;
      board.forgetSacks();
      for (const record of model.records) record.marks &= ~Mark.SACKED;
      same(board, model, "forgetSacks");
      const first = model.records[0]!.start >>> 0;
      const last = model.records.at(-1)!.end >>> 0;
      assertEquals(board.covers(first, last), true);
      assertEquals(board.covers(first, seqAdd(last, 1)), false);
      assertEquals(board.covers(seqAdd(first, -1), last), false);
      assertEquals(board.covers(first, first), false);
      board.clear();
      assertEquals([board.count, board.pipe, board.sackedCount], [0, 0, 0]);
    });
  }
});
