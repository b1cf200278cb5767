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
  readonly opening: Set<Tcb> = new Set();
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
  /** Our address of the last connection, which others share. */
  #local: IpAddress | null = null;

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

  /** How many connections are half open. */
  get halfOpen(): number {
    return this.opening.size;
  }

  /** Whether another half-open connection would be too many. */
  get isHalfOpenFull(): boolean {
    return this.halfOpen >= this.backlog;
  }

  /** A copy of `address`, one of ours, that may be kept: mostly the same for all connections. */
  keep(address: IpAddress): IpAddress {
    if (this.#local === null || !this.#local.equals(address)) this.#local = address.clone();
    return this.#local;
  }

  /** Takes the oldest established connection; `undefined` when there is none. */
  accept(): Tcb | undefined {
    return this.queue.shift();
  }
}
