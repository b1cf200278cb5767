/**
 * Frames of Ethernet in words, as scripts in `net/` have them, and in bytes. README.md beside this
 * file describes the words.
 *
 * @module
 */

import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { formatMac, parseMac } from "../../src/wire/mac.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { arp, ARP_REPLY, ARP_REQUEST } from "../net/arp_packets.ts";
import { ipv4, parseIpv4, PEER, STACK, udp } from "../packets.ts";
import { icmpv6, ipv6, parseIpv6, PEER6, STACK6 } from "../packets6.ts";

/** The stack's hardware address, and that of the peer: `m2` and `m1`. */
export const STACK_MAC = "02:00:00:00:00:02";
const PEER_MAC = "02:00:00:00:00:01";

const [ETHER_IPV4, ETHER_ARP, ETHER_IPV6] = [0x0800, 0x0806, 0x86dd];
const NO_MAC = "00:00:00:00:00:00";

/** Types and codes of errors in ICMP, and in ICMPv6. */
const ERRORS: Readonly<Record<string, Readonly<Partial<Record<4 | 6, [number, number]>>>>> = {
  net_unreachable: { 4: [3, 0], 6: [1, 0] },
  host_unreachable: { 4: [3, 1], 6: [1, 3] },
  protocol_unreachable: { 4: [3, 2] },
  port_unreachable: { 4: [3, 3], 6: [1, 4] },
  too_big: { 4: [3, 4], 6: [2, 0] },
  source_route_failed: { 4: [3, 5], 6: [1, 7] },
  source_quench: { 4: [4, 0] },
  redirected: { 4: [5, 1] },
  time_exceeded: { 4: [11, 0], 6: [3, 0] },
  reassembly_time_exceeded: { 4: [11, 1], 6: [3, 1] },
  parameter_problem: { 4: [12, 0], 6: [4, 0] },
  unknown_next_header: { 6: [4, 1] },
  unknown_option: { 6: [4, 2] },
};
const [NS, NA] = [135, 136];
/** Most that an error has behind its header, in bytes. */
const MAX_QUOTE = { 4: 576 - 28, 6: 1280 - 48 } as const;

/** IP packets of late, the latest last: errors quote them. */
export interface Exchange {
  readonly received: Uint8Array[];
  readonly sent: Uint8Array[];
}

/** `mN`, `all` or `none`, or an address as it is. */
function macOf(word: string): string {
  if (word === "all") return "ff:ff:ff:ff:ff:ff";
  if (word === "none") return NO_MAC;
  const number = /^m(\d)$/.exec(word);
  return number ? `02:00:00:00:00:0${number[1]}` : word;
}

/** The word for an address. */
function wordOf(mac: string): string {
  if (mac === "ff:ff:ff:ff:ff:ff") return "all";
  return mac.replace(/^02:00:00:00:00:0(\d)$/, "m$1");
}

/** The byte at `offset` of data: every place differs from its neighbors. */
export function dataByte(offset: number): number {
  return (offset * 7 + (offset >>> 8) * 13) & 0xff;
}

export function data(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => dataByte(i));
}

/** What a line says, word by word. */
class Words {
  #words: string[];

  constructor(text: string) {
    this.#words = text.split(/\s+/).filter((word) => word !== "");
  }

  /** Takes the next word if it is this one. */
  take(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  next(): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Error("The line ends too early");
    return word;
  }

  /** Takes the next word, which has to be this one. */
  need(word: string): void {
    const next = this.next();
    if (next !== word) throw new Error(`Expected "${word}", not "${next}"`);
  }

  number(): number {
    const word = this.next();
    const value = Number(word);
    if (!Number.isInteger(value)) throw new Error(`"${word}" is not a number`);
    return value;
  }

  /** The number behind `name`, if that comes next. */
  optional(name: string): number | undefined {
    return this.take(name) ? this.number() : undefined;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.fromHex(this.next());
  }

  end(): void {
    const [word] = this.#words;
    if (word !== undefined) throw new Error(`"${word}" is nothing that a frame has`);
  }
}

/**
 * The bytes of a frame.
 *
 * @throws {Error} If the words are none.
 */
