/**
 * Options of the IPv4 header (RFC 791 §3.1).
 *
 * @module
 */

import { Drop } from "./drop.ts";

/** Option types; each with the bit for "copied into all fragments" where it has it. */
export const IPV4_OPTION = {
  END: 0,
  NOP: 1,
  RECORD_ROUTE: 7,
  TIMESTAMP: 68,
  LOOSE_SOURCE_ROUTE: 131,
  STRICT_SOURCE_ROUTE: 137,
  /** RFC 2113: routers on the way are to look at the packet. */
  ROUTER_ALERT: 148,
} as const;

/** What {@linkcode Ipv4Options.check} has found. Made once and used again. */
export class Ipv4Options {
  /** Offset of what is wrong, from the start of the header, in bytes. */
  problemAt = 0;

  /**
   * Checks the options in `[at, end)` of a header that starts at `headerAt`.
   *
   * @returns `Drop.IP_BAD_OPTION` if one does not fit, `Drop.IP_SOURCE_ROUTE` if one tells the way:
   * such packets serve attackers alone (RFC 7126 §4.3).
   */
  check(view: DataView, headerAt: number, at: number, end: number): Drop {
    while (at < end) {
      const type = view.getUint8(at);
      if (type === IPV4_OPTION.END) return Drop.NONE;
      if (type === IPV4_OPTION.NOP) {
        at++;
        continue;
      }
      const length = at + 1 < end ? view.getUint8(at + 1) : 0;
      this.problemAt = at - headerAt;
      if (length < 2 || at + length > end) return Drop.IP_BAD_OPTION;
      if (type === IPV4_OPTION.LOOSE_SOURCE_ROUTE || type === IPV4_OPTION.STRICT_SOURCE_ROUTE) {
        return Drop.IP_SOURCE_ROUTE;
      }
      at += length;
    }
    return Drop.NONE;
  }
}
