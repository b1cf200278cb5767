/**
 * ARP in words.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import {
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ArpHeader,
  checkArp,
} from "../../wire/arp.ts";
import { Drop } from "../../wire/drop.ts";
import { formatMac } from "../../wire/mac.ts";
import { addressV4, complaint } from "./words.ts";

/** The ARP packet in `[at, end)`. Probes and announcements are those of RFC 5227 §1.1. */
export function describeArp(bytes: Uint8Array, view: DataView, at: number, end: number): string {
  const drop = checkArp(bytes, view, at, end);
  if (drop !== Drop.NONE) return `${bold("ARP")} ${end - at} bytes${complaint(drop)}`;
  const sender = addressV4(view, at + ARP_SENDER_IP);
  const target = addressV4(view, at + ARP_TARGET_IP);
  const mac = formatMac(bytes, at + ARP_SENDER_MAC);
  const { operation } = new ArpHeader().bind(view, at);
  switch (operation) {
    case ARP_OPERATION.REQUEST:
      if (sender.isUnspecified) return `${bold("ARP")} probe: who has ${target}?`;
      if (sender.equals(target)) return `${bold("ARP")} announcement: ${sender} is at ${mac}`;
      return `${bold("ARP")} who has ${target}? tell ${sender}`;
    case ARP_OPERATION.REPLY:
      return `${bold("ARP")} ${sender} is at ${mac}`;
    default:
      return `${bold("ARP")} operation ${operation}, from ${sender} at ${mac}`;
  }
}
