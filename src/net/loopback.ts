/**
 * The way from the stack to itself (RFC 1122 §3.2.1.3): a queue in memory.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { Drop } from "../wire/drop.ts";
import type { LinkOffload, Packet } from "../wire/packet.ts";
import type { Interface } from "./interface.ts";
import type { Link, LinkLayer } from "./link_layer.ts";

/** Largest packet to oneself, in bytes. */
const MTU = 65535;
/** Most bytes that wait; what comes on top is dropped, as on any other link. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Most packets that one poll takes from the queue: those that they cause may keep it filled. */
const BATCH = 64;

/** Link and layer at once. */
export class Loopback implements Link, LinkLayer {
  readonly mtu = MTU;
  readonly offload: LinkOffload = { udp: true };
  readonly mac = null;
  #counters: Counters;
  #waiting: { readonly packet: Packet; readonly by: Interface | undefined }[] = [];
  #bytes = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  receive(packet: Packet): Drop {
    packet.isGroup = false;
    return Drop.NONE;
  }

  send(packet: Packet): boolean {
    return this.transmit(packet);
  }

  /** @param by The interface that a packet to a group has left by, besides. */
  transmit(packet: Packet, by?: Interface): boolean {
    const length = packet.end - packet.at;
    if (this.#bytes + length > MOST_BYTES) {
      this.#counters.drop(Drop.SEND_LOOPBACK_FULL);
      return false;
    }
    const copy = packet.copy();
    copy.isVerified = true;
    this.#waiting.push({ packet: copy, by });
    this.#bytes += length;
    return true;
  }

  /**
   * Hands over what waits, a batch at most, and what {@linkcode transmit} was told of it; returns
   * whether there was anything.
   */
  drain(handler: (packet: Packet, by: Interface | undefined) => void): boolean {
    if (this.#waiting.length === 0) return false; // as it mostly is
    const batch = this.#waiting.splice(0, BATCH);
    for (const { packet, by } of batch) {
      this.#bytes -= packet.end - packet.at;
      handler(packet, by);
    }
    return true;
  }

  suspect(): void {}

  confirm(): void {}

  poll(): void {}

  /** At once, while something waits. */
  nextDeadline(): number {
    return this.#waiting.length > 0 ? -Infinity : Infinity;
  }
}
