/**
 * `tcpstack traceroute`: the routers on the way to a host, from a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import type { Hop, TracerouteOptions } from "../socket/traceroute.ts";
import type { Command } from "./command.ts";
import type { CommandLine } from "./command_line.ts";
import type { InterfaceOption } from "./interface_options.ts";
import { readFamily } from "./ping.ts";
import { print } from "./terminal.ts";
import { hopLine } from "./traceroute_report.ts";
import { checkName, readSeconds, withStack } from "./with_stack.ts";

const OPTIONS = {
  icmp: { short: "I", help: "send echo requests, instead of datagrams to ports that nobody has" },
  "first-hop": { short: "f", value: "N", help: "where to begin (1)" },
  "max-hops": { short: "m", value: "N", help: "where to end, at 255 at most (30)" },
  queries: { short: "q", value: "N", help: "probes for each hop, 1 to 10 (3)" },
  wait: { short: "w", value: "SECONDS", help: "how long to wait for the answers of a hop (1)" },
  port: {
    short: "p",
    value: "PORT",
    help: "of the first datagram; the next go to the next (33434)",
  },
  numeric: { short: "n", help: "don't look up the names of addresses" },
  ipv6: { short: "6", help: "an IPv6 address of the name; -4: an IPv4 address" },
} as const;

type TraceLine = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

/** Bytes of data in each probe: with the headers of UDP and IPv4 there are 60. */
const SIZE = 32;
const HEADERS = { 4: 20 + 8, 6: 40 + 8 } as const;

/** `tcpstack traceroute`. */
export const TRACEROUTE: Command<keyof typeof OPTIONS> = {
  name: "traceroute",
  summary: "show the routers on the way to a host",
  operands: ["HOST"],
  options: OPTIONS,
  notes: [
    "Behind a time: !N, !H, !P network, host, protocol unreachable; !X prohibited; !F-MTU too big.",
    "",
    "  sudo tcpstack traceroute 10.0.0.1              this host itself, across a TUN interface",
    "  sudo tcpstack traceroute -I example.net --interface eth0 --address 192.168.1.7/24 \\",
    "      --gateway 192.168.1.1 --dns 192.168.1.1",
  ],
  run: (line) => {
    const options = readOptions(line);
    return withStack(line, (stack, signal) => run(stack, line, { ...options, signal }));
  },
};

function readOptions(line: TraceLine): TracerouteOptions {
  return {
    method: line.has("icmp") ? "icmp" : "udp",
    firstHop: line.number("first-hop"),
    maxHops: line.number("max-hops"),
    queries: line.number("queries"),
    timeout: line.parse("wait", readSeconds),
    port: line.number("port"),
    size: SIZE,
    family: readFamily(line),
  };
}

async function run(
  stack: NetworkStack,
  line: TraceLine,
  options: TracerouteOptions & { signal: AbortSignal },
): Promise<number> {
  const host = line.operands[0]!;
  const { family, maxHops = 30, signal } = options;
  checkName(stack, host);
  const [address] = await stack.resolve(host, { family, signal });
  const length = SIZE + HEADERS[address!.includes(":") ? 6 : 4];
  print(`traceroute to ${host} (${address}), ${maxHops} hops max, ${length} byte packets`);
  const isNumeric = line.has("numeric");
  try {
    for await (const hop of stack.traceroute(address!, options)) {
      const names = isNumeric ? undefined : await namesOf(stack, hop, signal);
      print(hopLine(hop, names && ((address) => names.get(address) ?? address)));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 0;
}

/** The names of those who have answered, as far as somebody knows them. */
async function namesOf(
  stack: NetworkStack,
  { replies }: Hop,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  if (stack.dnsServers.length === 0) return names;
  const addresses = new Set(replies.flatMap((reply) => reply === null ? [] : [reply.address]));
  await Promise.all(Array.from(addresses, async (address) => {
    try {
      const [name] = await stack.resolver.reverse(address, { signal });
      if (name !== undefined) names.set(address, name);
    } catch {
      // The address alone says enough.
    }
  }));
  return names;
}
