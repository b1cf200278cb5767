/**
 * A stack on an Ethernet in virtual time, and messages of Neighbor Discovery, made and taken apart
 * byte by byte.
 *
 * @module
 */

import { Ethernet } from "../../src/net/ethernet.ts";
import type { InterfaceAddress } from "../../src/net/interface.ts";
import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop } from "../../src/wire/drop.ts";
import { formatMac, parseMac } from "../../src/wire/mac.ts";
import { bytesOf, isListenerReport, packetOf } from "../packets.ts";

export const OWN_MAC = "02:00:00:00:00:02";
export const PEER_MAC = "02:00:00:00:00:01";
export const ROUTER_MAC = "02:00:00:00:00:0a";
export const OTHER_MAC = "02:00:00:00:00:0b";

export const OWN = "fd00::2";
export const PEER = "fd00::1";
export const ROUTER = "fe80::a";
export const OTHER_ROUTER = "fe80::b";
export const ALL_NODES = "ff02::1";
/** The solicited-node groups of {@linkcode OWN} and {@linkcode PEER}. */
export const OWN_GROUP = "ff02::1:ff00:2";
export const PEER_GROUP = "ff02::1:ff00:1";

const STATES = ["tentative", "preferred", "deprecated", "optimistic"];

/** What a scene begins with. */
export interface SceneOptions {
  /** With the lengths of their prefixes. */
  addresses?: string[];
  gateways?: string[];
  autoconf?: boolean;
  mtu?: number;
  /** `false` for a point-to-point link. */
  ethernet?: boolean;
  secret?: Uint8Array;
  /** Whether it is a router. */
  forward?: boolean;
}

/** One host, and what it sends. */
export class NdScene {
  now = 0;
  readonly stack: Stack;
  #sent: string[] = [];
  readonly #hasMac: boolean;

  constructor(
    options: SceneOptions = {},
  ) {
    const { addresses = [`${OWN}/64`], gateways = [], autoconf, mtu = 1500 } = options;
    const { ethernet = true, secret, forward } = options;
    this.#hasMac = ethernet;
    this.stack = new Stack({
      interfaces: [{
        name: "test0",
        mac: ethernet ? parseMac(OWN_MAC) : undefined,
        link: { mtu, transmit: (packet) => this.#note(bytesOf(packet)) },
        addresses: addresses.map((text) => {
          const [address, length] = text.split("/");
          return { address: IpAddress.parse(address!), prefixLength: Number(length) };
        }),
        gateways: gateways.map((text) => IpAddress.parse(text)),
        autoconf,
      }],
      forward,
      secret: secret ?? new Uint8Array(16).fill(7),
    }, { random: () => 0x8000_0000 }); // the middle: delays are half of the longest
  }

  get #interface() {
    return this.stack.ip.interfaces[1]!;
  }

  /** The addresses, with their states. */
  get addresses(): string[] {
    return this.entries.map(({ address, state }) => `${address.withZone(0)} ${STATES[state]}`);
  }

  get entries(): readonly InterfaceAddress[] {
    return this.#interface.addresses;
  }

  /** The address of one origin. */
  entryOf(origin: InterfaceAddress["origin"]): InterfaceAddress | undefined {
    return this.entries.find((entry) => entry.origin === origin);
  }

  /** The routes that routers have brought about, as `2001:db8::/64`, or `::/0 by fe80::a`. */
  get routes(): string[] {
    return this.stack.ip.routes.all.filter(({ origin }) => origin !== undefined).map(
      ({ prefix, length, gateway }) =>
        `${prefix}/${length}` + (gateway === null ? "" : ` by ${gateway.withZone(0)}`),
    );
  }

  /** The neighbors in the order of their texts, with their hardware addresses and states. */
  get neighbors(): string[] {
    const { layer } = this.#interface;
    if (!(layer instanceof Ethernet)) return [];
    return layer.neighbors6.entries(this.now).map(({ address, mac, state, isRouter }) =>
      `${address.withZone(0)} ${mac && formatMac(mac)} ${state}${isRouter ? " router" : ""}`
    ).sort();
  }

