/**
 * DNS messages (RFC 1035 §4, RFC 6891): what a stub resolver writes and reads of them.
 *
 * @module
 */

// @ts-types="./dns_packet.d.ts"
import { type Answer, decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { IpAddress } from "../../wire/address.ts";

/** What a record of each type holds. */
export interface RecordData {
  /** An IPv4 address. */
  A: string;
  /** An IPv6 address. */
  AAAA: string;
  /** The name that the owner is an alias of. */
  CNAME: string;
  /** The name that belongs to an address. */
  PTR: string;
  /** A name server. */
  NS: string;
  /** A mail server; the one with the lowest preference is to be tried first. */
  MX: { preference: number; exchange: string };
  /** Pieces of text, read as UTF-8. Anything may stand in them: escape it before you print it. */
  TXT: string[];
  /** Where a service is (RFC 2782). */
  SRV: { priority: number; weight: number; port: number; target: string };
  /** The start of a zone: times in seconds. */
  SOA: {
    mname: string;
    rname: string;
    serial: number;
    refresh: number;
    retry: number;
    expire: number;
    minimum: number;
  };
}

/** A type of records. */
export type RecordType = keyof RecordData;

/** All types that can be asked for. */
export const RECORD_TYPES: readonly RecordType[] = [
  "A",
  "AAAA",
  "CNAME",
  "PTR",
  "NS",
  "MX",
  "TXT",
  "SRV",
  "SOA",
];

/** A record of one type. */
export interface RecordOf<T extends RecordType> {
  /** The name it belongs to. */
  name: string;
  /** What `data` holds. */
  type: T;
  /** How long it may be kept, in seconds. */
  ttl: number;
  /** What is said of the name. */
  data: RecordData[T];
}

/** A record of any type. */
export type DnsRecord = { [T in RecordType]: RecordOf<T> }[RecordType];

/** What is asked: class IN always. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
}

/** Response codes (RFC 1035 §4.1.1, RFC 6891 §9). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** The name of a response code. */
export function rcodeName(rcode: number): string {
  const known = Object.entries(Rcode).find(([, code]) => code === rcode);
  return known?.[0] ?? `response code ${rcode}`;
}

/** A response, as far as it matters here. Of a truncated one only the question is read. */
export interface Response {
  readonly truncated: boolean;
  readonly rcode: number;
  /** `undefined` where there is none, or none that we would ask. */
  readonly question: Question | undefined;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
}

/** Largest response by UDP that we take, in bytes: one that is hardly ever fragmented. */
const UDP_PAYLOAD = 1232;

const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const TRUNCATED = 0x0200;
const HEADER = 12;

/**
 * Writes a query.
 *
 * @param edns Whether to tell that large responses by UDP are welcome (RFC 6891 §6.2.3).
 */
export function encodeQuery(id: number, question: Question, edns: boolean): Uint8Array {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ ...question, class: "IN" }],
    additionals: edns
      ? [{
        type: "OPT",
        name: ".",
        udpPayloadSize: UDP_PAYLOAD,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        options: [],
      }]
      : [],
  });
}

/** Reads the response to the query with this id; `undefined` if it is none or is broken. */
export function decodeResponse(bytes: Uint8Array, id: number): Response | undefined {
  if (bytes.length < HEADER || (bytes[0]! << 8 | bytes[1]!) !== id) return undefined;
  const copy = Buffer.from(bytes);
  const flags = copy.readUInt16BE(2);
  if ((flags & (RESPONSE | OPCODE)) !== RESPONSE) return undefined;
  const truncated = (flags & TRUNCATED) !== 0;
  // What is left of the sections may end in the middle of a record.
  if (truncated) copy.fill(0, 6, HEADER);
  try {
    const { questions = [], answers = [], authorities = [], additionals = [] } = decode(copy);
    const [question] = questions;
    let rcode = flags & 0xf;
    for (const record of additionals) {
      if (record.type === "OPT") rcode |= record.extendedRcode << 4;
    }
    return {
      truncated,
      rcode,
      question: questions.length === 1 && question !== undefined && question.class === "IN" &&
          isKnown(question.type)
        ? { name: question.name, type: question.type }
        : undefined,
      answers: answers.flatMap(toRecord),
      authorities: authorities.flatMap(toRecord),
    };
  } catch {
    return undefined;
  }
}

function isKnown(type: string): type is RecordType {
  return (RECORD_TYPES as readonly string[]).includes(type);
}

/** The record, or nothing for one of a type or a class that we don't ask for. */
function toRecord(answer: Answer): DnsRecord[] {
  if (answer.type === "OPT" || answer.class !== "IN") return [];
  const name = printable(answer.name);
  // A TTL with the highest bit set counts as zero (RFC 2181 §8).
  const ttl = (answer.ttl! | 0) < 0 ? 0 : answer.ttl!;
  switch (answer.type) {
    case "A":
    case "AAAA":
      return [{ name, type: answer.type, ttl, data: IpAddress.parse(answer.data).toString() }];
    case "CNAME":
    case "PTR":
    case "NS":
      return [{ name, type: answer.type, ttl, data: printable(answer.data) }];
    case "MX": {
      const { preference = 0, exchange } = answer.data;
      return [{ name, type: "MX", ttl, data: { preference, exchange: printable(exchange) } }];
    }
    case "TXT": {
      const data = [answer.data].flat().map((piece) => piece.toString());
      return [{ name, type: "TXT", ttl, data }];
    }
    case "SRV": {
      const { priority = 0, weight = 0, port, target } = answer.data;
      const data = { priority, weight, port, target: printable(target) };
      return [{ name, type: "SRV", ttl, data }];
    }
    case "SOA": {
      const { mname, rname, serial = 0, refresh = 0, retry = 0, expire = 0, minimum = 0 } =
        answer.data;
      const times = { serial, refresh, retry, expire, minimum };
      const data = { mname: printable(mname), rname: printable(rname), ...times };
      return [{ name, type: "SOA", ttl, data }];
    }
    default:
      return [];
  }
}

/** A name with what a terminal might obey escaped as in zone files (RFC 1035 §5.1). */
function printable(name: string): string {
  // deno-lint-ignore no-control-regex
  return name.replace(/[\x00-\x20\x7f-\xa0]/g, (character) => {
    return `\\${String(character.charCodeAt(0)).padStart(3, "0")}`;
  });
}
