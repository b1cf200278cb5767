/**
 * Addresses that stay the same on a network and tell nothing on another: opaque interface
 * identifiers (RFC 7217).
 *
 * @module
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { IpAddress } from "../wire/address.ts";

/** How many bits of an address are its prefix, where identifiers are made for it. */
export const SUBNET_PREFIX = 64;
/** Bytes of a prefix, and of an identifier. */
const HALF = 8;

/** Makes the addresses of one stack. */
export class OpaqueIds {
  #secret: Uint8Array;

  /** @param secret What nobody else knows; the same addresses come of the same one. */
  constructor(secret: Uint8Array) {
    this.#secret = secret.slice();
  }

  /**
   * The address for a prefix of {@linkcode SUBNET_PREFIX} bits.
   *
   * @param of The interface: its name and its hardware address, if it has one.
   * @param counter How many addresses for this prefix turned out to be taken, 0 to 255.
   */
  address(
    prefix: IpAddress,
    of: { readonly name: string; readonly mac: Uint8Array | null },
    counter: number,
  ): IpAddress {
    const name = new TextEncoder().encode(of.name);
    const input = Uint8Array.of(
      ...prefix.toBytes().subarray(0, HALF),
      counter,
      ...of.mac ?? [],
      ...name,
    );
    let id = hmac(sha256, this.#secret, input).subarray(0, HALF);
    // An identifier that has a meaning already is no use (RFC 5453 §3): the next one is taken.
    while (isReserved(id)) id = hmac(sha256, this.#secret, id).subarray(0, HALF);
    return IpAddress.fromBytes(Uint8Array.of(...input.subarray(0, HALF), ...id));
  }
}

/** Identifiers of routers' anycast addresses, of proxies, and of other anycast (RFC 5453 §3). */
export function isReserved(id: Uint8Array): boolean {
  const view = new DataView(id.buffer, id.byteOffset, HALF);
  const [high, low] = [view.getUint32(0), view.getUint32(4)];
  if (high === 0 && low === 0) return true;
  if (high === 0x0200_5eff && low >>> 24 === 0xfe) return true;
  return high === 0xfdff_ffff && low >= 0xffff_ff80;
}
