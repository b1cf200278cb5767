/**
 * ICMP for IPv4 (RFC 792).
 *
 * @module
 */

import { finish, sum } from "./checksum.ts";
import { Drop } from "./drop.ts";

/** Length of the header, in bytes; every message has at least this much. */
export const ICMP_HEADER = 8;

/** Message types. */
export const ICMP_TYPE = {
  ECHO_REPLY: 0,
  DESTINATION_UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
} as const;

/**
 * Codes of {@linkcode ICMP_TYPE.DESTINATION_UNREACHABLE} (RFC 792, RFC 1122 §3.2.2.1,
 * RFC 1812 §5.2.7.1).
 */
export const ICMP_UNREACHABLE = {
  NETWORK: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
  SOURCE_ROUTE_FAILED: 5,
  NETWORK_UNKNOWN: 6,
  HOST_UNKNOWN: 7,
  SOURCE_ISOLATED: 8,
  NETWORK_PROHIBITED: 9,
  HOST_PROHIBITED: 10,
  NETWORK_FOR_SERVICE: 11,
  HOST_FOR_SERVICE: 12,
  ADMINISTRATIVELY_PROHIBITED: 13,
} as const;

/** An ICMP header seen in place. Bind it, read or write it, move on. */
export class IcmpHeader {
  #view!: DataView;
  #at = 0;

  /** Moves to the header at `view[at]`; {@linkcode ICMP_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** One of {@linkcode ICMP_TYPE}, or another. */
  get type(): number {
    return this.#view.getUint8(this.#at);
  }

  set type(value: number) {
    this.#view.setUint8(this.#at, value);
  }

  /** What the type leaves open. */
  get code(): number {
    return this.#view.getUint8(this.#at + 1);
  }

  set code(value: number) {
    this.#view.setUint8(this.#at + 1, value);
  }

  /** Checksum of the whole message. */
  get checksum(): number {
    return this.#view.getUint16(this.#at + 2);
  }

  set checksum(value: number) {
    this.#view.setUint16(this.#at + 2, value);
  }

  /** The last four bytes of the header, whose meaning depends on the type. */
  get rest(): number {
    return this.#view.getUint32(this.#at + 4);
  }

  set rest(value: number) {
    this.#view.setUint32(this.#at + 4, value);
  }

  /** Of "fragmentation needed": what the next link takes (RFC 1191 §4), in bytes; 0: not known. */
  get nextHopMtu(): number {
    return this.#view.getUint16(this.#at + 6);
  }

  /** Of an echo or its reply: which program asked. */
  get identifier(): number {
    return this.#view.getUint16(this.#at + 4);
  }

  set identifier(value: number) {
    this.#view.setUint16(this.#at + 4, value);
  }

  /** Of an echo or its reply: the number of the question. */
  get sequence(): number {
    return this.#view.getUint16(this.#at + 6);
  }

  set sequence(value: number) {
    this.#view.setUint16(this.#at + 6, value);
  }

  /**
   * Computes the checksum of the message, up to `end`, and writes it. Comes last.
   *
   * @param pseudo Sum of the pseudo-header, which only ICMPv6 has.
   */
  writeChecksum(end: number, pseudo = 0): void {
    this.checksum = 0;
    this.checksum = finish(sum(this.#view, this.#at, end, pseudo));
  }
}

/**
 * Checks the ICMP message in `[at, end)`.
 *
 * @returns `Drop.NONE` if it can be trusted.
 */
export function checkIcmp(view: DataView, at: number, end: number): Drop {
  if (end - at < ICMP_HEADER) return Drop.ICMP_TRUNCATED;
  return finish(sum(view, at, end)) === 0 ? Drop.NONE : Drop.ICMP_BAD_CHECKSUM;
}
