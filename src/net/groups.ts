/**
 * What a host tells routers and switches of the multicast groups that it is in: what IGMP
 * (RFC 3376, RFC 2236, RFC 1112) and MLD (RFC 3810, RFC 2710) have in common.
 *
 * Groups are joined for all sources; there are no source filters.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";
import type { GroupQuery } from "../wire/group_query.ts";
import {
  RECORD_TYPE,
  recordLength,
  type RecordType,
  REPORT_HEAD,
  writeRecord,
} from "../wire/group_records.ts";
import type { Packet } from "../wire/packet.ts";

/** What holds until a querier says something else (RFC 3376 §8.1, §8.2, RFC 3810 §9.1, §9.2). */
const ROBUSTNESS = 2;
const QUERY_INTERVAL = 125;
/** Longest time between two reports that say the same unasked, in ms (RFC 3376 §8.11). */
const REPORT_INTERVAL = 1000;
/** The same for old versions (RFC 2236 §8.10, RFC 2710 §7.10). */
const OLD_REPORT_INTERVAL = 10_000;
/** Most sources that are kept to answer for; for more, the answer is for all sources. */
const MOST_SOURCES = 32;

/** What one report says of a group. */
export interface GroupRecord {
  readonly type: RecordType;
  readonly group: IpAddress;
  readonly sources: readonly IpAddress[];
}

/** What differs between IGMP and MLD. */
export interface GroupProtocol {
  /** The version that is spoken unless older queriers are heard. */
  readonly newest: number;
  /** Whether anybody is to hear of this group. */
  isReported(group: IpAddress): boolean;
  /** Sends these records, of the newest version, in as many reports as they need. */
  sendReports(records: readonly GroupRecord[]): void;
  /** Sends a report of an older version. */
  sendOldReport(group: IpAddress, version: number): void;
  /** Says in an older version that nobody here is in the group any more. */
  sendLeave(group: IpAddress, version: number): void;
}

/** A group on an interface. */
class Group {
  readonly address: IpAddress;
  isMember = true;
  /** How many times its last change is still to be told. */
  changesLeft = 0;
  /** When to answer for it alone, in milliseconds. */
  answerAt = Infinity;
  /** For which sources; none: for all. */
  readonly sources: IpAddress[] = [];
  /** Old versions: whether nobody but us has reported it since it was last asked for. */
  wasLast = false;

  constructor(address: IpAddress) {
    this.address = address;
  }

  forget(): void {
    this.answerAt = Infinity;
    this.sources.length = 0;
  }
}

/** The groups of one interface and family. */
export class GroupReporter {
  #protocol: GroupProtocol;
  #env: Env;
  #groups: Group[] = [];
  #version: number;
  #robustness = ROBUSTNESS;
  #queryInterval = QUERY_INTERVAL;
  /** Until when a querier of each old version counts as present, at the index of its version. */
  #oldQuerierUntil: number[];
  /** When to answer for all groups, and when to tell changes again. */
  #answerAt = Infinity;
  #changesAt = Infinity;

  constructor(protocol: GroupProtocol, env: Env) {
    this.#protocol = protocol;
    this.#env = env;
    this.#version = protocol.newest;
    this.#oldQuerierUntil = new Array(protocol.newest).fill(-Infinity);
  }

  /** The version that is spoken at `now` (RFC 3376 §7.2.1, RFC 3810 §8.2.1). */
  version(now: number): number {
    const { newest } = this.#protocol;
    let version = 1;
    while (version < newest && this.#oldQuerierUntil[version]! <= now) version++;
    if (version !== this.#version) {
      this.#version = version;
      this.#cancel();
    }
    return version;
  }

  /** Whoever speaks another version has nothing left to say of what was asked in the old one. */
  #cancel(): void {
    this.#answerAt = Infinity;
    this.#changesAt = Infinity;
    this.#groups = this.#groups.filter(({ isMember }) => isMember);
    for (const group of this.#groups) {
      group.changesLeft = 0;
      group.forget();
    }
  }

  /** A time up to `longest` milliseconds from `now` on, at random. */
  #within(longest: number, now: number): number {
    return now + (this.#env.random() + 1) / 2 ** 32 * longest;
  }

