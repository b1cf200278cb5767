/**
 * ICMP errors about segments of ours (RFC 9293 §3.9.2.2, RFC 5461, RFC 5927).
 *
 * @module
 */

import { ErrorKind, type TransportError } from "../base/network.ts";
import { Drop } from "../wire/drop.ts";
import { seqGe, seqLe } from "../wire/seq.ts";
import { closeConnection } from "./close.ts";
import { State } from "./state.ts";
import { CloseReason, SoftError, softError, type Tcb } from "./tcb.ts";

/** What each kind means to a connection, at the index of its number. */
const SOFT_ERRORS: readonly SoftError[] = [
  SoftError.NETWORK_UNREACHABLE,
  SoftError.HOST_UNREACHABLE,
  SoftError.PROTOCOL_UNREACHABLE,
  SoftError.PORT_UNREACHABLE,
  SoftError.NONE, // too big
  SoftError.NETWORK_UNREACHABLE, // a source route failed
  SoftError.PROHIBITED,
  SoftError.TIME_EXCEEDED,
  SoftError.PARAMETER_PROBLEM,
];

/** The sequence number of the segment that an error quotes. */
export function quotedSeq(error: TransportError): number {
  return error.view.getUint32(error.at + 4);
}

/**
 * Whether an error can be about something in flight: who can't see the segments has to guess the
 * sequence number (RFC 5927 §4.1).
 */
export function quotesFlight(tcb: Tcb, error: TransportError): boolean {
  const seq = quotedSeq(error);
  return seqGe(seq, tcb.snd.una) && !seqLe(tcb.snd.nxt, seq);
}

/**
 * Takes an error other than "too big" that quotes something in flight. It ends a connection that is
 * being opened if it is a hard one (SHLD-26); an established one goes on, as RFC 5461 §4.1 advises:
 * hard errors can be forged too, and R2 ends what is really dead.
 */
export function takeError(tcb: Tcb, error: TransportError): Drop {
  if (tcb.state <= State.SYN_RECEIVED) {
    switch (error.kind) {
      case ErrorKind.PROTOCOL_UNREACHABLE:
      case ErrorKind.PORT_UNREACHABLE:
        closeConnection(tcb, CloseReason.REFUSED);
        return Drop.NONE;
      case ErrorKind.PROHIBITED:
        closeConnection(tcb, CloseReason.UNREACHABLE);
        return Drop.NONE;
    }
  }
  softError(tcb, SOFT_ERRORS[error.kind]!); // SHLD-25, MUST-56
  return Drop.NONE;
}
