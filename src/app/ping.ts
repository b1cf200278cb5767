/**
 * `tcpstack ping`: asks a host for echoes, from a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import type { PingsOptions } from "../socket/ping.ts";
import type { Command } from "./command.ts";
import type { CommandLine } from "./command_line.ts";
import { UsageError } from "./errors.ts";
import type { InterfaceOption } from "./interface_options.ts";
import { PingReport } from "./ping_report.ts";
import { print } from "./terminal.ts";
import { checkName, readSeconds, withStack } from "./with_stack.ts";

const OPTIONS = {
  count: { short: "c", value: "N", help: "stop after so many requests (until Ctrl-C)" },
  size: { short: "s", value: "BYTES", help: "data in each (56)" },
  interval: { short: "i", value: "SECONDS", help: "from one to the next (1)" },
  ttl: { short: "t", value: "HOPS", help: "time to live, or hop limit, 1 to 255 (64)" },
  timeout: { short: "W", value: "SECONDS", help: "how long to wait for an answer (1)" },
  fragment: { short: "M", value: "do|dont", help: "do: never fragment; dont: if need be (dont)" },
  ipv6: { short: "6", help: "an IPv6 address of the name; -4: an IPv4 address" },
  quiet: { short: "q", help: "print the statistics only" },
} as const;

type PingLine = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

/** `tcpstack ping`. */
export const PING: Command<keyof typeof OPTIONS> = {
  name: "ping",
  summary: "ask a host for echoes",
  operands: ["HOST"],
  options: OPTIONS,
  notes: [
    "Ends with code 0 if anything was answered, else with 1.",
    "",
    "  sudo tcpstack ping 10.0.0.1 -c 3               this host itself, across a TUN interface",
    "  sudo tcpstack ping example.net --interface eth0 --address 192.168.1.7/24 \\",
    "      --gateway 192.168.1.1 --dns 192.168.1.1",
  ],
  run: (line) => {
    const options = readOptions(line);
    return withStack(line, (stack, signal) => run(stack, line, { ...options, signal }));
  },
};

function readOptions(line: PingLine): PingsOptions & { size: number } {
  const count = line.number("count");
  if (count === 0) throw new UsageError("Option --count needs a number above 0");
  const fragment = line.text("fragment") ?? "dont";
  if (fragment !== "do" && fragment !== "dont") {
    throw new UsageError(`Option --fragment is do, for never, or dont: got ${fragment}`);
  }
  return {
    count,
    size: line.number("size") ?? 56,
    interval: line.parse("interval", readSeconds),
    ttl: line.number("ttl"),
    timeout: line.parse("timeout", readSeconds),
    dontFragment: fragment === "do",
    family: readFamily(line),
  };
}

/** Which addresses of a name will do. */
export function readFamily(line: CommandLine<"ipv6" | InterfaceOption>): 4 | 6 | undefined {
  if (!line.has("ipv6")) return line.has("no-ipv6") ? 4 : undefined;
  if (line.has("no-ipv6")) throw new UsageError("Options -4 and -6 exclude each other");
  return 6;
}

async function run(
  stack: NetworkStack,
  line: PingLine,
  options: PingsOptions & { size: number; signal: AbortSignal },
): Promise<number> {
  const host = line.operands[0]!;
  const { family, signal, size } = options;
  checkName(stack, host);
  const [address] = await stack.resolve(host, { family, signal });
  const report = new PingReport(host, address!, size);
  const isBrief = line.has("quiet");
  print(report.header);
  const start = performance.now();
  try {
    for await (const result of stack.pings(address!, options)) {
      const text = report.add(result);
      if (text !== undefined && !isBrief) print(text);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const { icmpEchoRequests = 0 } = stack.counters();
  print(report.statistics(icmpEchoRequests, performance.now() - start));
  return report.hasReply ? 0 : 1;
}
