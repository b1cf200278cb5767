/**
 * Packets and states in words: one line for each, as a person wants to read it.
 *
 * @module
 */

import { bold, cyan, dim, green, magenta, red, yellow } from "@std/fmt/colors";
import { STATE_NAMES } from "../tcp/state.ts";
import type { StateObserver } from "../tcp/tcp.ts";
import { IpAddress } from "../wire/address.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { Drop, DROP_NAMES } from "../wire/drop.ts";
import { checkIcmp, ICMP_HEADER, ICMP_TYPE, IcmpHeader } from "../wire/icmp.ts";
import { checkIpv4, Ipv4Header } from "../wire/ipv4.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { seqAdd } from "../wire/seq.ts";
import { ACK, checkTcp, flagNames, RST, SYN, TCP_MIN_HEADER, TcpHeader } from "../wire/tcp.ts";
import { TcpOptions } from "../wire/tcp_options.ts";
import { checkUdp, UDP_HEADER, UdpHeader } from "../wire/udp.ts";
import type { Device, DeviceCapabilities, DeviceCounters } from "./device.ts";

/** What a SYN said that the trace needs to show what follows it. */
interface Beginning {
  readonly seq: number;
  /** Shift of the windows that its sender offers; -1 if it doesn't scale them. */
  readonly scale: number;
}

/** Most directions of connections whose SYN is remembered. */
const MAX_REMEMBERED = 4096;

const ICMP_NAMES: Record<number, string> = Object.fromEntries(
  Object.entries(ICMP_TYPE).map(([name, type]) => [type, name.toLowerCase().replaceAll("_", " ")]),
);

/** How a trace looks. */
export interface TraceOptions {
  /** Whether to follow each packet with its bytes. */
  hex: boolean;
  /** The time of a line, in milliseconds. */
  now(): number;
  /** Takes one line, without its end. */
  print(line: string): void;
}

/** Writes a line for each packet and each change of state. */
export class Tracer {
  #options: TraceOptions;
  #start: number;
  #ip = new Ipv4Header();
  #tcp = new TcpHeader();
  #tcpOptions = new TcpOptions();
  #udp = new UdpHeader();
  #icmp = new IcmpHeader();
  #source = IpAddress.scratch();
  #destination = IpAddress.scratch();
  /** By direction, the sequence number of its SYN: later ones are shown relative to it. */
  #beginnings = new Map<string, Beginning>();

  constructor(options: TraceOptions) {
    this.#options = options;
    this.#start = options.now();
  }

  /** Shows a packet that came in (`<`) or goes out (`>`). */
  packet(direction: "<" | ">", packet: Packet): void {
    const mark = direction === "<" ? cyan("<") : green(">");
    this.#line(mark, this.#describe(packet));
    if (this.#options.hex) {
      for (const line of hexDump(packet.bytes, packet.at, packet.end)) {
        this.#options.print(dim(line));
      }
    }
  }

  /** Shows a change of a connection's state. */
  readonly state: StateObserver = (tcb, next) => {
    const ends = `${tcb.local}:${tcb.localPort} - ${tcb.remote}:${tcb.remotePort}`;
    const change = `${STATE_NAMES[tcb.state]} → ${STATE_NAMES[next]}`;
    this.#line(magenta("*"), `${ends} ${magenta(change)}`);
  };

  #line(mark: string, text: string): void {
    const seconds = ((this.#options.now() - this.#start) / 1000).toFixed(6).padStart(11);
    this.#options.print(`${dim(seconds)} ${mark} ${text}`);
  }

  #describe(packet: Packet): string {
    const { view, at, end } = packet;
    const drop = checkIpv4(view, at, end);
    if (drop === Drop.IP_BAD_VERSION && view.getUint8(at) >>> 4 === 6) {
      return dim(`IPv6, ${end - at} bytes`);
    }
    if (drop !== Drop.NONE) return red(`${end - at} bytes, ${DROP_NAMES[drop]}`);
    const ip = this.#ip.bind(view, at);
    const source = this.#source.load4(view, at + 12);
    const destination = this.#destination.load4(view, at + 16);
    const transportAt = at + ip.headerLength;
    const transportEnd = at + ip.totalLength;
    if (ip.fragmentOffset > 0) {
      return `${source} → ${destination} fragment at ${ip.fragmentOffset}, protocol ${ip.protocol}`;
    }
    const room = transportEnd - transportAt;
    const pseudo = pseudoHeaderSum(source, destination, ip.protocol, room);
    if (ip.protocol === PROTOCOL.TCP && room >= TCP_MIN_HEADER) {
      return this.#describeTcp(view, transportAt, transportEnd) +
        complaint(checkTcp(view, transportAt, transportEnd, pseudo));
    }
    if (ip.protocol === PROTOCOL.UDP && room >= UDP_HEADER) {
      return this.#describeUdp(view, transportAt) +
        complaint(checkUdp(view, transportAt, transportEnd, pseudo));
    }
    if (ip.protocol === PROTOCOL.ICMP && room >= ICMP_HEADER) {
      return `${source} → ${destination} ${this.#describeIcmp(view, transportAt, transportEnd)}` +
        complaint(checkIcmp(view, transportAt, transportEnd));
    }
    return `${source} → ${destination} protocol ${ip.protocol}, ${room} bytes`;
  }

