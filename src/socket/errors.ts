/**
 * Errors that users see: Deno's own classes.
 *
 * @module
 */

import { CloseReason, SoftError, type Tcb } from "../tcp/tcb.ts";

/** The error for a connection that is gone; `undefined` if it ended in order. */
export function closeError(tcb: Tcb): Error | undefined {
  const peer = `${tcb.remote}:${tcb.remotePort}`;
  switch (tcb.reason) {
    case CloseReason.RESET:
      return new Deno.errors.ConnectionReset(`Connection reset by ${peer}`);
    case CloseReason.REFUSED:
      return new Deno.errors.ConnectionRefused(`Connection refused by ${peer}`);
    case CloseReason.UNREACHABLE:
      return new Deno.errors.NetworkUnreachable(`The way to ${peer} is closed, a router says`);
    case CloseReason.TIMED_OUT:
      if (tcb.softError === SoftError.NETWORK_UNREACHABLE) {
        return new Deno.errors.NetworkUnreachable(`The network of ${peer} can't be reached`);
      }
      if (tcb.softError === SoftError.HOST_UNREACHABLE) {
        return new Deno.errors.NetworkUnreachable(`The host ${peer} can't be reached`);
      }
      return new Deno.errors.TimedOut(`No answer from ${peer}`);
    case CloseReason.ABORTED:
      return new Deno.errors.ConnectionAborted(`Connection to ${peer} was aborted on this side`);
    default:
      return undefined;
  }
}

/** The last trouble that did not end the connection; `undefined` if there was none. */
export function softErrorOf(tcb: Tcb): Error | undefined {
  const peer = `${tcb.remote}:${tcb.remotePort}`;
  switch (tcb.softError) {
    case SoftError.NO_ANSWER:
      return new Deno.errors.TimedOut(`No answer from ${peer} so far`);
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
