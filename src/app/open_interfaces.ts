/**
 * Opens the interfaces that a command line asks for, and starts a stack on them.
 *
 * @module
 */

import type { HostDevice } from "../../ffi/host_device.ts";
import { interfaceTo } from "../../ffi/host_route.ts";
import { openDevice } from "../../ffi/open.ts";
import { openPacketSocket } from "../../ffi/packet_socket.ts";
import { openTap } from "../../ffi/tap.ts";
import type { InterfaceOptions, NetworkStack, StackOptions } from "../host/network_stack.ts";
import type { Device } from "../phy/device.ts";
import { parseNetwork } from "../socket/addresses.ts";
import { IpAddress } from "../wire/address.ts";
import { UsageError } from "./errors.ts";
import type { InterfaceKind, InterfaceSettings, StackSettings } from "./interface_options.ts";

/** The stack's addresses on a link of its own where nothing is said. */
const OWN = ["10.0.0.2/24", "fd00::2/64"];

/** One interface of a stack that runs. */
export interface OpenInterface {
  readonly kind: InterfaceKind;
  readonly name: string;
  /** The host's, on a link that leads to it. */
  readonly hostAddresses: readonly IpAddress[];
  /** Why there is no IPv6 although nobody has declined it. */
  readonly ipv6Missing: string | undefined;
}

/** A stack that runs, and what it runs on. */
export interface OpenStack {
  readonly stack: NetworkStack;
  readonly interfaces: readonly OpenInterface[];
}

/** Whether the stack is a router. */
export type RoutingOptions = Pick<StackOptions, "forward" | "reversePathCheck">;

interface Opened {
  readonly device: Device;
  readonly options: Omit<InterfaceOptions, "device">;
  readonly about: OpenInterface;
}

/**
 * Opens all interfaces, and starts a stack on them. To close the stack closes them.
 *
 * @param wrap Puts something in front of each device, such as a trace.
 * @throws {UsageError} If the settings cannot be fulfilled.
 * @throws {Error} If an interface can't be opened.
 */
