/**
 * DNS messages (RFC 1035 §4, RFC 6891) as bytes. Takes a while to load: for who does look up names.
 *
 * @module
 */

// @ts-types="./dns_packet.d.ts"
import { type Answer, decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { IpAddress } from "../../wire/address.ts";
import {
  type DnsRecord,
  type Question,
  RECORD_TYPES,
  type RecordType,
  type Response,
} from "./message.ts";

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
