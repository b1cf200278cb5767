/**
 * Runs packet scripts against a stack, in virtual time.
 *
 * @module
 */

import type { Link } from "../../src/net/link_layer.ts";
import { Stack } from "../../src/stack/stack.ts";
import { stateOf } from "../../src/tcp/calls.ts";
import { DEFAULT_TCP_CONFIG, type TcpConfig } from "../../src/tcp/config.ts";
import type { ConnectionOptions } from "../../src/tcp/connection_options.ts";
import type { Listener } from "../../src/tcp/listener.ts";
import { type State, STATE_NAMES } from "../../src/tcp/state.ts";
import {
  CloseReason,
  type Connection as ObservedConnection,
  NO_USER,
  SoftError,
  type Tcb,
  type TcpUser,
} from "../../src/tcp/tcb.ts";
import { OpenError } from "../../src/tcp/tcp.ts";
import { Drop } from "../../src/wire/drop.ts";
import { TcpOptions } from "../../src/wire/tcp_options.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import {
  bytesOf,
  icmpError,
  isListenerReport,
  oneInterface,
  packetOf,
  parseIp,
  parseSegment,
  PEER,
  STACK,
  tcp,
} from "../packets.ts";
import { icmpv6Error, PEER6, STACK6 } from "../packets6.ts";
import { completed, offloading } from "../offload.ts";
import { Random } from "../random.ts";
import { decodeOptions, encodeOptions } from "./options.ts";
import {
  flagLetters,
  type IcmpSpec,
  ipWords,
  type Script,
  type SegmentSpec,
  type Step,
} from "./parser.ts";

/** How far the time of a segment may be from what the script says, in milliseconds. */
const TOLERANCE = 1;
/** The stack's clock when a script begins, in milliseconds. */
const EPOCH = 1_000_000;
/** The peer's initial sequence number, unless `set peerIsn` gives another. */
const PEER_ISN = 3_000_000_000;
const SYN = 2;
const ACK = 16;
const SEED = 20;

/** What scripts begin from: TCP with no option but MSS, so that they switch on what they show. */
const BARE: Partial<TcpConfig> = {
  windowScaling: false,
  timestamps: false,
  sack: false,
  minRto: 1000,
  receiveBufferMax: 0,
  sendBufferMax: 0,
  congestion: "newreno",
};

/** The two ends, and the length of IP's header in bytes, over each version of IP. */
const VERSIONS = {
  4: { stack: STACK, peer: PEER, header: 20 },
  6: { stack: STACK6, peer: PEER6, header: 40 },
} as const;

/** What the observer has seen: `SYN_SENT>ESTABLISHED`, with the scripts in which it happened. */
export type Transitions = Map<string, Set<string>>;

/** One end of a connection as a script knows it. */
interface Connection {
  name: string;
  ports: { stack: number; peer: number };
  peerIsn: number;
  /** Our initial sequence number, once a SYN of ours has been seen. */
  iss: number | undefined;
  /** What our timestamps were when the script began, once one has been seen. */
  clock: number | undefined;
  tcb: Tcb | undefined;
  /** What the user has been told. */
  told: string[];
  /** How much of the stream has been written, and read. */
  written: number;
  read: number;
}

/** A segment that the stack has sent, in the numbers of the script. */
interface Outgoing {
  time: number;
  bytes: Uint8Array;
  /** Of a super-segment: how much text each segment has. */
  size?: number;
}

/** The byte at `offset` of what the peer sends (`0`) or the stack (`1`): every place differs. */
function pattern(offset: number, direction: 0 | 1): number {
  return (offset * 31 + (offset >>> 8) * 17 + direction * 101) & 0xff;
}

function patternBytes(start: number, length: number, direction: 0 | 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => pattern(start + i, direction));
}

/** Where a stream differs from what it should be, in words. */
function wrongText(text: Uint8Array, start: number, direction: 0 | 1): string | undefined {
  const at = text.findIndex((byte, i) => byte !== pattern(start + i, direction));
  return at < 0 ? undefined : `byte ${start + at} of the stream is wrong`;
}

/**
 * Runs a script to its end.
 *
 * @param version The version of IP to run it over.
 * @param offload Whether the link cuts super-segments and completes checksums.
 * @throws {Error} At the first line that does not hold: with the line, what was expected, what was
 * there, and the packets so far.
 */