export function encodeFrame(whole: string, exchange: Exchange): Uint8Array<ArrayBuffer> {
  const [, between = "", text] = /^(?:\[(.*?)\])?\s*(.*)$/.exec(whole)!;
  const ends = new Words(between);
  const from = ends.take("from") ? macOf(ends.next()) : PEER_MAC;
  const to = ends.take("to") ? macOf(ends.next()) : STACK_MAC;
  ends.end();
  const words = new Words(text!);
  const kind = words.next();
  let type: number;
  let payload: Uint8Array;
  switch (kind) {
    case "arp":
      [type, payload] = [ETHER_ARP, encodeArp(words, from)];
      break;
    case "ip":
    case "ip6":
      type = kind === "ip" ? ETHER_IPV4 : ETHER_IPV6;
      payload = encodeIp(words, kind === "ip" ? 4 : 6, exchange);
      exchange.received.push(payload);
      break;
    case "ether":
      [type, payload] = [words.number(), words.bytes()];
      break;
    default:
      throw new Error(`There is no "${kind}" in Ethernet`);
  }
  words.end();
  return Uint8Array.of(...parseMac(to), ...parseMac(from), type >> 8, type & 0xff, ...payload);
}

function encodeArp(words: Words, from: string): Uint8Array {
  if (words.take("request")) {
    const target = words.next();
    words.need("tell");
    const sender = words.next();
    return arp({ operation: ARP_REQUEST, senderMac: from, sender, target });
  }
  words.need("reply");
  const sender = words.next();
  words.need("at");
  const senderMac = macOf(words.next());
  words.need("tell");
  const target = words.next();
  return arp({ operation: ARP_REPLY, senderMac, sender, target, targetMac: STACK_MAC });
}

function encodeIp(words: Words, family: 4 | 6, exchange: Exchange): Uint8Array {
  const hasAddresses = words.take("from");
  const source = hasAddresses ? IpAddress.parse(words.next()) : family === 4 ? PEER : PEER6;
  const destination = words.take("to")
    ? IpAddress.parse(words.next())
    : family === 4
    ? STACK
    : STACK6;
  const ttl = words.optional("ttl");
  const tos = words.optional("tos") ?? 0;
  const identification = words.optional("id") ?? 1;
  const dontFragment = words.take("df");
  const range = words.take("frag") ? /^(\d+):(\d+)$/.exec(words.next()) : undefined;
  if (range === null) throw new Error('Behind "frag" stands "FROM:TO", in bytes');
  const more = words.take("mf");
  const options = words.take("options") ? words.bytes() : undefined;
  const whole = encodePayload(words, source, destination, exchange);
  const [start, end] = range ? [Number(range[1]), Number(range[2])] : [0, whole.bytes.length];
  const piece = whole.bytes.subarray(start, end);
  const fields = { source, destination, ttl: ttl ?? whole.ttl, tos };
  if (family === 4) {
    const flagsAndOffset = (dontFragment ? 0x4000 : 0) | (more ? 0x2000 : 0) | (start >>> 3);
    const { protocol } = whole;
    return ipv4({ ...fields, protocol, payload: piece, identification, flagsAndOffset, options });
  }
  if (range === undefined && !more) {
    return ipv6({ ...fields, protocol: whole.protocol, payload: piece });
  }
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint8(0, whole.protocol);
  view.setUint16(2, start | (more ? 1 : 0));
  view.setUint32(4, identification);
  return ipv6({
    ...fields,
    protocol: PROTOCOL.FRAGMENT,
    payload: Uint8Array.of(...header, ...piece),
  });
}

/** What IP carries. */
interface Payload {
  protocol: number;
  bytes: Uint8Array<ArrayBuffer>;
  ttl: number;
}

