/**
 * IP packets in words: who sends what to whom, and then what is unusual about it.
 *
 * @module
 */

import { Drop } from "../../wire/drop.ts";
import { checkIpv4, IPV4_MIN_HEADER, Ipv4Header } from "../../wire/ipv4.ts";
import { Ipv4Options } from "../../wire/ipv4_options.ts";
import {
  checkIpv6,
  FragmentHeader,
  IPV6_FRAGMENT_HEADER,
  IPV6_HEADER,
  Ipv6Header,
} from "../../wire/ipv6.ts";
import { ExtensionChain } from "../../wire/ipv6_extensions.ts";
import type { Packet } from "../../wire/packet.ts";
import { PROTOCOL } from "../../wire/protocol.ts";
import type { Conversations } from "./conversations.ts";
import { extensionNames, optionNames } from "./describe_options.ts";
import { describeUpper } from "./describe_upper.ts";
import { complaint, hexNumber, remarks, unreadable } from "./words.ts";

/** What systems start to count down from: others have come through routers. */
const USUAL_TTL: readonly number[] = [64, 128, 255];
/** By the lower two bits of the type of service (RFC 3168 §5). */
const ECN_NAMES = ["", "ECT(1)", "ECT(0)", "CE"] as const;

/** The packet in `[packet.at, packet.end)`, of either version. Fills it as IP does. */
export function describeIp(packet: Packet, conversations: Conversations): string {
  const isV6 = packet.end > packet.at && packet.view.getUint8(packet.at) >>> 4 === 6;
  return isV6 ? describeIpv6(packet, conversations) : describeIpv4(packet, conversations);
}

function describeIpv4(packet: Packet, conversations: Conversations): string {
  const { view, at } = packet;
  const drop = checkIpv4(view, at, packet.end);
  if (drop !== Drop.NONE) return unreadable(packet.end - at, drop);
  const ip = new Ipv4Header().bind(view, at);
  packet.source.load4(view, at + 12);
  packet.destination.load4(view, at + 16);
  packet.protocol = ip.protocol;
  packet.ttl = ip.ttl;
  packet.tos = ip.tos;
  packet.transportAt = at + ip.headerLength;
  packet.end = at + ip.totalLength;
  const notes = commonNotes(packet, "ttl");
  const { fragmentOffset: offset, moreFragments: more } = ip;
  const isWhole = offset === 0 && !more;
  if (!isWhole) notes.push(...fragmentNotes(packet, ip.identification, offset, more));
  notes.push(...optionNames(view, at + IPV4_MIN_HEADER, packet.transportAt));
  const verdict = new Ipv4Options().check(view, at, at + IPV4_MIN_HEADER, packet.transportAt);
  const line = offset > 0
    ? describeFragment(packet, offset, ip.protocol)
    : describeUpper(packet, conversations, isWhole);
  return line + complaint(verdict) + remarks(notes);
}

function describeIpv6(packet: Packet, conversations: Conversations): string {
  const { view, at } = packet;
  const drop = checkIpv6(view, at, packet.end);
  if (drop !== Drop.NONE) return unreadable(packet.end - at, drop);
  const ip = new Ipv6Header().bind(view, at);
  packet.source.load16(view, at + 8);
  packet.destination.load16(view, at + 24);
  packet.ttl = ip.hopLimit;
  packet.tos = ip.trafficClass;
  packet.end = at + IPV6_HEADER + ip.payloadLength;
  const notes = commonNotes(packet, "hop limit");
  const chain = new ExtensionChain();
  let verdict = chain.walk(view, at + IPV6_HEADER, ip.nextHeader, packet.end);
  let isWhole = true;
  if (verdict === Drop.NONE && chain.protocol === PROTOCOL.FRAGMENT) {
    const fragment = new FragmentHeader().bind(view, chain.transportAt);
    const { offset, more, identification, nextHeader } = fragment;
    packet.transportAt = chain.transportAt + IPV6_FRAGMENT_HEADER;
    isWhole = offset === 0 && !more;
    notes.push(...fragmentNotes(packet, identification, offset, more));
    if (offset > 0) {
      notes.push(...extensionNames(view, at + IPV6_HEADER, ip.nextHeader, chain.transportAt));
      return describeFragment(packet, offset, nextHeader) + remarks(notes);
    }
    verdict = chain.resume(view, packet.end);
  }
  notes.push(...extensionNames(view, at + IPV6_HEADER, ip.nextHeader, chain.transportAt));
  packet.protocol = chain.protocol;
  packet.transportAt = chain.transportAt;
  const line = verdict === Drop.NONE
    ? describeUpper(packet, conversations, isWhole)
    : `${packet.source} → ${packet.destination} ${packet.end - at} bytes`;
  return line + complaint(verdict) + remarks(notes);
}

function describeFragment(packet: Packet, offset: number, protocol: number): string {
  return `${packet.source} → ${packet.destination} fragment at ${offset}, protocol ${protocol}`;
}

/** What else is to say of a fragment; the first one's line tells what it starts. */
function fragmentNotes(packet: Packet, id: number, offset: number, more: boolean): string[] {
  const notes = [`id ${hexNumber(id)}`, `${packet.end - packet.transportAt} bytes`];
  if (offset === 0) notes.unshift(more ? "fragment at 0" : "the only fragment");
  if (more) notes.push("more");
  return notes;
}

/** What both versions have: hops, precedence and congestion, where they are not as usual. */
function commonNotes(packet: Packet, hops: string): string[] {
  const notes: string[] = [];
  const { ttl, tos, destination } = packet;
  // To groups, most programs send no farther than the link.
  const isUsual = USUAL_TTL.includes(ttl) || (ttl === 1 && destination.isMulticast);
  if (!isUsual) notes.push(`${hops} ${ttl}`);
  if (tos >>> 2 !== 0) notes.push(`DSCP ${tos >>> 2}`);
  const ecn = ECN_NAMES[tos & 3]!;
  if (ecn !== "") notes.push(ecn);
  if (packet.segmentSize > 0) notes.push(`to be cut into pieces of ${packet.segmentSize}`);
  return notes;
}
