/**
 * Passive opens.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { CongestionName } from "./congestion/registry.ts";
import type { Tcb } from "./tcb.ts";

/** A port in LISTEN, with the connections that nobody has accepted yet. */
export class Listener {
  /** Connections in SYN_RECEIVED. */
  halfOpen = 0;
  /** Established connections, oldest first. */
  readonly queue: Tcb[] = [];
  /** Congestion control of its connections; `null` for that of the stack. */
  congestion: CongestionName | null = null;

  /**
   * @param address The address that it listens on; `null` for all of ours.
   * @param port The port; 0 for every port that no other listener has.
   * @param backlog Most connections that wait, half open or established.
   * @param onAcceptable Called when the queue has got longer.
   */
  constructor(
    readonly address: IpAddress | null,
    readonly port: number,
    readonly backlog: number,
    readonly onAcceptable: () => void,
  ) {}

  /** Whether another connection would be too many. */
  get isFull(): boolean {
    return this.halfOpen + this.queue.length >= this.backlog;
  }

  /** Takes the oldest established connection; `undefined` when there is none. */
  accept(): Tcb | undefined {
    return this.queue.shift();
  }
}
