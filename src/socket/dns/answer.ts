/**
 * What a response says about the question: the records, or that there are none.
 *
 * @module
 */

import { type DnsRecord, type Question, Rcode, type Response } from "./message.ts";
import { sameName, withoutDot } from "./name.ts";

/** What is known about a question. */
export interface Answer {
  /**
   * `alias`: it is one of a name of which nothing is said. `no-name`: nothing has that name.
   * `no-data`: something has, but there is no record of the type.
   */
  readonly outcome: "found" | "alias" | "no-name" | "no-data";
  /** The aliases on the way, and the records that were found, in the order of the chain. */
  readonly records: readonly DnsRecord[];
  /** The name at the end of the chain. */
  readonly name: string;
  /** How long that may be believed, in seconds. */
  readonly ttl: number;
}

/** Longest chain of aliases that is followed: above that it is taken for a loop. */
export const MAX_ALIASES = 16;

/** Bounds of what is believed, in seconds: a day for records, for their absence 5 minutes. */
const MAX_TTL = 86_400;
const MAX_NEGATIVE_TTL = 300;

/**
 * Reads a response with the code NOERROR or NXDOMAIN. Only what belongs to the question, or to an
 * alias of it, counts: whatever else a server adds is not asked for, and not to be trusted.
 *
 * @throws {Deno.errors.InvalidData} If the aliases go round in a circle.
 */
export function readAnswer(question: Question, response: Response): Answer {
  const { answers, authorities, rcode } = response;
  const records: DnsRecord[] = [];
  let name = question.name;
  let ttl = MAX_TTL;
  const take = (record: DnsRecord) => {
    records.push(record);
    ttl = Math.min(ttl, record.ttl);
  };
  for (let aliases = 0;; aliases++) {
    const here = answers.filter((record) => sameName(record.name, name));
    const found = here.filter((record) => record.type === question.type);
    if (found.length > 0) {
      found.forEach(take);
      return { outcome: "found", records, name, ttl };
    }
    const alias = here.find((record) => record.type === "CNAME");
    if (alias === undefined) break;
    if (aliases === MAX_ALIASES) throw aliasLoop(question.name);
    take(alias);
    name = withoutDot(alias.data as string);
  }
  const soa = authorities.find((record) => record.type === "SOA");
  // Without a SOA record in sight the chain may just go on elsewhere (RFC 2308 §2.2).
  if (records.length > 0 && rcode !== Rcode.NXDOMAIN && soa === undefined) {
    return { outcome: "alias", records, name, ttl };
  }
  // How long absence may be believed is the lower of both (RFC 2308 §5); without a SOA, not at all.
  const negative = soa?.type === "SOA" ? Math.min(soa.ttl, soa.data.minimum) : 0;
  return {
    outcome: rcode === Rcode.NXDOMAIN ? "no-name" : "no-data",
    records,
    name,
    ttl: Math.min(ttl, negative, MAX_NEGATIVE_TTL),
  };
}

/** The error for a chain of aliases without an end. */
export function aliasLoop(name: string): Error {
  return new Deno.errors.InvalidData(
    `${name} is an alias of an alias, ${MAX_ALIASES} times over: they go round in a circle`,
  );
}
