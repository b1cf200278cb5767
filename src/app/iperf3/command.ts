/**
 * `tcpstack iperf3`: measures how much goes through, as server or as client.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { Command } from "../command.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../errors.ts";
import type { InterfaceOption } from "../interface_options.ts";
import { print } from "../terminal.ts";
import { checkName, readSeconds, withStack } from "../with_stack.ts";
import { type ClientOptions, runClient } from "./client.ts";
import {
  MAX_BLOCK,
  MAX_OMIT,
  MAX_STREAMS,
  MAX_TIME,
  MAX_UDP_BLOCK,
  MIN_UDP_BLOCK,
} from "./parameters.ts";
import { PORT } from "./protocol.ts";
import { Iperf3Server, type ServerOptions } from "./server.ts";
import { parseQuantity } from "./units.ts";

/** Options of both sides. */
const BOTH = {
  port: { short: "p", value: "PORT", help: `of the server (${PORT})` },
  interval: { short: "i", value: "SECONDS", help: "between two reports; 0: none (1)" },
  json: { short: "J", help: "report in JSON" },
} as const;

const SERVER = {
  server: { short: "s", help: "serve one client at a time" },
  "one-off": { short: "1", help: "end behind the first test" },
} as const;

const CLIENT = {
  client: { short: "c", value: "HOST", help: "measure with the server on HOST" },
  udp: { short: "u", help: "UDP instead of TCP" },
  bitrate: {
    short: "b",
    value: "RATE",
    help: "bits per second of each stream: 10M (UDP 1M, TCP 0: any)",
  },
  time: { short: "t", value: "SECONDS", help: "how long (10)" },
  bytes: { short: "n", value: "BYTES", help: "how much instead: 100M" },
  blockcount: { short: "k", value: "COUNT", help: "how many blocks instead" },
  length: {
    short: "l",
    value: "BYTES",
    help: "in a block (TCP 128K, UDP what fits into a packet)",
  },
  parallel: { short: "P", value: "COUNT", help: "streams (1)" },
  reverse: { short: "R", help: "the server sends, the client receives" },
  bidir: { help: "both send" },
  omit: { short: "O", value: "SECONDS", help: "at the beginning that don't count (0)" },
  "no-delay": { short: "N", help: "send small writes at once" },
  tos: { short: "S", value: "TOS", help: "type of service, 0 to 255" },
  "udp-counters-64bit": { help: "number datagrams in 64 bits" },
} as const;

const OPTIONS = { ...SERVER, ...CLIENT, ...BOTH } as const;

type Line = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

/** How often to report where nothing is said, in milliseconds. */
const INTERVAL = 1000;
/** How often there can be reports, in seconds. */
const MIN_INTERVAL = 0.1;
const MAX_INTERVAL = 60;
/** How long a test takes where nothing is said, in seconds. */
const TIME = 10;
/** The rate of UDP where nothing is said, in bits per second. */
const UDP_BITRATE = 1_000_000;

/** `tcpstack iperf3`. */
export const IPERF3: Command<keyof typeof OPTIONS> = {
  name: "iperf3",
  summary: "measure how much goes through, with an iperf3 of the other side",
  operands: [],
  options: OPTIONS,
  notes: [
    "Numbers may end in K, M, G or T.",
    "",
    "  sudo tcpstack iperf3 -s                        then: iperf3 -c 10.0.0.2",
    "  iperf3 -s                                      then: sudo tcpstack iperf3 -c 10.0.0.1 -R",
  ],
  run,
};

function run(line: Line): Promise<number> {
  if (line.has("server") === line.has("client")) {
    throw new UsageError("Say either -s, to serve, or -c HOST, to measure with a server");
  }
  if (line.has("server")) {
    const options = readServerOptions(line);
    return withStack(line, (stack, signal) => serve(stack, options, signal));
  }
  const options = readClientOptions(line);
  return withStack(line, (stack, signal) => measure(stack, options, signal));
}

