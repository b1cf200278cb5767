/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit
 * words. Sums are carried around unfolded, as plain numbers, and folded at the end.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";

/**
 * Adds the bytes `[at, end)` to a partial sum.
 *
 * An odd last byte counts as the high byte of a word padded with zero, so a sum over several
 * ranges is right only if all but the last are of even length.
 *
 * @param initial A sum from an earlier call, below 2^32.
 * @returns The sum folded to at most 17 bits: feed it on, or to {@linkcode finish}.
 */
export function sum(view: DataView, at: number, end: number, initial = 0): number {
  let total = initial;
  for (; at + 1 < end; at += 2) total += view.getUint16(at);
  if (at < end) total += view.getUint8(at) << 8;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

/** Folds a sum to 16 bits and complements it: the value of a checksum field. */
export function finish(total: number): number {
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
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
