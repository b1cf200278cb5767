/**
 * Arming of a connection's timers. What happens when they expire is in `timeout.ts`.
 *
 * @module
 */

import type { Tcb } from "./tcb.ts";

/** Longest interval between zero-window probes, in milliseconds. */
const MAX_PERSIST = 60_000;

/** Starts the retransmission timer unless it runs (RFC 6298 §5.1). */
export function startRetransmit(tcb: Tcb, now: number): void {
  if (tcb.retransmitAt !== Infinity) return;
  tcb.retransmitAt = now + tcb.rtt.rto;
  schedule(tcb);
}

/** Starts the retransmission timer anew (§5.3), or stops it when nothing is in flight (§5.2). */
export function restartRetransmit(tcb: Tcb, now: number): void {
  tcb.retransmitAt = tcb.flight > 0 ? now + tcb.rtt.rto : Infinity;
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
    tcb.persistAt =
    tcb.delayedAckAt =
    tcb.lingerAt =
      Infinity;
  schedule(tcb);
}

/** Works out the connection's next deadline. */
export function schedule(tcb: Tcb): void {
  tcb.deadline = Math.min(tcb.retransmitAt, tcb.persistAt, tcb.delayedAckAt, tcb.lingerAt);
  tcb.context.schedule(tcb);
}
