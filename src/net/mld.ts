/**
 * Multicast Listener Discovery at a host: versions 2 (RFC 3810) and 1 (RFC 2710).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import type { Network, SendOptions } from "../base/network.ts";
import { IpAddress } from "../wire/address.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { Drop } from "../wire/drop.ts";
import { GroupQuery } from "../wire/group_query.ts";
import { ICMPV6_TYPE, Icmpv6Header } from "../wire/icmpv6.ts";
import { IPV6_HEADER } from "../wire/ipv6.ts";
import { ExtensionChain, ROUTER_ALERT_HEADER } from "../wire/ipv6_extensions.ts";
import { MLD_GROUP, MLD_HOP_LIMIT, MLD_LENGTH, writeMld, writeMldReportHead } from "../wire/mld.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { type GroupProtocol, type GroupRecord, GroupReporter, writeReports } from "./groups.ts";
import { AddressState, ALL_NODES, ALL_ROUTERS, type Interface } from "./interface.ts";

/** ff02::16: what routers of version 2 listen to (RFC 3810 §5.2.14). */
const MLD_ROUTERS = IpAddress.parse("ff02::16");
/** Where messages come from as long as we have no link-local address (RFC 3590 §4). */
const NOWHERE = IpAddress.parse("::");
/** Scopes of multicast addresses below that of a link (RFC 4291 §2.7). */
const INTERFACE_LOCAL = 1;

/** MLD on one interface. */
export class Mld implements GroupProtocol {
  readonly newest = 2;
  readonly reporter: GroupReporter;
  #by: Interface;
  #network: Network;
  #counters: Counters;
  #options: SendOptions;
  #query = new GroupQuery();
  #chain = new ExtensionChain();
  #header = new Icmpv6Header();
  #group = IpAddress.scratch();
  /** Whether something was sent from `::`, which routers and switches do not have to believe. */
  #isUnbelieved = false;

  constructor(by: Interface, network: Network, counters: Counters, env: Env) {
    this.#by = by;
    this.#network = network;
    this.#counters = counters;
    this.#options = {
      ttl: MLD_HOP_LIMIT,
      tos: 0,
      dontFragment: true,
      interface: by.index,
      routerAlert: true,
    };
    this.reporter = new GroupReporter(this, env);
  }

  /** Takes a message that ICMPv6 has found to be good (RFC 3810 §6.2, RFC 2710 §4). */
  receive(packet: Packet, now: number): Drop {
    const { view, source, transportAt: at, end, ttl } = packet;
    if (ttl !== MLD_HOP_LIMIT || end - at < MLD_LENGTH || !this.#hasRouterAlert(packet)) {
      return Drop.GROUP_BAD_MESSAGE;
    }
    const group = this.#group.load16(view, at + MLD_GROUP);
    switch (view.getUint8(at)) {
      case ICMPV6_TYPE.LISTENER_QUERY:
        return source.isLinkLocal ? this.#queried(packet, now) : Drop.GROUP_BAD_MESSAGE;
      case ICMPV6_TYPE.LISTENER_REPORT:
        if (!packet.destination.isIn(group, 128)) return Drop.GROUP_BAD_MESSAGE;
        // Routers pay no heed to what comes from `::` (RFC 3590 §4).
        if (source.isLinkLocal) this.reporter.heardReport(group, now);
        else if (!source.isUnspecified) return Drop.GROUP_BAD_MESSAGE;
        return Drop.NONE;
      default:
        return Drop.NONE; // only routers care for it
    }
  }

  #queried({ view, transportAt: at, end }: Packet, now: number): Drop {
    const query = this.#query;
    const drop = query.parseMld(view, at, end);
    if (drop !== Drop.NONE) return drop;
    this.#counters.groupQueriesReceived++;
    const sourceAt = (index: number) =>
      IpAddress.scratch().load16(view, query.sourcesAt + 16 * index);
    this.reporter.queried(query, this.#group, sourceAt, now);
    return Drop.NONE;
  }

  #hasRouterAlert({ view, at, end }: Packet): boolean {
    this.#chain.walk(view, at + IPV6_HEADER, view.getUint8(at + 6), end);
    return this.#chain.routerAlert;
  }

  /** RFC 3810 §6: not what never leaves a host, nor what every node is in. */
  isReported(group: IpAddress): boolean {
    return group.multicastScope > INTERFACE_LOCAL && !group.equals(ALL_NODES);
  }

  /** An address has come or gone: tells again what was said from `::` (RFC 3590 §4). */
  addressesChanged(now: number): void {
    if (!this.#isUnbelieved || this.#source() === NOWHERE) return;
    this.#isUnbelieved = false;
    this.reporter.repeat(now);
  }

  sendReports(records: readonly GroupRecord[]): void {
    const { view, messageAt } = this.#network.outgoing;
    const most = this.#by.mtu(6) - IPV6_HEADER - ROUTER_ALERT_HEADER;
    writeReports(this.#network.outgoing, records, most, (count, end) => {
      writeMldReportHead(view, messageAt, count);
      this.#send(MLD_ROUTERS, end);
    });
  }

  sendOldReport(group: IpAddress): void {
    this.#sendOld(ICMPV6_TYPE.LISTENER_REPORT, group, group);
  }

  sendLeave(group: IpAddress): void {
    this.#sendOld(ICMPV6_TYPE.LISTENER_DONE, group, ALL_ROUTERS);
  }

  #sendOld(type: Parameters<typeof writeMld>[2], group: IpAddress, destination: IpAddress): void {
    const { view, messageAt } = this.#network.outgoing;
    this.#send(destination, messageAt + writeMld(view, messageAt, type, group));
  }

  #source(): IpAddress {
    const isUsable = ({ address, state }: Interface["addresses"][number]) =>
      address.family === 6 && address.isLinkLocal && state !== AddressState.TENTATIVE;
    return this.#by.addresses.find(isUsable)?.address ?? NOWHERE;
  }

  #send(destination: IpAddress, end: number): void {
    const { outgoing } = this.#network;
    const source = this.#source();
    if (source === NOWHERE) this.#isUnbelieved = true;
    outgoing.end = end;
    const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.ICMPV6, end - outgoing.messageAt);
    this.#header.bind(outgoing.view, outgoing.messageAt).writeChecksum(end, pseudo);
    if (this.#network.send(source, destination, PROTOCOL.ICMPV6, this.#options)) {
      this.#counters.groupReportsSent++;
    }
  }
}
