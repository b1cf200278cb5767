/**
 * Errors that users see: Deno's own classes.
 *
 * @module
 */

import { CloseReason, SoftError, type Tcb } from "../tcp/tcb.ts";
import { formatEnd } from "./addresses.ts";

/** The error for a connection that is gone; `undefined` if it ended in order. */
export function closeError(tcb: Tcb): Error | undefined {
  const peer = formatEnd(tcb.remote, tcb.remotePort);
  switch (tcb.reason) {
    case CloseReason.RESET:
      return new Deno.errors.ConnectionReset(`Connection reset by ${peer}`);
    case CloseReason.REFUSED:
      return new Deno.errors.ConnectionRefused(`Connection refused by ${peer}`);
    case CloseReason.UNREACHABLE:
      return new Deno.errors.NetworkUnreachable(`A router says that the way to ${peer} is closed`);
    case CloseReason.TIMED_OUT: // what routers have said meanwhile says more
      return unreachable(tcb, peer) ?? new Deno.errors.TimedOut(`No answer from ${peer}`);
    case CloseReason.ABORTED:
      return new Deno.errors.ConnectionAborted(`Connection to ${peer} was aborted on this side`);
    default:
      return undefined;
  }
}

/** The last trouble that did not end the connection; `undefined` if there was none. */
export function softErrorOf(tcb: Tcb): Error | undefined {
  const peer = formatEnd(tcb.remote, tcb.remotePort);
  switch (tcb.softError) {
    case SoftError.NO_ANSWER:
      return new Deno.errors.TimedOut(`No answer from ${peer} so far`);
    case SoftError.PROTOCOL_UNREACHABLE:
    case SoftError.PORT_UNREACHABLE:
      return new Deno.errors.ConnectionRefused(`Somebody says that ${peer} takes nothing`);
    case SoftError.PROHIBITED:
      return new Deno.errors.NetworkUnreachable(`A router says that the way to ${peer} is closed`);
    case SoftError.TIME_EXCEEDED:
      return new Deno.errors.NetworkUnreachable(
        `${peer} is too far away, or not all of it arrives`,
      );
    case SoftError.PARAMETER_PROBLEM:
      return new Deno.errors.InvalidData(`Somebody on the way to ${peer} takes a header for wrong`);
    default:
      return unreachable(tcb, peer);
  }
}

/** The error for a peer of which routers say that there is no way to it. */
function unreachable(tcb: Tcb, peer: string): Error | undefined {
  switch (tcb.softError) {
    case SoftError.NETWORK_UNREACHABLE:
      return new Deno.errors.NetworkUnreachable(`The network of ${peer} can't be reached`);
    case SoftError.HOST_UNREACHABLE:
      return new Deno.errors.NetworkUnreachable(`The host ${peer} can't be reached`);
    default:
      return undefined;
  }
}

/** The error for the use of a socket that this side has closed. */
export function closedHere(what: string): Error {
  return new Deno.errors.BadResource(`The ${what} is closed`);
}

/**
 * Checks a port that a user gave.
 *
 * @throws {RangeError} If it is not an integer from `lowest` to 65535.
 */
export function checkPort(port: number, lowest: 0 | 1): number {
  if (!Number.isInteger(port) || port < lowest || port > 65535) {
    throw new RangeError(`Port must be an integer from ${lowest} to 65535: got ${port}`);
  }
  return port;
}
