/**
 * Guards the speed of the stack: measures for a short while how fast it is beside C and the kernel in
 * the same run, and compares that with what is recorded. Absolute times say nothing here: machines
 * differ, and are busy.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { liveSkipReason } from "../../tests/live/namespace.ts";
import { digits, median, speedRatio, table } from "./figures.ts";
import { Hosts } from "./hosts.ts";
import { type Effort, type Measure, measuresOn, type Side } from "./measures.ts";

const HELP = `Whether the stack is half as fast as is recorded, beside C and the kernel.

  --record    record what it is now
`;

const RECORDED = new URL("recorded.json", import.meta.url);

/** The measures that tell much about others, and vary little. */
const GUARDED = ["bulk-in", "bulk-in-plain", "bulk-out", "bulk-out-plain", "udp", "connects"];

const EFFORT: Effort = {
  ms: 400,
  memoryBytes: 0,
  iperf3Bytes: 0,
  loadGibibytes: 0,
  idle: [],
  builds: false,
};

/** Runs of each side; the best one counts: others are those in which something else was running. */
const RUNS = 3;
/** How often to measure before something is believed to be slow. */
const ATTEMPTS = 3;
/** How often to measure what is to be recorded. */
const RECORDINGS = 5;
/** What of the recorded ratio has to be there. */
const SHARE = 0.5;

/** Ours, beside the first of the others. */
export interface Comparison {
  readonly name: string;
  readonly own: number;
  readonly other: number;
  readonly ratio: number;
}

/** Whether so much is gone that it can't be chance. */
export function isLost(ratio: number, recorded: number): boolean {
  return ratio < recorded * SHARE;
}

async function rate(side: Side): Promise<number> {
  const [value] = await side.run();
  return value!;
}

async function compareOnce({ name, sides }: Measure): Promise<Comparison> {
  const [ours, beside] = sides as [Side, Side];
  await ours.run(); // JavaScript gets faster during its first run
  let own = 0;
  let other = 0;
  for (let run = 0; run < RUNS; run++) {
    own = Math.max(own, await rate(ours));
    other = Math.max(other, await rate(beside));
  }
  return { name, own, other, ratio: speedRatio([own], [other], false) };
}

/**
 * Compares ours with the first of the others, by their first figure, which is a rate; and again, if
 * it seems to be lost.
 *
 * @param recorded What the ratio has been.
 * @throws What the last attempt has failed with.
 */
export async function compare(measure: Measure, recorded: number): Promise<Comparison> {
  for (let left = ATTEMPTS - 1;; left--) {
    try {
      const comparison = await compareOnce(measure);
      if (left === 0 || !isLost(comparison.ratio, recorded)) return comparison;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** What is guarded, and each with the ratio that is recorded. */
async function guarded(hosts: Hosts): Promise<[measure: Measure, recorded: number][]> {
  const recorded: Record<string, number> = JSON.parse(await Deno.readTextFile(RECORDED));
  const measures = measuresOn(hosts, EFFORT).filter(({ name }) => GUARDED.includes(name));
  return measures.map((measure) => {
    const ratio = recorded[measure.name];
    if (ratio !== undefined) return [measure, ratio];
    throw new Error(`Nothing is recorded of ${measure.name}: deno task bench:guard --record`);
  });
}

/**
 * Compares everything that is guarded.
 *
 * @returns A table in Markdown, and the names of what is lost.
 */
export async function guard(): Promise<{ report: string; lost: string[] }> {
  await using hosts = await Hosts.create();
  const rows: string[][] = [];
  const lost: string[] = [];
  for (const [measure, recorded] of await guarded(hosts)) {
    const { name, own, other, ratio } = await compare(measure, recorded);
    const isGone = isLost(ratio, recorded);
    if (isGone) lost.push(name);
    const [{ unit }] = measure.figures as [Measure["figures"][number]];
    const what = `${name}, ${unit}`;
    rows.push([
      what,
      digits(own),
      digits(other),
      ratio.toFixed(3),
      `${recorded}`,
      isGone ? "lost" : "",
    ]);
  }
  const head = ["measure", "ours", "beside", "ratio", "recorded", ""];
  return { report: table(head, rows), lost };
}

/** Records the ratios, each the median of several. */
async function record(): Promise<void> {
  await using hosts = await Hosts.create();
  const ratios: Record<string, number> = {};
  for (const measure of measuresOn(hosts, EFFORT)) {
    if (!GUARDED.includes(measure.name)) continue;
    const found: number[] = [];
    for (let i = 0; i < RECORDINGS; i++) found.push((await compareOnce(measure)).ratio);
    ratios[measure.name] = Number(median(found).toPrecision(2));
  }
  await Deno.writeTextFile(RECORDED, `${JSON.stringify(ratios, null, 2)}\n`);
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

async function main(): Promise<number> {
  const unknown: string[] = [];
  const flags = parseArgs(Deno.args, {
    boolean: ["help", "record"],
    unknown: (flag) => {
      unknown.push(flag);
      return false;
    },
  });
  if (flags.help || unknown.length > 0) {
    print(HELP);
    return flags.help ? 0 : 2;
  }
  const skip = liveSkipReason("cc");
  if (skip !== undefined) {
    print(`Speed cannot be measured here: ${skip}\n`);
    return 0;
  }
  if (flags.record) {
    await record();
    print(await Deno.readTextFile(RECORDED));
    return 0;
  }
  const { report, lost } = await guard();
  print(report);
  if (lost.length === 0) return 0;
  print(`\nLess than half of what is recorded: ${lost.join(", ")}\n`);
  return 1;
}

if (import.meta.main) Deno.exitCode = await main();
