/**
 * TCP segments in words.
 *
 * @module
 */

import { bold, dim, red, yellow } from "@std/fmt/colors";
import type { Packet } from "../../wire/packet.ts";
import { ACK, flagNames, RST, SYN, TCP_MIN_HEADER, TcpHeader } from "../../wire/tcp.ts";
import { TcpOptions } from "../../wire/tcp_options.ts";
import type { Conversations } from "./conversations.ts";
import { endpoint } from "./words.ts";

/** The segment of a packet that holds at least {@linkcode TCP_MIN_HEADER} bytes of it. */
export function describeTcp(packet: Packet, conversations: Conversations): string {
  const { view, transportAt: at, end } = packet;
  const tcp = new TcpHeader().bind(view, at);
  const textAt = Math.min(Math.max(at + tcp.dataOffset, at + TCP_MIN_HEADER), end);
  const from = endpoint(packet.source, tcp.sourcePort);
  const to = endpoint(packet.destination, tcp.destinationPort);
  const options = new TcpOptions();
  options.parse(view, at + TCP_MIN_HEADER, textAt);
  const isSyn = (tcp.flags & SYN) !== 0;
  const [there, back] = [`${from} ${to}`, `${to} ${from}`];
  if (isSyn) conversations.remember(there, tcp.seq, options.windowScale);
  const colour = (tcp.flags & RST) !== 0 ? red : isSyn ? yellow : bold;
  let line = `${from} → ${to} ${bold("TCP")} ${colour(flagNames(tcp.flags))} ` +
    `seq ${isSyn ? tcp.seq : conversations.relative(there, tcp.seq)}`;
  if ((tcp.flags & ACK) !== 0) line += ` ack ${conversations.relative(back, tcp.ack)}`;
  const scale = isSyn ? 0 : conversations.scale(there, back);
  line += ` win ${tcp.window * 2 ** scale} len ${end - textAt}`;
  const words = describeOptions(options);
  return words === "" ? line : `${line} ${dim(`<${words}>`)}`;
}

/** The options of a segment, in tcpdump's words. */
function describeOptions(options: TcpOptions): string {
  const parts: string[] = [];
  if (options.mss > 0) parts.push(`mss ${options.mss}`);
  if (options.windowScale >= 0) parts.push(`wscale ${options.windowScale}`);
  if (options.sackPermitted) parts.push("sackOK");
  if (options.timestamps) parts.push(`TS ${options.timestampValue} ${options.timestampEcho}`);
  for (let i = 0; i < options.sackBlocks; i++) {
    parts.push(`sack ${options.sackEdges[2 * i]}:${options.sackEdges[2 * i + 1]}`);
  }
  if (options.fastOpenLength >= 0) {
    const cookie = options.fastOpenCookie.subarray(0, options.fastOpenLength);
    parts.push(`FO ${cookie.toHex()}`.trim());
  }
  return parts.join(", ");
}