function encodePayload(
  words: Words,
  source: IpAddress,
  destination: IpAddress,
  exchange: Exchange,
): Payload {
  const { family } = source;
  const kind = words.next();
  const message = (type: number, code: number, body: Uint8Array, ttl = 64): Payload => {
    if (family === 6) {
      const bytes = icmpv6(type, code, body, { source, destination }).slice(40);
      return { protocol: PROTOCOL.ICMPV6, bytes, ttl };
    }
    const bytes = new Uint8Array([type, code, 0, 0, ...body]);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, finish(sum(view, 0, bytes.length)));
    return { protocol: PROTOCOL.ICMP, bytes, ttl };
  };
  switch (kind) {
    case "echo":
    case "reply": {
      const types = kind === "echo" ? { 4: 8, 6: 128 } : { 4: 0, 6: 129 };
      return message(types[family], 0, Uint8Array.of(0, 1, 0, 1, ...data(words.number())));
    }
    case "udp": {
      const sourcePort = words.number();
      words.need(">");
      const destinationPort = words.number();
      const payload = data(words.number());
      const checksum = !words.take("unchecked");
      const bytes = udp({ source, destination, sourcePort, destinationPort, payload, checksum })
        .slice(family === 4 ? 20 : 40);
      if (words.take("damaged")) bytes[bytes.length - 1]! ^= 1;
      return { protocol: PROTOCOL.UDP, bytes, ttl: 64 };
    }
    case "icmp":
      return message(words.number(), words.number(), words.bytes());
    case "error": {
      const name = words.next();
      const [type, code] = ERRORS[name]?.[family] ?? [];
      if (type === undefined) throw new Error(`There is no error "${name}" in IPv${family}`);
      const about = exchange.sent.at(-1);
      if (about === undefined) throw new Error("Nothing was sent that it could quote");
      const body = new Uint8Array(4 + Math.min(about.length, MAX_QUOTE[family]));
      new DataView(body.buffer).setUint32(0, words.optional("value") ?? 0);
      body.set(about.subarray(0, body.length - 4), 4);
      return message(type, code!, body);
    }
    case "ns": {
      const target = IpAddress.parse(words.next()).toBytes();
      const option = words.take("at") ? [1, 1, ...parseMac(macOf(words.next()))] : [];
      return message(NS, 0, Uint8Array.of(0, 0, 0, 0, ...target, ...option), 255);
    }
    case "na": {
      const target = IpAddress.parse(words.next()).toBytes();
      const flags = words.next();
      const bits = [..."RSO"].reduce(
        (all, flag, i) => flags.includes(flag) ? all | 128 >> i : all,
        0,
      );
      const option = words.take("at") ? [2, 1, ...parseMac(macOf(words.next()))] : [];
      return message(NA, 0, Uint8Array.of(bits, 0, 0, 0, ...target, ...option), 255);
    }
    case "proto": {
      const protocol = words.number();
      return { protocol, bytes: data(words.number()), ttl: 64 };
    }
    case "ext": {
      const protocol = words.number();
      const rest = words.bytes();
      const inner = encodePayload(words, source, destination, exchange);
      const bytes = Uint8Array.of(inner.protocol, ...rest, ...inner.bytes);
      return { ...inner, protocol, bytes };
    }
    default:
      throw new Error(`"${kind}" is nothing that IP carries`);
  }
}

/**
 * A frame of the stack's in words. What is as ever is left out: the peer's addresses and ours, a TTL
 * of 64 (of neighbor discovery, 255), a field that is 0.
 *
 * @throws {Error} If it has anything wrong in it that no words are for: checksums, lengths, data.
 */
export function describeFrame(bytes: Uint8Array<ArrayBuffer>, exchange: Exchange): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [to, from] = [formatMac(bytes, 0), formatMac(bytes, 6)];
  if (from !== STACK_MAC) throw new Error(`A frame from ${from}`);
  const payload = bytes.subarray(14);
  const ends = to === PEER_MAC ? "" : `[to ${wordOf(to)}] `;
  switch (view.getUint16(12)) {
    case ETHER_ARP:
      return ends + describeArp(payload);
    case ETHER_IPV4:
    case ETHER_IPV6:
      exchange.sent.push(payload);
      return ends + (payload[0]! >>> 4 === 4 ? describe4 : describe6)(payload, exchange);
    default:
      throw new Error(`A frame of type ${view.getUint16(12)}`);
  }
}

function describeArp(bytes: Uint8Array): string {
  if (bytes.length !== 28 || bytes.subarray(0, 6).toHex() !== "000108000604") {
    throw new Error(`Not ARP: ${bytes.toHex()}`);
  }
  const address = (at: number) => `${IpAddress.fromBytes(bytes.slice(at, at + 4))}`;
  const sender = formatMac(bytes, 8);
  if (bytes[7] === ARP_REQUEST) {
    if (sender !== STACK_MAC) throw new Error(`A request of ${sender}`);
    if (formatMac(bytes, 18) !== NO_MAC) throw new Error("A request with a target's address");
    return `arp request ${address(24)} tell ${address(14)}`;
  }
  if (bytes[7] !== ARP_REPLY) throw new Error(`Not an operation of ours: ${bytes.toHex()}`);
  return `arp reply ${address(14)} at ${wordOf(sender)} tell ${address(24)}`;
}

function words(...parts: (string | false)[]): string {
  return parts.filter((part) => part !== false && part !== "").join(" ");
}

function describe4(bytes: Uint8Array<ArrayBuffer>, exchange: Exchange): string {
  const { source, destination, protocol, tos, ttl, payload } = parseIpv4(bytes);
  const field = bytes[6]! << 8 | bytes[7]!;
  const [start, more] = [(field & 0x1fff) * 8, (field & 0x2000) !== 0];
  return words(
    "ip",
    source !== `${STACK}` && `from ${source}`,
    destination !== `${PEER}` && `to ${destination}`,
    ttl !== 64 && `ttl ${ttl}`,
    tos !== 0 && `tos ${tos}`,
    (field & 0x4000) !== 0 && "df",
    start > 0 || more
      ? describePiece(protocol, payload, start, more)
      : describePayload(4, source, destination, protocol, payload, exchange),
  );
}

