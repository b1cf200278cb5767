/**
 * Packets of a protocol for whoever wants them as they are.
 *
 * @module
 */

import type { Packet } from "../wire/packet.ts";

/** Whoever takes packets of one protocol. */
export interface RawReceiver {
  /** Gets each packet as IP has laid it open, lent for the length of the call. */
  packet(packet: Packet): void;
}

/** Who wants which protocol's packets. */
export class RawReceivers {
  #byProtocol = new Map<number, RawReceiver[]>();

  /** Has `receiver` get the packets of a protocol, besides whoever else does. */
  add(protocol: number, receiver: RawReceiver): void {
    this.#byProtocol.set(protocol, [...this.#byProtocol.get(protocol) ?? [], receiver]);
  }

  /** Undoes {@linkcode add}. */
  remove(protocol: number, receiver: RawReceiver): void {
    const rest = this.#byProtocol.get(protocol)?.filter((other) => other !== receiver) ?? [];
    if (rest.length > 0) this.#byProtocol.set(protocol, rest);
    else this.#byProtocol.delete(protocol);
  }

  /** Hands a packet to all who want it; returns whether anybody does. */
  deliver(packet: Packet): boolean {
    if (this.#byProtocol.size === 0) return false;
    const receivers = this.#byProtocol.get(packet.protocol);
    if (receivers === undefined) return false;
    for (let i = 0; i < receivers.length; i++) receivers[i]!.packet(packet);
    return true;
  }
}