export function run(
  script: Script,
  version: 4 | 6 = script.only ?? 4,
  transitions: Transitions = new Map(),
  offload = script.offload ?? false,
): void {
  new Run(script, version, transitions, offload).run();
}

/** The versions of IP that a script is to be run over. */
export function versionsOf({ only }: Script): (4 | 6)[] {
  return only === undefined ? [4, 6] : [only];
}

/** Whether the links have offload that a script is to be run over. */
export function linksOf({ offload }: Script): boolean[] {
  return offload === undefined ? [false, true] : [offload];
}

class Run {
  #script: Script;
  #stack: Stack;
  /** The stack's clock, in milliseconds; and what it was when the script began. */
  #now = EPOCH;
  #start = EPOCH;
  #queue: Outgoing[] = [];
  #history: string[] = [];
  /** The Fast Open cookie that the stack has granted last. */
  #granted = "FO";
  #connections = new Map<string, Connection>();
  #listeners = new Map<number, Listener>();
  #step!: Step;
  readonly #version: 4 | 6;
  readonly #offload: boolean;
  readonly #local: IpAddress;
  readonly #remote: IpAddress;
  /** Bytes by which MTUs are larger than written, for segments to be as long as over IPv4. */
  readonly #extra: number;

  constructor(script: Script, version: 4 | 6, transitions: Transitions, offload: boolean) {
    this.#script = script;
    this.#offload = offload;
    this.#version = version;
    const { stack, peer, header } = VERSIONS[version];
    this.#local = stack;
    this.#remote = peer;
    this.#extra = script.only === undefined ? header - VERSIONS[4].header : 0;
    this.#stack = this.#makeStack();
    const iss = script.settings.get("iss");
    if (iss !== undefined) this.#now = this.#start = this.#epochFor(iss);
    this.#stack.tcp.observer = (tcb: ObservedConnection, next: State) => {
      const key = `${STATE_NAMES[tcb.state]}>${STATE_NAMES[next]}`;
      if (!transitions.has(key)) transitions.set(key, new Set());
      transitions.get(key)!.add(script.name);
    };
  }

  #makeStack(): Stack {
    const { settings } = this.#script;
    const tcpConfig: Record<string, number | string> = Object.fromEntries(this.#script.words);
    for (const [name, value] of settings) {
      if (name in DEFAULT_TCP_CONFIG) tcpConfig[name] = value;
      else if (!["iss", "peerIsn", "mtu"].includes(name)) {
        throw new Error(`${this.#script.name}: there is no setting "${name}"`);
      }
    }
    const random = new Random(SEED);
    const link: Link = {
      mtu: this.#mtu(),
      transmit: (packet) => {
        const bytes = bytesOf(packet);
        if (!isListenerReport(bytes)) this.#queue.push({ time: this.#now, bytes });
        return true;
      },
    };
    const card: Link = {
      ...link,
      offload: { udp: false },
      transmit: (packet) => {
        const size = packet.segmentSize || undefined;
        const bytes = completed(packet, link.mtu);
        if (!isListenerReport(bytes)) this.#queue.push({ time: this.#now, bytes, size });
        return true;
      },
    };
    const cutting = this.#offload ? offloading(link) : link;
    return new Stack({
      interfaces: oneInterface(this.#script.offload ? card : cutting, [this.#local]),
      tcp: { ...BARE, ...tcpConfig } as Partial<TcpConfig>,
    }, random);
  }

  /** The link's MTU: as written, or such that full segments hold 1460 bytes over any version. */
  #mtu(): number {
    const written = this.#script.settings.get("mtu");
    return written === undefined ? VERSIONS[this.#version].header + 1480 : written + this.#extra;
  }

  /**
   * When to begin so that a connection of c1's, opened at time 0, starts with `iss`. Initial
   * sequence numbers follow the clock (RFC 6528), so a time can be found for each.
   */
  #epochFor(iss: number): number {
    const TICKS_PER_MS = 250;
    const probe = this.#makeStack();
    const active = this.#script.steps.some(({ action }) =>
      action.kind === "call" && action.name === "connect"
    );
    const { ports } = this.#newConnection("c1", active);
    const before = this.#queue.length;
    if (active) {
      probe.tcp.open(this.#remote, ports.peer, null, ports.stack, NO_USER, EPOCH);
    } else {
      probe.tcp.listen(null, ports.stack, 1, () => {});
      const syn = tcp({
        source: this.#remote,
        destination: this.#local,
        sourcePort: ports.peer,
        destinationPort: ports.stack,
        seq: 0,
        flags: SYN,
      });
      probe.receive(packetOf(syn), EPOCH);
    }
    this.#queue.length = before;
    const [tcb] = probe.tcp.connections();
    return EPOCH + ((iss - tcb!.snd.iss) >>> 0) / TICKS_PER_MS;
  }

  run(): void {
    const start = this.#start;
    let previous = 0;
    for (const [index, step] of this.#script.steps.entries()) {
      this.#step = step;
      const { time, action } = step;
      const origin = time.kind === "after" ? previous : 0;
      const from = start + (time.kind === "batch" ? previous : origin + time.from);
      const to = start + (time.kind === "batch" ? previous : origin + time.to);
      const batched = this.#script.steps[index + 1]?.time.kind === "batch";
      if (action.kind === "outbound") {
        previous = this.#expect(action.segment, from, to) - start;
      } else {
        if (time.kind !== "batch") this.#advance(from);
        if (action.kind === "inbound") this.#inject(action.segment);
        else if (action.kind === "icmp") this.#injectIcmp(action.message);
        else if (action.kind === "frame") throw this.#failure("a segment", "a frame");
        else this.#call(action.name, action.words);
        if (!batched) this.#stack.poll(this.#now);
        previous = this.#now - start;
      }
    }
    this.#nothingSent("the script ends");
  }

  #connection(name = this.#step.connection): Connection {
    let connection = this.#connections.get(name);
    if (connection === undefined) {
      connection = this.#newConnection(name, false);
      this.#connections.set(name, connection);
    }
    return connection;
  }

  #newConnection(name: string, active: boolean): Connection {
    const number = Number(name.slice(1));
    return {
      name,
      ports: active ? { stack: 50000 + number, peer: 80 } : { stack: 80, peer: 40000 + number },
      peerIsn: this.#script.settings.get("peerIsn") ?? PEER_ISN,
      iss: undefined,
      clock: undefined,
      tcb: undefined,
      told: [],
      written: 0,
      read: 0,
    };
  }

  /** Lets time pass up to `to`; with `untilSent` no further than to the next segment. */
  #advance(to: number, untilSent = false): void {
    for (let polls = 0; this.#stack.nextDeadline() <= to; polls++) {
      if (untilSent && this.#queue.length > 0) return;
      if (!untilSent) this.#nothingSent("then");
      this.#now = Math.max(this.#now, this.#stack.nextDeadline());
      this.#stack.poll(this.#now);
      if (polls > 10_000) throw this.#failure("time to pass", "a stack that polls without end");
    }
    if (untilSent && this.#queue.length > 0) return;
    if (!untilSent) this.#nothingSent("then");
    this.#now = Math.max(this.#now, to);
  }

  #nothingSent(when: string): void {
    const [first] = this.#queue;
    if (first !== undefined) {
      throw this.#failure(`nothing to be sent before ${when}`, this.#describe(first));
    }
  }

  #inject(spec: SegmentSpec): void {
    const connection = this.#connection();
    const { ports, peerIsn, iss = 0 } = connection;
    const streamStart = (spec.flags & SYN) !== 0 ? spec.seq : spec.seq - 1;
    const bytes = tcp({
      source: this.#remote,
      destination: this.#local,
      sourcePort: ports.peer,
      destinationPort: ports.stack,
      seq: (peerIsn + spec.seq) >>> 0,
      ack: spec.ack === undefined ? 0 : (iss + spec.ack) >>> 0,
      flags: spec.flags,
      window: spec.window ?? 65535,
      urgentPointer: spec.urgentPointer ?? 0,
      options: encodeOptions(
        (spec.options ?? []).map((word) => word === "FO granted" ? this.#granted : word),
        iss,
        connection.clock,
      ),
      payload: patternBytes(streamStart, spec.length, 0),
      tos: (spec.tos ?? 0) | (spec.ecn ?? 0),
      ...(spec.ttl === undefined ? {} : { ttl: spec.ttl }),
    });
    const text = this.#step.text.replace(/^[^<]*/, "");
    this.#history.push(`${this.#clock(this.#now)} ${connection.name} ${text}`);
    const packet = packetOf(bytes);
    if (spec.size !== undefined) {
      packet.isVerified = packet.isPartial = true;
      packet.segmentSize = spec.size;
    }
    this.#stack.receive(packet, this.#now);
  }

  /** A router, or the peer, tells of trouble with a segment of ours: IP and TCP header quoted. */
  #injectIcmp(spec: IcmpSpec): void {
    const connection = this.#connection();
    const { ports, peerIsn, iss = 0 } = connection;
    const quoted = tcp({
      source: this.#local,
      destination: this.#remote,
      sourcePort: ports.stack,
      destinationPort: ports.peer,
      seq: (iss + spec.seq) >>> 0,
      ack: peerIsn,
      flags: 16,
      payload: patternBytes(spec.seq - 1, spec.length, 1),
    });
    this.#history.push(`${this.#clock(this.#now)} ${connection.name} ${this.#step.text}`);
    const mtu = spec.mtu === 0 ? 0 : spec.mtu + this.#extra;
    const message = this.#version === 4 ? spec.inIcmp : spec.inIcmpv6;
    if (message === undefined) throw this.#failure("an error of this version", "there is none");
    const [type, code] = message;
    const beginning = quoted.subarray(0, VERSIONS[this.#version].header + 20);
    const make = this.#version === 4 ? icmpError : icmpv6Error;
    this.#stack.receive(packetOf(make(type, code, beginning, mtu)), this.#now);
  }

  /** Waits for a segment, and compares it. Returns when it was sent. */
  #expect(spec: SegmentSpec, from: number, to: number): number {
    this.#advance(to + TOLERANCE, true);
    const outgoing = this.#queue[0];
    const wanted = this.#write(spec);
    const span = `${this.#clock(from)}${to > from ? ` to ${this.#clock(to)}` : ""}`;
    if (outgoing === undefined) throw this.#failure(`${wanted} at ${span}`, "nothing was sent");
    const connection = this.#connection();
    const segment = parseSegment(parseIp(outgoing.bytes));
    if ((segment.flags & SYN) !== 0 && connection.iss === undefined) {
      connection.iss = segment.seq;
      const options = new TcpOptions();
      const { buffer, byteOffset, byteLength } = segment.options;
      options.parse(new DataView(buffer, byteOffset, byteLength), 0, byteLength);
      const sinceStart = Math.floor(outgoing.time - this.#start);
      if (options.timestamps) connection.clock = options.timestampValue - sinceStart;
    }
    const actual = this.#describe(outgoing, spec);
    const onTime = outgoing.time >= from - TOLERANCE && outgoing.time <= to + TOLERANCE;
    if (actual !== wanted || !onTime) {
      throw this.#failure(`${wanted} at ${span}`, this.#describe(outgoing));
    }
    this.#queue.shift();
    this.#history.push(`${this.#clock(outgoing.time)} ${connection.name} > ${wanted}`);
    return outgoing.time;
  }

  /** The segment in the script's form, without what the script says nothing about. */
  #write(spec: SegmentSpec): string {
    const { flags, seq, length, ack, window, urgentPointer, options } = spec;
    return [
      ipWords(spec),
      flagLetters(flags),
      `${seq}:${seq + length}(${length})`,
      ack === undefined ? "" : `ack ${ack}`,
      window === undefined ? "" : `win ${window}`,
      urgentPointer === undefined ? "" : `urg ${urgentPointer}`,
      options === undefined || options.length === 0 ? "" : `<${options.join(",")}>`,
    ].filter((part) => part !== "").join(" ");
  }

  /** What was sent, in the script's form; all of it, or as much as `like` says something about. */
  #describe(outgoing: Outgoing, like?: SegmentSpec): string {
    const time = like === undefined ? ` at ${this.#clock(outgoing.time)}` : "";
    const ip = parseIp(outgoing.bytes);
    if (ip.source !== `${this.#local}` || ip.destination !== `${this.#remote}`) {
      return `a packet from ${ip.source} to ${ip.destination}${time}`;
    }
    if (ip.protocol !== PROTOCOL.TCP) return `a packet of protocol ${ip.protocol}${time}`;
    if (!ip.dontFragment) return `a segment without don't-fragment${time}`;
    const segment = parseSegment(ip);
    const connection = [this.#connection(), ...this.#connections.values()].find(({ ports }) =>
      ports.stack === segment.sourcePort && ports.peer === segment.destinationPort
    );
    if (connection === undefined || (like !== undefined && connection !== this.#connection())) {
      return `a segment from port ${segment.sourcePort} to ${segment.destinationPort}${time}`;
    }
    const seq = (segment.seq - (connection.iss ?? 0)) >>> 0;
    const isSyn = (segment.flags & SYN) !== 0;
    const start = isSyn ? seq : seq - 1;
    const wrong = segment.text.length === 0 ? undefined : wrongText(segment.text, start, 1);
    const acknowledges = (segment.flags & 16) !== 0;
    // Of fields of IP, what the script asks for; of a surprise, what is not as ever.
    const tells = (asked: number | undefined, is: number) =>
      like === undefined ? is !== 0 : asked !== undefined;
    const text = this.#write({
      flags: segment.flags,
      seq,
      length: segment.text.length,
      ack: acknowledges ? (segment.ack - connection.peerIsn) >>> 0 : undefined,
      window: like !== undefined && like.window === undefined ? undefined : segment.window,
      urgentPointer: like !== undefined && like.urgentPointer === undefined
        ? undefined
        : segment.urgentPointer,
      options: like !== undefined && like.options === undefined
        ? undefined
        : this.#words(segment.options, connection, segment.flags === (SYN | ACK)),
      ecn: tells(like?.ecn, ip.tos & 3) ? ip.tos & 3 : undefined,
      tos: tells(like?.tos, ip.tos & 0xfc) ? ip.tos & 0xfc : undefined,
      ttl: like?.ttl === undefined ? undefined : ip.ttl,
      size: outgoing.size,
    });
    return text + (wrong === undefined ? "" : `, but ${wrong}`) +
      (!acknowledges && segment.ack !== 0 ? ", but the acknowledgement field is not 0" : "") + time;
  }

  /** Seconds since the script began. */
  /** Options in words; a Fast Open cookie that a SYN,ACK grants is noted, and not spelled out. */
  #words(options: Uint8Array, { peerIsn, clock }: Connection, grants: boolean): string[] {
    return decodeOptions(options, peerIsn, clock).map((word) => {
      if (!grants || !word.startsWith("FO ")) return word;
      this.#granted = word;
      return "FO granted";
    });
  }

  #clock(time: number): string {
    return ((time - this.#start) / 1000).toFixed(3);
  }

  #failure(expected: string, actual: string): Error {
    const { file, line, text } = this.#step;
    const states = [...this.#connections.values()].map((connection) =>
      `${connection.name} ${this.#stateOf(connection)}`
    );
    return new Error([
      `${file}:${line} does not hold over IPv${this.#version}, at ${this.#clock(this.#now)}`,
      `  script:   ${text}`,
      `  expected: ${expected}`,
      `  actual:   ${actual}`,
      `  states:   ${states.join(", ")}`,
      `  counters: ${this.#stack.counters.entries().map((entry) => entry.join(" ")).join(", ")}`,
      "  so far:",
      ...this.#history.slice(-12).map((entry) => `    ${entry}`),
    ].join("\n"));
  }

  #same(what: string, actual: unknown, expected: unknown): void {
    if (actual !== expected) throw this.#failure(`${what} ${expected}`, `${what} ${actual}`);
  }

  /** The connection's control block; looks for it in the stack if nothing has handed it over. */
  #tcb(connection: Connection): Tcb | undefined {
    if (connection.tcb === undefined) {
      for (const tcb of this.#stack.tcp.connections()) {
        const { ports } = connection;
        if (tcb.localPort === ports.stack && tcb.remotePort === ports.peer) connection.tcb = tcb;
      }
    }
    return connection.tcb;
  }

  #need(): Tcb {
    const tcb = this.#tcb(this.#connection());
    if (tcb === undefined) throw this.#failure("a connection", "there is none");
    return tcb;
  }

  #stateOf(connection: Connection): string {
    const tcb = this.#tcb(connection);
    if (tcb !== undefined) return STATE_NAMES[stateOf(tcb)]!;
    return this.#listeners.has(connection.ports.stack) ? "LISTEN" : "CLOSED";
  }

  #userOf(connection: Connection): TcpUser {
    const tell = (what: string) => () => void connection.told.push(what);
    return {
      onOpen: tell("open"),
      onReadable: tell("readable"),
      onWritable: tell("writable"),
      onClosed: tell("closed"),
      onUrgent: tell("urgent"),
      onSoftError: tell("softError"),
    };
  }

  #call(name: string, words: string[]): void {
    if (!Object.hasOwn(this.#calls, name)) {
      throw this.#failure("something a script can do", `"${name}"`);
    }
    this.#calls[name]!(words);
  }

  /** What scripts can do besides sending; `words` are what follows on the line. */
  #calls: Record<string, (words: string[]) => void> = {
    /** listen [backlog N] */
    listen: (words) => {
      const { ports } = this.#connection();
      const backlog = words[0] === "backlog" ? Number(words[1]) : 8;
      const listener = this.#stack.tcp.listen(null, ports.stack, backlog, () => {});
      if (listener === undefined) throw this.#failure("a listener", "the port is taken");
      this.#listeners.set(ports.stack, listener);
    },
    unlisten: () => {
      const { ports } = this.#connection();
      this.#stack.tcp.unlisten(this.#listeners.get(ports.stack)!, this.#now);
      this.#listeners.delete(ports.stack);
    },
    /** connect [with N] [= ERROR]: N bytes go with the SYN, or after it. */
    connect: (words) => {
      const { connection: name } = this.#step;
      const connection = this.#connections.get(name) ?? this.#newConnection(name, true);
      this.#connections.set(name, connection);
      const { ports } = connection;
      const user = this.#userOf(connection);
      let options: ConnectionOptions = {};
      if (words[0] === "with") {
        connection.written = Number(words[1]);
        options = { fastOpen: patternBytes(0, connection.written, 1) };
        words = words.slice(2);
      }
      const { tcp } = this.#stack;
      const result = tcp.open(
        this.#remote,
        ports.peer,
        null,
        ports.stack,
        user,
        this.#now,
        options,
      );
      if (typeof result === "number") {
        const [error] = Object.entries(OpenError).find(([, value]) => value === result)!;
        this.#same("connect =", error, words[1]);
      } else {
        this.#same("connect =", undefined, words[1]);
        connection.tcb = result;
      }
    },
    /** accept [none] */
    accept: (words) => {
      const connection = this.#connection();
      const tcb = this.#listeners.get(connection.ports.stack)!.accept();
      if (words[0] === "none") {
        this.#same("accept:", tcb === undefined ? "none" : "a connection", "none");
        return;
      }
      if (tcb === undefined) throw this.#failure("a connection to accept", "there is none");
      this.#same("accepted port", tcb.remotePort, connection.ports.peer);
      tcb.user = this.#userOf(connection);
      connection.tcb = tcb;
    },
    /** write N [= M]: M bytes are taken, or all. */
    write: (words) => {
      const connection = this.#connection();
      const bytes = patternBytes(connection.written, Number(words[0]), 1);
      const taken = this.#stack.tcp.send(this.#need(), bytes, this.#now);
      this.#same("bytes taken:", taken, Number(words[2] ?? words[0]));
      connection.written += taken;
    },
    /** sendUrgent N: as `write`, but urgent. */
    sendUrgent: ([count]) => {
      const connection = this.#connection();
      const bytes = patternBytes(connection.written, Number(count), 1);
      this.#same(
        "bytes taken:",
        this.#stack.tcp.sendUrgent(this.#need(), bytes, this.#now),
        Number(count),
      );
      connection.written += bytes.length;
    },
    /** discard N: so many bytes were queued and not sent. */
    discard: ([count]) => {
      const discarded = this.#stack.tcp.discard(this.#need());
      this.#same("bytes discarded:", discarded, Number(count));
      this.#connection().written -= discarded;
    },
    /** urgentLeft N */
    urgentLeft: ([count]) =>
      this.#same("urgent left:", this.#stack.tcp.urgentLeft(this.#need()), Number(count)),
    /** read N [= M]: M bytes come, or all. */
    read: (words) => {
      const connection = this.#connection();
      const target = new Uint8Array(Number(words[0]));
      const got = this.#stack.tcp.receiveText(this.#need(), target, this.#now);
      this.#same("bytes read:", got, Number(words[2] ?? words[0]));
      const wrong = wrongText(target.subarray(0, got), connection.read, 0);
      if (wrong !== undefined) throw this.#failure("the peer's stream", wrong);
      connection.read += got;
    },
    /** The end of the peer's stream has been reached. */
    atEnd: () => this.#same("at end:", this.#stack.tcp.isAtEnd(this.#need()), true),
    notAtEnd: () => this.#same("at end:", this.#stack.tcp.isAtEnd(this.#need()), false),
    /** The end of our stream: half-close. */
    shutdown: () => this.#stack.tcp.close(this.#need(), this.#now),
    /** Both directions. */
    close: () => this.#stack.tcp.release(this.#need(), this.#now),
    abort: () => this.#stack.tcp.abort(this.#need(), this.#now),
    noDelay: () => void (this.#need().noDelay = true),
    cork: () => this.#stack.tcp.setCork(this.#need(), true, this.#now),
    uncork: () => this.#stack.tcp.setCork(this.#need(), false, this.#now),
    /** keepAlive [IDLE INTERVAL COUNT], in seconds; keepAlive off */
    keepAlive: ([idle, interval, count]) => {
      const { tcp } = this.#stack;
      const { keepAliveIdle, keepAliveInterval, keepAliveCount } = tcp.config;
      const times = idle === "off" ? null : {
        idle: idle === undefined ? keepAliveIdle : Number(idle) * 1000,
        interval: interval === undefined ? keepAliveInterval : Number(interval) * 1000,
        count: count === undefined ? keepAliveCount : Number(count),
      };
      tcp.setKeepAlive(this.#need(), times, this.#now);
    },
    /** tos N, ttl N: of what is sent from now on. */
    tos: ([tos]) => void (this.#need().tos = Number(tos)),
    ttl: ([ttl]) => void (this.#need().ttl = Number(ttl)),
    /** userTimeout SECONDS */
    userTimeout: ([seconds]) =>
      this.#stack.tcp.setUserTimeout(this.#need(), Number(seconds) * 1000),
    /** linger SECONDS */
    linger: ([seconds]) => void (this.#need().linger = Number(seconds) * 1000),
    /** softError NAME: the last trouble there was. */
    softError: ([name]) =>
      this.#same("soft error", this.#need().softError, SoftError[name as keyof typeof SoftError]),
    /** state NAME */
    state: (words) => this.#same("state", this.#stateOf(this.#connection()), words[0]),
    /** reason NAME: why the connection is gone. */
    reason: (words) => {
      const { reason } = this.#need();
      const [name] = Object.entries(CloseReason).find(([, value]) => value === reason)!;
      this.#same("reason", name, words[0]);
    },
    /** told [what …]: what the user has been told since the last time. */
    told: (words) => {
      const { told } = this.#connection();
      this.#same("told", told.join(" "), words.join(" "));
      told.length = 0;
    },
    /** count NAME N: one of the stack's counters; drops by the names of `Drop`. */
    count: ([name, count]) => {
      const { counters } = this.#stack;
      const value = name! in Drop
        ? counters.drops[Drop[name as keyof typeof Drop]]
        : Reflect.get(counters, name!);
      this.#same(name!, value, Number(count));
    },
    /** assert FIELD = N: something in the control block. */
    assert: ([field, , value]) => {
      const tcb = this.#need();
      const fields: Record<string, number> = {
        cwnd: tcb.congestion.cwnd,
        ssthresh: tcb.congestion.ssthresh,
        rto: tcb.rtt.rto,
        srtt: tcb.rtt.srtt,
        mss: tcb.mss,
        flight: tcb.flight,
        "snd.wnd": tcb.snd.wnd,
        "rcv.wnd": tcb.rcv.wnd,
        receivedTos: tcb.receivedTos,
      };
      this.#same(`${field} =`, fields[field!], Number(value));
    },
    /** connections N: how many there are in all. */
    connections: ([count]) =>
      this.#same("connections:", this.#stack.tcp.connectionCount, Number(count)),
    /** Only for the reader, and for the time in front of it: nothing was sent up to here. */
    nothing: () => {},
    /** reuses cN: between the ports of another connection, a new one. */
    reuses: ([name]) => {
      const { ports } = this.#connection(name!);
      this.#connection().ports = ports;
    },
  };
}
