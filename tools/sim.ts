/**
 * Measures the congestion controls over simulated links, prints what share of each link they fill,
 * and writes docs/simulation.md.
 *
 *     deno task sim [--seed N]
 *
 * @module
 */

import { CONGESTION_NAMES, type CongestionName } from "../src/tcp/congestion/registry.ts";
import { responseFunction } from "../tests/sim/response.ts";
import { type Experiment, MBIT, measure, type Outcome } from "../tests/sim/flow.ts";
import type { LinkOptions } from "../tests/sim/network.ts";
import { Random } from "../tests/random.ts";

const DOCUMENT = new URL("../docs/simulation.md", import.meta.url);
const DEFAULT_SEED = 1;
/** IP and TCP headers with timestamps, of a packet of 1500 bytes. */
const HEADERS = 52;

/** A link by its rate, round-trip time, queue and troubles. */
interface Path {
  mbit: number;
  /** Round-trip time, in milliseconds. */
  rtt: number;
  /** Length of the queue, in bandwidth-delay products. */
  queue?: number;
  trouble?: Partial<LinkOptions>;
}

/** A table: what is in its first columns, and the flows whose shares stand in the others. */
interface Table {
  title: string;
  text: string;
  columns: string[];
  rows: { labels: string[]; path: Path; seconds: number }[];
}

function linkOf({ mbit, rtt, queue = 1, trouble = {} }: Path): LinkOptions {
  const rate = mbit * MBIT;
  // At least ten packets: on the shortest paths a product is less.
  const bytes = Math.max(queue * rate * rtt / 1000, 15_000);
  return { delay: rtt / 2, rate, queue: bytes, ...trouble };
}

const seed = readSeed(Deno.args);

function readSeed(args: readonly string[]): number {
  if (args.length === 0) return DEFAULT_SEED;
  const value = args[0] === "--seed" ? Number(args[1]) : NaN;
  if (args.length !== 2 || !Number.isInteger(value) || value < 0) {
    print(Deno.stderr, "Usage: deno task sim [--seed N]");
    Deno.exit(2);
  }
  return value;
}

function print(to: typeof Deno.stdout, line: string): void {
  to.writeSync(new TextEncoder().encode(`${line}\n`));
}

