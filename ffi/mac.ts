/**
 * The hardware address of a stack's end.
 *
 * @module
 */

import { stationMac } from "../src/base/station_mac.ts";
import { randomMac } from "../src/wire/mac.ts";

/**
 * A copy of the address that is wished for, or a random one.
 *
 * @throws {TypeError} If it cannot be the address of one device.
 */
export function ownMac(wish: string | Uint8Array | undefined): Uint8Array {
  return wish === undefined ? randomMac(random) : stationMac(wish);
}

function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
