/**
 * A host that joins multicast groups, and what it says to the routers of its link, as text.
 *
 * @module
 */

import type { Interface } from "../../src/net/interface.ts";
import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop } from "../../src/wire/drop.ts";
import { bytesOf, ipv4, oneInterface, packetOf } from "../packets.ts";
import { Random } from "../random.ts";

/** A message, and how many milliseconds after the last call of `mark` it was sent. */
export type Said = readonly [after: number, message: string];

const RECORDS = ["", "IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK"];
const IPV4_ROUTER_ALERT = 0x94040000;
const IPV6_ROUTER_ALERT = "050200000100";

/** A stack on a link without hardware addresses. */
export class Listener {
  now = 5000;
  readonly stack: Stack;
  readonly interface: Interface;
  /** Packets that were sent, whole. */
  packets: Uint8Array<ArrayBuffer>[] = [];
  #said: Said[] = [];
  #start = this.now;

  constructor(addresses: string[] = ["10.0.0.2"], { seed = 1, mtu = 1500 } = {}) {
    const transmit = (packet: Parameters<typeof bytesOf>[0]) => {
      const bytes = bytesOf(packet);
      this.packets.push(bytes);
      this.#said.push([this.now - this.#start, messageOf(bytes)]);
      return true;
    };
    const own = addresses.map((text) => IpAddress.parse(text));
    this.stack = new Stack({ interfaces: oneInterface({ mtu, transmit }, own) }, new Random(seed));
    this.interface = this.stack.ip.interfaces[1]!;
  }

  join(...groups: string[]): this {
    for (const group of groups) this.stack.ip.join(this.interface, IpAddress.parse(group));
    return this;
  }

  leave(...groups: string[]): this {
    for (const group of groups) this.stack.ip.leave(this.interface, IpAddress.parse(group));
    return this;
  }

  receive(bytes: Uint8Array): void {
    this.stack.receive(packetOf(bytes), this.now);
  }

  /** Counts time from now on, and forgets what was said. */
  mark(): this {
    this.#start = this.now;
    this.#said = [];
    this.packets = [];
    return this;
  }

  /** Lets time go by, and returns what was said in it. */
  run(ms: number): Said[] {
    const end = this.now + ms;
    this.stack.poll(this.now);
    for (let at = this.stack.nextDeadline(); at <= end; at = this.stack.nextDeadline()) {
      this.now = Math.max(this.now, at);
      this.stack.poll(this.now);
    }
    this.now = end;
    return this.#said.splice(0);
  }

  /** The same, without the times. */
  says(ms: number): string[] {
    return this.run(ms).map(([, message]) => message);
  }

  get badMessages(): number {
    return this.stack.counters.drops[Drop.GROUP_BAD_MESSAGE]!;
  }
}

/**
 * A report or leave as text, after checks of what all of them must have.
 *
 * @throws {Error} If it lacks that.
 */
function messageOf(bytes: Uint8Array<ArrayBuffer>): string {
  const view = new DataView(bytes.buffer);
  return view.getUint8(0) >>> 4 === 4 ? igmpOf(bytes, view) : mldOf(bytes, view);
}

function igmpOf(bytes: Uint8Array, view: DataView): string {
  expect(view.getUint16(0) === 0x46c0, "a header of 24 bytes, for internetwork control");
  expect(view.getUint8(8) === 1 && view.getUint8(9) === 2, "IGMP with a TTL of 1");
  expect(view.getUint32(20) === IPV4_ROUTER_ALERT, "a router alert");
  expect(finish(sum(view, 0, 24)) === 0 && finish(sum(view, 24, bytes.length)) === 0, "checksums");
  const type = view.getUint8(24);
  const what = type === 0x22 ? recordsOf(bytes, 24, 4) : addressOf(bytes, 28, 4);
  const name = { 0x12: "v1 report", 0x16: "v2 report", 0x17: "leave", 0x22: "report" }[type];
  return `${addressOf(bytes, 12, 4)} > ${addressOf(bytes, 16, 4)} ${name} ${what}`;
}

function mldOf(bytes: Uint8Array, view: DataView): string {
  expect(view.getUint8(6) === 0 && view.getUint8(7) === 1, "hop-by-hop options, a hop limit of 1");
  expect(bytes.subarray(40, 48).toHex() === `3a00${IPV6_ROUTER_ALERT}`, "a router alert");
  const [source, destination] = [addressOf(bytes, 8, 16), addressOf(bytes, 24, 16)];
  const ends = [IpAddress.parse(source), IpAddress.parse(destination)] as const;
  const pseudo = pseudoHeaderSum(...ends, 58, bytes.length - 48);
  expect(finish(sum(view, 48, bytes.length, pseudo)) === 0, "a checksum");
  const type = view.getUint8(48);
  const what = type === 143 ? recordsOf(bytes, 48, 16) : addressOf(bytes, 56, 16);
  const name = { 131: "v1 report", 132: "done", 143: "report" }[type];
  return `${source} > ${destination} ${name} ${what}`;
}