function describe6(bytes: Uint8Array<ArrayBuffer>, exchange: Exchange): string {
  const { source, destination, protocol, tos, ttl, payload } = parseIpv6(bytes);
  const isDiscovery = protocol === PROTOCOL.ICMPV6 && (payload[0] === NS || payload[0] === NA);
  const field = payload[2]! << 8 | payload[3]!;
  return words(
    "ip6",
    source !== `${STACK6}` && `from ${source}`,
    destination !== `${PEER6}` && `to ${destination}`,
    ttl !== (isDiscovery ? 255 : 64) && `ttl ${ttl}`,
    tos !== 0 && `tos ${tos}`,
    protocol === PROTOCOL.FRAGMENT
      ? describePiece(payload[0]!, payload.subarray(8), field & 0xfff8, (field & 1) !== 0)
      : describePayload(6, source, destination, protocol, payload, exchange),
  );
}

/** A fragment; of a datagram, whose data are as ever. */
function describePiece(protocol: number, piece: Uint8Array, start: number, more: boolean): string {
  if (protocol === PROTOCOL.UDP) {
    const wrong = piece.findIndex((byte, i) => start + i >= 8 && byte !== dataByte(start + i - 8));
    if (wrong >= 0) throw new Error(`Byte ${start + wrong} of a datagram is wrong`);
  }
  return words(`frag ${start}:${start + piece.length}`, more && "mf", `proto ${protocol}`);
}

function describePayload(
  family: 4 | 6,
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array,
  exchange: Exchange,
): string {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const pseudo = pseudoHeaderSum(
    IpAddress.parse(source),
    IpAddress.parse(destination),
    protocol,
    payload.length,
  );
  const isRight =
    finish(sum(view, 0, payload.length, protocol === PROTOCOL.ICMP ? 0 : pseudo)) === 0;
  if (!isRight) throw new Error(`A wrong checksum in ${payload.toHex()}`);
  if (protocol === PROTOCOL.UDP) {
    needData(payload.subarray(8));
    return `udp ${view.getUint16(0)} > ${view.getUint16(2)} ${payload.length - 8}`;
  }
  if (protocol !== PROTOCOL.ICMP && protocol !== PROTOCOL.ICMPV6) {
    return `proto ${protocol} ${payload.length}`;
  }
  const [type, code] = [payload[0]!, payload[1]!];
  const isEcho = family === 4 ? type === 8 : type === 128;
  if (isEcho || type === (family === 4 ? 0 : 129)) {
    needData(payload.subarray(8));
    return `${isEcho ? "echo" : "reply"} ${payload.length - 8}`;
  }
  if (family === 6 && (type === NS || type === NA)) return describeDiscovery(payload);
  const error = Object.entries(ERRORS).find(([, { [family]: of }]) =>
    of?.[0] === type && of[1] === code
  );
  if (error === undefined) return `icmp ${type} ${code} ${payload.subarray(4).toHex()}`;
  const quote = payload.subarray(8);
  const isQuote = (packet: Uint8Array) => quote.every((byte, i) => byte === packet[i]);
  if (!exchange.received.some(isQuote)) throw new Error("An error about what was never received");
  const value = view.getUint32(4);
  return words(`error ${error[0]}`, value !== 0 && `value ${value}`, `quoting ${quote.length}`);
}

function describeDiscovery(payload: Uint8Array): string {
  const target = IpAddress.fromBytes(payload.slice(8, 24));
  const option = payload.subarray(24);
  if (option.length > 0 && (option.length !== 8 || option[0] !== payload[0]! - NS + 1)) {
    throw new Error(`Not the options of a neighbor message: ${option.toHex()}`);
  }
  const at = option.length > 0 && `at ${wordOf(formatMac(option, 2))}`;
  if (payload[0] === NS) return words(`ns ${target}`, at);
  const flags = [..."RSO"].filter((_, i) => payload[4]! & (128 >> i)).join("");
  return words(`na ${target}`, flags || "-", at);
}

function needData(bytes: Uint8Array): void {
  const wrong = bytes.findIndex((byte, i) => byte !== dataByte(i));
  if (wrong >= 0) throw new Error(`Byte ${wrong} of the data is wrong`);
}
