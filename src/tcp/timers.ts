/**
 * Arming of a connection's timers. What happens when they expire is in `timeout.ts`.
 *
 * @module
 */

import { Phase } from "./recovery.ts";
import { isLong } from "./segment_size.ts";
import { State } from "./state.ts";
import type { Tcb } from "./tcb.ts";

/** Longest interval between zero-window probes, in milliseconds. */
const MAX_PERSIST = 60_000;
/** Longest time that a cork holds something back, in milliseconds. */
const MAX_CORK = 200;
/** How long a peer may wait with its acknowledgement of a lone segment (RFC 8985 §7.2), in ms. */
const MAX_ACK_DELAY = 200;

/** Starts the retransmission timer unless it runs (RFC 6298 §5.1). */
export function startRetransmit(tcb: Tcb, now: number): void {
  if (tcb.retransmitAt === Infinity) restartRetransmit(tcb, now);
}

/**
 * Starts the retransmission timer anew (§5.3), or stops it when nothing is in flight (§5.2); the
 * probe timer with it.
 */
export function restartRetransmit(tcb: Tcb, now: number): void {
  tcb.retransmitAt = tcb.flight > 0 ? now + tcb.rtt.rto : Infinity;
  restartProbe(tcb, now);
}

/**
 * Something new was sent: starts the retransmission timer unless it runs, which must not be put off
 * by each segment, and the probe timer anew (RFC 8985 §7.2).
 */
export function onFreshSent(tcb: Tcb, now: number): void {
  if (tcb.retransmitAt === Infinity) restartRetransmit(tcb, now);
  else restartProbe(tcb, now);
}

/** Stops the probe timer when other ways to find losses have taken over (RFC 8985 §7.2). */
export function reconsiderProbe(tcb: Tcb): void {
  if (tcb.probeAt === Infinity || mayProbe(tcb)) return;
  tcb.probeAt = Infinity;
  schedule(tcb);
}

/** Starts the probe timer anew; a probe comes in the place of a retransmission, but not later. */
function restartProbe(tcb: Tcb, now: number): void {
  const probes = tcb.flight > 0 && mayProbe(tcb);
  tcb.probeAt = probes ? Math.min(now + probeTimeout(tcb), tcb.retransmitAt) : Infinity;
  // To be looked at too early once costs less than to work it out for each segment.
  if (Math.min(tcb.probeAt, tcb.retransmitAt) < tcb.deadline) schedule(tcb);
}

/** When the connection is over if the peer goes on not to answer: R2 (RFC 9293 §3.8.3). */
export function giveUpAt(tcb: Tcb): number {
  if (tcb.troubleSince < 0) return Infinity;
  const { synTimeout } = tcb.context.config;
  return tcb.troubleSince + (tcb.state <= State.SYN_RECEIVED ? synTimeout : tcb.userTimeout);
}

/** Has what is held back while the connection is corked go out some time. */
export function startCork(tcb: Tcb, now: number): void {
  if (tcb.corkAt !== Infinity) return;
  tcb.corkAt = now + MAX_CORK;
  schedule(tcb);
}

/** Whether the end of the flight may be probed (RFC 8985 §7.2). */
function mayProbe(tcb: Tcb): boolean {
  return tcb.sackPermitted && tcb.state >= State.ESTABLISHED && !tcb.recovery.tlpOut &&
    !tcb.recovery.tlpNeedsRtt &&
    tcb.recovery.phase === Phase.OPEN && tcb.board.sacked === 0 && tcb.timeouts === 0 &&
    tcb.persistAt === Infinity;
}

function probeTimeout(tcb: Tcb): number {
  const isLone = tcb.board.count === 1 && !isLong(tcb, 0);
  return 2 * tcb.rtt.srtt + (isLone ? MAX_ACK_DELAY : 2);
}

/** Sets when RACK looks again for what is lost (RFC 8985 §6.2 step 5). */
export function setReorderTimer(tcb: Tcb, at: number): void {
  if (tcb.reorderAt === at) return;
  tcb.reorderAt = at;
  schedule(tcb);
}

/** Sets when pacing lets the next segment go. */
export function setPace(tcb: Tcb, at: number): void {
  tcb.paceAt = at;
  schedule(tcb);
}

/**
 * Starts the persist timer unless it runs: the first probe after RTO, then at exponentially growing
 * intervals (RFC 9293 §3.8.6.1, SHLD-29 and 30).
 */
export function startPersist(tcb: Tcb, now: number): void {
  if (tcb.persistAt !== Infinity) return;
  tcb.persistAt = now + Math.min(tcb.rtt.rto * 2 ** tcb.persistCount, MAX_PERSIST);
  schedule(tcb);
}

/** Stops probing. */
export function stopPersist(tcb: Tcb): void {
  tcb.persistAt = Infinity;
  tcb.persistCount = 0;
  schedule(tcb);
}

/** Has an acknowledgement go out on its own if nothing carries it soon (RFC 9293 §3.8.6.3). */
export function setDelayedAck(tcb: Tcb, now: number): void {
  if (tcb.delayedAckAt !== Infinity) return;
  tcb.delayedAckAt = now + tcb.context.config.delayedAck;
  schedule(tcb);
}

/** Sets the time at which the connection is over, whatever happens. */
export function setLinger(tcb: Tcb, at: number): void {
  tcb.lingerAt = at;
  schedule(tcb);
}

/** Stops everything. */
export function stopTimers(tcb: Tcb): void {
  tcb.retransmitAt =
    tcb.probeAt =
    tcb.reorderAt =
    tcb.paceAt =
      Infinity;
  tcb.persistAt = tcb.delayedAckAt = tcb.lingerAt = Infinity;
  tcb.keepAliveAt = tcb.corkAt = tcb.pmtuRaiseAt = Infinity;
  tcb.troubleSince = -1;
  schedule(tcb);
}

/** Works out the connection's next deadline. */
export function schedule(tcb: Tcb): void {
  tcb.deadline = Math.min(
    tcb.retransmitAt,
    tcb.probeAt,
    tcb.reorderAt,
    tcb.paceAt,
    tcb.persistAt,
    tcb.delayedAckAt,
    tcb.lingerAt,
    tcb.keepAliveAt,
    tcb.corkAt,
    giveUpAt(tcb),
    tcb.pmtuRaiseAt,
  );
  tcb.context.schedule(tcb);
}
