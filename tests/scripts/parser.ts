/**
 * Reads packet scripts. The language is packetdrill's where both have a word for a thing; README.md
 * beside this file describes it.
 *
 * @module
 */

/** A script: what is sent to a stack and done with it, and what it must answer. */
export interface Script {
  name: string;
  /** Lines `set name value`. */
  settings: Map<string, number>;
  /** Those whose value is a word: `set congestion name`, `set ecn name`. */
  words: Map<string, string>;
  /** The one version of IP that it is about, if it does not hold for both. */
  only: 4 | 6 | undefined;
  /** Whether it is about a link with offload, or one without, if it does not hold for both. */
  offload: boolean | undefined;
  steps: Step[];
}

/** One line of a script. */
export interface Step {
  file: string;
  line: number;
  text: string;
  time: Time;
  /** Which connection it is about: `c1` where nothing is said. */
  connection: string;
  action: Action;
}

/** When a step happens, in milliseconds. */
export type Time =
  /** In one batch with the step before: the stack is not polled in between. */
  | { kind: "batch" }
  /** After the step before; for what is sent, from the one to the other. */
  | { kind: "after"; from: number; to: number }
  /** Since the script began. */
  | { kind: "at"; from: number; to: number };

export type Action =
  | { kind: "inbound"; segment: SegmentSpec }
  | { kind: "outbound"; segment: SegmentSpec }
  | { kind: "icmp"; message: IcmpSpec }
  /** In words that `frames.ts` knows. */
  | { kind: "frame"; isSent: boolean; text: string }
  | { kind: "call"; name: string; words: string[] };

/** A segment as written. Numbers are relative to the initial sequence numbers. */
export interface SegmentSpec {
  /** The bits of the TCP header. */
  flags: number;
  seq: number;
  length: number;
  ack: number | undefined;
  window: number | undefined;
  urgentPointer: number | undefined;
  /** Options as words, such as `mss 1460`; `undefined` for `<...>`: any. */
  options: string[] | undefined;
  /** The ECN field, and the Diffserv field in the upper six bits of a byte; TTL. */
  ecn: number | undefined;
  tos: number | undefined;
  ttl: number | undefined;
  /** Of a super-segment: how much text each segment has. */
  size: number | undefined;
}

/** Settings that are words. */
const WORD_SETTINGS = ["congestion", "ecn"];
/** What the ECN field says (RFC 3168 §5). */
const ECN_WORDS: readonly string[] = ["noecn", "ect1", "ect0", "ce"];

/** An ICMP error as written, about a segment of ours. */
export interface IcmpSpec {
  /** Type and code in ICMP, and in ICMPv6; `undefined` if it is not to be had there. */
  inIcmp: TypeAndCode | undefined;
  inIcmpv6: TypeAndCode | undefined;
  /** 0 where none is written. */
  mtu: number;
  /** What it quotes. */
  seq: number;
  length: number;
}

type TypeAndCode = readonly [type: number, code: number];

/** Errors as packetdrill names them, with their types and codes in ICMP and in ICMPv6. */
const ICMP_ERRORS: Readonly<Record<string, readonly (TypeAndCode | undefined)[]>> = {
  "unreachable net_unreachable": [[3, 0], [1, 0]],
  "unreachable host_unreachable": [[3, 1], [1, 3]],
  "unreachable protocol_unreachable": [[3, 2], [4, 1]],
  "unreachable port_unreachable": [[3, 3], [1, 4]],
  "unreachable frag_needed": [[3, 4], [2, 0]],
  "packet_too_big": [undefined, [2, 0]],
  "unreachable source_route_failed": [[3, 5], [1, 7]],
  "unreachable packet_filtered": [[3, 13], [1, 1]],
  "source_quench": [[4, 0], undefined],
  "time_exceeded": [[11, 0], [3, 0]],
  "parameter_problem": [[12, 0], [4, 0]],
};

const FLAG_LETTERS = "FSRP.UEW";

/** The flags in packetdrill's letters: `S.` for SYN,ACK. */
export function flagLetters(flags: number): string {
  const order = "SFRPUEW.";
  const letters = [...order].filter((letter) => flags & (1 << FLAG_LETTERS.indexOf(letter)));
  return letters.join("") || "none";
}

