/**
 * DNS queries and responses in words. It reads just what a line needs, and believes nothing.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { addressV4, addressV6, listed } from "./words.ts";

/** UDP port of servers (RFC 1035 §4.2.1). */
export const DNS_PORT = 53;

/** Length of the header, in bytes (RFC 1035 §4.1.1). */
const HEADER = 12;
const IS_RESPONSE = 0x8000;
const IS_TRUNCATED = 0x0200;
/** Length of what a record has between its name and its data, in bytes (RFC 1035 §4.1.3). */
const RECORD_HEAD = 10;

/** Longest name on the wire, in bytes (RFC 1035 §2.3.4). */
const MAX_NAME = 255;
/** The two high bits of a length that leads elsewhere (RFC 1035 §4.1.4). */
const POINTER = 0xc0;
/** Most records that a line shows. */
const MAX_SHOWN = 3;

const A = 1;
const AAAA = 28;
/** Types whose data is a name: NS, CNAME, PTR. */
const NAME_TYPES: readonly number[] = [2, 5, 12];

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [A]: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  [AAAA]: "AAAA",
  33: "SRV",
  64: "SVCB",
  65: "HTTPS",
  255: "ANY",
};

/** Response codes (RFC 1035 §4.1.1, RFC 2136 §2.2). */
const CODE_NAMES: Readonly<Record<number, string>> = {
  1: "FORMERR",
  2: "SERVFAIL",
  3: "NXDOMAIN",
  4: "NOTIMP",
  5: "REFUSED",
};

/** What the DNS message in `[at, end)` says, as far as it can be read; "" if nothing can. */
export function describeDns(view: DataView, at: number, end: number): string {
  if (end - at < HEADER) return "";
  const flags = view.getUint16(at + 2);
  const reader = new Reader(view, at, end);
  const question = view.getUint16(at + 4) === 1 ? reader.question() : undefined;
  if (question === undefined) return "";
  if ((flags & IS_RESPONSE) === 0) return `${bold("DNS")} ${question.type}? ${question.name}`;
  const code = flags & 0xf;
  const cut = (flags & IS_TRUNCATED) === 0 ? "" : ", truncated";
  if (code !== 0) {
    const name = CODE_NAMES[code] ?? `code ${code}`;
    return `${bold("DNS")} ${name} ${question.type} ${question.name}${cut}`;
  }
  const total = view.getUint16(at + 6);
  const answers: string[] = [];
  while (answers.length < Math.min(total, MAX_SHOWN)) {
    const answer = reader.record(question.name);
    if (answer === undefined) break;
    answers.push(answer);
  }
  const words = total === 0 ? "no answer" : listed(answers, MAX_SHOWN, total);
  return `${bold("DNS")} ${question.type} ${question.name} ${words}${cut}`;
}

/** Goes through the sections of a message. */
class Reader {
  #view: DataView;
  /** Where the message starts: pointers count from there. */
  #start: number;
  #at: number;
  #end: number;

  constructor(view: DataView, at: number, end: number) {
    this.#view = view;
    this.#start = at;
    this.#at = at + HEADER;
    this.#end = end;
  }

  question(): { name: string; type: string } | undefined {
    const name = this.#name();
    if (name === undefined || this.#end - this.#at < 4) return undefined;
    const type = typeName(this.#view.getUint16(this.#at));
    this.#at += 4;
    return { name, type };
  }

  /** A record of the answer; who asked for `asked` need not be told that name again. */
  record(asked: string): string | undefined {
    const name = this.#name();
    if (name === undefined || this.#end - this.#at < RECORD_HEAD) return undefined;
    const type = this.#view.getUint16(this.#at);
    const length = this.#view.getUint16(this.#at + 8);
    const at = this.#at + RECORD_HEAD;
    if (length > this.#end - at) return undefined;
    this.#at = at;
    const data = this.#data(type, length);
    this.#at = at + length;
    const owner = name.toLowerCase() === asked.toLowerCase() ? "" : `${name} `;
    return data === undefined ? `${owner}${typeName(type)}` : `${owner}${data}`;
  }

  #data(type: number, length: number): string | undefined {
    if (type === A && length === 4) return addressV4(this.#view, this.#at).toString();
    if (type === AAAA && length === 16) return addressV6(this.#view, this.#at).toString();
    if (!NAME_TYPES.includes(type)) return undefined;
    const name = this.#name();
    return name === undefined ? undefined : `${typeName(type)} ${name}`;
  }

  /**
   * Reads a name, and moves behind it. Each pointer must lead to before all that was read, so it
   * ends.
   */
  #name(): string | undefined {
    const labels: string[] = [];
    let at = this.#at;
    let limit = at;
    let behind = -1;
    let total = 0;
    for (;;) {
      if (at >= this.#end) return undefined;
      const length = this.#view.getUint8(at);
      if (length === 0) break;
      if ((length & POINTER) === POINTER) {
        if (this.#end - at < 2) return undefined;
        if (behind === -1) behind = at + 2;
        at = this.#start + (this.#view.getUint16(at) & 0x3fff);
        if (at >= limit || at < this.#start + HEADER) return undefined;
        limit = at;
        continue;
      }
      total += 1 + length;
      if ((length & POINTER) !== 0 || total >= MAX_NAME) return undefined;
      if (length >= this.#end - at) return undefined;
      labels.push(this.#label(at + 1, length));
      at += 1 + length;
    }
    this.#at = behind === -1 ? at + 1 : behind;
    return labels.length === 0 ? "." : labels.join(".");
  }

  /** A label, with all that a terminal might take for a command as `\ddd` (RFC 1035 §5.1). */
  #label(at: number, length: number): string {
    let text = "";
    for (let i = 0; i < length; i++) {
      const byte = this.#view.getUint8(at + i);
      const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
      text += isPlain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
    }
    return text;
  }
}

function typeName(type: number): string {
  return TYPE_NAMES[type] ?? `TYPE${type}`;
}