function expect(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`A message needs ${what}`);
}

function addressOf(bytes: Uint8Array, at: number, length: number): string {
  return IpAddress.fromBytes(bytes.slice(at, at + length)).toString();
}

/** `TO_EX 239.1.2.3, IS_IN 239.1.2.4 {10.0.0.1}`. */
function recordsOf(bytes: Uint8Array, at: number, length: number): string {
  const view = new DataView(bytes.buffer);
  const records: string[] = [];
  let next = at + 8;
  for (let i = 0; i < view.getUint16(at + 6); i++) {
    const sources = Array.from(
      { length: view.getUint16(next + 2) },
      (_, n) => addressOf(bytes, next + 4 + length * (n + 1), length),
    );
    const list = sources.length > 0 ? ` {${sources.join(" ")}}` : "";
    records.push(`${RECORDS[bytes[next]!]} ${addressOf(bytes, next + 4, length)}${list}`);
    next += 4 + length * (1 + sources.length);
  }
  expect(next === bytes.length, "nothing behind its records");
  return records.join(", ");
}

/** What a query asks, and how it comes; what is left out is as it should be. */
export interface QueryFields {
  version: number;
  /** Left out: all. */
  group?: string;
  sources?: string[];
  /** Milliseconds within which to answer. */
  within?: number;
  robustness?: number;
  /** Seconds between two queries. */
  interval?: number;
  source?: string;
  ttl?: number;
  routerAlert?: boolean;
}

/** An IGMP query in its packet. */
export function igmpQuery(fields: QueryFields): Uint8Array<ArrayBuffer> {
  const { version, group, sources = [], within = 10_000, robustness = 2, interval = 125 } = fields;
  const { source = "10.0.0.1", ttl = 1, routerAlert = version > 1 } = fields;
  const address = (text: string) => [...IpAddress.parse(text).toBytes()];
  const body = [0x11, version === 1 ? 0 : within / 100, 0, 0, ...address(group ?? "0.0.0.0")];
  if (version === 3) {
    body.push(robustness, interval, 0, sources.length, ...sources.flatMap(address));
  }
  const payload = Uint8Array.from(body);
  const view = new DataView(payload.buffer);
  view.setUint16(2, finish(sum(view, 0, payload.length)));
  return ipv4({
    source: IpAddress.parse(source),
    destination: IpAddress.parse(group ?? "224.0.0.1"),
    protocol: 2,
    payload,
    ttl,
    ...(routerAlert && { options: Uint8Array.of(0x94, 4, 0, 0) }),
  });
}

/** A report of IGMPv2 from another host, or of version 1. */
export function igmpReport(group: string, type = 0x16, ttl = 1): Uint8Array<ArrayBuffer> {
  const destination = IpAddress.parse(group);
  const payload = Uint8Array.of(type, 0, 0, 0, ...destination.toBytes());
  const view = new DataView(payload.buffer);
  view.setUint16(2, finish(sum(view, 0, 8)));
  const options = Uint8Array.of(0x94, 4, 0, 0);
  return ipv4({ destination, protocol: 2, payload, ttl, options });
}

/** An MLD message in its packet, behind a router alert unless there is to be none. */
export function mld(
  type: number,
  body: Uint8Array,
  destination: string,
  { source = "fe80::1", ttl = 1, routerAlert = true }: Partial<QueryFields> = {},
): Uint8Array<ArrayBuffer> {
  const extra = routerAlert ? 8 : 0;
  const bytes = new Uint8Array(40 + extra + 4 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x6000_0000);
  view.setUint16(4, bytes.length - 40);
  view.setUint8(6, routerAlert ? 0 : 58);
  view.setUint8(7, ttl);
  const ends = [IpAddress.parse(source), IpAddress.parse(destination)] as const;
  bytes.set(ends[0].toBytes(), 8);
  bytes.set(ends[1].toBytes(), 24);
  if (routerAlert) bytes.set(Uint8Array.fromHex(`3a00${IPV6_ROUTER_ALERT}`), 40);
  const at = 40 + extra;
  bytes[at] = type;
  bytes.set(body, at + 4);
  const pseudo = pseudoHeaderSum(...ends, 58, bytes.length - at);
  view.setUint16(at + 2, finish(sum(view, at, bytes.length, pseudo)));
  return bytes;
}

/** An MLD query in its packet. */
export function mldQuery(fields: QueryFields): Uint8Array<ArrayBuffer> {
  const { version, group, sources = [], within = 10_000, robustness = 2, interval = 125 } = fields;
  const address = (text: string) => [...IpAddress.parse(text).toBytes()];
  const body = [within >>> 8, within & 255, 0, 0, ...address(group ?? "::")];
  if (version === 2) {
    body.push(robustness, interval, 0, sources.length, ...sources.flatMap(address));
  }
  return mld(130, Uint8Array.from(body), group ?? "ff02::1", fields);
}
