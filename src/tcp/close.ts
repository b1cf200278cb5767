/**
 * The end of a connection, in whichever way.
 *
 * @module
 */

import { sendReset } from "./output.ts";
import { endEarly } from "./fast_open.ts";
import { State } from "./state.ts";
import { CloseReason, setState, Signal, signal, type Tcb } from "./tcb.ts";
import { stopTimers } from "./timers.ts";

/** Enters CLOSED: the connection is forgotten, and its user told why. */
export function closeConnection(tcb: Tcb, reason: CloseReason): void {
  const { counters } = tcb.context;
  if (tcb.state === State.SYN_RECEIVED && tcb.listener !== null) {
    tcb.listener.opening.delete(tcb);
    endEarly(tcb, tcb.listener, reason === CloseReason.REFUSED);
  }
  stopTimers(tcb);
  tcb.sendBuffer.clear();
  tcb.assembler.clear();
  if (tcb.sack !== null) tcb.sack.forget();
  tcb.board.clear();
  // What was received and acknowledged can still be read, unless it was our side that gave up.
  if (reason === CloseReason.ABORTED) tcb.receiveBuffer.clear();
  else tcb.receiveBuffer.leave();
  setState(tcb, State.CLOSED);
  counters.tcpConnectionsClosed++;
  tcb.context.forget(tcb);
  tcb.reason = reason;
  signal(tcb, Signal.CLOSED);
}

/**
 * ABORT (§3.9.1.5): ends the connection at once, with a RST where there is a peer to tell: in
 * SYN_RECEIVED to CLOSE_WAIT (§3.10.5), and as long as our FIN has not told it.
 */
export function abortConnection(tcb: Tcb, reason: CloseReason, now: number): void {
  const { state } = tcb;
  const hasPeer = state === State.FIN_WAIT_1 || state === State.FIN_WAIT_2 ||
    (state >= State.SYN_RECEIVED && !tcb.finSent);
  if (hasPeer) sendReset(tcb, now);
  closeConnection(tcb, reason);
}

/**
 * Enters TIME_WAIT, for 2 MSL (RFC 9293 §3.10.7.4, MUST-13). A small record stands for the
 * connection then; what has been received can still be read.
 */
export function enterTimeWait(tcb: Tcb, now: number): void {
  stopTimers(tcb);
  tcb.sendBuffer.clear();
  tcb.receiveBuffer.leave();
  setState(tcb, State.TIME_WAIT);
  tcb.reason = CloseReason.NORMAL;
  tcb.context.beginTimeWait(tcb, now);
  signal(tcb, Signal.CLOSED);
}
