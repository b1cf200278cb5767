/**
 * Ethernet frames in words.
 *
 * @module
 */

import { dim } from "@std/fmt/colors";
import { Drop } from "../../wire/drop.ts";
import {
  ETHER_TYPE,
  ETHERNET_HEADER,
  ETHERNET_SOURCE,
  EthernetHeader,
  isTag,
  MAX_TAGS,
  TAG,
} from "../../wire/ethernet.ts";
import { BROADCAST_MAC, formatMac, isMacAt } from "../../wire/mac.ts";
import type { Packet } from "../../wire/packet.ts";
import type { Conversations } from "./conversations.ts";
import { describeArp } from "./describe_arp.ts";
import { describeIp } from "./describe_ip.ts";
import { complaint, unreadable } from "./words.ts";

/** Types from this one on are types; numbers below are lengths (IEEE 802.3 §3.2.6). */
const FIRST_TYPE = 0x600;

/** The frame in `[packet.at, packet.end)`. Moves it to what the frame carries. */
export function describeFrame(packet: Packet, conversations: Conversations): string {
  const { bytes, view, at, end } = packet;
  const header = new EthernetHeader();
  const verdict = header.read(view, at, end);
  if (end - at < ETHERNET_HEADER) return unreadable(end - at, verdict);
  const to = isMacAt(BROADCAST_MAC, bytes, at) ? "broadcast" : formatMac(bytes, at);
  const { vlans, etherType, payloadAt } = readTags(view, at, end);
  const words = [`${formatMac(bytes, at + ETHERNET_SOURCE)} → ${to}`, ...vlans].join(" ");
  packet.at = payloadAt;
  // What a tag hides, or what has no type, is told in other words.
  const reason = verdict === Drop.ETHERNET_UNKNOWN_TYPE ? Drop.NONE : verdict;
  return `${dim(words)} ${describePayload(etherType, packet, conversations)}${complaint(reason)}`;
}

/** Reads through all tags, also those of networks that are not ours. */
function readTags(view: DataView, at: number, end: number) {
  const vlans: string[] = [];
  let payloadAt = at + ETHERNET_HEADER;
  let etherType = view.getUint16(payloadAt - 2);
  while (isTag(etherType) && vlans.length < MAX_TAGS && end - payloadAt >= TAG) {
    vlans.push(`vlan ${view.getUint16(payloadAt) & 0x0fff}`);
    etherType = view.getUint16(payloadAt + 2);
    payloadAt += TAG;
  }
  return { vlans, etherType, payloadAt };
}

function describePayload(etherType: number, packet: Packet, conversations: Conversations): string {
  switch (etherType) {
    case ETHER_TYPE.ARP:
      return describeArp(packet.bytes, packet.view, packet.at, packet.end);
    case ETHER_TYPE.IPV4:
    case ETHER_TYPE.IPV6: // the packet itself says which, as for the stack
      return describeIp(packet, conversations);
  }
  const length = packet.end - packet.at;
  if (etherType < FIRST_TYPE) return `802.3 frame, ${length} bytes`;
  return `type 0x${etherType.toString(16).padStart(4, "0")}, ${length} bytes`;
}
