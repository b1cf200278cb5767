/**
 * Stands in for `@std/bytes` where JSR cannot be reached: what this project uses of it.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Joins arrays of bytes into a new one. */
export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const buffer of buffers) {
    joined.set(buffer, at);
    at += buffer.length;
  }
  return joined;
}

/** Whether both arrays hold the same bytes. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Copies `src` into `dst` at `offset`, as far as there is room, and returns how many bytes that were. */
export function copy(src: Uint8Array, dst: Uint8Array, offset = 0): number {
  const at = Math.max(0, Math.min(offset, dst.byteLength));
  const length = Math.min(src.byteLength, dst.byteLength - at);
  dst.set(src.subarray(0, length), at);
  return length;
}

/** The index of the first `needle` in `source` at or after `start`, or -1. */
export function indexOfNeedle(source: Uint8Array, needle: Uint8Array, start = 0): number {
  if (start >= source.length) return -1;
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    .indexOf(needle, Math.max(0, start));
}

/** Whether `source` starts with `prefix`. */
export function startsWith(source: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.length <= source.length && equals(source.subarray(0, prefix.length), prefix);
}

/** Whether `source` ends with `suffix`. */
export function endsWith(source: Uint8Array, suffix: Uint8Array): boolean {
  return suffix.length <= source.length &&
    equals(source.subarray(source.length - suffix.length), suffix);
}

/** A new array that holds `source` `count` times. */
export function repeat(source: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  if (count < 0 || !Number.isInteger(count)) {
    throw new RangeError("Count must be a non-negative integer");
  }
  return concat(new Array<Uint8Array>(count).fill(source));
}
