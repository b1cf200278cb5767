/**
 * Passive opens.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { type ConnectionOptions, NO_OPTIONS } from "./connection_options.ts";
import type { Tcb } from "./tcb.ts";

/** A port in LISTEN, with the connections that nobody has accepted yet. */
export class Listener {
  /** Connections in SYN_RECEIVED: as many as the backlog at most. */
  halfOpen = 0;
  /** The accept queue: established connections, oldest first, as many as the backlog at most. */
  readonly queue: Tcb[] = [];
  /** Of these, connections that Fast Open has given to the user already (RFC 7413 §5.1). */
  earlyOpen = 0;
  /** When those of them that were reset cease to count, in milliseconds. */
  heldUntil: number[] = [];
  /** Until when cookies may come back that it has sent, in milliseconds. */
  cookiesUntil = -Infinity;
  /** What its connections begin with. */
  options: ConnectionOptions = NO_OPTIONS;

  /**
   * @param address The address that it listens on; `null` for all of ours.
   * @param port The port; 0 for every port that no other listener has.
   * @param backlog Most connections that wait to be accepted, and most that are half open.
   * @param onAcceptable Called when the queue has got longer.
   */
  constructor(
    readonly address: IpAddress | null,
    readonly port: number,
    readonly backlog: number,
    readonly onAcceptable: () => void,
  ) {}

  /** Whether the accept queue is full: neither SYNs nor the ACKs of our SYNs are taken then. */
  get isFull(): boolean {
    return this.queue.length >= this.backlog;
  }

  /** Whether another half-open connection would be too many. */
  get isHalfOpenFull(): boolean {
    return this.halfOpen >= this.backlog;
  }

  /** Takes the oldest established connection; `undefined` when there is none. */
  accept(): Tcb | undefined {
    return this.queue.shift();
  }
}
