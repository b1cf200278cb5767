/**
 * The UDP header (RFC 768).
 *
 * @module
 */

import { finish, sum } from "./checksum.ts";
import { Drop } from "./drop.ts";

/** Length of the header, in bytes. */
export const UDP_HEADER = 8;

/** A UDP header seen in place. Bind it, read or write it, move on. */
export class UdpHeader {
  #view!: DataView;
  #at = 0;

  /** Moves to the header at `view[at]`; {@linkcode UDP_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** Port of the sender; 0 if it wants no answer. */
  get sourcePort(): number {
    return this.#view.getUint16(this.#at);
  }

  set sourcePort(value: number) {
    this.#view.setUint16(this.#at, value);
  }

  /** Port of the receiver. */
  get destinationPort(): number {
    return this.#view.getUint16(this.#at + 2);
  }

  set destinationPort(value: number) {
    this.#view.setUint16(this.#at + 2, value);
  }

  /** Length of header and payload, in bytes. */
  get length(): number {
    return this.#view.getUint16(this.#at + 4);
  }

  set length(bytes: number) {
    this.#view.setUint16(this.#at + 4, bytes);
  }

  /** Checksum of pseudo-header, header and payload; 0 if the sender made none. */
  get checksum(): number {
    return this.#view.getUint16(this.#at + 6);
  }

  set checksum(value: number) {
    this.#view.setUint16(this.#at + 6, value);
  }

  /**
   * Computes the checksum and writes it; 0, which would mean "none", is sent as 0xffff, which is
   * the same number in ones' complement (RFC 768). Comes last.
   *
   * @param pseudo `pseudoHeaderSum` with the length of the header and payload.
   */
  writeChecksum(pseudo: number): void {
    this.checksum = 0;
    this.checksum = finish(sum(this.#view, this.#at, this.#at + this.length, pseudo)) || 0xffff;
  }

  /** Writes the sum of the pseudo-header alone, for the link to complete: see `Packet.isPartial`. */
  writePartialChecksum(pseudo: number): void {
    this.checksum = ~finish(pseudo) & 0xffff;
  }
}

/**
 * Checks all of the UDP datagram in `[at, end)` but whether its checksum is right, which somebody
 * else has verified.
 *
 * @param checksumRequired As in {@linkcode checkUdp}.
 * @returns `Drop.NONE` if its length can be trusted.
 */
export function checkUdpHeader(
  view: DataView,
  at: number,
  end: number,
  checksumRequired: boolean,
): Drop {
  const available = end - at;
  if (available < UDP_HEADER) return Drop.UDP_TRUNCATED;
  const length = view.getUint16(at + 4);
  if (length < UDP_HEADER || length > available) return Drop.UDP_BAD_LENGTH;
  return checksumRequired && view.getUint16(at + 6) === 0 ? Drop.UDP_BAD_CHECKSUM : Drop.NONE;
}

/**
 * Checks the UDP datagram in `[at, end)`. It may be shorter than the IP payload that it lies in;
 * the bytes behind it are ignored.
 *
 * @param pseudo `pseudoHeaderSum` with `end - at` as the length.
 * @param checksumRequired Whether a checksum of 0, "none", is an error: `false` over IPv4
 * (RFC 1122 §4.1.3.4), `true` over IPv6 (RFC 8200 §8.1).
 * @returns `Drop.NONE` if the datagram can be trusted.
 */
export function checkUdp(
  view: DataView,
  at: number,
  end: number,
  pseudo: number,
  checksumRequired = false,
): Drop {
  const drop = checkUdpHeader(view, at, end, checksumRequired);
  if (drop !== Drop.NONE) return drop;
  if (view.getUint16(at + 6) === 0) return Drop.NONE;
  // The pseudo-header holds UDP's own length. Take the other off, in ones' complement.
  const length = view.getUint16(at + 4);
  const corrected = pseudo + length + (~(end - at) & 0xffff);
  return finish(sum(view, at, at + length, corrected)) === 0 ? Drop.NONE : Drop.UDP_BAD_CHECKSUM;
}
