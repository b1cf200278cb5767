/**
 * What routers and hosts say of our packets, on its way to the transport that it is about
 * (RFC 1122 §3.2.2, RFC 4443 §2.4).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { type ErrorKind, type ErrorReceiver, TransportError } from "../base/network.ts";
import { Drop } from "../wire/drop.ts";
import type { Packet } from "../wire/packet.ts";

/** How much of a transport's header there has to be for it to know its own (RFC 792), in bytes. */
export const MIN_QUOTE = 8;

/** Gives errors to transports. */
export class TransportErrors {
  /** Who is told, by the protocol number in the quoted header. */
  readonly receivers: Map<number, ErrorReceiver> = new Map();
  /** To be filled, but for the ports, before {@linkcode deliver}. */
  readonly error: TransportError = new TransportError();
  #counters: Counters;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Tells the transport of `protocol` what {@linkcode error} holds. */
  deliver(protocol: number, now: number): Drop {
    const receiver = this.receivers.get(protocol);
    if (receiver === undefined) return Drop.ICMP_UNMATCHED;
    const { error } = this;
    error.localPort = error.view.getUint16(error.at);
    error.remotePort = error.view.getUint16(error.at + 2);
    const drop = receiver.error(error, now);
    if (drop === Drop.NONE) this.#counters.icmpErrorsReceived++;
    return drop;
  }

  /** Tells a transport of a packet of ours that did not even leave: its neighbor is silent. */
  deliverOwn(kind: ErrorKind, packet: Packet, now: number): void {
    const { error } = this;
    if (packet.end - packet.transportAt < MIN_QUOTE) return;
    error.kind = kind;
    error.mtu = 0;
    error.length = packet.end - packet.at;
    error.local.load(packet.source);
    error.remote.load(packet.destination);
    error.from.load(packet.source);
    error.view = packet.view;
    error.at = packet.transportAt;
    this.deliver(packet.protocol, now);
  }
}
