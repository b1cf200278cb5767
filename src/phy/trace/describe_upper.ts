/**
 * What IP carries, in words, from one address to the other.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { pseudoHeaderSum } from "../../wire/checksum.ts";
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from "../../wire/dhcp.ts";
import { Drop } from "../../wire/drop.ts";
import { checkIcmp, ICMP_HEADER } from "../../wire/icmp.ts";
import { checkIcmpv6, ICMPV6_HEADER } from "../../wire/icmpv6.ts";
import type { Packet } from "../../wire/packet.ts";
import { PROTOCOL } from "../../wire/protocol.ts";
import { checkTcp, TCP_MIN_HEADER } from "../../wire/tcp.ts";
import { checkUdp, UDP_HEADER, UdpHeader } from "../../wire/udp.ts";
import type { Conversations } from "./conversations.ts";
import { describeDhcp } from "./describe_dhcp.ts";
import { describeDns, DNS_PORT } from "./describe_dns.ts";
import { describeIgmp, describeMld, isMld } from "./describe_groups.ts";
import { describeIcmp, describeIcmpv6 } from "./describe_icmp.ts";
import { describeNd, isNd } from "./describe_nd.ts";
import { describeTcp } from "./describe_tcp.ts";
import { complaint, endpoint } from "./words.ts";

/**
 * What stands in `[packet.transportAt, packet.end)`.
 *
 * @param packet Filled as IP fills it.
 * @param isWhole Whether all of it is there; of a first fragment no checksum can be told.
 */
export function describeUpper(
  packet: Packet,
  conversations: Conversations,
  isWhole: boolean,
): string {
  const { view, transportAt: at, end, source, destination, protocol } = packet;
  const room = end - at;
  const pseudo = pseudoHeaderSum(source, destination, protocol, room);
  const judge = (check: () => Drop) => isWhole && !packet.isPartial ? complaint(check()) : "";
  const isV4 = source.family === 4;
  if (protocol === PROTOCOL.TCP && room >= TCP_MIN_HEADER) {
    return describeTcp(packet, conversations) + judge(() => checkTcp(view, at, end, pseudo));
  }
  if (protocol === PROTOCOL.UDP && room >= UDP_HEADER) {
    return describeUdp(packet) + judge(() => checkUdp(view, at, end, pseudo, !isV4));
  }
  const pair = `${source} → ${destination}`;
  if (protocol === PROTOCOL.ICMP && isV4 && room >= ICMP_HEADER) {
    return `${pair} ${describeIcmp(packet)}${judge(() => checkIcmp(view, at, end))}`;
  }
  if (protocol === PROTOCOL.ICMPV6 && !isV4 && room >= ICMPV6_HEADER) {
    const drop = isWhole ? checkIcmpv6(view, at, end, pseudo) : Drop.NONE;
    return `${pair} ${icmpv6(packet)}${complaint(drop)}`;
  }
  if (protocol === PROTOCOL.IGMP && isV4 && isWhole) return `${pair} ${describeIgmp(packet)}`;
  if (protocol === PROTOCOL.NO_NEXT_HEADER && !isV4) return `${pair} no next header, ${room} bytes`;
  return `${pair} protocol ${protocol}, ${room} bytes`;
}

function icmpv6(packet: Packet): string {
  const type = packet.view.getUint8(packet.transportAt);
  if (isNd(type)) return describeNd(packet);
  return isMld(type) ? describeMld(packet) : describeIcmpv6(packet);
}

function describeUdp({ view, transportAt: at, end, source, destination }: Packet): string {
  const udp = new UdpHeader().bind(view, at);
  const { sourcePort, destinationPort, length } = udp;
  const from = endpoint(source, sourcePort);
  const to = endpoint(destination, destinationPort);
  const dataEnd = Math.min(end, at + length);
  const words = describeApplication(view, at + UDP_HEADER, dataEnd, sourcePort, destinationPort);
  const line = `${from} → ${to} ${bold("UDP")} len ${length - UDP_HEADER}`;
  return words === "" ? line : `${line} ${words}`;
}

/** What programs say to each other, where it is what keeps a network going. */
function describeApplication(
  view: DataView,
  at: number,
  end: number,
  from: number,
  to: number,
): string {
  if (from === DNS_PORT || to === DNS_PORT) return describeDns(view, at, end);
  const isDhcpPort = to === DHCP_SERVER_PORT || to === DHCP_CLIENT_PORT;
  return isDhcpPort ? describeDhcp(view, at, end) : "";
}