export async function openStack(
  settings: StackSettings,
  wrap: (device: Device) => Device = (device) => device,
  routing: RoutingOptions = {},
): Promise<OpenStack> {
  // Loads while the interfaces, and the threads that read from them, come up.
  const loading = import("../host/network_stack.ts");
  const all: Opened[] = [];
  try {
    for (const each of settings.interfaces) {
      const opened = await openInterface(each, settings.interfaces.length === 1);
      all.push(opened);
      checkWay(opened);
    }
    const { createStack } = await loading;
    const stack = createStack({
      ...routing,
      interfaces: all.map(({ device, options }) => ({ ...options, device: wrap(device) })),
      routes: [...settings.routes],
      dns: settings.dns,
    });
    return { stack, interfaces: all.map(({ about }) => about) };
  } catch (error) {
    await Promise.all(all.map(({ device }) => device.close()));
    // What was asked for makes no sense.
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

function openInterface(settings: InterfaceSettings, isOnly: boolean): Promise<Opened> {
  switch (settings.kind) {
    case "tun":
      return openPointToPoint(settings);
    case "tap":
      return openSegment(settings, isOnly);
    case "packet":
      return joinNetwork(settings);
  }
}

async function openPointToPoint(settings: InterfaceSettings): Promise<Opened> {
  const { name, mtu, addresses, hostAddresses, ipv6, offload, reader } = settings;
  const own = OWN.slice(0, ipv6 ? 2 : 1).map(bare);
  const ends = hostAddresses ?? (addresses && hostEnds(addresses));
  const device = await openDevice({
    name,
    mtu,
    offload,
    // The link has one address of a family. Without any it has those of both, if the system can.
    address: addresses !== undefined ? bareOfEach(addresses) : ipv6 ? undefined : own,
    hostAddress: ends && bareOfEach(ends),
    reader,
  });
  const families = hostAddresses?.map((text) => parseNetwork(text).address.family) ?? [4, 6];
  const usual = own.filter((text) => families.includes(IpAddress.parse(text).family));
  return opened(settings, device, device, addresses ?? usual, settings.gateways);
}

/** The host's ends of a link: in the stack's networks, where these are known. */
function hostEnds(addresses: readonly string[]): string[] {
  return oneOfEach(addresses).flatMap((text) => {
    const { address, prefixLength } = parseNetwork(text);
    // IPv6 ends share their /64 (LinkOptions).
    if (address.family === 6) return [neighbor(`${address}/64`)];
    return prefixLength < 32 ? [neighbor(text)] : [];
  });
}

async function openSegment(settings: InterfaceSettings, isOnly: boolean): Promise<Opened> {
  const { name, mac, mtu, addresses, hostAddresses, ipv6, offload, reader } = settings;
  const own = OWN.slice(0, ipv6 ? 2 : 1);
  const host = hostAddresses?.map(withLength) ?? oneOfEach((addresses ?? own).map(neighbor));
  const isUsual = addresses === undefined && hostAddresses === undefined;
  // Left to the default where nothing is said: then the system may do without IPv6.
  const hostAddress = isUsual && ipv6 ? undefined : host;
  const device = await openTap({ name, mac, mtu, hostAddress, offload, reader });
  // Where there is nobody else, the host is the way to everywhere.
  const isRouter = isOnly && settings.gateways.length === 0;
  const routers = device.hostAddresses.filter(({ family }) => family === 6 || !settings.dhcp);
  const gateways = isRouter ? routers.map(String) : settings.gateways;
  const others = (host.length > 0 ? host.map(neighbor) : own)
    .filter((text) => !settings.dhcp || parseNetwork(text).address.family === 6);
  return opened(settings, device, device, addresses ?? others, gateways);
}

async function joinNetwork(settings: InterfaceSettings): Promise<Opened> {
  const { name, mac, offload, reader } = settings;
  const device = await openPacketSocket({ interface: name!, mac, offload, reader });
  return opened(settings, device, undefined, settings.addresses ?? [], settings.gateways);
}

function opened(
  { kind, dhcp, ipv6 }: InterfaceSettings,
  device: Device,
  host: HostDevice | undefined,
  addresses: readonly string[],
  gateways: readonly string[],
): Opened {
  const { hostAddresses = [], ipv6Missing } = host ?? {};
  const address = ipv6Missing === undefined
    ? [...addresses]
    : addresses.filter((text) => parseNetwork(text).address.family === 4);
  // On a network that is there already routers tell of IPv6, unless the user has.
  const autoconf = kind === "packet" && ipv6 && address.every((text) => !text.includes(":"));
  return {
    device,
    options: { address, gateway: [...gateways], dhcp, autoconf },
    about: { kind, name: device.name, hostAddresses, ipv6Missing },
  };
}

/**
 * Where the host's way to an address of the stack leads elsewhere, nothing would ever arrive here.
 *
 * @throws {Deno.errors.AddrInUse} If so.
 */
function checkWay({ options, about: { kind, name, hostAddresses } }: Opened): void {
  for (const text of oneOfEach([options.address ?? []].flat())) {
    const { address, prefixLength } = parseNetwork(text);
    const host = hostAddresses.find(({ family }) => family === address.family);
    if (host === undefined || (kind === "tap" && !address.isIn(host, prefixLength))) continue;
    const other = interfaceTo(address);
    if (other === undefined || other === name) continue;
    throw new Deno.errors.AddrInUse(
      `Cannot use ${address} on ${name}: this host's way to it is ${other}, of another tcpstack or ` +
        "network; choose other addresses, such as --address 10.9.0.2 --host-address 10.9.0.1",
    );
  }
}

/** An address without the length of its network. */
function bare(text: string): string {
  return text.split("/")[0]!;
}

function withLength(text: string): string {
  return text.includes("/") ? text : `${text}/${IpAddress.parse(text).family === 4 ? 24 : 64}`;
}

/** The first address of each family. */
function oneOfEach(texts: readonly string[]): string[] {
  const families = texts.map((text) => parseNetwork(text).address.family);
  return texts.filter((_, i) => families.indexOf(families[i]!) === i);
}

function bareOfEach(texts: readonly string[]): string[] {
  return oneOfEach(texts).map(bare);
}

/** The first address of a network, or the second one if the first is `text` itself. */
function neighbor(text: string): string {
  const { address, prefixLength } = parseNetwork(text);
  const bytes = address.prefix(prefixLength).toBytes();
  const last = bytes.length - 1;
  bytes[last]! |= 1;
  // Networks of two have no address that stands for all of them.
  const isPair = prefixLength === bytes.length * 8 - 1;
  if (address.equals(IpAddress.fromBytes(bytes))) bytes[last]! ^= isPair ? 1 : 3;
  return `${IpAddress.fromBytes(bytes)}/${prefixLength}`;
}
