/**
 * What happens when a connection's timers expire (RFC 9293 §3.10.8, RFC 6298 §5, RFC 8985 §7.3).
 *
 * @module
 */

import { seqAdd } from "../wire/seq.ts";
import { reorderingSettled } from "./ack.ts";
import { abortConnection, closeConnection } from "./close.ts";
import { checkAlive } from "./keep_alive.ts";
import { output, sendAck, sendProbe, sendSyn, sendTailProbe } from "./output.ts";
import { beginRecovery, Frto, markAllLost, Phase } from "./recovery.ts";
import { raiseSize, suspectBlackHole } from "./segment_size.ts";
import { State } from "./state.ts";
import { CloseReason, SoftError, softError, type Tcb } from "./tcb.ts";
import {
  giveUpAt,
  restartRetransmit,
  schedule,
  setReorderTimer,
  startPersist,
  startRetransmit,
  stopPersist,
} from "./timers.ts";

/** Does what is due at `now` for this connection. */
export function expire(tcb: Tcb, now: number): void {
  if (tcb.lingerAt <= now) {
    if (tcb.state === State.FIN_WAIT_2) closeConnection(tcb, CloseReason.NORMAL);
    else abortConnection(tcb, CloseReason.ABORTED, now);
    return;
  }
  if (giveUpAt(tcb) <= now) {
    closeConnection(tcb, CloseReason.TIMED_OUT);
    return;
  }
  if (tcb.delayedAckAt <= now) sendAck(tcb, now);
  if (tcb.probeAt <= now) probeTail(tcb, now);
  else if (tcb.retransmitAt <= now) retransmit(tcb, now);
  else if (tcb.reorderAt <= now) settleReordering(tcb, now);
  if (tcb.persistAt <= now) probeWindow(tcb, now);
  if (tcb.corkAt <= now) pushCorked(tcb, now);
  if (tcb.keepAliveAt <= now) checkAlive(tcb, now);
  if (tcb.pmtuRaiseAt <= now) raiseSize(tcb, now);
  if (tcb.paceAt <= now) {
    tcb.paceAt = Infinity;
    output(tcb, now);
  }
  if (tcb.state !== State.CLOSED) schedule(tcb);
}

/** The retransmission timer has expired (RFC 6298 §5.4 to 5.6). */
function retransmit(tcb: Tcb, now: number): void {
  const { counters } = tcb.context;
  const { recovery: r, snd } = tcb;
  tcb.retransmitAt = tcb.probeAt = Infinity;
  if (hasGivenUp(tcb, now)) return;
  counters.tcpTimeouts++;
  tcb.timeouts++;
  if (tcb.timeouts === R1) reportTrouble(tcb);
  tcb.rtt.backOff();
  if (tcb.state <= State.SYN_RECEIVED) {
    const asked = tcb.state === State.SYN_SENT && tcb.fastOpen !== null;
    if (asked && tcb.timeouts === 1) tcb.context.fastOpens.onSilence(tcb.remote, now);
    counters.tcpRetransmitted++;
    tcb.synSentAt = -1; // Karn: what is sent again isn't timed
    sendSyn(tcb, now);
    return;
  }
  // RFC 5682 §2.1: not if an earlier timeout is still being recovered from.
  const first = r.phase !== Phase.LOSS;
  const flight = tcb.board.pipe;
  suspectBlackHole(tcb, now);
  markAllLost(tcb, now);
  if (first) {
    beginRecovery(tcb, Phase.LOSS);
    r.frto = Frto.TIMED_OUT;
  } else {
    r.frto = Frto.OFF;
    r.point = snd.nxt;
  }
  r.dupAcks = 0;
  r.noDupsBefore = seqAdd(snd.nxt, 1); // RFC 6582 §4.1
  setReorderTimer(tcb, Infinity);
  tcb.congestion.onTimeout(flight, now, first);
  if (tcb.ecn !== null) tcb.ecn.onReduced(snd.nxt);
  tcb.paceAt = Infinity;
  tcb.paceNext = 0;
  output(tcb, now);
  startRetransmit(tcb, now);
}

/** Ends the connection if the peer has not answered for too long: R2 (RFC 9293 §3.8.3). */
function hasGivenUp(tcb: Tcb, now: number): boolean {
  if (tcb.troubleSince < 0) tcb.troubleSince = now - tcb.rtt.rto; // when it was sent
  if (now < giveUpAt(tcb)) return false;
  closeConnection(tcb, CloseReason.TIMED_OUT);
  return true;
}

/** Retransmissions until trouble is reported (SHLD-10). */
const R1 = 3;

/** R1 is reached: IP may look for another way (MUST-20), and the user is told (SHLD-9). */
function reportTrouble(tcb: Tcb): void {
  tcb.context.network.suspect(tcb.remote);
  softError(tcb, SoftError.NO_ANSWER);
}

/** Sends what a cork has held back for long enough. */
function pushCorked(tcb: Tcb, now: number): void {
  const { noDelay } = tcb;
  tcb.corkAt = Infinity;
  tcb.corked = false;
  tcb.noDelay = true;
  output(tcb, now);
  tcb.corked = true;
  tcb.noDelay = noDelay;
}

/** RACK has waited long enough for what is reordered. */
function settleReordering(tcb: Tcb, now: number): void {
  tcb.reorderAt = Infinity;
  reorderingSettled(tcb, now);
  output(tcb, now);
}

/** The end of the flight has gone unanswered for two round trips (RFC 8985 §7.3). */
function probeTail(tcb: Tcb, now: number): void {
  tcb.probeAt = Infinity;
  if (tcb.board.count === 0) return;
  tcb.context.counters.tcpTailLossProbes++;
  sendTailProbe(tcb, now);
  restartRetransmit(tcb, now);
}

/** The persist timer has expired: ask the peer for its window. */
function probeWindow(tcb: Tcb, now: number): void {
  // Probes have carried everything, or the FIN is out and its retransmission asks, too.
  if (tcb.sendBuffer.length === 0 || tcb.finSent) {
    stopPersist(tcb);
    return;
  }
  tcb.persistAt = Infinity;
  if (hasGivenUp(tcb, now)) return;
  tcb.persistCount++;
  sendProbe(tcb, now);
  startPersist(tcb, now);
}
