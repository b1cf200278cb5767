/**
 * The TCP header (RFC 9293 §3.1). Its options are in `tcp_options.ts`.
 *
 * @module
 */

import { finish, fold, sum } from "./checksum.ts";
import { Drop } from "./drop.ts";

/** Length of a header without options, in bytes. */
export const TCP_MIN_HEADER = 20;

/** Control bits, as they lie in {@linkcode TcpHeader.flags}. */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;
export const ECE = 64;
export const CWR = 128;

const FLAG_NAMES = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;

/** The names of the control bits that are set, such as `SYN,ACK`, or `none`. For traces. */
export function flagNames(flags: number): string {
  return FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join(",") || "none";
}

/** A TCP header seen in place. Bind it, read or write it, move on. */
export class TcpHeader {
  #view!: DataView;
  #at = 0;

  /** Moves to the header at `view[at]`; at least {@linkcode TCP_MIN_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** Port of the sender. */
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

  /** Sequence number of the first byte of data, or of the SYN. uint32. */
  get seq(): number {
    return this.#view.getUint32(this.#at + 4);
  }

  set seq(value: number) {
    this.#view.setUint32(this.#at + 4, value);
  }

  /** The sequence number that the sender expects next; means something with `ACK` only. uint32. */
  get ack(): number {
    return this.#view.getUint32(this.#at + 8);
  }

  set ack(value: number) {
    this.#view.setUint32(this.#at + 8, value);
  }

  /** Where the data starts: length of the header with its options, in bytes, 20 to 60. */
  get dataOffset(): number {
    return (this.#view.getUint8(this.#at + 12) >>> 4) << 2;
  }

  /** Also clears the reserved bits, which share the byte. */
  set dataOffset(bytes: number) {
    this.#view.setUint8(this.#at + 12, bytes << 2);
  }

  /** The eight control bits. */
  get flags(): number {
    return this.#view.getUint8(this.#at + 13);
  }

  set flags(value: number) {
    this.#view.setUint8(this.#at + 13, value);
  }

  /** How much the sender is ready to take from `ack` on, before scaling. */
  get window(): number {
    return this.#view.getUint16(this.#at + 14);
  }

  set window(value: number) {
    this.#view.setUint16(this.#at + 14, value);
  }

  /** Checksum of pseudo-header, header and data. */
  get checksum(): number {
    return this.#view.getUint16(this.#at + 16);
  }

  set checksum(value: number) {
    this.#view.setUint16(this.#at + 16, value);
  }

  /** Where urgent data ends, counted from `seq`; means something with `URG` only. */
  get urgentPointer(): number {
    return this.#view.getUint16(this.#at + 18);
  }

  set urgentPointer(value: number) {
    this.#view.setUint16(this.#at + 18, value);
  }

  /**
   * Computes the checksum of the segment, up to `end`, and writes it. Comes last.
   *
   * @param pseudo `pseudoHeaderSum` with the length of the segment.
   */
  writeChecksum(end: number, pseudo: number): void {
    this.checksum = 0;
    this.checksum = finish(sum(this.#view, this.#at, end, pseudo));
  }

  /** Writes what a link completes to the checksum: see `Packet.isPartial`. */
  writePartialChecksum(pseudo: number): void {
    this.checksum = fold(pseudo);
  }
}

/**
 * Checks the TCP segment in `[at, end)`.
 *
 * @param pseudo `pseudoHeaderSum` with `end - at` as the length.
 * @returns `Drop.NONE` if its header can be trusted.
 */
export function checkTcp(view: DataView, at: number, end: number, pseudo: number): Drop {
  const drop = checkTcpLength(view, at, end);
  if (drop !== Drop.NONE) return drop;
  return finish(sum(view, at, end, pseudo)) === 0 ? Drop.NONE : Drop.TCP_BAD_CHECKSUM;
}

/** Checks a segment whose checksum has been verified, or never left the machine. */
export function checkTcpLength(view: DataView, at: number, end: number): Drop {
  const length = end - at;
  if (length < TCP_MIN_HEADER) return Drop.TCP_TRUNCATED;
  const dataOffset = (view.getUint8(at + 12) >>> 4) << 2;
  return dataOffset < TCP_MIN_HEADER || dataOffset > length ? Drop.TCP_BAD_OFFSET : Drop.NONE;
}
