/**
 * Nothing between IP and the link: bare packets, as on TUN and utun.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { Drop } from "../wire/drop.ts";
import type { Packet } from "../wire/packet.ts";
import type { Link, LinkLayer } from "./link_layer.ts";

/** A link with one neighbor, which gets everything. */
export class PointToPoint implements LinkLayer {
  readonly mac = null;
  #link: Link;
  #counters: Counters;

  constructor(link: Link, counters: Counters) {
    this.#link = link;
    this.#counters = counters;
  }

  receive(packet: Packet): Drop {
    packet.isGroup = false;
    return Drop.NONE;
  }

  send(packet: Packet): boolean {
    if (this.#link.transmit(packet)) return true;
    this.#counters.drop(Drop.SEND_DEVICE);
    return false;
  }

  suspect(): void {}

  confirm(): void {}

  poll(): void {}

  nextDeadline(): number {
    return Infinity;
  }
}
