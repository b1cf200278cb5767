/**
 * What can be chosen for one connection before it is opened.
 *
 * @module
 */

import type { CongestionName } from "./congestion/registry.ts";
import type { EcnMode } from "./ecn.ts";

/** Settings of one connection; what is left out is as the stack's settings say. */
export interface ConnectionOptions {
  /** Congestion control. */
  readonly congestion?: CongestionName | undefined;
  /** Explicit congestion notification. */
  readonly ecn?: EcnMode | undefined;
  /** The byte with the Diffserv field in its upper six bits; the lower two are ECN's. */
  readonly tos?: number | undefined;
  /**
   * What to send first, with the SYN if the peer allows it: Fast Open (RFC 7413). It may reach the
   * peer's application twice. For active opens, where `fastOpenClient` is set.
   */
  readonly fastOpen?: Uint8Array | undefined;
  /** Largest segment, options counted with its text, to name to the peer and to send, in bytes. */
  readonly maxSegment?: number | undefined;
  /** Time to live, 1 to 255. */
  readonly ttl?: number | undefined;
  /** Size of the send buffer, in bytes; it does not grow then. */
  readonly sendBuffer?: number | undefined;
  /** Size of the receive buffer, in bytes; it does not grow then. */
  readonly receiveBuffer?: number | undefined;
  /**
   * Of an active open from a given port: whether it may follow a connection in TIME_WAIT between
   * the same ends at once (SO_REUSEADDR), whatever timestamps say (RFC 6191).
   */
  readonly reuseAddress?: boolean | undefined;
}

/** As the stack's settings say. */
export const NO_OPTIONS: ConnectionOptions = {};
