/**
 * IGMP and Multicast Listener Discovery in words.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { Drop } from "../../wire/drop.ts";
import { GroupQuery } from "../../wire/group_query.ts";
import { RECORD_TYPE, REPORT_HEAD } from "../../wire/group_records.ts";
import { ICMPV6_TYPE } from "../../wire/icmpv6.ts";
import { checkIgmp, IGMP_GROUP, IGMP_TYPE } from "../../wire/igmp.ts";
import { MLD_GROUP, MLD_LENGTH } from "../../wire/mld.ts";
import type { Packet } from "../../wire/packet.ts";
import { addressV4, addressV6, complaint, listed } from "./words.ts";

/** Most records, and most sources of one, that a line shows. */
const MAX_SHOWN = 3;
/** Length of a record in front of its group, in bytes. */
const RECORD_HEAD = 4;

/** What a record is called (RFC 3376 §5.1, RFC 3810 §5.2.12). */
const RECORD_NAMES: Readonly<Record<number, string>> = {
  [RECORD_TYPE.MODE_IS_INCLUDE]: "IS_IN",
  [RECORD_TYPE.MODE_IS_EXCLUDE]: "IS_EX",
  [RECORD_TYPE.CHANGE_TO_INCLUDE]: "TO_IN",
  [RECORD_TYPE.CHANGE_TO_EXCLUDE]: "TO_EX",
  [RECORD_TYPE.ALLOW_NEW_SOURCES]: "ALLOW",
  [RECORD_TYPE.BLOCK_OLD_SOURCES]: "BLOCK",
};

/** What it comes to without sources: the group as a whole. */
const WHOLE_GROUP: Readonly<Record<number, string>> = {
  [RECORD_TYPE.MODE_IS_EXCLUDE]: "in",
  [RECORD_TYPE.CHANGE_TO_INCLUDE]: "leave",
  [RECORD_TYPE.CHANGE_TO_EXCLUDE]: "join",
};

/** The IGMP message of a packet that is no fragment. */
export function describeIgmp({ view, transportAt: at, end }: Packet): string {
  const drop = checkIgmp(view, at, end);
  if (drop !== Drop.NONE) return `${bold("IGMP")} ${end - at} bytes${complaint(drop)}`;
  const type = view.getUint8(at);
  switch (type) {
    case IGMP_TYPE.QUERY: {
      const query = new GroupQuery();
      const group = () => addressV4(view, at + IGMP_GROUP).toString();
      return `${bold("IGMP")} ${describeQuery(query, query.parseIgmp(view, at, end), group)}`;
    }
    case IGMP_TYPE.V1_REPORT:
    case IGMP_TYPE.V2_REPORT:
      return `${bold("IGMP")} report: in ${addressV4(view, at + IGMP_GROUP)}`;
    case IGMP_TYPE.V2_LEAVE:
      return `${bold("IGMP")} leave ${addressV4(view, at + IGMP_GROUP)}`;
    case IGMP_TYPE.V3_REPORT:
      return `${bold("IGMP")} report: ${describeRecords(view, at, end, 4)}`;
    default:
      return `${bold("IGMP")} type ${type}, ${end - at} bytes`;
  }
}

/** Whether a type of ICMPv6 belongs to Multicast Listener Discovery. */
export function isMld(type: number): boolean {
  return type === ICMPV6_TYPE.LISTENER_QUERY || type === ICMPV6_TYPE.LISTENER_REPORT ||
    type === ICMPV6_TYPE.LISTENER_DONE || type === ICMPV6_TYPE.LISTENER_REPORT_V2;
}

/** The message of a packet whose ICMPv6 header is there, and has such a type. */
export function describeMld({ view, transportAt: at, end }: Packet): string {
  const type = view.getUint8(at);
  const name = `${bold("ICMPv6")} listener`;
  const group = () => addressV6(view, at + MLD_GROUP).toString();
  if (type === ICMPV6_TYPE.LISTENER_REPORT_V2) {
    return `${name} report: ${describeRecords(view, at, end, 16)}`;
  }
  if (end - at < MLD_LENGTH) return `${name} message${complaint(Drop.GROUP_BAD_MESSAGE)}`;
  if (type === ICMPV6_TYPE.LISTENER_REPORT) return `${name} report: in ${group()}`;
  if (type === ICMPV6_TYPE.LISTENER_DONE) return `${name} done: leave ${group()}`;
  const query = new GroupQuery();
  return `${name} ${describeQuery(query, query.parseMld(view, at, end), group)}`;
}

function describeQuery(query: GroupQuery, drop: Drop, group: () => string): string {
  if (drop !== Drop.NONE) return `query${complaint(drop)}`;
  const what = query.isGeneral ? "which groups are you in?" : `are you in ${group()}?`;
  const sources = query.sources === 0 ? "" : ` ${query.sources} sources,`;
  return `query: ${what}${sources} answer within ${query.maxResponse / 1000} s`;
}

/** The records behind the head of a report in `[at, end)`, as far as they are there. */
function describeRecords(view: DataView, at: number, end: number, addressLength: 4 | 16): string {
  const address = addressLength === 4 ? addressV4 : addressV6;
  const total = view.getUint16(at + 6);
  const shown: string[] = [];
  let next = at + REPORT_HEAD;
  for (let i = 0; i < Math.min(total, MAX_SHOWN); i++) {
    if (end - next < RECORD_HEAD + addressLength) {
      return listed(shown, MAX_SHOWN) + complaint(Drop.GROUP_BAD_MESSAGE);
    }
    const type = view.getUint8(next);
    const count = view.getUint16(next + 2);
    const group = address(view, next + RECORD_HEAD);
    const sourcesAt = next + RECORD_HEAD + addressLength;
    // Auxiliary data is counted in words of 4 bytes.
    next = sourcesAt + count * addressLength + view.getUint8(next + 1) * 4;
    if (next > end) return listed(shown, MAX_SHOWN) + complaint(Drop.GROUP_BAD_MESSAGE);
    const sources = Array.from(
      { length: Math.min(count, MAX_SHOWN) },
      (_, k) => address(view, sourcesAt + k * addressLength).toString(),
    );
    const whole = count === 0 ? WHOLE_GROUP[type] : undefined;
    shown.push(
      whole === undefined
        ? `${RECORD_NAMES[type] ?? `type ${type}`} ${group} {${listed(sources, MAX_SHOWN, count)}}`
        : `${whole} ${group}`,
    );
  }
  return listed(shown, MAX_SHOWN, total);
}
