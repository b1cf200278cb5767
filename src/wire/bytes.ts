/**
 * Copying.
 *
 * @module
 */

import { memory } from "./memory.ts";

/** Below this, a loop is faster than making the view that `set` needs. */
const LOOP_LIMIT = 64;

const { bytes: kernelBytes, kernels } = memory;

/** Copies `length` bytes from `from[fromAt…]` to `to[toAt…]`. The ranges must not overlap. */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  if (from === to && to === kernelBytes && kernels !== null) {
    kernels.copy(fromAt, toAt, length);
  } else if (length > LOOP_LIMIT) {
    to.set(from.subarray(fromAt, fromAt + length), toAt);
  } else {
    for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
  }
}
