/**
 * IGMP, versions 1 to 3 (RFC 2236, RFC 3376), as hosts need it.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";
import { finish, sum } from "./checksum.ts";
import { Drop } from "./drop.ts";
import { REPORT_HEAD } from "./group_records.ts";

/** Length of a message of versions 1 and 2, and of the part that every message has, in bytes. */
export const IGMP_LENGTH = 8;

/** Where the group stands in all messages but reports of version 3. */
export const IGMP_GROUP = 4;

/** Message types. */
export const IGMP_TYPE = {
  QUERY: 0x11,
  V1_REPORT: 0x12,
  V2_REPORT: 0x16,
  V2_LEAVE: 0x17,
  V3_REPORT: 0x22,
} as const;

/**
 * Checks the IGMP message in `[at, end)`, all of the IP payload.
 *
 * @returns `Drop.NONE` if it is long enough and its checksum is good.
 */
export function checkIgmp(view: DataView, at: number, end: number): Drop {
  if (end - at < IGMP_LENGTH) return Drop.GROUP_BAD_MESSAGE;
  return finish(sum(view, at, end)) === 0 ? Drop.NONE : Drop.GROUP_BAD_MESSAGE;
}

/**
 * Writes a report or a leave of versions 1 and 2, checksum and all.
 *
 * @returns Bytes written: {@linkcode IGMP_LENGTH}.
 */
export function writeIgmp(
  view: DataView,
  at: number,
  type: typeof IGMP_TYPE.V1_REPORT | typeof IGMP_TYPE.V2_REPORT | typeof IGMP_TYPE.V2_LEAVE,
  group: IpAddress,
): number {
  view.setUint32(at, type << 24);
  group.store(view, at + IGMP_GROUP);
  writeIgmpChecksum(view, at, at + IGMP_LENGTH);
  return IGMP_LENGTH;
}

/**
 * Writes the head of a report of version 3, behind which `writeRecord` writes the records.
 *
 * @returns Bytes written: `REPORT_HEAD`.
 */
export function writeIgmpReportHead(view: DataView, at: number, records: number): number {
  view.setUint32(at, IGMP_TYPE.V3_REPORT << 24);
  view.setUint32(at + 4, records);
  return REPORT_HEAD;
}

/** Computes the checksum of the message in `[at, end)` and writes it. Comes last. */
export function writeIgmpChecksum(view: DataView, at: number, end: number): void {
  view.setUint16(at + 2, 0);
  view.setUint16(at + 2, finish(sum(view, at, end)));
}
