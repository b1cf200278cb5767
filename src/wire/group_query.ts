/**
 * Queries of IGMP (RFC 2236, RFC 3376) and MLD (RFC 2710, RFC 3810), which ask hosts for the groups
 * that they are in.
 *
 * @module
 */

import { Drop } from "./drop.ts";
import { IGMP_GROUP, IGMP_LENGTH } from "./igmp.ts";
import { MLD_GROUP, MLD_LENGTH } from "./mld.ts";

/** Length of what newer versions put behind the group, in front of the sources, in bytes. */
const NEW_FIELDS = 4;

/** The time to respond that a query of IGMPv1 gives, in milliseconds (RFC 2236 §4). */
const IGMPV1_MAX_RESPONSE = 10_000;

/** Unit of the time to respond in IGMP, in milliseconds. */
const TENTH = 100;

/** Mantissas of floating point codes: of 8 bits in IGMPv3, and of 16 in MLDv2. */
const SHORT_MANTISSA = 4;
const LONG_MANTISSA = 12;

/**
 * What a query asks. Made once and filled again for each query, of either protocol; bad ones leave
 * it in an unknown state. Which address, hop limit and options IP must have brought it with is left
 * to the caller (RFC 3376 §9.1, RFC 3810 §6.2).
 */
export class GroupQuery {
  /** Version of the protocol that its sender speaks: 1 to 3 of IGMP, 1 or 2 of MLD. */
  version = 0;
  /** Whether it asks for all groups; else for the one at `IGMP_GROUP` or `MLD_GROUP`. */
  isGeneral = true;
  /** Time within which to respond, in milliseconds. */
  maxResponse = 0;
  /** Whether routers are told not to update their timers. */
  suppress = false;
  /** How many times to say what may get lost; 0 if not told. */
  robustness = 0;
  /** Time between general queries, in seconds; 0 if not told. */
  interval = 0;
  /** How many sources are asked for. */
  sources = 0;
  /** Where the first one stands, in the view; each is as long as the group. */
  sourcesAt = 0;

  /** Reads the IGMP query in `[at, end)`, which `checkIgmp` has found to be good. */
  parseIgmp(view: DataView, at: number, end: number): Drop {
    const group = view.getUint32(at + IGMP_GROUP);
    if (group !== 0 && group >>> 28 !== 0xe) return Drop.GROUP_BAD_MESSAGE;
    this.isGeneral = group === 0;
    const code = view.getUint8(at + 1);
    if (end - at === IGMP_LENGTH) {
      // A code of 0 is what version 1 sends (RFC 3376 §7.1).
      return code === 0 ? this.#parseOld(1, IGMPV1_MAX_RESPONSE) : this.#parseOld(2, code * TENTH);
    }
    this.version = 3;
    this.maxResponse = decodeFloat(code, SHORT_MANTISSA) * TENTH;
    return this.#parseNew(view, at + IGMP_LENGTH, end, 4);
  }

  /** Reads the MLD query in `[at, end)`, whose ICMPv6 checksum is good. */
  parseMld(view: DataView, at: number, end: number): Drop {
    if (end - at < MLD_LENGTH) return Drop.GROUP_BAD_MESSAGE;
    this.isGeneral = isZero(view, at + MLD_GROUP);
    if (!this.isGeneral && view.getUint8(at + MLD_GROUP) !== 0xff) return Drop.GROUP_BAD_MESSAGE;
    const code = view.getUint16(at + 4);
    if (end - at === MLD_LENGTH) return this.#parseOld(1, code);
    this.version = 2;
    this.maxResponse = decodeFloat(code, LONG_MANTISSA);
    return this.#parseNew(view, at + MLD_LENGTH, end, 16);
  }

  #parseOld(version: number, maxResponse: number): Drop {
    this.version = version;
    this.maxResponse = maxResponse;
    this.suppress = false;
    this.robustness = 0;
    this.interval = 0;
    this.sources = 0;
    return Drop.NONE;
  }

  /**
   * Reads what stands behind the group in `[at, end)`; bytes behind the sources are ignored
   * (RFC 3376 §4.1.10, RFC 3810 §5.1.12).
   */
  #parseNew(view: DataView, at: number, end: number, addressLength: number): Drop {
    if (end - at < NEW_FIELDS) return Drop.GROUP_BAD_MESSAGE;
    const flags = view.getUint8(at);
    this.suppress = (flags & 8) !== 0;
    this.robustness = flags & 7;
    this.interval = decodeFloat(view.getUint8(at + 1), SHORT_MANTISSA);
    this.sources = view.getUint16(at + 2);
    this.sourcesAt = at + NEW_FIELDS;
    const sourcesEnd = this.sourcesAt + addressLength * this.sources;
    return sourcesEnd > end ? Drop.GROUP_BAD_MESSAGE : Drop.NONE;
  }
}

function isZero(view: DataView, at: number): boolean {
  return (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) |
    view.getInt32(at + 12)) === 0;
}

/**
 * The number that a code stands for: itself if its upper bit is clear, else a floating point number
 * with three bits of exponent (RFC 3376 §4.1.1, RFC 3810 §5.1.3).
 */
function decodeFloat(code: number, mantissaBits: number): number {
  if (code >>> (mantissaBits + 3) === 0) return code;
  const one = 1 << mantissaBits;
  const exponent = (code >>> mantissaBits) & 7;
  return ((code & (one - 1)) | one) << (exponent + 3);
}
