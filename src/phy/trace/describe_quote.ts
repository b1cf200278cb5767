/**
 * The packet that an ICMP error quotes, in words.
 *
 * @module
 */

import { IPV4_MIN_HEADER, Ipv4Header } from "../../wire/ipv4.ts";
import { FragmentHeader, IPV6_HEADER, Ipv6Header } from "../../wire/ipv6.ts";
import { ExtensionChain } from "../../wire/ipv6_extensions.ts";
import type { IpAddress } from "../../wire/address.ts";
import { Drop } from "../../wire/drop.ts";
import { PROTOCOL } from "../../wire/protocol.ts";
import { addressV4, addressV6, endpoint } from "./words.ts";

const NAMES: Readonly<Record<number, string>> = {
  [PROTOCOL.ICMP]: "ICMP",
  [PROTOCOL.IGMP]: "IGMP",
  [PROTOCOL.TCP]: "TCP",
  [PROTOCOL.UDP]: "UDP",
  [PROTOCOL.ICMPV6]: "ICMPv6",
};

/** Ports are the first bytes of both TCP and UDP. */
const PORTS_LENGTH = 4;

/**
 * What is left in `[at, end)` of a packet: `10.0.0.2:7 → 10.0.0.1:9 UDP`.
 *
 * @returns "" if not even the header is there. Its checksum and lengths may be wrong: routers
 * change headers, and cut what they quote.
 */
export function describeQuote(view: DataView, at: number, end: number): string {
  if (end - at < IPV4_MIN_HEADER) return "";
  const version = view.getUint8(at) >>> 4;
  if (version === 4) return describeV4(view, at, end);
  return version === 6 && end - at >= IPV6_HEADER ? describeV6(view, at, end) : "";
}

function describeV4(view: DataView, at: number, end: number): string {
  const ip = new Ipv4Header().bind(view, at);
  const source = addressV4(view, at + 12);
  const destination = addressV4(view, at + 16);
  const portsAt = ip.fragmentOffset === 0 ? at + Math.max(IPV4_MIN_HEADER, ip.headerLength) : end;
  return describe(source, destination, ip.protocol, view, portsAt, end);
}

function describeV6(view: DataView, at: number, end: number): string {
  const source = addressV6(view, at + 8);
  const destination = addressV6(view, at + 24);
  const chain = new ExtensionChain();
  let drop = chain.walk(view, at + IPV6_HEADER, new Ipv6Header().bind(view, at).nextHeader, end);
  let protocol = chain.protocol;
  if (drop === Drop.NONE && protocol === PROTOCOL.FRAGMENT) {
    const fragment = new FragmentHeader().bind(view, chain.transportAt);
    protocol = fragment.nextHeader;
    if (fragment.offset > 0) return describe(source, destination, protocol, view, end, end);
    drop = chain.resume(view, end);
    protocol = chain.protocol;
  }
  const portsAt = drop === Drop.NONE ? chain.transportAt : end;
  return describe(source, destination, protocol, view, portsAt, end);
}

function describe(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  view: DataView,
  portsAt: number,
  end: number,
): string {
  const name = NAMES[protocol] ?? `protocol ${protocol}`;
  const hasPorts = protocol === PROTOCOL.TCP || protocol === PROTOCOL.UDP;
  if (!hasPorts || end - portsAt < PORTS_LENGTH) return `${source} → ${destination} ${name}`;
  const from = endpoint(source, view.getUint16(portsAt));
  const to = endpoint(destination, view.getUint16(portsAt + 2));
  return `${from} → ${to} ${name}`;
}