/** Reads all scripts of a file. `definitions` are what `use` finds besides the file's own. */
export function parseFile(
  file: string,
  source: string,
  definitions: Map<string, Script> = new Map(),
): Script[] {
  const scripts: Script[] = [];
  let script: Script | undefined;
  let onlyOfFile: 4 | 6 | undefined;
  source.split("\n").forEach((whole, index) => {
    const line = index + 1;
    const wrong = (why: string) => new Error(`${file}:${line}: ${why}: ${whole.trim()}`);
    const title = /^=== (?:define (\S+)|(.+))$/.exec(whole);
    if (title) {
      const name = title[1] ?? title[2]!;
      script = {
        name,
        settings: new Map(),
        words: new Map(),
        only: onlyOfFile,
        offload: undefined,
        steps: [],
      };
      if (title[1] !== undefined) definitions.set(title[1], script);
      else scripts.push(script);
      return;
    }
    const text = whole.replace(/(^|\s)(#|\/\/).*$/, "").trim();
    if (text === "") return;
    const only = /^only ipv([46])$/.exec(text);
    if (only) {
      const version = only[1] === "4" ? 4 : 6;
      if (script === undefined) onlyOfFile = version;
      else script.only = version;
      return;
    }
    const offload = /^only (with|without) offload$/.exec(text);
    if (offload && script !== undefined) {
      script.offload = offload[1] === "with";
      return;
    }
    if (script === undefined) throw wrong('Expected "=== name of the script" first');
    const setting = /^set (\w+) (\S+)$/.exec(text);
    const use = /^use (\S+)$/.exec(text);
    if (setting && WORD_SETTINGS.includes(setting[1]!)) {
      script.words.set(setting[1]!, setting[2]!);
    } else if (setting) {
      if (!Number.isFinite(Number(setting[2]))) throw wrong("Not a number");
      script.settings.set(setting[1]!, Number(setting[2]));
    } else if (use) {
      const used = definitions.get(use[1]!);
      if (used === undefined) throw wrong("Nothing of this name is defined");
      script.only ??= used.only;
      script.offload ??= used.offload;
      for (const [name, value] of used.words) {
        if (!script.words.has(name)) script.words.set(name, value);
      }
      for (const [name, value] of used.settings) {
        if (!script.settings.has(name)) script.settings.set(name, value);
      }
      script.steps.push(...used.steps);
    } else {
      script.steps.push(parseStep(file, line, text, wrong));
    }
  });
  return scripts;
}

function parseStep(
  file: string,
  line: number,
  text: string,
  wrong: (why: string) => Error,
): Step {
  const match = /^(\S+)\s+(?:(c\d+)\s+)?(.+)$/.exec(text);
  if (!match) throw wrong("Expected a time and something that happens");
  const [, when, connection = "c1", rest] = match;
  const time = parseTime(when!);
  if (time === undefined) throw wrong(`"${when}" is not a time`);
  let action: Action;
  if (/^<\s*icmp\s/.test(rest!)) {
    const message = parseIcmp(rest!.replace(/^<\s*icmp\s+/, ""));
    if (typeof message === "string") throw wrong(message);
    action = { kind: "icmp", message };
  } else if (/^[<>]\s*(\[(from|to) .*?\]\s*)?(arp|ip|ip6|ether)\s/.test(rest!)) {
    action = { kind: "frame", isSent: rest!.startsWith(">"), text: rest!.slice(1).trim() };
  } else if (/^[<>]/.test(rest!)) {
    const segment = parseSegment(rest!.slice(1).trim());
    if (typeof segment === "string") throw wrong(segment);
    action = { kind: rest!.startsWith("<") ? "inbound" : "outbound", segment };
  } else {
    const [name, ...words] = rest!.split(/\s+/) as [string, ...string[]];
    action = { kind: "call", name, words };
  }
  return { file, line, text, time, connection, action };
}

/** Seconds, as in packetdrill: `+.1`, `0.5`, `+0.2~+0.3`; `&` for "in the same batch". */
function parseTime(text: string): Time | undefined {
  if (text === "&") return { kind: "batch" };
  const match = /^(\+?)(\d*\.?\d+)(?:~\+?(\d*\.?\d+))?$/.exec(text);
  if (!match) return undefined;
  const from = milliseconds(match[2]!);
  const to = match[3] === undefined ? from : milliseconds(match[3]);
  return { kind: match[1] === "+" ? "after" : "at", from, to };
}

function milliseconds(seconds: string): number {
  return Math.round(Number(seconds) * 1e6) / 1e3;
}

/** The words in brackets about the IP header, such as `[ect0]` or `[tos 0xb8, ttl 64]`. */
export function ipWords(spec: Pick<SegmentSpec, "ecn" | "tos" | "ttl" | "size">): string {
  const words = [
    spec.ecn === undefined ? "" : ECN_WORDS[spec.ecn]!,
    spec.tos === undefined ? "" : `tos 0x${spec.tos.toString(16)}`,
    spec.ttl === undefined ? "" : `ttl ${spec.ttl}`,
    spec.size === undefined ? "" : `size ${spec.size}`,
  ].filter((word) => word !== "");
  return words.length === 0 ? "" : `[${words.join(", ")}]`;
}

/** What is wrong with it, if it is not an ICMP error. */
function parseIcmp(text: string): IcmpSpec | string {
  const match = /^(\w+)(?: ([a-z_]+))?(?: mtu (\d+))?\s+\[(\d+):(\d+)\((\d+)\)\]$/.exec(text);
  if (!match) return "Not an ICMP error";
  const [, typeName, codeName, mtu = 0, start, end, length] = match;
  const name = codeName === undefined ? typeName! : `${typeName} ${codeName}`;
  if (!Object.hasOwn(ICMP_ERRORS, name)) return `There is no ICMP error "${name}"`;
  const [inIcmp, inIcmpv6] = ICMP_ERRORS[name]!;
  if (Number(end) - Number(start) !== Number(length)) {
    return "The length in parentheses is not end minus start";
  }
  return { inIcmp, inIcmpv6, mtu: Number(mtu), seq: Number(start), length: Number(length) };
}

/** What is wrong with it, if it is not a segment. */
function parseSegment(whole: string): SegmentSpec | string {
  const [, words = "", text] = /^(?:\[(.*?)\]\s*)?(.*)$/.exec(whole)!;
  const ip = new Map<string, number>();
  for (const word of words.split(",").map((word) => word.trim()).filter((word) => word !== "")) {
    const field = /^(tos|ttl|size) (\w+)$/.exec(word);
    if (field) ip.set(field[1]!, Number(field[2]));
    else if (ECN_WORDS.includes(word)) ip.set("ecn", ECN_WORDS.indexOf(word));
    else return `"${word}" is nothing that IP knows`;
  }
  const match =
    /^([FSRP.UEW]+|none)\s+(\d+):(\d+)\((\d+)\)(?:\s+ack\s+(\d+))?(?:\s+win\s+(\d+))?(?:\s+urg\s+(\d+))?(?:\s+<(.*)>)?$/
      .exec(text!);
  if (!match) return "Not a segment";
  const [, letters, start, end, length, ack, win, urg, options] = match;
  let flags = 0;
  if (letters !== "none") {
    for (const letter of letters!) flags |= 1 << FLAG_LETTERS.indexOf(letter);
  }
  if (((Number(end) - Number(start)) >>> 0) !== Number(length)) {
    return "The length in parentheses is not end minus start";
  }
  if ((flags & 16) !== 0 !== (ack !== undefined)) return '"ack" stands with the flag "." only';
  const number = (digits: string | undefined) => digits === undefined ? undefined : Number(digits);
  return {
    flags,
    seq: Number(start),
    length: Number(length),
    ack: number(ack),
    window: number(win),
    urgentPointer: number(urg),
    options: options === "..."
      ? undefined
      : (options ?? "").split(",").map((word) => word.trim()).filter((word) => word !== ""),
    ecn: ip.get("ecn"),
    tos: ip.get("tos"),
    ttl: ip.get("ttl"),
    size: ip.get("size"),
  };
}
