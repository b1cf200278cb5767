/**
 * Keep-alive: asking a peer that has been silent for long whether it is still there (RFC 9293
 * §3.8.4).
 *
 * @module
 */

import { abortConnection } from "./close.ts";
import { sendKeepAlive } from "./output.ts";
import { State } from "./state.ts";
import { CloseReason, type Tcb } from "./tcb.ts";
import { schedule } from "./timers.ts";

/** When to ask, and how often. */
export interface KeepAliveTimes {
  /** How long nothing must have been received before the first probe, in milliseconds. */
  readonly idle: number;
  /** Time between two probes, in milliseconds. */
  readonly interval: number;
  /** After how many probes without an answer the connection is given up; 2 or more (MUST-29). */
  readonly count: number;
}

/** Keep-alive of one connection; made when it is switched on. */
export class KeepAlive {
  /** When the peer was last heard, in milliseconds. */
  heardAt: number;
  /** Probes since then. */
  probes = 0;

  /** Begins to count the silence at `now`. */
  constructor(readonly times: KeepAliveTimes, now: number) {
    this.heardAt = now;
  }
}

/** Switches keep-alive on, anew, or off with `null` (MUST-24, MUST-27). */
export function setKeepAlive(tcb: Tcb, times: KeepAliveTimes | null, now: number): void {
  if (tcb.state === State.CLOSED || tcb.state === State.TIME_WAIT) return;
  tcb.keepAlive = times === null ? null : new KeepAlive(times, now);
  tcb.keepAliveAt = times === null ? Infinity : now + times.idle;
  schedule(tcb);
}

/** Something has been received. The timer is only moved back when it has run out. */
export function heard(tcb: Tcb, keepAlive: KeepAlive, now: number): void {
  keepAlive.heardAt = now;
  if (keepAlive.probes === 0) return;
  keepAlive.probes = 0;
  tcb.keepAliveAt = now + keepAlive.times.idle;
  schedule(tcb);
}

/** The timer has expired: has it been silent for so long? */
export function checkAlive(tcb: Tcb, now: number): void {
  const keepAlive = tcb.keepAlive!;
  const { idle, interval, count } = keepAlive.times;
  const quietUntil = keepAlive.heardAt + idle;
  if (tcb.flight > 0 || tcb.sendBuffer.length > 0) { // other timers ask already (MUST-26)
    keepAlive.probes = 0;
    tcb.keepAliveAt = now + idle;
  } else if (now < quietUntil) {
    tcb.keepAliveAt = quietUntil;
  } else if (keepAlive.probes >= count) {
    abortConnection(tcb, CloseReason.TIMED_OUT, now);
  } else {
    keepAlive.probes++;
    tcb.context.counters.tcpKeepAliveProbes++;
    sendKeepAlive(tcb, now);
    tcb.keepAliveAt = now + interval;
  }
}
