/**
 * ICMP messages in words, and those of ICMPv6 that ICMP has too.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { ICMP_HEADER, ICMP_TYPE, ICMP_UNREACHABLE, IcmpHeader } from "../../wire/icmp.ts";
import {
  ICMPV6_HEADER,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TYPE,
  ICMPV6_UNREACHABLE,
  Icmpv6Header,
} from "../../wire/icmpv6.ts";
import type { Packet } from "../../wire/packet.ts";
import { describeQuote } from "./describe_quote.ts";
import { addressV4, inWords } from "./words.ts";

/** Types that nobody but this trace needs (IANA "ICMP Parameters"). */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  9: "router advertisement",
  10: "router solicitation",
  13: "timestamp",
  14: "timestamp reply",
  15: "information request",
  16: "information reply",
  17: "address mask request",
  18: "address mask reply",
  42: "extended echo",
  43: "extended echo reply",
};

const TYPES = { ...inWords(ICMP_TYPE), ...OTHER_TYPES };
const UNREACHABLE = inWords(ICMP_UNREACHABLE);
/** What a redirect is for (RFC 792). */
const REDIRECT_FOR = ["network", "host", "service and network", "service and host"];
const EXCEEDED = ["in transit", "in reassembly"];
const TYPES_V6 = inWords(ICMPV6_TYPE);
const UNREACHABLE_V6 = inWords(ICMPV6_UNREACHABLE);
const PROBLEM_V6 = inWords(ICMPV6_PARAMETER_PROBLEM);

/** The message of a packet that holds at least {@linkcode ICMP_HEADER} bytes of it. */
export function describeIcmp({ view, transportAt: at, end }: Packet): string {
  const icmp = new IcmpHeader().bind(view, at);
  const { type, code } = icmp;
  const name = `${bold("ICMP")} ${TYPES[type] ?? `type ${type}`}`;
  if (type === ICMP_TYPE.ECHO || type === ICMP_TYPE.ECHO_REPLY) {
    return `${name} id ${icmp.identifier} seq ${icmp.sequence} len ${end - at - ICMP_HEADER}`;
  }
  const quote = describeQuote(view, at + ICMP_HEADER, end);
  const error = quote === "" ? undefined : describeError(icmp, view, at);
  return error === undefined ? `${name} code ${code}` : `${bold("ICMP")} ${error}, about ${quote}`;
}

/** What an error says, but for what it quotes; `undefined` if it is no error that we know. */
function describeError(icmp: IcmpHeader, view: DataView, at: number): string | undefined {
  const { type, code } = icmp;
  switch (type) {
    case ICMP_TYPE.DESTINATION_UNREACHABLE:
      if (code !== ICMP_UNREACHABLE.FRAGMENTATION_NEEDED) {
        return `unreachable ${UNREACHABLE[code] ?? `code ${code}`}`;
      }
      return `fragmentation needed, mtu ${icmp.nextHopMtu}`;
    case ICMP_TYPE.SOURCE_QUENCH:
      return "source quench";
    case ICMP_TYPE.REDIRECT:
      return `redirect to ${addressV4(view, at + 4)} for ${REDIRECT_FOR[code] ?? `code ${code}`}`;
    case ICMP_TYPE.TIME_EXCEEDED:
      return `time exceeded ${EXCEEDED[code] ?? `code ${code}`}`;
    case ICMP_TYPE.PARAMETER_PROBLEM:
      return `parameter problem ${
        code === 0 ? `at byte ${view.getUint8(at + 4)}` : `code ${code}`
      }`;
  }
}

/**
 * The message of a packet that holds at least {@linkcode ICMPV6_HEADER} bytes of it, if it is
 * neither of Neighbor Discovery nor of Multicast Listener Discovery.
 */
export function describeIcmpv6({ view, transportAt: at, end }: Packet): string {
  const icmp = new Icmpv6Header().bind(view, at);
  const { type, code } = icmp;
  const name = `${bold("ICMPv6")} ${TYPES_V6[type] ?? `type ${type}`}`;
  if (type === ICMPV6_TYPE.ECHO_REQUEST || type === ICMPV6_TYPE.ECHO_REPLY) {
    return `${name} id ${icmp.identifier} seq ${icmp.sequence} len ${end - at - ICMPV6_HEADER}`;
  }
  const quote = describeQuote(view, at + ICMPV6_HEADER, end);
  const error = quote === "" ? undefined : describeErrorV6(icmp);
  return error === undefined
    ? `${name} code ${code}`
    : `${bold("ICMPv6")} ${error}, about ${quote}`;
}

function describeErrorV6(icmp: Icmpv6Header): string | undefined {
  const { type, code } = icmp;
  switch (type) {
    case ICMPV6_TYPE.DESTINATION_UNREACHABLE:
      return `unreachable ${UNREACHABLE_V6[code] ?? `code ${code}`}`;
    case ICMPV6_TYPE.PACKET_TOO_BIG:
      return `packet too big, mtu ${icmp.mtu}`;
    case ICMPV6_TYPE.TIME_EXCEEDED:
      return `time exceeded ${EXCEEDED[code] ?? `code ${code}`}`;
    case ICMPV6_TYPE.PARAMETER_PROBLEM:
      return `parameter problem ${PROBLEM_V6[code] ?? `code ${code}`} at byte ${icmp.pointer}`;
  }
}
