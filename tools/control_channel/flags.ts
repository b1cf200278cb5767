/**
 * The flags of HELLO: `local=192.168.0.1/16,mtu=1500,time=virtual,cc=reno`.
 *
 * @module
 */

import { CONGESTION_NAMES } from "../../src/tcp/congestion/registry.ts";
import { ECN_MODES } from "../../src/tcp/ecn.ts";
import { DEFAULT_TCP_CONFIG, type TcpConfig } from "../../src/tcp/config.ts";
import { IpAddress } from "../../src/wire/address.ts";

/** How to make a stack. */
export interface Settings {
  readonly address: IpAddress;
  readonly mtu: number;
  /** Whether time only passes by ADVANCE. */
  readonly virtual: boolean;
  /** What chance begins from in virtual time, so that runs can be repeated. */
  readonly seed: number;
  readonly tcp: Partial<TcpConfig>;
}

/** Short names of settings of TCP. */
const ALIASES: Readonly<Record<string, keyof TcpConfig>> = {
  cc: "congestion",
  ts: "timestamps",
  wscale: "windowScaling",
};

/** Linux's words, and its numbers for ECN, for values that are names here. */
const NAME_ALIASES: Readonly<Record<string, string>> = {
  reno: "newreno",
  "0": "off",
  "1": "on",
  "2": "passive",
};

/**
 * Parses the flags. Those that mean nothing here are passed over.
 *
 * @throws {TypeError} If a value makes no sense, or asks for what there isn't.
 */
export function parseFlags(text: string): Settings {
  const flags = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    if (at > 0) flags.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  // The kernel's own end of such a device would have to be known, and made.
  if (flags.has("dev")) throw new TypeError("Packets only travel over the channel: leave out dev=");
  const time = flags.get("time") ?? "real";
  if (time !== "real" && time !== "virtual") {
    throw new TypeError(`time= is real or virtual, not "${time}"`);
  }
  return {
    address: ownAddress(flags.get("local") ?? "192.168.0.1/16"),
    mtu: integer("mtu", flags.get("mtu") ?? "1500", 68, 65535),
    virtual: time === "virtual",
    seed: integer("seed", flags.get("seed") ?? "1", 0, 0xffff_ffff),
    tcp: tcpSettings(flags),
  };
}

/** `a.b.c.d/prefix`: the prefix is of no account on a link between two. */
function ownAddress(text: string): IpAddress {
  const address = IpAddress.parse(text.split("/")[0]!);
  if (address.family !== 4 || address.isUnspecified || address.isMulticast) {
    throw new TypeError(`local= is the IPv4 address of one host, not ${text}`);
  }
  return address;
}

function integer(name: string, text: string, low: number, high: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= low && value <= high) return value;
  throw new TypeError(`${name}= is a whole number from ${low} to ${high}, not "${text}"`);
}

function tcpSettings(flags: ReadonlyMap<string, string>): Partial<TcpConfig> {
  const settings: Record<string, number | boolean | string> = {};
  for (const [key, text] of flags) {
    const name = Object.hasOwn(ALIASES, key) ? ALIASES[key]! : key;
    if (!Object.hasOwn(DEFAULT_TCP_CONFIG, name)) continue;
    settings[name] = valueLike(DEFAULT_TCP_CONFIG[name as keyof TcpConfig], key, text);
  }
  return settings;
}

/** Reads a value of the kind that `like` is of. */
function valueLike(like: unknown, key: string, text: string): number | boolean | string {
  if (typeof like === "boolean") {
    if (["1", "true", "on"].includes(text)) return true;
    if (["0", "false", "off"].includes(text)) return false;
    throw new TypeError(`${key}= is 0 or 1, not "${text}"`);
  }
  if (typeof like === "number") return integer(key, text, 0, 0x7fff_ffff);
  const names: readonly string[] = (ECN_MODES as readonly unknown[]).includes(like)
    ? ECN_MODES
    : CONGESTION_NAMES;
  const name = NAME_ALIASES[text] ?? text;
  if (!names.includes(name)) {
    throw new TypeError(`${key}= is one of ${names.join(", ")}, not "${text}"`);
  }
  return name;
}
