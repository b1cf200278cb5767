/**
 * Runs scripts of frames against a stack on an Ethernet, in virtual time.
 *
 * @module
 */

import { ErrorKind, type TransportError } from "../../src/base/network.ts";
import type { Datagram, UdpReceiver } from "../../src/net/udp.ts";
import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop } from "../../src/wire/drop.ts";
import { parseMac } from "../../src/wire/mac.ts";
import { bytesOf, packetOf, PEER, STACK } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";
import { Random } from "../random.ts";
import { data, dataByte, describeFrame, encodeFrame, type Exchange, STACK_MAC } from "./frames.ts";
import type { Script, Step } from "./parser.ts";

/** How far the time of a frame may be from what the script says, in milliseconds. */
const TOLERANCE = 1;
/** The stack's clock when it is made, in milliseconds. */
const EPOCH = 1_000_000;
/** How long the stack has been there when a script begins: its addresses are announced by then. */
const SETTLED = 30_000;
const SEED = 20;
const SETTINGS = ["mtu", "errorRate", "errorBurst", "fromStart"];

/**
 * Runs a script to its end.
 *
 * @throws {Error} At the first line that does not hold: with the line, what was expected, what was
 * there, and the frames so far.
 */
export function runFrames(script: Script): void {
  new FrameRun(script).run();
}

class FrameRun {
  #script: Script;
  #stack: Stack;
  /** The stack's clock, and what it was when the script began, in milliseconds. */
  #now = EPOCH;
  #start = EPOCH;
  #queue: { time: number; bytes: Uint8Array<ArrayBuffer> }[] = [];
  #exchange: Exchange = { received: [], sent: [] };
  #history: string[] = [];
  /** What sockets have got and were told, in words. */
  #heard: string[] = [];
  #step!: Step;

