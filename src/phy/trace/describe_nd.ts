/**
 * Neighbor Discovery in words.
 *
 * @module
 */

import { bold, dim } from "@std/fmt/colors";
import type { IpAddress } from "../../wire/address.ts";
import { Drop } from "../../wire/drop.ts";
import { ICMPV6_TYPE } from "../../wire/icmpv6.ts";
import { formatMac } from "../../wire/mac.ts";
import {
  checkNd,
  ND_REDIRECT_DESTINATION,
  ND_TARGET,
  NeighborMessage,
  RouterAdvertisement,
} from "../../wire/nd.ts";
import { NdOptions, PREFIX_FLAG } from "../../wire/nd_options.ts";
import type { Packet } from "../../wire/packet.ts";
import { addressV6, complaint, listed } from "./words.ts";

/** Most prefixes, and most DNS servers, that a line shows. */
const MAX_SHOWN = 2;

/** Whether a type of ICMPv6 belongs to Neighbor Discovery. */
export function isNd(type: number): boolean {
  return type >= ICMPV6_TYPE.ROUTER_SOLICITATION && type <= ICMPV6_TYPE.REDIRECT;
}

/** The message of a packet whose ICMPv6 header is there, and has such a type. */
export function describeNd(packet: Packet): string {
  const type = packet.view.getUint8(packet.transportAt);
  const options = new NdOptions();
  const drop = checkNd(packet, options);
  const words = drop === Drop.NONE ? describe(type, packet, options) : "";
  return `${bold("ICMPv6")} ${NAMES[type]}${words}${complaint(drop)}`;
}

const NAMES: Readonly<Record<number, string>> = {
  [ICMPV6_TYPE.ROUTER_SOLICITATION]: "router solicitation",
  [ICMPV6_TYPE.ROUTER_ADVERTISEMENT]: "router advertisement",
  [ICMPV6_TYPE.NEIGHBOR_SOLICITATION]: "neighbor solicitation",
  [ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT]: "neighbor advertisement",
  [ICMPV6_TYPE.REDIRECT]: "redirect",
};

function describe(type: number, packet: Packet, options: NdOptions): string {
  switch (type) {
    case ICMPV6_TYPE.ROUTER_SOLICITATION:
      return describeSender(packet, options);
    case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
      return describeRouter(packet, options);
    case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
      return `: who has ${targetOf(packet)}?${describeSender(packet, options)}`;
    case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT:
      return describeNeighbor(packet, options);
    default:
      return describeRedirect(packet, options);
  }
}

/** Whom to answer; an address that is only tried out has nobody yet (RFC 4862 §5.4.2). */
function describeSender(packet: Packet, options: NdOptions): string {
  if (options.sourceLinkAddressAt !== -1) {
    return ` from ${formatMac(packet.bytes, options.sourceLinkAddressAt)}`;
  }
  return packet.source.isUnspecified ? " probe" : "";
}

function describeNeighbor(packet: Packet, options: NdOptions): string {
  const message = new NeighborMessage().bind(packet.view, packet.transportAt);
  const mac = options.targetLinkAddressAt;
  const flags = [
    message.isRouter ? "router" : "",
    message.isSolicited ? "solicited" : "",
    message.isOverride ? "override" : "",
  ].filter((flag) => flag !== "");
  return `: ${targetOf(packet)} is ${mac === -1 ? "here" : `at ${formatMac(packet.bytes, mac)}`}${
    flagged(flags)
  }`;
}

function describeRouter(packet: Packet, options: NdOptions): string {
  const { view, transportAt: at } = packet;
  const router = new RouterAdvertisement().bind(view, at);
  const flags = [router.isManaged ? "managed" : "", router.hasOther ? "other" : ""]
    .filter((flag) => flag !== "");
  const parts = [`: lifetime ${router.lifetime} s${flagged(flags)}`];
  const prefixes = Array.from({ length: options.prefixes }, (_, i) => {
    const prefixFlags = options.prefixFlags[i]!;
    const words = [
      (prefixFlags & PREFIX_FLAG.ON_LINK) !== 0 ? "on-link" : "",
      (prefixFlags & PREFIX_FLAG.AUTONOMOUS) !== 0 ? "autonomous" : "",
    ].filter((flag) => flag !== "");
    const prefix = `${addressV6(view, options.prefixAt[i]!)}/${options.prefixLength[i]}`;
    return prefix + flagged(words);
  });
  if (prefixes.length > 0) parts.push(`prefix ${listed(prefixes, MAX_SHOWN)}`);
  if (options.mtu > 0) parts.push(`mtu ${options.mtu}`);
  const servers = Array.from(
    options.serverAt.subarray(0, options.servers),
    (serverAt) => addressV6(view, serverAt).toString(),
  );
  if (servers.length > 0) parts.push(`dns ${listed(servers, MAX_SHOWN)}`);
  return parts.join(", ");
}

function describeRedirect(packet: Packet, options: NdOptions): string {
  const destination = addressV6(packet.view, packet.transportAt + ND_REDIRECT_DESTINATION);
  const target = targetOf(packet);
  const way = target.equals(destination) ? "is on the link" : `is behind ${target}`;
  const mac = options.targetLinkAddressAt;
  return `: ${destination} ${way}${mac === -1 ? "" : `, at ${formatMac(packet.bytes, mac)}`}`;
}

function targetOf(packet: Packet): IpAddress {
  return addressV6(packet.view, packet.transportAt + ND_TARGET);
}

function flagged(flags: readonly string[]): string {
  return flags.length === 0 ? "" : ` ${dim(`<${flags.join(", ")}>`)}`;
}
