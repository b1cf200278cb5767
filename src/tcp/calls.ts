/**
 * What RFC 9293 §3.10 answers to a call that a connection does not serve, by its state.
 *
 * @module
 */

import { peerHasClosed, State } from "./state.ts";
import type { Tcb } from "./tcb.ts";

/** The errors of §3.10. */
export const CallError = {
  NONE: 0,
  /** "connection does not exist" */
  NO_CONNECTION: 1,
  /** "connection closing" */
  CLOSING: 2,
  /** "insufficient resources": the send buffer is full, and the user told when it isn't. */
  NO_RESOURCES: 3,
} as const;

/** One of the values of {@linkcode CallError}. */
export type CallError = typeof CallError[keyof typeof CallError];

/** The state of a connection, which in TIME_WAIT ends without its control block. */
export function stateOf(tcb: Tcb): State {
  return tcb.timeWait === null ? tcb.state : tcb.timeWait.state;
}

/** Why SEND takes nothing (§3.10.2). */
export function sendError(tcb: Tcb): CallError {
  const state = stateOf(tcb);
  if (state === State.CLOSED) return CallError.NO_CONNECTION;
  if (tcb.finQueued || state === State.TIME_WAIT) return CallError.CLOSING;
  return tcb.sendBuffer.free > 0 ? CallError.NONE : CallError.NO_RESOURCES;
}

/** Why RECEIVE brings nothing, and never will (§3.10.3); `NONE`: something may come. */
export function receiveError(tcb: Tcb): CallError {
  if (tcb.receiveBuffer.length > 0) return CallError.NONE;
  const state = stateOf(tcb);
  if (state === State.CLOSED) return CallError.NO_CONNECTION;
  return peerHasClosed(state) ? CallError.CLOSING : CallError.NONE;
}

/** Why CLOSE does nothing (§3.10.4). A second one in FIN_WAIT_1 and FIN_WAIT_2 is "ok". */
export function closeError(tcb: Tcb): CallError {
  switch (stateOf(tcb)) {
    case State.CLOSED:
      return CallError.NO_CONNECTION;
    case State.CLOSING:
    case State.LAST_ACK:
    case State.TIME_WAIT:
      return CallError.CLOSING;
    default:
      return CallError.NONE;
  }
}

/** Why ABORT and STATUS do nothing (§3.10.5, §3.10.6). */
export function existenceError(tcb: Tcb): CallError {
  return stateOf(tcb) === State.CLOSED ? CallError.NO_CONNECTION : CallError.NONE;
}
