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
  /** The line `set congestion name`. */
  congestion?: string;
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
}

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
  source.split("\n").forEach((whole, index) => {
    const line = index + 1;
    const wrong = (why: string) => new Error(`${file}:${line}: ${why}: ${whole.trim()}`);
    const title = /^=== (?:define (\S+)|(.+))$/.exec(whole);
    if (title) {
      script = { name: title[1] ?? title[2]!, settings: new Map(), steps: [] };
      if (title[1] !== undefined) definitions.set(title[1], script);
      else scripts.push(script);
      return;
    }
    const text = whole.replace(/(^|\s)(#|\/\/).*$/, "").trim();
    if (text === "") return;
    if (script === undefined) throw wrong('Expected "=== name of the script" first');
    const setting = /^set (\w+) (\S+)$/.exec(text);
    const use = /^use (\S+)$/.exec(text);
    if (setting && setting[1] === "congestion") {
      script.congestion = setting[2]!;
      return;
    }
    if (setting) {
      if (!Number.isFinite(Number(setting[2]))) throw wrong("Not a number");
      script.settings.set(setting[1]!, Number(setting[2]));
    } else if (use) {
      const used = definitions.get(use[1]!);
      if (used === undefined) throw wrong("Nothing of this name is defined");
      script.congestion ??= used.congestion;
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
  if (/^[<>]/.test(rest!)) {
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

/** What is wrong with it, if it is not a segment. */
function parseSegment(text: string): SegmentSpec | string {
  const match =
    /^([FSRP.UEW]+|none)\s+(\d+):(\d+)\((\d+)\)(?:\s+ack\s+(\d+))?(?:\s+win\s+(\d+))?(?:\s+urg\s+(\d+))?(?:\s+<(.*)>)?$/
      .exec(text);
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
  };
}
