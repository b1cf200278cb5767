/**
 * Initial sequence numbers (RFC 6528).
 *
 * @module
 */

import { Digest } from "../base/digest.ts";
import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";

/** Ticks of M's clock in a millisecond: one every 4 microseconds (§3). */
const TICKS_PER_MS = 250;
const SECRET_LENGTH = 16;
const TUPLE_LENGTH = 2 * (16 + 2);

/** ISN = M + F(localip, localport, remoteip, remoteport, secretkey), with SHA-256 for F. */
export class IsnGenerator {
  #input = new Uint8Array(SECRET_LENGTH + TUPLE_LENGTH);
  #view = new DataView(this.#input.buffer);
  #digest = new Digest();

  constructor(env: Env) {
    for (let at = 0; at < SECRET_LENGTH; at += 4) this.#view.setUint32(at, env.random());
  }

  /**
   * What the connection that {@linkcode next} was asked for adds to the clock of its timestamps:
   * the same each time for the same ends (RFC 7323 §7.1).
   */
  timestampOffset = 0;

  /** The number to start a connection with at `now`, in milliseconds. */
  next(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    now: number,
  ): number {
    const view = this.#view;
    this.#input.fill(0, SECRET_LENGTH);
    local.store(view, SECRET_LENGTH);
    view.setUint16(SECRET_LENGTH + 16, localPort);
    remote.store(view, SECRET_LENGTH + 18);
    view.setUint16(SECRET_LENGTH + 34, remotePort);
    const words = this.#digest.of(this.#input);
    this.timestampOffset = words.getUint32(4);
    return (Math.floor(now * TICKS_PER_MS) + words.getUint32(0)) >>> 0;
  }
}
