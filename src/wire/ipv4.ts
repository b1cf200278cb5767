/**
 * The IPv4 header (RFC 791 §3.1).
 *
 * @module
 */

import { finish, sum } from "./checksum.ts";
import { Drop } from "./drop.ts";

/** Length of a header without options, in bytes. */
export const IPV4_MIN_HEADER = 20;

/** Don't-fragment bit of {@linkcode Ipv4Header.flagsAndOffset}. */
export const DONT_FRAGMENT = 0x4000;
/** More-fragments bit of {@linkcode Ipv4Header.flagsAndOffset}. */
export const MORE_FRAGMENTS = 0x2000;

/**
 * An IPv4 header seen in place. Bind it, read or write it, move on. The addresses are at bytes 12
 * and 16: `IpAddress.load4` and `IpAddress.store` read and write them.
 */
export class Ipv4Header {
  #view!: DataView;
  #at = 0;

  /** Moves to the header at `view[at]`; at least {@linkcode IPV4_MIN_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** 4. */
  get version(): number {
    return this.#view.getUint8(this.#at) >>> 4;
  }

  /** Length of the header with its options, in bytes: 20 to 60 in a good packet. */
  get headerLength(): number {
    return (this.#view.getUint8(this.#at) & 0x0f) << 2;
  }

  /** Also writes the version, which shares the byte. */
  set headerLength(bytes: number) {
    this.#view.setUint8(this.#at, 0x40 | (bytes >>> 2));
  }

  /** Type of service, the whole byte: DSCP in the upper six bits, ECN in the lower two. */
  get tos(): number {
    return this.#view.getUint8(this.#at + 1);
  }

  set tos(value: number) {
    this.#view.setUint8(this.#at + 1, value);
  }

  /** Length of header and payload, in bytes. */
  get totalLength(): number {
    return this.#view.getUint16(this.#at + 2);
  }

  set totalLength(bytes: number) {
    this.#view.setUint16(this.#at + 2, bytes);
  }

  /** What the fragments of one packet have in common. */
  get identification(): number {
    return this.#view.getUint16(this.#at + 4);
  }

  set identification(value: number) {
    this.#view.setUint16(this.#at + 4, value);
  }

  /**
   * The word that holds the reserved bit, {@linkcode DONT_FRAGMENT}, {@linkcode MORE_FRAGMENTS}
   * and the offset in units of 8 bytes. Building a packet writes it in one go.
   */
  get flagsAndOffset(): number {
    return this.#view.getUint16(this.#at + 6);
  }

  set flagsAndOffset(value: number) {
    this.#view.setUint16(this.#at + 6, value);
  }

  /** Whether routers must drop the packet rather than split it. */
  get dontFragment(): boolean {
    return (this.flagsAndOffset & DONT_FRAGMENT) !== 0;
  }

  set dontFragment(on: boolean) {
    this.flagsAndOffset = on
      ? this.flagsAndOffset | DONT_FRAGMENT
      : this.flagsAndOffset & ~DONT_FRAGMENT;
  }

  /** Whether this is a fragment with others behind it. */
  get moreFragments(): boolean {
    return (this.flagsAndOffset & MORE_FRAGMENTS) !== 0;
  }

  set moreFragments(on: boolean) {
    this.flagsAndOffset = on
      ? this.flagsAndOffset | MORE_FRAGMENTS
      : this.flagsAndOffset & ~MORE_FRAGMENTS;
  }

  /** Where this fragment's payload belongs, in bytes: a multiple of 8, up to 65528. */
  get fragmentOffset(): number {
    return (this.flagsAndOffset & 0x1fff) << 3;
  }

  set fragmentOffset(bytes: number) {
    this.flagsAndOffset = (this.flagsAndOffset & 0xe000) | (bytes >>> 3);
  }

  /** Hops that the packet may still take. */
  get ttl(): number {
    return this.#view.getUint8(this.#at + 8);
  }

  set ttl(hops: number) {
    this.#view.setUint8(this.#at + 8, hops);
  }

  /** One of `PROTOCOL`, or what the stack doesn't speak. */
  get protocol(): number {
    return this.#view.getUint8(this.#at + 9);
  }

  set protocol(value: number) {
    this.#view.setUint8(this.#at + 9, value);
  }

  /** Checksum of the header alone. */
  get checksum(): number {
    return this.#view.getUint16(this.#at + 10);
  }

  set checksum(value: number) {
    this.#view.setUint16(this.#at + 10, value);
  }

  /** Takes one hop off, of 1 at least, and adapts the checksum, which must be right (RFC 1624 §3). */
  decrementTtl(): void {
    this.ttl--;
    // ~m + m' is the same for every header, because TTL is the upper half of its word.
    this.checksum = finish((~this.checksum & 0xffff) + 0xfeff);
  }

  /** Computes the checksum and writes it. Comes last: every other field must be in place. */
  writeChecksum(): void {
    this.checksum = 0;
    this.checksum = finish(sum(this.#view, this.#at, this.#at + this.headerLength));
  }
}

/**
 * Checks the header of the packet in `[at, end)`. Bytes behind the total length are padding of
 * the link's, not an error.
 *
 * @returns `Drop.NONE` if the header can be trusted.
 */
export function checkIpv4(view: DataView, at: number, end: number): Drop {
  const available = end - at;
  if (available < IPV4_MIN_HEADER) return Drop.IP_TRUNCATED;
  const first = view.getUint8(at);
  if (first >>> 4 !== 4) return Drop.IP_BAD_VERSION;
  const headerLength = (first & 0x0f) << 2;
  const totalLength = view.getUint16(at + 2);
  if (headerLength < IPV4_MIN_HEADER || totalLength < headerLength) return Drop.IP_BAD_LENGTH;
  if (totalLength > available) return Drop.IP_TRUNCATED;
  return finish(sum(view, at, at + headerLength)) === 0 ? Drop.NONE : Drop.IP_BAD_CHECKSUM;
}
