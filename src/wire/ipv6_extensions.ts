/**
 * The extension headers between an IPv6 header and what it carries (RFC 8200 §4).
 *
 * @module
 */

import { Drop } from "./drop.ts";
import { ICMPV6_PARAMETER_PROBLEM } from "./icmpv6.ts";
import { IPV6_FRAGMENT_HEADER, IPV6_HEADER } from "./ipv6.ts";
import { PROTOCOL } from "./protocol.ts";

/** Types of the options in hop-by-hop and destination options headers. */
export const IPV6_OPTION = { PAD1: 0, PADN: 1, ROUTER_ALERT: 5 } as const;

/** Whether a Parameter Problem message is owed for a packet that was dropped. */
export const REPORT = {
  NEVER: 0,
  /** Unless the packet was sent to a group (RFC 4443 §2.4 e.3). */
  UNLESS_MULTICAST: 1,
  /** Even if the packet was sent to a group (RFC 8200 §4.2). */
  ALWAYS: 2,
} as const;

/** One of the values of {@linkcode REPORT}. */
export type Report = typeof REPORT[keyof typeof REPORT];

/** Most extension headers that a packet may have, and most options in one, but for padding. */
export const MAX_EXTENSION_HEADERS = 8;
export const MAX_IPV6_OPTIONS = 8;

/** Longest run of padding, in bytes: no more is ever needed (RFC 8504 §5.3). */
const MAX_PADDING = 7;

/**
 * The extension headers of one packet. Made once and walked again for each packet, so copy what
 * outlives it.
 */
export class ExtensionChain {
  /**
   * What the walk stopped at: the upper layer, `PROTOCOL.NO_NEXT_HEADER`, `PROTOCOL.FRAGMENT`, or
   * a header that the stack doesn't know.
   */
  protocol = 0;
  /** Where that starts, in the view. */
  transportAt = 0;
  /** Where its protocol number stands, in bytes from the IPv6 header: what to point to. */
  protocolPointer = 0;
  /** Whether the packet asks routers to look at it (RFC 2711). */
  routerAlert = false;
  /** Of a dropped packet: whether its sender is to hear of it. */
  report: Report = REPORT.NEVER;
  /** Code of the Parameter Problem, if one is owed: of `ICMPV6_PARAMETER_PROBLEM`. */
  problemCode = 0;
  /** What it points to, in bytes from the IPv6 header. */
  problemPointer = 0;
  #ipAt = 0;
  #headers = 0;

  /**
   * Goes through the headers in `[at, end)`, in order, up to the upper layer or a fragment header.
   *
   * @param at Place directly behind the IPv6 header.
   * @param nextHeader That of the IPv6 header.
   * @param end Where the payload ends.
   * @returns `Drop.NONE`, or why the packet must be dropped; {@linkcode report} then tells whether
   * to say so.
   */
  walk(view: DataView, at: number, nextHeader: number, end: number): Drop {
    this.routerAlert = false;
    this.#ipAt = at - IPV6_HEADER;
    this.#headers = 0;
    return this.#walk(view, at, nextHeader, this.#ipAt + 6, end);
  }

  /**
   * Goes on behind the fragment header that the walk stopped at: for a packet that is whole though
   * it has such a header (RFC 6946), or to see how far the headers of a first fragment reach.
   */
  resume(view: DataView, end: number): Drop {
    const at = this.transportAt;
    return this.#walk(view, at + IPV6_FRAGMENT_HEADER, view.getUint8(at), at, end);
  }

