/**
 * Domain names in text form.
 *
 * @module
 */

import { domainToASCII } from "node:url";
import type { IpAddress } from "../../wire/address.ts";

/** Longest name in text form, without a dot at the end (RFC 1035 §2.3.4). */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/**
 * The form in which a name is asked for: lower case, international ones in Punycode (RFC 5891), a
 * dot at the end only if it had one.
 *
 * @throws {TypeError} If it can't be a name.
 */
export function toAsciiName(name: string): string {
  // deno-lint-ignore no-control-regex
  const ascii = /^[\x00-\x7f]*$/.test(name) ? name.toLowerCase() : domainToASCII(name);
  const bare = withoutDot(ascii);
  const problem = problemOf(bare);
  if (problem !== undefined) throw new TypeError(`Not a host name: "${name}": ${problem}`);
  return ascii;
}

function problemOf(name: string): string | undefined {
  if (name === "") return "it is empty, or not allowed in domain names";
  if (name.length > MAX_NAME) return `it is longer than ${MAX_NAME} characters`;
  for (const label of name.split(".")) {
    if (label === "") return "a part between dots is empty";
    if (label.length > MAX_LABEL) return `a part is longer than ${MAX_LABEL} characters`;
    // Hosts have letters, digits and hyphens; services underscores, some reverse zones slashes.
    const wrong = /[^a-z0-9_/-]/.exec(label);
    if (wrong !== null) return `${JSON.stringify(wrong[0])} may not stand in it`;
  }
}

/** The name without the dot that says that it is complete. */
export function withoutDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

/** Whether two names are the same: upper and lower case are (RFC 1035 §2.3.3). */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/**
 * Gives each letter upper or lower case at random. The response has to repeat it, which who forges
 * one without seeing the query can only guess, a bit for each letter.
 */
export function randomCase(name: string): string {
  const random = crypto.getRandomValues(new Uint8Array(name.length));
  return Array.from(name, (c, i) => random[i]! & 1 ? c.toUpperCase() : c.toLowerCase()).join("");
}

/**
 * The names to ask for, in order, for a name that a user gave: as it is at first if it has `ndots`
 * dots, else last. One with a dot at the end is complete.
 */
export function candidates(name: string, search: readonly string[], ndots: number): string[] {
  if (name.endsWith(".")) return [withoutDot(name)];
  const dots = name.split(".").length - 1;
  const searched = search.map((domain) => `${name}.${domain}`)
    .filter((candidate) => candidate.length <= MAX_NAME);
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

/** The name under which the names of an address are found (RFC 1035 §3.5, RFC 3596 §2.5). */
export function reverseName(address: IpAddress): string {
  const bytes = Array.from(address.toBytes());
  if (address.family === 4) return `${bytes.reverse().join(".")}.in-addr.arpa`;
  const digits = bytes.flatMap((byte) => [byte >> 4, byte & 15]).reverse();
  return `${digits.map((digit) => digit.toString(16)).join(".")}.ip6.arpa`;
}
