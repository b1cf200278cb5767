/**
 * `tcpstack resolve`: looks up a name, by a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../host/network_stack.ts";
import { type DnsRecord, RECORD_TYPES, type RecordType } from "../socket/dns/message.ts";
import { IpAddress } from "../wire/address.ts";
import type { Command } from "./command.ts";
import type { CommandLine } from "./command_line.ts";
import { UsageError } from "./errors.ts";
import type { InterfaceOption } from "./interface_options.ts";
import { print } from "./terminal.ts";
import { noServer, withStack } from "./with_stack.ts";

/** `tcpstack resolve`. */
export const RESOLVE: Command<never> = {
  name: "resolve",
  summary: "look up the addresses of a name, or its records",
  operands: ["NAME", "[TYPE]"],
  options: {},
  notes: [
    `TYPE is one of ${RECORD_TYPES.join(", ")}; without it: the addresses of`,
    "a name, one in a line and the best one first, or the names of an address.",
    "",
    "  sudo tcpstack resolve example.net MX --interface eth0 --address 192.168.1.7/24 \\",
    "      --gateway 192.168.1.1 --dns 192.168.1.1",
  ],
  run: (line) => {
    const type = readType(line.operands[1]);
    return withStack(line, (stack, signal) => run(stack, line, type, signal));
  },
};

function readType(text: string | undefined): RecordType | undefined {
  const type = RECORD_TYPES.find((type) => type === text?.toUpperCase());
  if (type !== undefined || text === undefined) return type;
  throw new UsageError(`Unknown type ${text}: it is one of ${RECORD_TYPES.join(", ")}`);
}

async function run(
  stack: NetworkStack,
  line: CommandLine<InterfaceOption>,
  type: RecordType | undefined,
  signal: AbortSignal,
): Promise<number> {
  const name = line.operands[0]!;
  for (const found of await lookUp(stack, name, type, signal)) print(found);
  return 0;
}

async function lookUp(
  stack: NetworkStack,
  name: string,
  type: RecordType | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  if (stack.dnsServers.length === 0) throw noServer(name);
  if (type !== undefined) {
    const records = await stack.resolver.query(name, type, { signal });
    return records.map(recordLine);
  }
  return isAddress(name)
    ? await stack.resolver.reverse(name, { signal })
    : await stack.resolve(name, { signal });
}

function isAddress(text: string): boolean {
  try {
    IpAddress.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * A record as it stands in a zone file (RFC 1035 §5.1). Its name in small letters: which letters are
 * large is up to the questions' fight against forgers.
 */
export function recordLine(record: DnsRecord): string {
  return `${record.name.toLowerCase()}. ${record.ttl} IN ${record.type} ${dataOf(record)}`;
}

function dataOf(record: DnsRecord): string {
  switch (record.type) {
    case "A":
    case "AAAA":
      return record.data;
    case "CNAME":
    case "PTR":
    case "NS":
      return `${record.data}.`;
    case "MX":
      return `${record.data.preference} ${record.data.exchange}.`;
    case "TXT":
      return record.data.map(quoted).join(" ");
    case "SRV": {
      const { priority, weight, port, target } = record.data;
      return `${priority} ${weight} ${port} ${target}.`;
    }
    case "SOA": {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      return `${mname}. ${rname}. ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
  }
}

/** Whatever stands in a text, the terminal must not take it for a command. */
function quoted(text: string): string {
  const escaped = text.replace(/["\\]/g, "\\$&").replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f]/g,
    (control) => `\\${String(control.charCodeAt(0)).padStart(3, "0")}`,
  );
  return `"${escaped}"`;
}
