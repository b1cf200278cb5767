/**
 * The IPv6 header (RFC 8200 §3) and its fragment header (RFC 8200 §4.5).
 *
 * @module
 */

import { Drop } from "./drop.ts";
import { PROTOCOL } from "./protocol.ts";

/** Length of the header, in bytes. */
export const IPV6_HEADER = 40;

/** Smallest MTU that a link may have, in bytes (RFC 8200 §5). */
export const IPV6_MIN_MTU = 1280;

/**
 * An IPv6 header seen in place. Bind it, read or write it, move on. The addresses are at bytes 8
 * and 24: `IpAddress.load16` and `IpAddress.store` read and write them.
 */
export class Ipv6Header {
  #view!: DataView;
  #at = 0;

  /** Moves to the header at `view[at]`; {@linkcode IPV6_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** 6. */
  get version(): number {
    return this.#view.getUint8(this.#at) >>> 4;
  }

  /** The whole byte: DSCP in the upper six bits, ECN in the lower two. */
  get trafficClass(): number {
    return (this.#view.getUint16(this.#at) >>> 4) & 0xff;
  }

  set trafficClass(value: number) {
    this.#view.setUint16(this.#at, (this.#view.getUint16(this.#at) & 0xf00f) | (value << 4));
  }

  /** Which flow the packet belongs to (RFC 6437): 20 bits; 0 if its sender labels none. */
  get flowLabel(): number {
    return this.#view.getUint32(this.#at) & 0xf_ffff;
  }

  set flowLabel(value: number) {
    this.#view.setUint32(this.#at, (this.#view.getUint32(this.#at) & 0xfff0_0000) | value);
  }

  /** Writes the first word, which version, traffic class and flow label share, in one go. */
  writeFirstWord(trafficClass: number, flowLabel: number): void {
    this.#view.setUint32(this.#at, 0x6000_0000 | (trafficClass << 20) | flowLabel);
  }

  /** Length of what follows the header, extension headers and all, in bytes. */
  get payloadLength(): number {
    return this.#view.getUint16(this.#at + 4);
  }

  set payloadLength(bytes: number) {
    this.#view.setUint16(this.#at + 4, bytes);
  }

  /** What follows the header: one of `PROTOCOL`, or what the stack doesn't speak. */
  get nextHeader(): number {
    return this.#view.getUint8(this.#at + 6);
  }

  set nextHeader(value: number) {
    this.#view.setUint8(this.#at + 6, value);
  }

  /** Hops that the packet may still take. */
  get hopLimit(): number {
    return this.#view.getUint8(this.#at + 7);
  }

  set hopLimit(hops: number) {
    this.#view.setUint8(this.#at + 7, hops);
  }
}

/**
 * Checks the header of the packet in `[at, end)`. Bytes behind the payload length are padding of
 * the link's, not an error. A payload length of 0 with hop-by-hop options behind it would be a
 * jumbogram (RFC 2675), which the stack doesn't take.
 *
 * @returns `Drop.NONE` if the header can be trusted, as far as one without a checksum can.
 */
export function checkIpv6(view: DataView, at: number, end: number): Drop {
  const available = end - at;
  if (available < IPV6_HEADER) return Drop.IP_TRUNCATED;
  if (view.getUint8(at) >>> 4 !== 6) return Drop.IP_BAD_VERSION;
  const payloadLength = view.getUint16(at + 4);
  if (payloadLength === 0 && view.getUint8(at + 6) === PROTOCOL.HOP_BY_HOP) {
    return Drop.IP_BAD_LENGTH;
  }
  return payloadLength > available - IPV6_HEADER ? Drop.IP_TRUNCATED : Drop.NONE;
}

/** Length of the fragment header, in bytes. */
export const IPV6_FRAGMENT_HEADER = 8;

/** A fragment header seen in place (RFC 8200 §4.5). Bind it, read or write it, move on. */
export class FragmentHeader {
  #view!: DataView;
  #at = 0;

  /** Moves to the header at `view[at]`; {@linkcode IPV6_FRAGMENT_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** What the first fragment starts with: one of `PROTOCOL`, or what the stack doesn't speak. */
  get nextHeader(): number {
    return this.#view.getUint8(this.#at);
  }

  /** Where this fragment's payload belongs, in bytes: a multiple of 8, up to 65528. */
  get offset(): number {
    return this.#view.getUint16(this.#at + 2) & 0xfff8;
  }

  /** Whether there are others behind this one. */
  get more(): boolean {
    return (this.#view.getUint8(this.#at + 3) & 1) !== 0;
  }

  /** What the fragments of one packet have in common. uint32. */
  get identification(): number {
    return this.#view.getUint32(this.#at + 4);
  }

  /** Writes the whole header. `offset` is in bytes, a multiple of 8. */
  write(nextHeader: number, offset: number, more: boolean, identification: number): void {
    this.#view.setUint16(this.#at, nextHeader << 8);
    this.#view.setUint16(this.#at + 2, more ? offset | 1 : offset);
    this.#view.setUint32(this.#at + 4, identification);
  }
}