function run(experiment: Experiment): Outcome {
  return measure(experiment, new Random(seed));
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

const RATES = [10, 100, 1000];
const RTTS = [2, 20, 100];
const LOSSES = [0.001, 0.005, 0.02];
const QUEUES = [0.25, 0.5, 1, 4];

const TROUBLES: [name: string, trouble: Partial<LinkOptions>][] = [
  ["3 % of packets held back by 1 to 5 ms", { reorder: 0.03, reorderDelay: 5 }],
  ["3 % of packets held back by 1 to 10 ms", { reorder: 0.03, reorderDelay: 10 }],
  ["3 % of packets held back by 1 to 20 ms", { reorder: 0.03, reorderDelay: 20 }],
  ["each packet held back by 0 to 2 ms", { jitter: 2 }],
  ["2 % of packets doubled", { duplicate: 0.02 }],
  ["0.1 % of packets damaged", { corrupt: 0.001 }],
  ["a burst of losses for 1 ms on average, each 10,000 packets", {
    burst: { begins: 1e-4, lasts: 1 },
  }],
];

const TABLES: Table[] = [
  {
    title: "Clean links",
    text: "No loss but where the queue overflows; the queue holds one bandwidth-delay product.",
    columns: ["Rate", "Round trip"],
    rows: RATES.flatMap((mbit) =>
      RTTS.map((rtt) => ({
        labels: [`${mbit} Mbit/s`, `${rtt} ms`],
        path: { mbit, rtt },
        seconds: mbit === 1000 && rtt < 100 ? 5 : 10,
      }))
    ),
  },
  {
    title: "Random loss",
    text:
      "100 Mbit/s, a queue of one bandwidth-delay product, and packets lost at random. The last " +
      "column is what RFC 9438 §5 expects of CUBIC: its response function, or Reno's where that " +
      "is more.",
    columns: ["Round trip", "Loss"],
    rows: RTTS.flatMap((rtt) =>
      LOSSES.map((loss) => ({
        labels: [`${rtt} ms`, `${100 * loss} %`],
        path: { mbit: 100, rtt, trouble: { loss } },
        seconds: 30,
      }))
    ),
  },
  {
    title: "Queues",
    text: "100 Mbit/s, 20 ms, and queues of different lengths, in bandwidth-delay products.",
    columns: ["Queue"],
    rows: QUEUES.map((queue) => ({
      labels: [`${queue}`],
      path: { mbit: 100, rtt: 20, queue },
      seconds: 20,
    })),
  },
  {
    title: "Other troubles",
    text: "100 Mbit/s, 20 ms, a queue of one bandwidth-delay product.",
    columns: ["What happens"],
    rows: TROUBLES.map(([name, trouble]) => ({
      labels: [name],
      path: { mbit: 100, rtt: 20, trouble },
      seconds: 20,
    })),
  },
];

const lines: string[] = [];

function write(...more: string[]): void {
  for (const line of more) print(Deno.stdout, line);
  lines.push(...more);
}

/** Writes the head of a table. */
function head(columns: readonly string[]): void {
  write("", `| ${columns.join(" | ")} |`, `| ${columns.map(() => "---").join(" | ")} |`);
}

function writeTable({ title, text, columns, rows }: Table): void {
  const isLossy = rows.every(({ path }) => path.trouble?.loss !== undefined);
  write("", `## ${title}`, "", text);
  head([...columns, ...CONGESTION_NAMES, ...(isLossy ? ["RFC 9438 §5"] : [])]);
  for (const { labels, path, seconds } of rows) {
    const link = linkOf(path);
    const cells = CONGESTION_NAMES.map((name) =>
      percent(run({ controls: [name], link, seconds }).share)
    );
    if (isLossy) {
      const segment = 1500 - HEADERS;
      const expected = responseFunction(path.rtt / 1000, path.trouble!.loss!) * segment /
        (path.rtt / 1000) / link.rate!;
      cells.push(percent(Math.min(expected, segment / 1500)));
    }
    write(`| ${[...labels, ...cells].join(" | ")} |`);
  }
}

const PAIRS: [CongestionName, CongestionName][] = [
  ...CONGESTION_NAMES.map((name): [CongestionName, CongestionName] => [name, name]),
  ["cubic", "newreno"],
  ["cubic", "bbr"],
];

function writePairs(): void {
  write("", "## Two flows over one link", "");
  write(
    "20 ms, a queue of one bandwidth-delay product. The second flow starts 5 s after the first, and",
    "the shares are those of the 30 s after another 5 s.",
  );
  head(["Rate", "First", "Second", "First's share", "Second's share", "Jain's index"]);
  for (const mbit of [20, 100]) {
    for (const controls of PAIRS) {
      const link = linkOf({ mbit, rtt: 20 });
      const { shares, jain } = run({ controls, link, seconds: 30, stagger: 5 });
      const cells = [`${mbit} Mbit/s`, ...controls, ...shares.map(percent), jain.toFixed(3)];
      write(`| ${cells.join(" | ")} |`);
    }
  }
}

write(
  "# Throughput over simulated links",
  "",
  `Made by \`deno task sim\`${
    seed === DEFAULT_SEED ? "" : ` --seed ${seed}`
  }, seed ${seed}: two of`,
  "our stacks in one process and virtual time, with the settings that hold where nothing else is",
  "said: nobody has set a buffer. One sends all it can from the moment it opens the connection, the",
  "other takes it at once.",
  "Packets are 1500 bytes long; the way back has the same delay and neither limit nor loss.",
  "A share is of the link's rate, and counts the text that was received in order, slow start",
  "included: with 52 bytes of headers in each packet, 96.5 % is all there is.",
);
for (const table of TABLES) writeTable(table);
writePairs();
write(
  "",
  "## What to read in it",
  "",
  "- A path of 1 Gbit/s and 100 ms has 12.5 MB in flight, more than the 4 MiB and 6 MiB to which send",
  "  and receive buffers grow by themselves: `sendBufferMax` and `receiveBufferMax` raise that.",
  "- Under random loss, a control that takes every loss for congestion has what the response function",
  "  gives, whatever the link's rate; BBR measures the rate instead, and does not leave half of a link",
  "  to a flow that does not.",
  "- Packets that are held back by as much as a round trip are taken for lost when real losses have",
  "  been repaired meanwhile, and then are: the repair carries a newer timestamp, so the receiver has",
  "  to drop what was sent before it (RFC 7323 §5.3).",
);
Deno.writeTextFileSync(DOCUMENT, lines.join("\n") + "\n");
await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "--no-config", "--line-width=100", "--quiet", DOCUMENT.pathname],
}).output();
