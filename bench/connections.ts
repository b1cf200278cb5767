/**
 * What many connections cost: a packet on one of them, or here and there on all; their memory; their
 * opening, their closing and their timers.
 *
 * `deno task bench:connections [count…]`: by default with 100, 10,000 and 100,000 connections. What
 * is timed is timed several times; the table has the medians.
 */

import { Crowd, memoryInUse } from "./crowd.ts";
import { digits, median, table } from "./live/figures.ts";

const DEFAULT_COUNTS = [100, 10_000, 100_000];
/** How often a time is taken. */
const RUNS = 7;
/** How many echoes are timed at once. */
const ECHOES = 10_000;
const POLLS = 100_000;
/** Connections that follow each other in time lie so far apart: a prime, so all have their turn. */
const SCATTER = 7919;
const KEEP_ALIVE = { idle: 60_000, interval: 10_000, count: 5 };
/** How long it takes until all connections have it switched on, in milliseconds. */
const SPREAD = 30_000;

/** What was measured with one number of connections, by what the rows are called. */
type Results = Map<string, number>;

/** Milliseconds that a call takes. */
function time(call: () => void): number {
  const start = performance.now();
  call();
  return performance.now() - start;
}

/** Nanoseconds for each of the segments that a call has the stacks receive. */
function perSegment(crowd: Crowd, call: () => void): number {
  const runs = Array.from({ length: RUNS }, () => {
    const before = crowd.segments;
    const taken = time(call);
    return taken * 1e6 / (crowd.segments - before);
  });
  return median(runs);
}

function random(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

function measure(count: number): Results {
  const results: Results = new Map();
  const crowd = new Crowd(random);
  const empty = memoryInUse();
  const perEnd = () => (memoryInUse() - empty) / (2 * count);
  results.set("opened per second", count * 1000 / time(() => crowd.open(count)));
  results.set("bytes of one that was never used, at each end", perEnd());
  crowd.useAll();
  results.set("bytes of one that was used, at each end", perEnd());
  const onOne = () => crowd.echo(0, ECHOES);
  results.set("ns a segment, on one", perSegment(crowd, onOne));
  const onAll = () => crowd.echo(SCATTER, ECHOES);
  results.set("ns a segment, on all by turns", perSegment(crowd, onAll));
  const switched = time(() => crowd.keepAlive(KEEP_ALIVE, SPREAD));
  results.set("ns to switch keep-alive on", switched * 1e6 / count);
  results.set("ns a segment, on one, keep-alive on all", perSegment(crowd, onOne));
  const polled = time(() => {
    for (let i = 0; i < POLLS; i++) {
      crowd.client.poll(crowd.now);
      crowd.client.nextDeadline();
    }
  });
  results.set("ns a poll with nothing due", polled * 1e6 / POLLS);
  const before = crowd.segments;
  const probing = time(() => crowd.pass(KEEP_ALIVE.idle + 1000));
  results.set("ns a segment of keep-alive", probing * 1e6 / (crowd.segments - before));
  crowd.keepAlive(null, 0);
  results.set("closed per second", count * 1000 / time(() => crowd.close()));
  results.set("bytes of one in TIME_WAIT", (memoryInUse() - empty) / count);
  const ended = time(() => crowd.pass(2 * crowd.client.tcp.config.msl));
  results.set("ns to end TIME_WAIT", ended * 1e6 / count);
  return results;
}

const counts = Deno.args.length > 0 ? Deno.args.map(Number) : DEFAULT_COUNTS;
if (!counts.every((count) => Number.isInteger(count) && count > 0)) {
  throw new TypeError("Give numbers of connections, such as 100 100000");
}
measure(counts[0]!); // so that the code is compiled when it counts
const all = counts.map(measure);
const [first, last] = [all[0]!, all.at(-1)!];
const rows = [...first.keys()].map((name) => [
  name,
  ...all.map((results) => digits(results.get(name)!)),
  (last.get(name)! / first.get(name)!).toFixed(2),
]);
const text = table(["", ...counts.map(digits), "last ÷ first"], rows);
await Deno.stdout.write(new TextEncoder().encode(text));
