/**
 * IGMP at a host: versions 3 (RFC 3376), 2 (RFC 2236) and 1 (RFC 1112).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import type { Network, SendOptions } from "../base/network.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { GroupQuery } from "../wire/group_query.ts";
import {
  checkIgmp,
  IGMP_GROUP,
  IGMP_TYPE,
  writeIgmp,
  writeIgmpChecksum,
  writeIgmpReportHead,
} from "../wire/igmp.ts";
import { IPV4_MIN_HEADER } from "../wire/ipv4.ts";
import { Ipv4Options } from "../wire/ipv4_options.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { type GroupProtocol, type GroupRecord, GroupReporter, writeReports } from "./groups.ts";
import { ALL_HOSTS, type Interface } from "./interface.ts";
import { sourceAddress } from "./source_address.ts";

/** IP precedence "internetwork control" (RFC 3376 §4). */
const INTERNETWORK_CONTROL = 0xc0;
/** Length of our header: with a router alert, in bytes. */
const HEADER = IPV4_MIN_HEADER + 4;

/** 224.0.0.22: what routers of version 3 listen to (RFC 3376 §4.2.14). */
const IGMP_ROUTERS = IpAddress.parse("224.0.0.22");
/** 224.0.0.2 (RFC 2236 §9). */
const ALL_ROUTERS_4 = IpAddress.parse("224.0.0.2");
/** Where messages come from as long as we have no address (RFC 3376 §4.2.13). */
const NOWHERE = IpAddress.v4(0, 0, 0, 0);

/** IGMP on one interface. */
export class Igmp implements GroupProtocol {
  readonly newest = 3;
  readonly reporter: GroupReporter;
  #by: Interface;
  #network: Network;
  #counters: Counters;
  #options: SendOptions;
  #query = new GroupQuery();
  #ipOptions = new Ipv4Options();
  #group = IpAddress.scratch();

  constructor(by: Interface, network: Network, counters: Counters, env: Env) {
    this.#by = by;
    this.#network = network;
    this.#counters = counters;
    this.#options = {
      ttl: 1,
      tos: INTERNETWORK_CONTROL,
      dontFragment: true,
      interface: by.index,
      routerAlert: true,
    };
    this.reporter = new GroupReporter(this, env);
  }

  /** Takes a message that IP has laid open. */
  receive(packet: Packet, now: number): Drop {
    const { view, transportAt: at, end } = packet;
    const drop = checkIgmp(view, at, end);
    if (drop !== Drop.NONE) return drop;
    if (packet.ttl !== 1) return Drop.GROUP_BAD_MESSAGE;
    const group = this.#group.load4(view, at + IGMP_GROUP);
    switch (view.getUint8(at)) {
      case IGMP_TYPE.QUERY:
        return this.#queried(packet, now);
      case IGMP_TYPE.V1_REPORT:
      case IGMP_TYPE.V2_REPORT:
        if (!group.equals(packet.destination)) return Drop.GROUP_BAD_MESSAGE;
        this.reporter.heardReport(group, now);
        return Drop.NONE;
      default:
        return Drop.NONE; // RFC 3376 §4: of other types, and what only routers care for
    }
  }

  #queried(packet: Packet, now: number): Drop {
    const { view, transportAt: at, end } = packet;
    const query = this.#query;
    const drop = query.parseIgmp(view, at, end);
    if (drop !== Drop.NONE) return drop;
    // RFC 3376 §9.1: version 1 knew of no such option.
    if (query.version > 1 && !this.#hasRouterAlert(packet)) return Drop.GROUP_BAD_MESSAGE;
    this.#counters.groupQueriesReceived++;
    const sourceAt = (index: number) =>
      IpAddress.scratch().load4(view, query.sourcesAt + 4 * index);
    this.reporter.queried(query, this.#group, sourceAt, now);
    return Drop.NONE;
  }

  #hasRouterAlert({ view, at, transportAt }: Packet): boolean {
    this.#ipOptions.check(view, at, at + IPV4_MIN_HEADER, transportAt);
    return this.#ipOptions.hasRouterAlert;
  }

  isReported(group: IpAddress): boolean {
    return !group.equals(ALL_HOSTS);
  }

  sendReports(records: readonly GroupRecord[]): void {
    const { view, messageAt } = this.#network.outgoing;
    writeReports(this.#network.outgoing, records, this.#by.mtu(4) - HEADER, (count, end) => {
      writeIgmpReportHead(view, messageAt, count);
      writeIgmpChecksum(view, messageAt, end);
      this.#send(IGMP_ROUTERS, end);
    });
  }

  sendOldReport(group: IpAddress, version: number): void {
    const type = version === 1 ? IGMP_TYPE.V1_REPORT : IGMP_TYPE.V2_REPORT;
    const { view, messageAt } = this.#network.outgoing;
    this.#send(group, messageAt + writeIgmp(view, messageAt, type, group));
  }

  /** Hosts of version 1 leave in silence (RFC 2236 §4). */
  sendLeave(group: IpAddress, version: number): void {
    if (version === 1) return;
    const { view, messageAt } = this.#network.outgoing;
    const length = writeIgmp(view, messageAt, IGMP_TYPE.V2_LEAVE, group);
    this.#send(ALL_ROUTERS_4, messageAt + length);
  }

  #send(destination: IpAddress, end: number): void {
    this.#network.outgoing.end = end;
    const source = sourceAddress(this.#by, destination, destination) ?? NOWHERE;
    if (this.#network.send(source, destination, PROTOCOL.IGMP, this.#options)) {
      this.#counters.groupReportsSent++;
    }
  }
}
