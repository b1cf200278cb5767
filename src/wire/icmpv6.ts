/**
 * ICMPv6 (RFC 4443).
 *
 * @module
 */

import { finish, sum } from "./checksum.ts";
import { Drop } from "./drop.ts";
import { IcmpHeader } from "./icmp.ts";

/** Length of the header, in bytes; every message has at least this much. */
export const ICMPV6_HEADER = 8;

/**
 * Message types of ICMPv6 (RFC 4443), Multicast Listener Discovery (RFC 2710, RFC 3810) and
 * Neighbor Discovery (RFC 4861). Errors are below 128.
 */
export const ICMPV6_TYPE = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  LISTENER_QUERY: 130,
  LISTENER_REPORT: 131,
  LISTENER_DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
  LISTENER_REPORT_V2: 143,
} as const;

/** Types from this one on are informational, those below are errors (RFC 4443 §2.1). */
export const ICMPV6_FIRST_INFORMATIONAL = 128;

/** Codes of {@linkcode ICMPV6_TYPE.DESTINATION_UNREACHABLE} (RFC 4443 §3.1). */
export const ICMPV6_UNREACHABLE = {
  NO_ROUTE: 0,
  ADMINISTRATIVELY_PROHIBITED: 1,
  BEYOND_SCOPE: 2,
  ADDRESS: 3,
  PORT: 4,
  SOURCE_POLICY: 5,
  REJECT_ROUTE: 6,
} as const;

/** Codes of {@linkcode ICMPV6_TYPE.TIME_EXCEEDED} (RFC 4443 §3.3). */
export const ICMPV6_TIME_EXCEEDED = { HOP_LIMIT: 0, REASSEMBLY: 1 } as const;

/** Codes of {@linkcode ICMPV6_TYPE.PARAMETER_PROBLEM} (RFC 4443 §3.4, RFC 7112 §5). */
export const ICMPV6_PARAMETER_PROBLEM = {
  ERRONEOUS_FIELD: 0,
  UNRECOGNIZED_NEXT_HEADER: 1,
  UNRECOGNIZED_OPTION: 2,
  INCOMPLETE_FIRST_FRAGMENT: 3,
} as const;

/** An ICMPv6 header seen in place: that of ICMP with other numbers, and a pseudo-header. */
export class Icmpv6Header extends IcmpHeader {
  /** Of "packet too big": what the next link takes, in bytes. uint32. */
  get mtu(): number {
    return this.rest;
  }

  set mtu(bytes: number) {
    this.rest = bytes;
  }

  /** Of a parameter problem: where in the quoted packet it is, in bytes. uint32. */
  get pointer(): number {
    return this.rest;
  }

  set pointer(bytes: number) {
    this.rest = bytes;
  }
}

/**
 * Checks the ICMPv6 message in `[at, end)`.
 *
 * @param pseudo `pseudoHeaderSum` with `end - at` as the length.
 * @returns `Drop.NONE` if it can be trusted.
 */
export function checkIcmpv6(view: DataView, at: number, end: number, pseudo: number): Drop {
  if (end - at < ICMPV6_HEADER) return Drop.ICMP_TRUNCATED;
  return finish(sum(view, at, end, pseudo)) === 0 ? Drop.NONE : Drop.ICMP_BAD_CHECKSUM;
}
