/**
 * How fast senders are on a long line that loses packets: ours beside the kernel's own, in the same
 * run, over the same line, to the same receiver, which is the kernel's. Prints tables in Markdown.
 *
 * Needs root or user namespaces, /dev/net/tun and cc; every packet stays in namespaces of its own.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { CONGESTION_NAMES } from "../../src/tcp/congestion/registry.ts";
import type { End } from "../../tests/live/end.ts";
import { liveSkipReason } from "../../tests/live/namespace.ts";
import { type Impairments, Path } from "../../tests/live/relay.ts";
import { cell, median, row } from "./figures.ts";

/** One that sends, by one congestion control. */
interface Sender {
  readonly name: string;
  readonly ours: boolean;
  readonly end: End;
  /** Done before each of its runs. */
  prepare(): Promise<void>;
}

interface Settings {
  readonly rates: number[];
  readonly losses: number[];
  readonly delay: number;
  readonly runs: number;
  readonly seconds: number;
  readonly only: string[] | undefined;
}

const HELP = `How fast our sender and the kernel's are on a line that loses packets.

  --rate 300          Mbit/s of the line, or several: 100,300
  --loss 0,0.1,0.5,2  per cent of the packets lost, in each direction
  --delay 20          round-trip time, in ms
  --runs 3            of each sender, in turns
  --seconds 2         length of a run, from the first byte on
  --only NAME,...     only these senders, as the table names them: "kernel bbr,ours bbr"
`;

function readSettings(): Settings {
  const flags = parseArgs(Deno.args, {
    boolean: ["help"],
    string: ["rate", "loss", "delay", "runs", "seconds", "only"],
    default: { rate: "300", loss: "0,0.1,0.5,2", delay: "20", runs: "3", seconds: "2" },
    unknown: (flag) => fail(`No such option: ${flag}; --help lists them`),
  });
  if (flags.help) {
    print(HELP);
    Deno.exit();
  }
  const numbers = (text: string) =>
    text.split(",").map((word) => {
      const number = Number(word);
      return word !== "" && number >= 0 ? number : fail(`Not a number: ${word}`);
    });
  return {
    rates: numbers(flags.rate),
    losses: numbers(flags.loss),
    delay: numbers(flags.delay)[0]!,
    runs: numbers(flags.runs)[0]!,
    seconds: numbers(flags.seconds)[0]!,
    only: flags.only?.split(","),
  };
}

function fail(message: string, code = 2): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`${message}\n`));
  Deno.exit(code);
}

/** Starts everybody who sends; they end with `resources`. */
async function startSenders(
  path: Path,
  settings: Settings,
  resources: AsyncDisposableStack,
): Promise<Sender[]> {
  const senders: Sender[] = [];
  const isWanted = (name: string) => settings.only?.includes(name) ?? true;
  const kernel = resources.use(await path.nearKernel());
  for (const congestion of await path.kernelCongestions()) {
    const name = `kernel ${congestion}`;
    const prepare = () => path.setKernelCongestion(congestion);
    if (isWanted(name)) senders.push({ name, ours: false, end: kernel, prepare });
  }
  for (const [index, congestion] of CONGESTION_NAMES.entries()) {
    const name = `ours ${congestion}`;
    if (!isWanted(name)) continue;
    const end = resources.use(await path.stack(index, { congestion }));
    senders.push({ name, ours: true, end, prepare: () => Promise.resolve() });
  }
  return senders;
}

/** One run: Mbit/s of payload that arrive. */
async function run(
  path: Path,
  receiver: End,
  sender: Sender,
  line: Impairments,
  seconds: number,
): Promise<number> {
  await sender.prepare();
  await path.set(line);
  const [{ bytes, took }] = await Promise.all([
    receiver.measure(seconds * 1000),
    sender.end.flood(receiver, seconds * 1000 + 10_000),
  ]);
  return bytes * 8 / 1000 / took;
}

/** The best median of some senders. */
function best(senders: Sender[], results: Map<Sender, number[]>): number {
  return Math.max(...senders.map((sender) => median(results.get(sender)!)));
}

/** The kernel's name for the congestion control that we call so. */
function sameInKernel(name: string): string {
  return name.replace("ours", "kernel").replace("newreno", "reno");
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Measures all senders at one rate and prints the table, a row for each loss. */
async function table(
  path: Path,
  receiver: End,
  senders: Sender[],
  rate: number,
  settings: Settings,
): Promise<void> {
  const { losses, delay, runs, seconds } = settings;
  const all = losses.map(() => new Map(senders.map((sender) => [sender, [] as number[]])));
  for (let seed = 1; seed <= runs; seed++) {
    for (const [i, loss] of losses.entries()) {
      const queue = rate * 1e6 / 8 * delay / 1000;
      const line = { rate, delay: delay / 2, queue, loss: loss / 100, seed };
      for (const sender of senders) {
        all[i]!.get(sender)!.push(await run(path, receiver, sender, line, seconds));
      }
    }
  }
  const own = senders.filter((sender) => sender.ours);
  const kernels = senders.filter((sender) => !sender.ours);
  const pairs = own.map((sender) =>
    [sender, kernels.find(({ name }) => name === sameInKernel(sender.name))] as const
  ).filter((pair) => pair[1] !== undefined);
  const compares = own.length > 0 && kernels.length > 0;
  print(`\n${rate} Mbit/s, Mbit/s of payload, median (least–most):\n\n`);
  const names = senders.map(({ name }) => name);
  const ratios = [...pairs.map(([{ name }]) => `${name} ÷ kernel's`), "best ÷ kernel's best"];
  const columns = ["loss", ...names, ...(compares ? ratios : [])];
  print(row(columns) + row(columns.map(() => "---")));
  for (const [i, results] of all.entries()) {
    const cells = senders.map((sender) => cell(results.get(sender)!));
    const quotients = pairs.map(([one, other]) =>
      median(results.get(one)!) / median(results.get(other!)!)
    );
    if (compares) quotients.push(best(own, results) / best(kernels, results));
    print(row([`${losses[i]} %`, ...cells, ...quotients.map((value) => value.toFixed(2))]));
  }
}

const settings = readSettings();
const skip = liveSkipReason("cc");
if (skip !== undefined) fail(`Cannot measure here: ${skip}`, 1);
await using resources = new AsyncDisposableStack();
const path = resources.use(await Path.create());
const receiver = resources.use(await path.farKernel());
const senders = await startSenders(path, settings, resources);
print(
  `Round trip ${settings.delay} ms, queue of one round trip, ${settings.runs} runs of ` +
    `${settings.seconds} s each, Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}, ` +
    `${navigator.hardwareConcurrency} processors\n`,
);
for (const rate of settings.rates) await table(path, receiver, senders, rate, settings);