  /** `namedAt` is where the number `nextHeader` stands. */
  #walk(view: DataView, at: number, nextHeader: number, namedAt: number, end: number): Drop {
    this.report = REPORT.NEVER;
    for (;;) {
      this.protocol = nextHeader;
      this.transportAt = at;
      this.protocolPointer = namedAt - this.#ipAt;
      switch (nextHeader) {
        case PROTOCOL.HOP_BY_HOP:
        case PROTOCOL.DESTINATION_OPTIONS:
        case PROTOCOL.ROUTING:
        case PROTOCOL.FRAGMENT:
          break;
        default:
          return Drop.NONE;
      }
      if (nextHeader === PROTOCOL.HOP_BY_HOP && at !== this.#ipAt + IPV6_HEADER) {
        this.#owe(
          REPORT.UNLESS_MULTICAST,
          ICMPV6_PARAMETER_PROBLEM.UNRECOGNIZED_NEXT_HEADER,
          namedAt,
        );
        return Drop.IP_UNKNOWN_PROTOCOL;
      }
      if (++this.#headers > MAX_EXTENSION_HEADERS) return Drop.IPV6_LONG_CHAIN;
      if (end - at < 8) return Drop.IP_TRUNCATED;
      if (nextHeader === PROTOCOL.FRAGMENT) return Drop.NONE;
      const length = (view.getUint8(at + 1) + 1) << 3;
      if (length > end - at) return Drop.IP_TRUNCATED;
      const drop = nextHeader === PROTOCOL.ROUTING
        ? this.#route(view, at)
        : this.#options(view, at + 2, at + length, nextHeader === PROTOCOL.HOP_BY_HOP);
      if (drop !== Drop.NONE) return drop;
      nextHeader = view.getUint8(at);
      namedAt = at;
      at += length;
    }
  }

  /** RFC 8200 §4.4. The stack follows no type of route, not even type 0 (RFC 5095 §3). */
  #route(view: DataView, at: number): Drop {
    const segmentsLeft = view.getUint8(at + 3);
    if (segmentsLeft === 0) return Drop.NONE;
    this.#owe(REPORT.UNLESS_MULTICAST, ICMPV6_PARAMETER_PROBLEM.ERRONEOUS_FIELD, at + 2);
    return Drop.IPV6_BAD_ROUTING;
  }

  #options(view: DataView, at: number, end: number, hopByHop: boolean): Drop {
    let options = 0;
    let padding = 0;
    while (at < end) {
      const type = view.getUint8(at);
      let length = 1;
      if (type !== IPV6_OPTION.PAD1) {
        const room = end - at - 2;
        if (room < 0 || view.getUint8(at + 1) > room) {
          this.#owe(
            REPORT.UNLESS_MULTICAST,
            ICMPV6_PARAMETER_PROBLEM.ERRONEOUS_FIELD,
            room < 0 ? at : at + 1,
          );
          return Drop.IPV6_BAD_OPTION;
        }
        length = 2 + view.getUint8(at + 1);
      }
      if (type === IPV6_OPTION.PAD1 || type === IPV6_OPTION.PADN) {
        padding += length;
        if (padding > MAX_PADDING) return Drop.IPV6_LONG_CHAIN;
      } else {
        padding = 0;
        if (++options > MAX_IPV6_OPTIONS) return Drop.IPV6_LONG_CHAIN;
        if (type === IPV6_OPTION.ROUTER_ALERT) {
          if (hopByHop && length === 4) this.routerAlert = true;
        } else if (!this.#skips(type, at)) {
          return Drop.IPV6_BAD_OPTION;
        }
      }
      at += length;
    }
    return Drop.NONE;
  }

  /** Does with an unknown option what its two high bits say (RFC 8200 §4.2). */
  #skips(type: number, at: number): boolean {
    const action = type >>> 6;
    if (action === 2) this.#owe(REPORT.ALWAYS, ICMPV6_PARAMETER_PROBLEM.UNRECOGNIZED_OPTION, at);
    if (action === 3) {
      this.#owe(REPORT.UNLESS_MULTICAST, ICMPV6_PARAMETER_PROBLEM.UNRECOGNIZED_OPTION, at);
    }
    return action === 0;
  }

  #owe(report: Report, code: number, at: number): void {
    this.report = report;
    this.problemCode = code;
    this.problemPointer = at - this.#ipAt;
  }
}

/** Length of what {@linkcode writeRouterAlert} writes, in bytes. */
export const ROUTER_ALERT_HEADER = 8;

/** Writes a hop-by-hop options header with a router alert for MLD (RFC 2711 §2.1), and padding. */
export function writeRouterAlert(view: DataView, at: number, nextHeader: number): void {
  view.setUint16(at, nextHeader << 8);
  view.setUint32(at + 2, (IPV6_OPTION.ROUTER_ALERT << 24) | 0x02_0000);
  view.setUint16(at + 6, IPV6_OPTION.PADN << 8);
}
