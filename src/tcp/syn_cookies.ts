/**
 * SYN cookies (RFC 4987 §3.6): when a listener has no room for another half-open connection, what
 * would have been kept of a SYN goes to the peer instead, in the sequence number of the SYN,ACK,
 * and comes back with the peer's ACK.
 *
 *     bit 31      parity of the period in which it was made
 *     bits 30-28  index of the MSS
 *     bits 27-0   SHA-256 of a secret of that period, both ends, the peer's number and bits 30-28
 *
 * A period's secret is drawn anew, and forgotten after the following period, so a cookie is good
 * for one to two periods. To make one up takes 2^27 attempts on average, and then no more than a
 * connection is won.
 *
 * What does not fit goes into the lowest bits of our timestamp, where the peer sends any:
 *
 *     bits 3-0    the shift of the peer's window; 15 if it doesn't scale
 *     bit 4       whether both sides take SACK
 *     bit 5       whether both sides take ECN
 *
 * @module
 */

import { Digest } from "../base/digest.ts";
import type { Env } from "../base/env.ts";
import { seqAdd } from "../wire/seq.ts";
import type { TcpOptions } from "../wire/tcp_options.ts";
import type { Segment } from "./segment.ts";

/** How long one secret is used, in milliseconds. */
export const COOKIE_PERIOD = 64_000;
/** No cookie is good for longer than this, in milliseconds. */
export const MAX_COOKIE_AGE = 2 * COOKIE_PERIOD;

/**
 * Segment sizes that a cookie can tell of: the least that we use, the defaults of both families,
 * and what is usual over tunnels, DSL, Ethernet and with jumbo frames.
 */
export const COOKIE_MSS: readonly number[] = [24, 256, 536, 1220, 1360, 1440, 1460, 8960];

const SECRET_LENGTH = 16;
const ADDRESS_AT = SECRET_LENGTH + 4 + 1 + 4;
const MAC_MASK = 0x0fff_ffff;

const OPTION_BITS = 6;
const OPTION_MASK = (1 << OPTION_BITS) - 1;
const NO_SCALE = 15;
const SACK_BIT = 16;
const ECN_BIT = 32;

/** Makes cookies, and knows them again. Keeps nothing of any peer. */
export class SynCookies {
  #env: Env;
  /** The number of the period whose secret was drawn last; the one before may count, too. */
  #period = -Infinity;
  /** What is hashed, by the parity of the period; it begins with the secret. */
  #inputs = [new Uint8Array(ADDRESS_AT + 32), new Uint8Array(ADDRESS_AT + 32)] as const;
  #views = this.#inputs.map((input) => new DataView(input.buffer)) as [DataView, DataView];
  #digest = new Digest();

  constructor(env: Env) {
    this.#env = env;
  }

  /** The initial sequence number to answer a SYN with, whose sender takes segments of `mss`. */
  make(seg: Segment, mss: number, now: number): number {
    this.#rotate(now);
    let index = COOKIE_MSS.length - 1;
    while (index > 0 && COOKIE_MSS[index]! > mss) index--;
    return this.#cookie(seg, seg.seq, index, this.#period & 1);
  }

  /** The MSS that the cookie which this ACK brings back tells of; 0 if it's none of ours. */
  check(seg: Segment, now: number): number {
    this.#rotate(now);
    const cookie = seqAdd(seg.ack, -1);
    const index = (cookie >>> 28) & 7;
    const expected = this.#cookie(seg, seqAdd(seg.seq, -1), index, cookie >>> 31);
    return cookie === expected ? COOKIE_MSS[index]! : 0;
  }

  /** Draws the secrets of periods that have begun since the last time. */
  #rotate(now: number): void {
    const period = Math.floor(now / COOKIE_PERIOD);
    if (period === this.#period) return;
    this.#draw(period & 1);
    if (period !== this.#period + 1) this.#draw((period + 1) & 1); // nothing older counts
    this.#period = period;
  }

  #draw(parity: number): void {
    const view = this.#views[parity]!;
    for (let at = 0; at < SECRET_LENGTH; at += 4) view.setUint32(at, this.#env.random());
  }

  #cookie(seg: Segment, irs: number, index: number, parity: number): number {
    const { source, destination } = seg.packet;
    const view = this.#views[parity]!;
    view.setUint32(SECRET_LENGTH, irs);
    view.setUint8(SECRET_LENGTH + 4, index);
    view.setUint16(SECRET_LENGTH + 5, seg.sourcePort);
    view.setUint16(SECRET_LENGTH + 7, seg.destinationPort);
    destination.store(view, ADDRESS_AT);
    source.store(view, ADDRESS_AT + destination.length);
    const end = ADDRESS_AT + 2 * destination.length;
    const word = this.#digest.of(this.#inputs[parity]!.subarray(0, end)).getUint32(0);
    return (parity << 31 | index << 28 | (word & MAC_MASK)) >>> 0;
  }
}

/**
 * Our timestamp `value` with the options of a SYN in its lowest bits. It is not above `value`, so
 * that those which follow don't look old to the peer (RFC 7323 §5.3).
 *
 * @param scale The shift of the peer's window; -1 if it doesn't scale.
 */
export function stampOptions(value: number, scale: number, sack: boolean, ecn: boolean): number {
  const bits = (scale < 0 ? NO_SCALE : scale) | (sack ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
  const stamp = (value & ~OPTION_MASK) | bits;
  return (stamp >>> 0) > value ? seqAdd(stamp, -(1 << OPTION_BITS)) : stamp >>> 0;
}

/** Makes `options` what the SYN had, by the MSS in the cookie and the timestamps of its ACK. */
export function recallOptions(options: TcpOptions, mss: number, ack: TcpOptions): void {
  options.clear();
  options.mss = mss;
  if (!ack.timestamps) return;
  options.timestamps = true;
  options.timestampValue = ack.timestampValue;
  const scale = ack.timestampEcho & NO_SCALE;
  options.windowScale = scale === NO_SCALE ? -1 : scale;
  options.sackPermitted = (ack.timestampEcho & SACK_BIT) !== 0;
}

/** Whether the SYN asked for ECN, and was granted it, by the timestamps of the ACK. */
export function recallEcn(ack: TcpOptions): boolean {
  return ack.timestamps && (ack.timestampEcho & ECN_BIT) !== 0;
}