async function serve(
  stack: NetworkStack,
  options: ServerOptions,
  signal: AbortSignal,
): Promise<number> {
  const server = new Iperf3Server(stack, options);
  signal.addEventListener("abort", () => server.close());
  const address = stack.core.ip.addresses.find((address) => !address.isLinkScoped);
  if (!options.json && address !== undefined) print(`Try: iperf3 -c ${address}`);
  await Promise.race([server.serve(), stack.finished]);
  return 0;
}

async function measure(
  stack: NetworkStack,
  options: ClientOptions,
  signal: AbortSignal,
): Promise<number> {
  checkName(stack, options.hostname);
  try {
    await runClient(stack, { ...options, signal });
    return 0;
  } catch (error) {
    if (!options.json || !(error instanceof Error)) throw error;
    print(JSON.stringify({ error: error.message }));
    return 1;
  }
}

function readServerOptions(line: Line): ServerOptions {
  reject(line, CLIENT, "-c HOST");
  return { ...readCommon(line), oneOff: line.has("one-off") };
}

function readClientOptions(line: Line): ClientOptions {
  reject(line, SERVER, "-s");
  const ends = (["time", "bytes", "blockcount"] as const).filter((option) => line.has(option));
  if (ends.length > 1) throw new UsageError(`Say either --${ends[0]} or --${ends[1]}`);
  if (line.has("reverse") && line.has("bidir")) throw new UsageError("Say either -R or --bidir");
  const isUdp = line.has("udp");
  const [shortest, longest] = isUdp ? [MIN_UDP_BLOCK, MAX_UDP_BLOCK] : [1, MAX_BLOCK];
  return {
    ...readCommon(line),
    hostname: line.text("client")!,
    parameters: {
      protocol: isUdp ? "UDP" : "TCP",
      reverse: line.has("reverse"),
      bidir: line.has("bidir"),
      parallel: within(line, "parallel", 1, MAX_STREAMS) ?? 1,
      time: within(line, "time", 0, MAX_TIME) ?? (ends.length === 0 ? TIME : 0),
      omit: within(line, "omit", 0, MAX_OMIT) ?? 0,
      bytes: within(line, "bytes", 1, Number.MAX_SAFE_INTEGER) ?? 0,
      blocks: within(line, "blockcount", 1, Number.MAX_SAFE_INTEGER) ?? 0,
      length: within(line, "length", shortest, longest),
      bitrate: line.parse("bitrate", (text) => parseQuantity(text, 1000)) ??
        (isUdp ? UDP_BITRATE : 0),
      counters64: line.has("udp-counters-64bit"),
      noDelay: line.has("no-delay"),
      tos: within(line, "tos", 0, 255) ?? 0,
    },
  };
}

function readCommon(line: Line) {
  const interval = (line.parse("interval", readSeconds) ?? INTERVAL) / 1000;
  if (interval !== 0 && !(interval >= MIN_INTERVAL && interval <= MAX_INTERVAL)) {
    throw new UsageError(
      `Option --interval needs ${MIN_INTERVAL} to ${MAX_INTERVAL} seconds, or 0 for none`,
    );
  }
  return { port: within(line, "port", 1, 65535) ?? PORT, interval, json: line.has("json"), print };
}

/** A whole number, maybe with a suffix, that is not out of range. */
function within(
  line: Line,
  option: keyof typeof OPTIONS,
  least: number,
  most: number,
): number | undefined {
  const value = line.parse(option, (text) => parseQuantity(text, 1024));
  if (value === undefined || (value >= least && value <= most)) return value;
  throw new UsageError(`Option --${option} needs a number from ${least} to ${most}: got ${value}`);
}

/** The other side's options make no sense. */
function reject(line: Line, options: Record<string, unknown>, side: string): void {
  for (const option of Object.keys(options) as (keyof typeof OPTIONS)[]) {
    if (line.has(option)) throw new UsageError(`Option --${option} goes with ${side}`);
  }
}