  constructor(script: Script) {
    this.#script = script;
    const { settings } = script;
    const unknown = [...settings.keys()].find((name) => !SETTINGS.includes(name));
    if (unknown !== undefined) throw new Error(`${script.name}: there is no setting "${unknown}"`);
    const { errorRate = Infinity, errorBurst = 100 } = Object.fromEntries(settings);
    this.#stack = new Stack({
      interfaces: [{
        name: "eth0",
        link: {
          mtu: settings.get("mtu") ?? 1500,
          transmit: (packet) => this.#queue.push({ time: this.#now, bytes: bytesOf(packet) }) > 0,
        },
        mac: parseMac(STACK_MAC),
        addresses: [
          { address: STACK, prefixLength: 24 },
          { address: STACK6, prefixLength: 64 },
        ].filter(({ address }) => address.family === (script.only ?? address.family)),
      }],
      icmp: { errorRate, errorBurst },
      secret: new Uint8Array(16),
    }, new Random(SEED));
    if (settings.has("fromStart")) return;
    for (const end = EPOCH + SETTLED; this.#now < end;) {
      this.#now = Math.min(end, Math.max(this.#now, this.#stack.nextDeadline()));
      this.#stack.poll(this.#now);
    }
    this.#start = this.#now;
    this.#queue.length = 0;
  }

  run(): void {
    const { steps } = this.#script;
    let previous = 0;
    for (const [index, step] of steps.entries()) {
      this.#step = step;
      const { time, action } = step;
      const origin = this.#start + (time.kind === "at" ? 0 : previous);
      const from = time.kind === "batch" ? origin : origin + time.from;
      const to = time.kind === "batch" ? origin : origin + time.to;
      if (action.kind === "frame" && action.isSent) {
        previous = this.#expect(action.text, from, to) - this.#start;
        continue;
      }
      if (time.kind !== "batch") this.#advance(from);
      if (action.kind === "frame") this.#inject(action.text);
      else if (action.kind === "call") this.#call(action.name, action.words);
      else throw this.#failure("a frame, or something a script of frames can do", "a segment");
      if (steps[index + 1]?.time.kind !== "batch") this.#stack.poll(this.#now);
      previous = this.#now - this.#start;
    }
    this.#nothingSent("the script ends");
  }

  /** Lets time pass up to `to`; with `untilSent` no further than to the next frame. */
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
    if (first === undefined) return;
    throw this.#failure(`nothing to be sent before ${when}`, this.#describe(first.bytes));
  }

  #describe(bytes: Uint8Array<ArrayBuffer>): string {
    try {
      return describeFrame(bytes, this.#exchange);
    } catch (error) {
      return `${(error as Error).message}, in ${bytes.toHex()}`;
    }
  }

  #inject(text: string): void {
    let bytes;
    try {
      bytes = encodeFrame(text, this.#exchange);
    } catch (error) {
      throw this.#failure("a frame", (error as Error).message);
    }
    this.#history.push(`${this.#clock(this.#now)} < ${text}`);
    this.#stack.receive(packetOf(bytes), this.#now);
  }

  /** Waits for a frame, and compares it. Returns when it was sent. */
  #expect(text: string, from: number, to: number): number {
    this.#advance(to + TOLERANCE, true);
    const outgoing = this.#queue.shift();
    const wanted = text.replace(/\s+/g, " ");
    const at = `at ${this.#clock(from)}${to > from ? ` to ${this.#clock(to)}` : ""}`;
    if (outgoing === undefined) throw this.#failure(`${wanted} ${at}`, "nothing was sent");
    const actual = this.#describe(outgoing.bytes);
    const { time } = outgoing;
    if (actual !== wanted || time < from - TOLERANCE || time > to + TOLERANCE) {
      throw this.#failure(`${wanted} ${at}`, `${actual} at ${this.#clock(time)}`);
    }
    this.#history.push(`${this.#clock(time)} > ${wanted}`);
    return time;
  }

  #clock(time: number): string {
    return ((time - this.#start) / 1000).toFixed(3);
  }

  #failure(expected: string, actual: string): Error {
    const { file, line, text } = this.#step;
    return new Error([
      `${file}:${line} does not hold, at ${this.#clock(this.#now)}`,
      `  script:   ${text}`,
      `  expected: ${expected}`,
      `  actual:   ${actual}`,
      `  counters: ${this.#stack.counters.entries().map((entry) => entry.join(" ")).join(", ")}`,
      "  so far:",
      ...this.#history.slice(-12).map((entry) => `    ${entry}`),
    ].join("\n"));
  }

  #call(name: string, words: string[]): void {
    if (!Object.hasOwn(this.#calls, name)) {
      throw this.#failure("something a script of frames can do", `"${name}"`);
    }
    this.#calls[name]!(words);
  }

  /** A socket that notes what it gets. */
  #receiver(port: number): UdpReceiver {
    return {
      address: null,
      port,
      datagram: ({ packet, at, end, sourcePort }: Datagram) => {
        const wrong = packet.bytes.subarray(at, end).findIndex((byte, i) => byte !== dataByte(i));
        const flaw = wrong < 0 ? "" : `, but byte ${wrong} is wrong`;
        this.#heard.push(`${end - at} from ${packet.source} ${sourcePort}${flaw}`);
        return Drop.NONE;
      },
      error: ({ kind }: TransportError) => {
        const [name] = Object.entries(ErrorKind).find(([, value]) => value === kind)!;
        this.#heard.push(name);
        return Drop.NONE;
      },
    };
  }

  /** What scripts can do; `words` are what follows on the line. */
  #calls: Record<string, (words: string[]) => void> = {
    /** bind PORT: datagrams to it have somebody who takes them. */
    bind: ([port]) => void this.#stack.udp.bind(this.#receiver(Number(port))),
    /** send PORT ADDRESS N [ttl N]: a datagram of N bytes from PORT to port 9. */
    send: ([port, to, length, , ttl]) => {
      const destination = IpAddress.parse(to!);
      const source = this.#stack.ip.sourceFor(destination);
      if (source === undefined) throw this.#failure("an address to send from", "there is none");
      const options = { ttl: Number(ttl ?? 0), tos: 0, dontFragment: false };
      const payload = data(Number(length));
      this.#stack.udp.send(source, Number(port), destination, 9, payload, options);
    },
    /** got [what]: what sockets have got since the last time, or nothing. */
    got: (words) => {
      const actual = this.#heard.shift() ?? "";
      if (actual !== words.join(" ")) {
        throw this.#failure(`got ${words.join(" ")}`, `got ${actual}`);
      }
    },
    /** count NAME N: one of the stack's counters; drops by the names of `Drop`. */
    count: ([name, count]) => {
      const { counters } = this.#stack;
      const value = name! in Drop
        ? counters.drops[Drop[name as keyof typeof Drop]]
        : Reflect.get(counters, name!);
      if (value !== Number(count)) throw this.#failure(`${name} ${count}`, `${name} ${value}`);
    },
    /** gateway: the peer is the router to everywhere. */
    gateway: () => {
      const [, eth0] = this.#stack.ip.interfaces;
      for (const gateway of [PEER, PEER6]) {
        const prefix = IpAddress.parse(gateway.family === 4 ? "0.0.0.0" : "::");
        this.#stack.ip.addRoute({ prefix, length: 0, gateway, interface: eth0!, metric: 1 });
      }
    },
    /** Only for the reader, and for the time in front of it: nothing was sent up to here. */
    nothing: () => {},
  };
}