  /** Hands over a packet, and returns what is sent at once. */
  receive(packet: Uint8Array, fromMac = PEER_MAC): string[] {
    const to = packet.subarray(24, 40);
    const mac = to[0] === 0xff ? [0x33, 0x33, ...to.subarray(12)] : parseMac(OWN_MAC);
    const head = this.#hasMac ? [...mac, ...parseMac(fromMac), 0x86, 0xdd] : [];
    this.stack.receive(packetOf(Uint8Array.of(...head, ...packet)), this.now);
    return this.poll();
  }

  /** Does what is due, and returns what is sent. */
  poll(): string[] {
    this.stack.poll(this.now);
    return this.#sent.splice(0);
  }

  /** Lets time pass, from deadline to deadline, and returns what is sent, with the time of it. */
  pass(time: number): string[] {
    const end = this.now + time;
    const lines: string[] = [];
    for (let round = 0;; round++) {
      if (round > 10_000) throw new Error("There is always something due");
      lines.push(...this.poll().map((line) => `${this.now}: ${line}`));
      const next = this.stack.nextDeadline();
      if (next > end) break;
      this.now = Math.max(this.now, next);
    }
    this.now = end;
    return lines;
  }

  /** Sends an echo request, and returns what is sent of it, or for it. */
  ping(to: string): string[] {
    const { ip, echo } = this.stack;
    const zone = (address: IpAddress) => address.scope(2);
    const destination = zone(IpAddress.parse(to));
    const source = ip.sourceFor(destination);
    if (source === undefined) return ["no way"];
    echo.send(source, destination, 1, 1, new Uint8Array(0));
    return this.poll();
  }

  /** The reasons for which packets were dropped. */
  get drops(): string[] {
    return this.stack.counters.entries().filter(([name]) => name.startsWith("drop."))
      .map(([name, count]) => `${name.slice(5)} ${count}`);
  }

  /** How often something was dropped. */
  dropped(name: keyof typeof Drop): number {
    return this.stack.counters.drops[Drop[name]]!;
  }

