/**
 * The records of groups in reports of IGMPv3 (RFC 3376) and MLDv2 (RFC 3810), which look the same.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";

/** What a record tells of its group (RFC 3376 §4.2.12, RFC 3810 §5.2.12). */
export const RECORD_TYPE = {
  MODE_IS_INCLUDE: 1,
  MODE_IS_EXCLUDE: 2,
  CHANGE_TO_INCLUDE: 3,
  CHANGE_TO_EXCLUDE: 4,
  ALLOW_NEW_SOURCES: 5,
  BLOCK_OLD_SOURCES: 6,
} as const;

/** One of the values of {@linkcode RECORD_TYPE}. */
export type RecordType = typeof RECORD_TYPE[keyof typeof RECORD_TYPE];

/** Length of the head that a report has in front of its records, in bytes, in both protocols. */
export const REPORT_HEAD = 8;

/** Length of a record in front of its addresses, in bytes. */
const RECORD_HEAD = 4;

const NO_SOURCES: readonly IpAddress[] = [];

/** Length of a record of this group, in bytes. */
export function recordLength(group: IpAddress, sources: number): number {
  return RECORD_HEAD + group.length * (1 + sources);
}

/**
 * Writes a record (RFC 3376 §4.2.4, RFC 3810 §5.2.4).
 *
 * @param sources Of the group's family, which decides between IGMP and MLD.
 * @returns Bytes written: {@linkcode recordLength}.
 */
export function writeRecord(
  view: DataView,
  at: number,
  type: RecordType,
  group: IpAddress,
  sources: readonly IpAddress[] = NO_SOURCES,
): number {
  view.setUint16(at, type << 8);
  view.setUint16(at + 2, sources.length);
  group.store(view, at + RECORD_HEAD);
  let next = at + RECORD_HEAD + group.length;
  for (let i = 0; i < sources.length; i++, next += group.length) sources[i]!.store(view, next);
  return next - at;
}
