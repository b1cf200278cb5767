/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit
 * words. Sums are carried around unfolded, as plain numbers, and folded at the end.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";
import { copyBytes } from "./bytes.ts";
import { memory } from "./memory.ts";
import type { Packet } from "./packet.ts";
import { PROTOCOL } from "./protocol.ts";

/** As many bytes as may be added at once: 2^15 words, whose halves' sums stay below 2^31. */
const MAX_RUN = 0x20000;

/** Fewer bytes than this are added faster without a kernel's call. */
const KERNEL_FROM = 24;

const { bytes: kernelBytes, view: kernelView, kernels } = memory;

/**
 * Adds the bytes `[at, end)` to a partial sum.
 *
 * An odd last byte counts as the high byte of a word padded with zero, so a sum over several
 * ranges is right only if all but the last are of even length.
 *
 * @param initial A sum from an earlier call, below 2^32.
 * @returns The sum folded to 16 bits: feed it on, or to {@linkcode finish}.
 */
export function sum(view: DataView, at: number, end: number, initial = 0): number {
  for (; end - at > MAX_RUN; at += MAX_RUN) initial = sum(view, at, at + MAX_RUN, initial);
  if (view === kernelView && kernels !== null && end - at >= KERNEL_FROM) {
    return kernels.sum(at, end, fold(initial));
  }

  // 32-bit words are added whole, modulo 2^32, and their upper halves once more: the sum of the
  // lower halves is what is left of the first sum without the second. That costs three operations
  // for four bytes, all of them on int32.
  let whole = 0;
  let upper = 0;
  for (; at + 16 <= end; at += 16) {
    const w0 = view.getInt32(at);
    const w1 = view.getInt32(at + 4);
    const w2 = view.getInt32(at + 8);
    const w3 = view.getInt32(at + 12);
    whole = (whole + w0 + w1 + w2 + w3) | 0;
    upper = (upper + (w0 >>> 16) + (w1 >>> 16) + (w2 >>> 16) + (w3 >>> 16)) | 0;
  }
  for (; at + 4 <= end; at += 4) {
    const w = view.getInt32(at);
    whole = (whole + w) | 0;
    upper = (upper + (w >>> 16)) | 0;
  }
  const lower = (whole - (upper << 16)) | 0;
  if (at + 2 <= end) {
    upper += view.getUint16(at);
    at += 2;
  }
  if (at < end) upper += view.getUint8(at) << 8;
  return fold(fold(lower) + fold(upper) + fold(initial));
}

/**
 * Copies `length` bytes from `from[at…]` to `to` in a packet, and adds them to a partial sum as
 * {@linkcode sum} does: in one pass if both lie in the packet memory. The ranges must not overlap.
 */
export function copyAndSum(
  from: Uint8Array,
  at: number,
  packet: Packet,
  to: number,
  length: number,
  initial = 0,
): number {
  const { bytes, view } = packet;
  if (from === kernelBytes && bytes === kernelBytes && kernels !== null && length <= MAX_RUN) {
    return kernels.copySum(at, to, length, fold(initial));
  }
  copyBytes(from, at, bytes, to, length);
  return sum(view, to, to + length, initial);
}

/** What a folded sum is of bytes that begin with the second one of a word (RFC 1071 §2 (B)). */
export function swapped(total: number): number {
  return ((total & 0xff) << 8) | (total >>> 8);
}

/** Folds a sum below 2^32 to 16 bits. The first round may leave a carry, the second cannot. */
export function fold(total: number): number {
  const once = (total & 0xffff) + (total >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** Folds a sum below 2^32 to 16 bits and complements it: the value of a checksum field. */
export function finish(total: number): number {
  return ~fold(total) & 0xffff;
}

/** Where the checksum is in the header of TCP (RFC 9293 §3.1), or else of UDP (RFC 768), in bytes. */
export function checksumOffset(protocol: number): number {
  return protocol === PROTOCOL.TCP ? 16 : 6;
}

/**
 * The sum of the pseudo-header that the checksums of TCP (RFC 9293 §3.1), UDP (RFC 768) and
 * ICMPv6 (RFC 8200 §8.1) cover: a sum to start theirs with.
 *
 * @param protocol IP protocol number of the transport.
 * @param length Length of the transport's header and data, in bytes.
 */
export function pseudoHeaderSum(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  length: number,
): number {
  return source.sum() + destination.sum() + protocol + length;
}