  /** Keeps what is sent; reports of groups are another matter. */
  #note(frame: Uint8Array): boolean {
    if (!isListenerReport(frame, this.#hasMac ? 14 : 0)) this.#sent.push(this.#read(frame));
    return true;
  }

  /** What a frame says, after verifying what all messages have in common. */
  #read(frame: Uint8Array): string {
    if (this.#hasMac && frame[13] === 6) return "arp";
    const bytes = this.#hasMac ? frame.subarray(14) : frame;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const [source, destination] = [8, 24].map((at) => IpAddress.scratch().load16(view, at));
    const pseudo = pseudoHeaderSum(source!, destination!, 58, bytes.length - 40);
    if (finish(sum(view, 40, bytes.length, pseudo)) !== 0) return "a wrong checksum";
    const type = bytes[40]!;
    const path = `${source} > ${destination}`;
    if (type === 128) return `echo ${path}`;
    if (type === 129) return `reply ${path}`;
    if (bytes[7] !== 255) return `hop limit ${bytes[7]}`;
    const at = type === 133 ? 48 : 64;
    const rest = bytes.subarray(at);
    const option = rest.length === 0
      ? ""
      : ` ${["", "from", "at"][rest[0]!]} ${formatMac(rest, 2)}`;
    if (type === 133) return `rs ${path}${option}`;
    const target = IpAddress.scratch().load16(view, 48);
    if (type === 135) return `ns ${path} ${target}${option}`;
    const flags = bytes[44]!;
    const letters = (flags & 0x80 ? "R" : "") + (flags & 0x40 ? "S" : "") +
      (flags & 0x20 ? "O" : "");
    return `na ${path} ${target}${option} ${letters}`.trimEnd();
  }
}

/** Where a message comes from and goes to. */
export interface Envelope {
  source?: string;
  destination?: string;
  hopLimit?: number;
}

/** An ICMPv6 message in a packet, its checksum made right. */
export function icmpv6(
  message: readonly number[],
  { source = PEER, destination = OWN, hopLimit = 255 }: Envelope = {},
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(40 + message.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x6000_0000);
  view.setUint16(4, message.length);
  view.setUint8(6, 58);
  view.setUint8(7, hopLimit);
  const [from, to] = [IpAddress.parse(source), IpAddress.parse(destination)];
  from.store(view, 8);
  to.store(view, 24);
  bytes.set(message, 40);
  view.setUint16(42, 0);
  const pseudo = pseudoHeaderSum(from, to, 58, message.length);
  view.setUint16(42, finish(sum(view, 40, bytes.length, pseudo)));
  return bytes;
}

const address = (text: string) => [...IpAddress.parse(text).toBytes()];
const word = (value: number) =>
  [value >>> 24, value >>> 16, value >>> 8, value].map((n) => n & 255);

/** Options. Lifetimes in seconds. */
export const sourceMac = (mac = PEER_MAC): number[] => [1, 1, ...parseMac(mac)];
export const targetMac = (mac = PEER_MAC): number[] => [2, 1, ...parseMac(mac)];
export const mtuOption = (mtu: number): number[] => [5, 1, 0, 0, ...word(mtu)];

export function prefixOption(
  text: string,
  { flags = "LA", valid = 86400, preferred = 14400 } = {},
): number[] {
  const [prefix, length] = text.split("/");
  const bits = (flags.includes("L") ? 0x80 : 0) | (flags.includes("A") ? 0x40 : 0);
  const lifetimes = [...word(valid), ...word(preferred)];
  return [3, 4, Number(length), bits, ...lifetimes, 0, 0, 0, 0, ...address(prefix!)];
}

export function rdnssOption(servers: string[], lifetime: number): number[] {
  return [25, 1 + 2 * servers.length, 0, 0, ...word(lifetime), ...servers.flatMap(address)];
}

/** A neighbor solicitation. */
export function ns(target: string, options: number[] = [], envelope?: Envelope) {
  return icmpv6([135, 0, 0, 0, 0, 0, 0, 0, ...address(target), ...options], envelope);
}

/** A neighbor advertisement; `flags` are some of `R`, `S` and `O`. */
export function na(target: string, flags: string, options: number[] = [], envelope?: Envelope) {
  const bits = (flags.includes("R") ? 0x80 : 0) | (flags.includes("S") ? 0x40 : 0) |
    (flags.includes("O") ? 0x20 : 0);
  return icmpv6([136, 0, 0, 0, bits, 0, 0, 0, ...address(target), ...options], envelope);
}

/** A router advertisement to all nodes. */
export function ra(
  options: number[] = [],
  { source = ROUTER, hopLimit = 0, lifetime = 1800, reachableTime = 0, retransTimer = 0 } = {},
) {
  const head = [134, 0, 0, 0, hopLimit, 0, lifetime >>> 8, lifetime & 255];
  const message = [...head, ...word(reachableTime), ...word(retransTimer), ...options];
  return icmpv6(message, { source, destination: ALL_NODES });
}

/** A redirect of `destination` to `target`. */
export function redirect(
  target: string,
  destination: string,
  options: number[] = [],
  envelope: Envelope = {},
) {
  const message = [137, 0, 0, 0, 0, 0, 0, 0, ...address(target), ...address(destination)];
  return icmpv6([...message, ...options], { source: ROUTER, ...envelope });
}

/** An echo request from the peer. */
export function echoRequest(envelope: Envelope = {}) {
  return icmpv6([128, 0, 0, 0, 0, 1, 0, 1], envelope);
}
