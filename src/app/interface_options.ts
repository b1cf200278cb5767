/**
 * The options of every command that needs a stack: on which interfaces, with which addresses and
 * routes, whom it asks for names, and who looks on.
 *
 * @module
 */

import { checkReaderKind, type ReaderKind } from "../../ffi/reader_kind.ts";
import type { RouteOptions } from "../host/network_stack.ts";
import { type Network, parseNetwork, parseOwn } from "../socket/addresses.ts";
import { IpAddress } from "../wire/address.ts";
import { formatMac, parseMac } from "../wire/mac.ts";
import type { CommandLine, OptionTable } from "./command_line.ts";
import { UsageError } from "./errors.ts";

/** The options. Those up to `no-offload` are of one interface, and `--and` begins the next one. */
export const INTERFACE_OPTIONS = {
  tun: { help: "a link to this host alone, by TUN or on macOS utun; the default" },
  tap: { help: "a TAP interface: an Ethernet segment with this host on it" },
  interface: {
    value: "NAME",
    help: "be a host of its own beside this one on an Ethernet, such as eth0",
  },
  name: { value: "NAME", help: "of the TUN or TAP interface (the next one that is free)" },
  mac: { value: "MAC", help: "the stack's hardware address on TAP or eth0 (random)" },
  mtu: { value: "BYTES", help: "largest IP packet on TUN or TAP (1500)" },
  address: {
    value: "IP[/LEN]",
    help: "the stack's address (10.0.0.2, fd00::2; on eth0 of IPv6 routers)",
  },
  "host-address": {
    value: "IP[/LEN]",
    help: "this host's end of TUN or TAP (10.0.0.1, fd00::1), or none",
  },
  dhcp: { help: "have an IPv4 address, routes and DNS servers given by a DHCP server" },
  gateway: { value: "IP", help: "router to everywhere else, one of a family" },
  "no-ipv6": { short: "4", help: "without IPv6" },
  reader: {
    value: "KIND",
    help: "how packets are read: waking (as on Linux) or posting (as on macOS)",
  },
  "no-offload": { help: "packets as on a wire, never of 64 KiB (so with --trace, --pcap)" },
  and: { help: "the options of one interface end here, and those of another begin" },
  route: { value: "NET", help: "way to a network: 10.1.0.0/16,via=10.0.0.9 or fd01::/64,dev=tap0" },
  dns: { value: "IP", help: "server for names: 10.0.0.1 or 10.0.0.1#5353" },
  search: { value: "DOMAIN", help: "domain in which short names are looked for" },
  trace: { help: "show every packet and change of state" },
  hex: { help: "the same, with the bytes" },
  pcap: { value: "FILE", help: "write every packet to a capture file, for Wireshark" },
} as const satisfies OptionTable;

/** The name of one of {@linkcode INTERFACE_OPTIONS}. */
export type InterfaceOption = keyof typeof INTERFACE_OPTIONS;

/** A TUN or utun interface, a TAP interface, or a packet socket on an interface of the system. */
export type InterfaceKind = "tun" | "tap" | "packet";

/** What was said of one interface. */
export interface InterfaceSettings {
  readonly kind: InterfaceKind;
  /** Of a packet socket the interface's, else that which it is to have. */
  readonly name: string | undefined;
  readonly mac: string | undefined;
  /** In bytes. */
  readonly mtu: number | undefined;
  /** The stack's, as `10.0.0.2/24` or `10.0.0.2`; `undefined`: those that it has by default. */
  readonly addresses: readonly string[] | undefined;
  /** The host's, likewise. */
  readonly hostAddresses: readonly string[] | undefined;
  readonly gateways: readonly string[];
  /** Whether to have an IPv4 address given by a server. */
  readonly dhcp: boolean;
  /** Whether it may have IPv6. */
  readonly ipv6: boolean;
  /** Whether super-segments and checksums may be left to the system. */
  readonly offload: boolean;
  /** `undefined`: what is faster. */
  readonly reader: ReaderKind | undefined;
}

/** What was said of the stack. */
export interface StackSettings {
  /** One at least. */
  readonly interfaces: readonly InterfaceSettings[];
  readonly routes: readonly RouteOptions[];
  readonly dns: { readonly servers: readonly string[]; readonly search: readonly string[] };
}

type Line = CommandLine<InterfaceOption>;

/**
 * Reads what a command line says of the stack.
 *
 * @throws {UsageError} If that makes no sense; the message names the option.
 */
export function readStackSettings(line: Line): StackSettings {
  // Who looks at packets wants to see them as they are on a wire.
  const isWatched = line.has("trace") || line.has("hex") || line.has("pcap");
  const interfaces = line.parts.map((part) => readInterface(part, isWatched));
  if (interfaces.length > 1) interfaces.forEach(checkOneOfSeveral);
  checkAddresses(interfaces.map(({ addresses = [] }) => addresses));
  return {
    interfaces,
    routes: line.parseAll("route", readRoute),
    dns: { servers: line.parseAll("dns", readServer), search: line.texts("search") },
  };
}

