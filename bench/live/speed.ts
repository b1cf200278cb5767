/**
 * How fast the stack is at a TUN interface, beside C at the same interface and the kernel's own TCP,
 * in the same run. Prints tables in Markdown.
 *
 * Needs root or user namespaces, /dev/net/tun and cc, and for some measures iperf3, wrk or ping; says
 * what is missing, and measures the rest. Every packet stays in namespaces of its own.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { liveSkipReason } from "../../tests/live/namespace.ts";
import { cell, median, reached, speedRatio, table } from "./figures.ts";
import { Hosts, Missing } from "./hosts.ts";
import { betweenStacks, type Effort, type Measure, measuresOn, type Side } from "./measures.ts";
import { selfTimes } from "./profile.ts";

const HELP = `How fast the stack is, beside C and the kernel.

  --only NAME,...  only these measures; --list lists them
  --quick          shorter and fewer runs: about a minute, and less to rely on
  --runs 5         of each side, in turns
  --profile        only our side, and where its time goes
  --list           what there is to be measured
`;

/** Functions of a profile that are shown. */
const SHOWN = 25;

interface Settings {
  readonly only: string[] | undefined;
  readonly runs: number;
  readonly effort: Effort;
  /** When no further run is begun, in milliseconds from the start. */
  readonly limit: number;
  readonly profile: boolean;
  readonly list: boolean;
}

function readSettings(): Settings {
  const flags = parseArgs(Deno.args, {
    boolean: ["help", "quick", "profile", "list"],
    string: ["only", "runs"],
    unknown: (flag) => fail(`No such option: ${flag}; --help lists them`),
  });
  if (flags.help) {
    print(HELP);
    Deno.exit();
  }
  const { quick, profile, list } = flags;
  const runs = Number(flags.runs ?? (quick ? 2 : 5));
  if (!Number.isInteger(runs) || runs < 1) fail(`Runs must be 1 or more: got ${flags.runs}`);
  const effort = quick
    ? {
      ms: 250,
      memoryBytes: 2 ** 28,
      iperf3Bytes: 5e8,
      loadGibibytes: 1,
      idle: [10_000, 100],
      builds: false,
    }
    : {
      ms: 1000,
      memoryBytes: 2 ** 30,
      iperf3Bytes: 2e9,
      loadGibibytes: 10,
      idle: [100_000, 10_000, 100],
      builds: true,
    };
  const limit = quick ? 60_000 : 420_000;
  return { only: flags.only?.split(","), runs, effort, limit, profile, list };
}

function fail(message: string): never {
  printError(message);
  Deno.exit(2);
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Takes a measure: for each side the values of each figure, by run. */
async function take(measure: Measure, settings: Settings, notes: string[]) {
  const sides = settings.profile ? measure.sides.slice(0, 1) : measure.sides;
  const results = new Map<Side, number[][]>();
  const runs = Math.min(measure.runs ?? Infinity, settings.runs);
  const failed = new Set<Side>();
  for (let run = -1; run < runs; run++) {
    for (const side of sides) {
      if (failed.has(side) || run === -1 && !side.warmsUp) continue;
      if (performance.now() > settings.limit) {
        notes.push(`${measure.name}: out of time after ${Math.max(run, 0)} of ${runs} runs`);
        return results;
      }
      try {
        const values = await side.run();
        if (run >= 0) results.set(side, [...results.get(side) ?? [], values]);
      } catch (error) {
        failed.add(side);
        const why = error instanceof Missing ? error.message : `it failed: ${error}`;
        notes.push(`${measure.name}, ${side.name}: ${why.trim()}`);
      }
    }
  }
  return results;
}

/** The rows of a measure: one for each figure and what ours is compared with. */
function rows({ figures, sides }: Measure, results: Map<Side, number[][]>): string[][] {
  const [ours, ...others] = sides.filter((side) => results.has(side));
  if (ours === undefined) return [];
  return figures.flatMap(({ name, unit, isLess = false, reach }, i) => {
    const values = (side: Side) => results.get(side)!.map((run) => run[i]!);
    const own = values(ours);
    const first = [name, unit, ours.name, cell(own), reached(median(own), reach, isLess)];
    if (others.length === 0) return [[...first, "", "", "", ""]];
    return others.map((other, n) => {
      const ratio = speedRatio(own, values(other), isLess);
      return [
        ...(n === 0 ? first : ["", "", "", "", ""]),
        other.name,
        cell(values(other)),
        ratio.toFixed(2),
        reached(ratio, other.reach, false),
      ];
    });
  });
}

/** Prints a table for each thread of our stack: the main one, and that of a reader. */
async function printProfiles(folder: string): Promise<void> {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  for (const name of names) {
    const profile = JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    const { busy, shares } = selfTimes(profile, SHOWN);
    const lines = shares.map(({ name, share }) => [name, percent(share)]);
    const thread = name.includes("worker") ? "The reader's thread" : "The main thread";
    print(`\n${thread} was busy for ${percent(busy)} of the time:\n\n`);
    print(table(["function", "of that"], lines));
  }
}

function printError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Measures, prints, and returns the exit code. */
async function main(settings: Settings, profiles: string | undefined): Promise<number> {
  const skip = liveSkipReason("cc");
  await using hosts = skip === undefined ? await Hosts.create(profiles) : undefined;
  const inMemory = betweenStacks(settings.effort);
  const measures = hosts === undefined
    ? [inMemory]
    : [...measuresOn(hosts, settings.effort), inMemory];
  const names = measures.map(({ name }) => name);
  if (settings.list) {
    print(`${names.join("\n")}\n`);
    return 0;
  }
  const unknown = settings.only?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    printError(`No such measure here: ${unknown}; there are ${names.join(", ")}`);
    return 2;
  }
  print(
    `Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}, ` +
      `${navigator.hardwareConcurrency} processors, ${settings.runs} runs, ` +
      "median (least–most); a ratio of 0.5 is half as fast\n\n",
  );
  const notes = skip === undefined ? [] : [`all that takes an interface: ${skip}`];
  const lines: string[][] = [];
  for (const measure of measures) {
    if (!(settings.only?.includes(measure.name) ?? true)) continue;
    printError(measure.name); // it takes a while
    lines.push(...rows(measure, await take(measure, settings, notes)));
  }
  print(table(["measure", "unit", "ours", "", "reach", "beside", "", "ratio", "reach"], lines));
  if (notes.length > 0) print(`\nNot measured:\n\n${notes.map((note) => `- ${note}\n`).join("")}`);
  await hosts?.stopStacks();
  if (profiles !== undefined) await printProfiles(profiles);
  return 0;
}

const settings = readSettings();
const profiles = settings.profile
  ? await Deno.makeTempDir({ prefix: "tcpstack_profile_" })
  : undefined;
try {
  Deno.exitCode = await main(settings, profiles);
} finally {
  if (profiles !== undefined) await Deno.remove(profiles, { recursive: true });
}