  /** Tells of the groups that have come and gone: these are all that there are now. */
  update(wanted: readonly IpAddress[], now: number): void {
    const isOld = this.version(now) < this.#protocol.newest;
    const changed: Group[] = [];
    for (const group of this.#groups) {
      if (!group.isMember || wanted.some((one) => one.equals(group.address))) continue;
      group.isMember = false;
      group.forget();
      changed.push(group);
    }
    for (const address of wanted) {
      if (!this.#protocol.isReported(address)) continue;
      let group = this.#groups.find((one) => one.address.equals(address));
      if (group === undefined) this.#groups.push(group = new Group(address));
      else if (group.isMember) continue;
      group.isMember = true;
      changed.push(group);
    }
    if (isOld) this.#changeOld(changed, now);
    else this.#change(changed, now);
  }

  /** Tells of every group as if it had just been joined: what was said before may be void. */
  repeat(now: number): void {
    const groups = this.#groups.filter(({ isMember }) => isMember);
    if (this.version(now) < this.#protocol.newest) this.#changeOld(groups, now);
    else this.#change(groups, now);
  }

  /** RFC 3376 §5.1, RFC 3810 §6.1: at once, then again for what may get lost. */
  #change(changed: readonly Group[], now: number): void {
    if (changed.length === 0) return;
    for (const group of changed) group.changesLeft = this.#robustness;
    this.#tellChanges(changed, now);
  }

  #tellChanges(changed: readonly Group[], now: number): void {
    for (const group of changed) group.changesLeft--;
    this.#protocol.sendReports(changed.map(({ address, isMember }) => ({
      type: isMember ? RECORD_TYPE.CHANGE_TO_EXCLUDE : RECORD_TYPE.CHANGE_TO_INCLUDE,
      group: address,
      sources: [],
    })));
    this.#groups = this.#groups.filter((group) => group.isMember || group.changesLeft > 0);
    const isMore = this.#groups.some(({ changesLeft }) => changesLeft > 0);
    if (!isMore) this.#changesAt = Infinity;
    else if (this.#changesAt <= now || this.#changesAt === Infinity) {
      this.#changesAt = this.#within(REPORT_INTERVAL, now);
    }
  }

  /** RFC 2236 §3, RFC 2710 §4. */
  #changeOld(changed: readonly Group[], now: number): void {
    for (const group of changed) {
      if (group.isMember) {
        group.changesLeft = this.#robustness;
        this.#tellOld(group, now);
      } else if (group.wasLast) {
        this.#protocol.sendLeave(group.address, this.#version);
      }
    }
    this.#groups = this.#groups.filter(({ isMember }) => isMember);
  }

  #tellOld(group: Group, now: number): void {
    this.#protocol.sendOldReport(group.address, this.#version);
    group.forget();
    group.wasLast = true;
    group.changesLeft = Math.max(0, group.changesLeft - 1);
    if (group.changesLeft > 0) group.answerAt = this.#within(OLD_REPORT_INTERVAL, now);
  }

  /**
   * Takes a query.
   *
   * @param group Which group it asks for, lent, if it doesn't ask for all.
   * @param sourceAt Reads the source of this number, to be kept.
   */
  queried(
    query: GroupQuery,
    group: IpAddress,
    sourceAt: (index: number) => IpAddress,
    now: number,
  ): void {
    const { newest } = this.#protocol;
    if (query.version < newest) this.#hearOldQuerier(query, now);
    else {
      this.#robustness = query.robustness || ROBUSTNESS;
      this.#queryInterval = query.interval || QUERY_INTERVAL;
    }
    if (this.version(now) < newest) this.#queriedOld(query, group, now);
    else if (query.isGeneral) this.#queriedForAll(query, now);
    else this.#queriedForGroup(query, group, sourceAt, now);
  }

  /** An IGMPv2 query for a group alone doesn't tell who the querier is (RFC 3376 §7.2.1). */
  #hearOldQuerier(query: GroupQuery, now: number): void {
    if (!query.isGeneral && query.version > 1) return;
    const timeout = this.#robustness * this.#queryInterval * 1000 + query.maxResponse;
    this.#oldQuerierUntil[query.version] = now + timeout;
  }

  #queriedOld(query: GroupQuery, asked: IpAddress, now: number): void {
    for (const group of this.#groups) {
      if (!query.isGeneral && !group.address.equals(asked)) continue;
      if (query.maxResponse < group.answerAt - now) {
        group.answerAt = this.#within(query.maxResponse, now);
      }
    }
  }

  /** RFC 3376 §5.2, RFC 3810 §6.2, rules 1 and 2. */
  #queriedForAll(query: GroupQuery, now: number): void {
    this.#answerAt = Math.min(this.#answerAt, this.#within(query.maxResponse, now));
  }

  /** Rules 1 and 3 to 5. */
  #queriedForGroup(
    query: GroupQuery,
    asked: IpAddress,
    sourceAt: (index: number) => IpAddress,
    now: number,
  ): void {
    const group = this.#groups.find((one) => one.isMember && one.address.equals(asked));
    const at = this.#within(query.maxResponse, now);
    if (group === undefined || this.#answerAt <= at) return;
    const { sources } = group;
    const isForAll = group.answerAt !== Infinity && sources.length === 0;
    group.answerAt = Math.min(group.answerAt, at);
    if (isForAll) return;
    if (query.sources === 0) sources.length = 0;
    for (let i = 0; i < query.sources; i++) {
      const source = sourceAt(i);
      if (sources.some((one) => one.equals(source))) continue;
      if (sources.length === MOST_SOURCES) {
        sources.length = 0; // for all
        return;
      }
      sources.push(source);
    }
  }

  /** Another host has reported a group, lent: we need not (RFC 2236 §3, RFC 2710 §4). */
  heardReport(address: IpAddress, now: number): void {
    if (this.version(now) === this.#protocol.newest) return;
    const group = this.#groups.find((one) => one.address.equals(address));
    if (group === undefined) return;
    group.forget();
    group.changesLeft = 0;
    group.wasLast = false;
  }

  /** Says what is due at `now`. */
  poll(now: number): void {
    if (now < this.nextDeadline()) return;
    if (this.version(now) < this.#protocol.newest) {
      for (const group of this.#groups) if (group.answerAt <= now) this.#tellOld(group, now);
      return;
    }
    if (this.#changesAt <= now) {
      this.#tellChanges(this.#groups.filter(({ changesLeft }) => changesLeft > 0), now);
    }
    const isForAll = this.#answerAt <= now;
    if (isForAll) this.#answerAt = Infinity;
    const due = this.#groups.filter((group) =>
      group.isMember && (isForAll || group.answerAt <= now)
    );
    this.#protocol.sendReports(due.map((group) => stateOf(group, isForAll)));
    for (const group of due) if (group.answerAt <= now) group.forget();
  }

  /** When {@linkcode poll} is due, in milliseconds; `Infinity`: never. */
  nextDeadline(): number {
    let next = Math.min(this.#answerAt, this.#changesAt);
    for (let i = 0; i < this.#groups.length; i++) next = Math.min(next, this.#groups[i]!.answerAt);
    return next;
  }
}

/** What a group's answer says: it is joined, or what was asked for is wanted. */
function stateOf({ address, sources }: Group, isForAll: boolean): GroupRecord {
  return isForAll || sources.length === 0
    ? { type: RECORD_TYPE.MODE_IS_EXCLUDE, group: address, sources: [] }
    : { type: RECORD_TYPE.MODE_IS_INCLUDE, group: address, sources: sources.slice() };
}

/**
 * Writes records behind the head of a report, and into further ones if they don't fit into one.
 *
 * @param most Bytes that a report may have.
 * @param send Writes the head of a report that has this many records and this end, and sends it.
 */
export function writeReports(
  { view, messageAt }: Packet,
  records: readonly GroupRecord[],
  most: number,
  send: (records: number, end: number) => void,
): void {
  const start = messageAt + REPORT_HEAD;
  let count = 0;
  let at = start;
  for (const { type, group, sources } of records) {
    if (at + recordLength(group, sources.length) > messageAt + most) {
      send(count, at);
      count = 0;
      at = start;
    }
    at += writeRecord(view, at, type, group, sources);
    count++;
  }
  if (count > 0) send(count, at);
}
