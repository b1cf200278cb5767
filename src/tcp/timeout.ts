/**
 * What happens when a connection's timers expire (RFC 9293 §3.10.8, RFC 6298 §5).
 *
 * @module
 */

import { closeConnection } from "./close.ts";
import { output, sendAck, sendProbe, sendSyn } from "./output.ts";
import { State } from "./state.ts";
import { CloseReason, type Tcb } from "./tcb.ts";
import { schedule, startPersist, startRetransmit, stopPersist } from "./timers.ts";

/** Does what is due at `now` for this connection. */
export function expire(tcb: Tcb, now: number): void {
  if (tcb.lingerAt <= now) {
    closeConnection(tcb, CloseReason.NORMAL);
    return;
  }
  if (tcb.delayedAckAt <= now) sendAck(tcb, now);
  if (tcb.retransmitAt <= now) retransmit(tcb, now);
  if (tcb.persistAt <= now) probe(tcb, now);
  if (tcb.state !== State.CLOSED) schedule(tcb);
}

/** The retransmission timer has expired (RFC 6298 §5.4 to 5.6). */
function retransmit(tcb: Tcb, now: number): void {
  const { counters } = tcb.context;
  tcb.retransmitAt = Infinity;
  if (hasGivenUp(tcb, now)) return;
  counters.tcpTimeouts++;
  tcb.timeouts++;
  tcb.timedAt = -1; // Karn: what is sent again isn't timed
  if (tcb.state <= State.SYN_RECEIVED) {
    tcb.rtt.backOff();
    counters.tcpRetransmitted++;
    sendSyn(tcb, now);
    return;
  }
  const { snd } = tcb;
  tcb.congestion.onTimeout(tcb.flight, tcb.timeouts === 1);
  tcb.inRecovery = false;
  tcb.dupAcks = 0;
  tcb.recover = snd.nxt;
  snd.resend = snd.una;
  snd.resendEnd = snd.nxt;
  tcb.rtt.backOff();
  output(tcb, now);
  startRetransmit(tcb, now);
}

/** Ends the connection if the peer has not answered for too long: R2 (RFC 9293 §3.8.3). */
function hasGivenUp(tcb: Tcb, now: number): boolean {
  const { config } = tcb.context;
  if (tcb.troubleSince < 0) tcb.troubleSince = now;
  const limit = tcb.state <= State.SYN_RECEIVED ? config.synTimeout : config.userTimeout;
  if (now - tcb.troubleSince < limit) return false;
  closeConnection(tcb, CloseReason.TIMED_OUT);
  return true;
}

/** The persist timer has expired: ask the peer for its window. */
function probe(tcb: Tcb, now: number): void {
  if (tcb.sendBuffer.length === 0) { // probes have carried everything
    stopPersist(tcb);
    return;
  }
  tcb.persistAt = Infinity;
  if (hasGivenUp(tcb, now)) return;
  tcb.persistCount++;
  sendProbe(tcb, now);
  startPersist(tcb, now);
}
