/**
 * The IP headers of what we send (RFC 791 §3.1, RFC 8200 §3).
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { SendOptions } from "../base/network.ts";
import type { IpAddress } from "../wire/address.ts";
import { copyBytes } from "../wire/bytes.ts";
import { DONT_FRAGMENT, IPV4_MIN_HEADER, Ipv4Header } from "../wire/ipv4.ts";
import { IPV4_OPTION } from "../wire/ipv4_options.ts";
import { IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import { ROUTER_ALERT_HEADER, writeRouterAlert } from "../wire/ipv6_extensions.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** The router alert option of IPv4 (RFC 2113 §2.1). */
const ROUTER_ALERT = Uint8Array.of(IPV4_OPTION.ROUTER_ALERT, 4, 0, 0);

/** Writes headers in front of transport messages, which start at `packet.messageAt`. */
export class HeaderWriter {
  #header4 = new Ipv4Header();
  #header6 = new Ipv6Header();
  #identification: number;
  #flowSecret: number;

  constructor(env: Env) {
    this.#identification = env.random() & 0xffff;
    this.#flowSecret = env.random();
  }

  /**
   * Puts the header in front of the message, and moves `packet.at` there.
   *
   * @param hopLimit What it gets that has no TTL of its own, 1 to 255.
   */
  write(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
    hopLimit: number,
  ): void {
    const ttl = options.ttl || hopLimit;
    if (destination.family === 4) {
      this.#write4(packet, source, destination, protocol, options, ttl);
    } else {
      this.#write6(packet, source, destination, protocol, options, ttl);
    }
  }

  #write4(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
    ttl: number,
  ): void {
    const extras = options.routerAlert ? ROUTER_ALERT : options.ipv4Options;
    const extra = extras === undefined ? 0 : extras.length;
    const at = packet.messageAt - IPV4_MIN_HEADER - extra;
    packet.at = at;
    if (extras !== undefined) copyBytes(extras, 0, packet.bytes, packet.messageAt - extra, extra);
    const header = this.#header4.bind(packet.view, at);
    header.headerLength = IPV4_MIN_HEADER + extra;
    header.tos = options.tos;
    header.totalLength = packet.end - at;
    // Only packets that may be fragmented need an identification of their own (RFC 6864 §4.1).
    this.#identification = (this.#identification + 1) & 0xffff;
    header.identification = this.#identification;
    if (packet.segmentSize > 0) { // what it is cut into has the next ones
      this.#identification += Math.ceil((packet.end - packet.messageAt) / packet.segmentSize);
    }
    header.flagsAndOffset = options.dontFragment ? DONT_FRAGMENT : 0;
    header.ttl = ttl;
    header.protocol = protocol;
    source.store(packet.view, at + 12);
    destination.store(packet.view, at + 16);
    header.writeChecksum();
  }

  #write6(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    options: SendOptions,
    hopLimit: number,
  ): void {
    const { view } = packet;
    const extra = options.routerAlert ? ROUTER_ALERT_HEADER : 0;
    const at = packet.messageAt - IPV6_HEADER - extra;
    packet.at = at;
    if (extra !== 0) writeRouterAlert(view, at + IPV6_HEADER, protocol);
    const header = this.#header6.bind(view, at);
    header.writeFirstWord(options.tos, this.#flowLabel(packet, source, destination, protocol));
    header.payloadLength = packet.end - at - IPV6_HEADER;
    header.nextHeader = extra !== 0 ? PROTOCOL.HOP_BY_HOP : protocol;
    header.hopLimit = hopLimit;
    source.store(view, at + 8);
    destination.store(view, at + 24);
  }

  /** The same for every packet of a flow, and not to be guessed (RFC 6437 §3). */
  #flowLabel(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
  ): number {
    const hasPorts = protocol === PROTOCOL.TCP || protocol === PROTOCOL.UDP;
    const ports = hasPorts ? packet.view.getInt32(packet.messageAt) : protocol;
    const hash = destination.hash(source.hash(ports ^ this.#flowSecret));
    return (hash & 0xfffff) || 1;
  }
}
