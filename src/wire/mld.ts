/**
 * Multicast Listener Discovery, versions 1 and 2 (RFC 2710, RFC 3810), as hosts need it: IGMP for
 * IPv6, which ICMPv6 carries.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";
import { REPORT_HEAD } from "./group_records.ts";
import { ICMPV6_TYPE } from "./icmpv6.ts";

/** Length of a message of version 1, in bytes. */
export const MLD_LENGTH = 24;

/** Where the group stands in all messages but reports of version 2. */
export const MLD_GROUP = 8;

/** Hop limit of every message (RFC 3810 §5). */
export const MLD_HOP_LIMIT = 1;

/**
 * Writes a report or a done of version 1 (RFC 2710 §3), but for its checksum.
 *
 * @returns Bytes written: {@linkcode MLD_LENGTH}.
 */
export function writeMld(
  view: DataView,
  at: number,
  type: typeof ICMPV6_TYPE.LISTENER_REPORT | typeof ICMPV6_TYPE.LISTENER_DONE,
  group: IpAddress,
): number {
  view.setUint32(at, type << 24);
  view.setUint32(at + 4, 0);
  group.store(view, at + MLD_GROUP);
  return MLD_LENGTH;
}

/**
 * Writes the head of a report of version 2 (RFC 3810 §5.2), but for its checksum; behind it
 * `writeRecord` writes the records.
 *
 * @returns Bytes written: `REPORT_HEAD`.
 */
export function writeMldReportHead(view: DataView, at: number, records: number): number {
  view.setUint32(at, ICMPV6_TYPE.LISTENER_REPORT_V2 << 24);
  view.setUint32(at + 4, records);
  return REPORT_HEAD;
}
