/**
 * The command line of `serve`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { IpAddress } from "../wire/address.ts";
import { UsageError } from "./errors.ts";

/** What `serve` was told. */
export interface ServeOptions {
  /** The stack's address. */
  address: IpAddress;
  /** The host's end of the link. */
  hostAddress: IpAddress;
  /** Largest IP packet, in bytes. */
  mtu: number;
  /** Wished name of the interface. */
  name: string | undefined;
  /** Whether UDP echo turns payloads round. */
  udpReverse: boolean;
  /** Whether every TCP port echoes. */
  acceptAny: boolean;
  /** Whether to show every packet and every change of state. */
  trace: boolean;
  /** Whether to show the bytes of packets. */
  hex: boolean;
  /** Whether to print nothing but errors, and the trace if asked for. */
  quiet: boolean;
}

/** What the user wants done. */
export type Command =
  | { readonly kind: "help" | "version" }
  | { readonly kind: "serve"; readonly options: ServeOptions };

const BOOLEANS = [
  "accept-any",
  "help",
  "hex",
  "quiet",
  "trace",
  "udp-reverse",
  "version",
] as const;

const STRINGS = ["address", "host-address", "mtu", "name"] as const;

/**
 * Reads the command line.
 *
 * @throws {UsageError} If it makes no sense; the message says what to do.
 */
export function parseCommand(args: readonly string[]): Command {
  const unknown: string[] = [];
  const flags = parseArgs([...args], {
    boolean: BOOLEANS,
    string: STRINGS,
    alias: { h: "help", q: "quiet", t: "trace", V: "version", x: "hex" },
    unknown: (arg, key) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown[0]}`);
  if (flags.help) return { kind: "help" };
  if (flags.version) return { kind: "version" };
  const [command = "serve", ...rest] = flags._.map(String);
  if (command === "help") return { kind: "help" };
  if (command !== "serve") throw new UsageError(`Unknown command ${command}`);
  if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`);
  for (const option of STRINGS) {
    if (flags[option] === "") throw new UsageError(`Option --${option} needs a value`);
  }
  return {
    kind: "serve",
    options: {
      address: parseAddress("address", flags.address ?? "10.0.0.2"),
      hostAddress: parseAddress("host-address", flags["host-address"] ?? "10.0.0.1"),
      mtu: parseMtu(flags.mtu ?? "1500"),
      name: flags.name,
      udpReverse: flags["udp-reverse"],
      acceptAny: flags["accept-any"],
      trace: flags.trace || flags.hex,
      hex: flags.hex,
      quiet: flags.quiet,
    },
  };
}

function parseAddress(option: string, text: string): IpAddress {
  try {
    return IpAddress.parse(text);
  } catch (error) {
    throw new UsageError(`Option --${option}: ${(error as Error).message}`);
  }
}

function parseMtu(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`Option --mtu needs a number: got ${text}`);
  return Number(text);
}
