/**
 * Counts of everything that happens, and of every packet that is dropped.
 *
 * @module
 */

import { type Drop, DROP_NAMES } from "../wire/drop.ts";

/** The counters of one stack. Counted in place: `counters.ipReceived++`. */
export class Counters {
  arpReceived = 0;
  arpRequestsSent = 0;
  arpRepliesSent = 0;
  /** Other hosts with an address of ours. */
  arpConflicts = 0;
  ndSolicitationsSent = 0;
  ndAdvertisementsSent = 0;
  ndRouterSolicitationsSent = 0;
  ndRouterAdvertisementsReceived = 0;
  ndRedirectsReceived = 0;
  /** Addresses given up because other hosts have them. */
  ndDuplicateAddresses = 0;
  ipReceived = 0;
  ipSent = 0;
  ipForwarded = 0;
  ipSuspectedPaths = 0;
  ipFragmentsReceived = 0;
  ipReassembled = 0;
  ipFragmentsSent = 0;
  /** Echo requests of our own, sent. */
  icmpEchoRequests = 0;
  icmpEchoReplies = 0;
  icmpErrorsReceived = 0;
  icmpErrorsSent = 0;
  icmpErrorsLimited = 0;
  groupQueriesReceived = 0;
  groupReportsSent = 0;
  udpReceived = 0;
  udpSent = 0;
  dnsQueries = 0;
  dnsCacheHits = 0;
  /** Responses that don't fit a query: from elsewhere, with another id, to another question. */
  dnsMismatches = 0;
  dhcpReceived = 0;
  dhcpSent = 0;
  /** No DHCP messages, answers to others, and such as nobody waits for. */
  dhcpIgnored = 0;
  /** Offers and acknowledgements of what cannot be taken. */
  dhcpUnacceptable = 0;
  dhcpLeases = 0;
  dhcpRenewals = 0;
  dhcpNaksReceived = 0;
  dhcpDeclines = 0;
  dhcpLeasesExpired = 0;
  tcpReceived = 0;
  tcpSent = 0;
  tcpBytesReceived = 0;
  tcpBytesSent = 0;
  tcpActiveOpens = 0;
  tcpPassiveOpens = 0;
  tcpConnectionsClosed = 0;
  tcpTimeWaitsReused = 0;
  tcpTimeWaitsCut = 0;
  tcpOutOfOrder = 0;
  tcpDuplicateAcks = 0;
  tcpRetransmitted = 0;
  tcpFastRetransmits = 0;
  tcpTimeouts = 0;
  tcpTailLossProbes = 0;
  tcpSpuriousRecoveries = 0;
  tcpDsacksReceived = 0;
  tcpZeroWindowProbes = 0;
  /** Fast Open as the server: cookies given, connections opened early, cookies not honoured. */
  tcpFastOpenCookiesSent = 0;
  tcpFastOpenAccepted = 0;
  tcpFastOpenRefused = 0;
  /** As the client: connections whose peer took the text of the SYN. */
  tcpFastOpenTaken = 0;
  tcpSynCookiesSent = 0;
  tcpSynCookiesAccepted = 0;
  tcpSynCookiesRejected = 0;
  tcpKeepAliveProbes = 0;
  tcpCongestionMarks = 0;
  tcpEcnReductions = 0;
  tcpPathMtuReductions = 0;
  tcpPathMtuProbes = 0;
  tcpPathMtuProbesLost = 0;
  tcpBlackHoles = 0;
  tcpChallengeAcks = 0;
  tcpChallengeAcksLimited = 0;
  tcpResetsReceived = 0;
  tcpResetsSent = 0;

  /** How often each {@linkcode Drop} reason came up. */
  readonly drops: Float64Array = new Float64Array(DROP_NAMES.length);

  /** Counts one dropped packet. */
  drop(reason: Drop): void {
    this.drops[reason]!++;
  }

  /** Every counter that is not zero, by name; drops as `drop.REASON`. */
  entries(): [name: string, count: number][] {
    const list: [string, number][] = [];
    for (const [name, count] of Object.entries(this)) {
      if (typeof count === "number" && count !== 0) list.push([name, count]);
    }
    for (let reason = 1; reason < DROP_NAMES.length; reason++) {
      const count = this.drops[reason]!;
      if (count !== 0) list.push([`drop.${DROP_NAMES[reason]}`, count]);
    }
    return list;
  }
}