  #describeUdp(view: DataView, at: number): string {
    const udp = this.#udp.bind(view, at);
    const from = `${this.#source}:${udp.sourcePort}`;
    const to = `${this.#destination}:${udp.destinationPort}`;
    return `${from} → ${to} ${bold("UDP")} len ${udp.length - UDP_HEADER}`;
  }

  #describeIcmp(view: DataView, at: number, end: number): string {
    const icmp = this.#icmp.bind(view, at);
    const name = `${bold("ICMP")} ${ICMP_NAMES[icmp.type] ?? `type ${icmp.type}`}`;
    if (icmp.type === ICMP_TYPE.ECHO || icmp.type === ICMP_TYPE.ECHO_REPLY) {
      const length = end - at - ICMP_HEADER;
      return `${name} id ${icmp.identifier} seq ${icmp.sequence} len ${length}`;
    }
    return `${name} code ${icmp.code}`;
  }

  #describeTcp(view: DataView, at: number, end: number): string {
    const tcp = this.#tcp.bind(view, at);
    const textAt = Math.min(Math.max(at + tcp.dataOffset, at + TCP_MIN_HEADER), end);
    const from = `${this.#source}:${tcp.sourcePort}`;
    const to = `${this.#destination}:${tcp.destinationPort}`;
    this.#tcpOptions.parse(view, at + TCP_MIN_HEADER, textAt);
    const isSyn = (tcp.flags & SYN) !== 0;
    const [there, back] = [`${from} ${to}`, `${to} ${from}`];
    if (isSyn) this.#remember(there, { seq: tcp.seq, scale: this.#tcpOptions.windowScale });
    const colour = (tcp.flags & RST) !== 0 ? red : isSyn ? yellow : bold;
    let line = `${from} → ${to} ${bold("TCP")} ${colour(flagNames(tcp.flags))} ` +
      `seq ${isSyn ? tcp.seq : this.#relative(there, tcp.seq)}`;
    if ((tcp.flags & ACK) !== 0) line += ` ack ${this.#relative(back, tcp.ack)}`;
    const scale = isSyn ? 0 : this.#scale(there, back);
    line += ` win ${tcp.window * 2 ** scale} len ${end - textAt}`;
    const options = describeOptions(this.#tcpOptions);
    return options === "" ? line : `${line} ${dim(`<${options}>`)}`;
  }

  #remember(direction: string, beginning: Beginning): void {
    if (this.#beginnings.size >= MAX_REMEMBERED) {
      this.#beginnings.delete(this.#beginnings.keys().next().value!);
    }
    this.#beginnings.set(direction, beginning);
  }

  /** A sequence number relative to the SYN of its direction; as it is where that wasn't seen. */
  #relative(direction: string, seq: number): number {
    const beginning = this.#beginnings.get(direction);
    return beginning === undefined ? seq : seqAdd(seq, -beginning.seq);
  }

  /** Windows are scaled if both sides said so (RFC 7323 §2.2). */
  #scale(there: string, back: string): number {
    const scale = this.#beginnings.get(there)?.scale ?? -1;
    return scale >= 0 && (this.#beginnings.get(back)?.scale ?? -1) >= 0 ? scale : 0;
  }
}

/** What is wrong with a packet, if anything is. */
function complaint(drop: Drop): string {
  return drop === Drop.NONE ? "" : ` ${red(DROP_NAMES[drop]!)}`;
}

/** The options of a segment, in tcpdump's words. */
function describeOptions(options: TcpOptions): string {
  const parts: string[] = [];
  if (options.mss > 0) parts.push(`mss ${options.mss}`);
  if (options.windowScale >= 0) parts.push(`wscale ${options.windowScale}`);
  if (options.sackPermitted) parts.push("sackOK");
  if (options.timestamps) parts.push(`TS ${options.timestampValue} ${options.timestampEcho}`);
  for (let i = 0; i < options.sackBlocks; i++) {
    parts.push(`sack ${options.sackEdges[2 * i]}:${options.sackEdges[2 * i + 1]}`);
  }
  if (options.fastOpenLength >= 0) {
    const cookie = options.fastOpenCookie.subarray(0, options.fastOpenLength);
    parts.push(`FO ${cookie.toHex()}`.trim());
  }
  return parts.join(", ");
}

/** The bytes `[at, end)`, sixteen a line, with what of them is text. */
export function* hexDump(bytes: Uint8Array, at: number, end: number): Generator<string> {
  for (let start = at; start < end; start += 16) {
    const row = Array.from(bytes.subarray(start, Math.min(start + 16, end)));
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")
      .join("");
    const offset = (start - at).toString(16).padStart(4, "0");
    yield `            ${offset}  ${hex.padEnd(47)}  ${text}`;
  }
}

/** Any device, with every packet shown. */
export class TraceDevice implements Device {
  #device: Device;
  #tracer: Tracer;

  constructor(device: Device, tracer: Tracer) {
    this.#device = device;
    this.#tracer = tracer;
  }

  get name(): string {
    return this.#device.name;
  }

  get mtu(): number {
    return this.#device.mtu;
  }

  get capabilities(): DeviceCapabilities {
    return this.#device.capabilities;
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    return this.#device.receive(limit, (packet) => {
      this.#tracer.packet("<", packet);
      handler(packet);
    });
  }

  readable(): Promise<boolean> {
    return this.#device.readable();
  }

  transmit(packet: Packet): boolean {
    this.#tracer.packet(">", packet);
    return this.#device.transmit(packet);
  }

  counters(): DeviceCounters {
    return this.#device.counters();
  }

  close(): Promise<void> {
    return this.#device.close();
  }
}