function readInterface(line: Line, isWatched: boolean): InterfaceSettings {
  const kind = readKind(line);
  const ipv6 = !line.has("no-ipv6");
  const address = (text: string) => {
    const network = parseNetwork(text);
    if (!ipv6 && network.address.family === 6) {
      throw new Error(`${text} is of IPv6, which --no-ipv6 turns off`);
    }
    return network;
  };
  const addresses = line.parseAll("address", (text) => ownAddress(text, address(text), kind));
  const hostAddresses = line.parseAll("host-address", (text) =>
    text === "none" ? text : (
      address(text), text
    ));
  if (kind === "packet") checkJoining(line);
  return {
    kind,
    name: line.text(kind === "packet" ? "interface" : "name"),
    mac: line.parse("mac", (text) => readMac(text, kind)),
    mtu: line.number("mtu"),
    addresses: addresses.length > 0 ? addresses : undefined,
    hostAddresses: hostAddresses.length > 0
      ? hostAddresses.filter((text) => text !== "none")
      : undefined,
    dhcp: readDhcp(line, kind),
    gateways: line.parseAll("gateway", (text) => IpAddress.parse(text) && text),
    ipv6,
    offload: !isWatched && !line.has("no-offload"),
    reader: line.parse("reader", checkReaderKind),
  };
}

/** Before anything is opened for them. */
function checkAddresses(ofInterfaces: readonly (readonly string[])[]): void {
  const all: Network[] = [];
  try {
    for (const addresses of ofInterfaces) all.push(...parseOwn(addresses, all));
  } catch (error) {
    throw new UsageError(`Option --address: ${(error as Error).message}`);
  }
}

function readKind(line: Line): InterfaceKind {
  const kinds: InterfaceKind[] = [];
  if (line.has("tun")) kinds.push("tun");
  if (line.has("tap")) kinds.push("tap");
  for (const _ of line.texts("interface")) kinds.push("packet");
  if (kinds.length > 1) {
    throw new UsageError(
      "One interface is either --tun, --tap or --interface: --and begins another one",
    );
  }
  return kinds[0] ?? "tun";
}

function readDhcp(line: Line, kind: InterfaceKind): boolean {
  if (line.has("dhcp") && kind === "tun") {
    throw new UsageError(
      "Option --dhcp needs an Ethernet, which a TUN interface is not: use --tap or --interface, " +
        "or give it an --address",
    );
  }
  return line.has("dhcp");
}

/** On Ethernet it has to be known who is a neighbor. */
function ownAddress(text: string, { address }: Network, kind: InterfaceKind): string {
  if (kind === "tun" || text.includes("/")) return text;
  if (kind === "tap") return `${text}/${address.family === 4 ? 24 : 64}`;
  throw new Error(
    `say how large the network of ${text} is: ${text}/${address.family === 4 ? 24 : 64}`,
  );
}

/** An interface of the system is as it is. */
function checkJoining(line: Line): void {
  const name = line.text("interface");
  for (const option of ["name", "mtu", "host-address"] as const) {
    if (line.has(option)) {
      throw new UsageError(`Option --${option} is for --tun and --tap: ${name} stays as it is`);
    }
  }
  if (!line.has("address") && !line.has("dhcp") && line.has("no-ipv6")) {
    throw new UsageError(
      `Option --interface: say how the stack gets an address on ${name}: ` +
        "--address 192.168.1.7/24 or --dhcp",
    );
  }
}

function readMac(text: string, kind: InterfaceKind): string {
  if (kind === "tun") {
    throw new Error("a TUN interface has no hardware addresses; --tap and --interface have");
  }
  return formatMac(parseMac(text));
}

/** Of several interfaces each needs a network of its own: else all lies behind the first. */
function checkOneOfSeveral({ kind, addresses, dhcp }: InterfaceSettings): void {
  const example = "--address 10.1.0.2/24";
  if (addresses === undefined) {
    if (kind === "packet" || dhcp) return;
    throw new UsageError(`Option --and: each of several interfaces needs an address: ${example}`);
  }
  const bare = addresses.find((text) => !text.includes("/"));
  if (bare !== undefined) {
    throw new UsageError(
      `Option --address: say how large the network of ${bare} is, as there are several ` +
        `interfaces: ${example}`,
    );
  }
}

/** `10.1.0.0/16,via=10.0.0.9,dev=tap0,metric=5`, with one of the first two at least. */
function readRoute(text: string): RouteOptions {
  const [network = "", ...parts] = text.split(",");
  parseNetwork(network);
  const route: RouteOptions = { network };
  for (const part of parts) {
    const [, key, value] = /^(via|dev|metric)[= ](.+)$/.exec(part.trim()) ?? [];
    if (key === "via") route.gateway = readAddress(value!);
    else if (key === "dev") route.device = value;
    else if (key === "metric" && /^\d{1,9}$/.test(value!)) route.metric = Number(value);
    else throw new Error(`"${part}" is not understood: expected via=IP, dev=NAME or metric=NUMBER`);
  }
  if (route.gateway === undefined && route.device === undefined) {
    throw new Error(`${network} needs a router or an interface: ${network},via=10.0.0.9`);
  }
  return route;
}

/** An address, perhaps with a port. */
function readServer(text: string): string {
  const [, address, port] = /^([^#]*)(?:#(\d{1,5}))?$/.exec(text) ?? [];
  if (
    address === undefined || (port !== undefined && !(Number(port) >= 1 && Number(port) < 65536))
  ) {
    throw new Error(`expected an address, perhaps with a port, as in 10.0.0.1#5353: got "${text}"`);
  }
  readAddress(address);
  return text;
}

/** An address, perhaps with the name of an interface, which is not there yet: `fe80::1%tap0`. */
function readAddress(text: string): string {
  IpAddress.parse(text, () => 1);
  return text;
}
