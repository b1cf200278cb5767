/**
 * The messages of Neighbor Discovery that hosts send (RFC 4861 §4), on one link.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { IpAddress } from "../wire/address.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { Icmpv6Header } from "../wire/icmpv6.ts";
import { IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import {
  ADVERTISEMENT_FLAG,
  ND_HOP_LIMIT,
  NEIGHBOR_MESSAGE_LENGTH,
  ROUTER_SOLICITATION_LENGTH,
  writeNeighborAdvertisement,
  writeNeighborSolicitation,
  writeRouterSolicitation,
} from "../wire/nd.ts";
import { LINK_ADDRESS_OPTION_LENGTH, ND_OPTION, writeLinkAddress } from "../wire/nd_options.ts";
import { LINK_HEADROOM, Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import {
  AddressState,
  ALL_NODES,
  ALL_ROUTERS,
  type Interface,
  type InterfaceAddress,
  SOLICITED_NODE,
} from "./interface.ts";

type LinkAddressType =
  | typeof ND_OPTION.SOURCE_LINK_ADDRESS
  | typeof ND_OPTION.TARGET_LINK_ADDRESS;

const UNSPECIFIED = IpAddress.parse("::");

const HEADER_AT = LINK_HEADROOM;
const MESSAGE_AT = HEADER_AT + IPV6_HEADER;
/** Where the destination is in an IPv6 header, and its last four bytes, which name a group. */
const DESTINATION_AT = HEADER_AT + 24;
const TAIL_AT = DESTINATION_AT + 12;

/** Builds and sends messages. They go to neighbors, whatever the routes say. */
export class NdSender {
  #of: Interface;
  #counters: Counters;
  /** Memory of its own, so that messages can be sent while a packet is being built. */
  #packet = new Packet(
    new Uint8Array(MESSAGE_AT + NEIGHBOR_MESSAGE_LENGTH + LINK_ADDRESS_OPTION_LENGTH),
  );
  #header = new Ipv6Header();
  #icmp = new Icmpv6Header();
  #group = IpAddress.scratch();

  constructor(of: Interface, counters: Counters) {
    this.#of = of;
    this.#counters = counters;
  }

  /**
   * Asks for the hardware address of `target` (RFC 4861 §7.2.2): the neighbor itself if `unicast`,
   * else the solicited-node group.
   *
   * @param source The address to ask from. One that others may turn out to have is kept out of
   * their caches (RFC 4429 §3.3).
   */
  solicit(source: InterfaceAddress, target: IpAddress, unicast: boolean): void {
    writeNeighborSolicitation(this.#packet.view, MESSAGE_AT, target);
    let end = MESSAGE_AT + NEIGHBOR_MESSAGE_LENGTH;
    if (source.state !== AddressState.OPTIMISTIC) {
      end += this.#writeMac(end, ND_OPTION.SOURCE_LINK_ADDRESS);
    }
    const to = unicast ? target : this.#groupOf(target);
    if (this.#send(source.address, to, end)) this.#counters.ndSolicitationsSent++;
  }

  /** Asks whether anybody has `address` (RFC 4862 §5.4.2). */
  probe(address: IpAddress): void {
    writeNeighborSolicitation(this.#packet.view, MESSAGE_AT, address);
    const end = MESSAGE_AT + NEIGHBOR_MESSAGE_LENGTH;
    if (this.#send(UNSPECIFIED, this.#groupOf(address), end)) this.#counters.ndSolicitationsSent++;
  }

  /**
   * Tells our hardware address (RFC 4861 §7.2.4).
   *
   * @param asker Who is told; `::` for all nodes.
   */
  advertise({ address, state }: InterfaceAddress, asker: IpAddress): void {
    const isToAll = asker.isUnspecified;
    const flags = (isToAll ? 0 : ADVERTISEMENT_FLAG.SOLICITED) |
      (this.#of.isRouter ? ADVERTISEMENT_FLAG.ROUTER : 0) |
      (state === AddressState.OPTIMISTIC ? 0 : ADVERTISEMENT_FLAG.OVERRIDE); // RFC 4429 §3.3
    writeNeighborAdvertisement(this.#packet.view, MESSAGE_AT, address, flags);
    let end = MESSAGE_AT + NEIGHBOR_MESSAGE_LENGTH;
    end += this.#writeMac(end, ND_OPTION.TARGET_LINK_ADDRESS);
    if (this.#send(address, isToAll ? ALL_NODES : asker, end)) {
      this.#counters.ndAdvertisementsSent++;
    }
  }

  /** Asks all routers to advertise themselves (RFC 4861 §6.3.7); from `::` without a source. */
  solicitRouters(source: InterfaceAddress | undefined): void {
    writeRouterSolicitation(this.#packet.view, MESSAGE_AT);
    let end = MESSAGE_AT + ROUTER_SOLICITATION_LENGTH;
    if (source !== undefined && source.state !== AddressState.OPTIMISTIC) {
      end += this.#writeMac(end, ND_OPTION.SOURCE_LINK_ADDRESS);
    }
    if (this.#send(source?.address ?? UNSPECIFIED, ALL_ROUTERS, end)) {
      this.#counters.ndRouterSolicitationsSent++;
    }
  }

  /** The group that the host with this address listens to; lent. */
  #groupOf(target: IpAddress): IpAddress {
    const { view } = this.#packet;
    SOLICITED_NODE.store(view, DESTINATION_AT);
    target.storeLast4(view, TAIL_AT);
    view.setUint8(TAIL_AT, 0xff);
    return this.#group.load16(view, DESTINATION_AT);
  }

  /** Writes our hardware address, if the link has such; returns the length of the option. */
  #writeMac(at: number, type: LinkAddressType): number {
    const { mac } = this.#of.layer;
    return mac === null ? 0 : writeLinkAddress(this.#packet.view, at, type, mac);
  }

  #send(source: IpAddress, destination: IpAddress, end: number): boolean {
    const packet = this.#packet.place(HEADER_AT, end);
    const { view } = packet;
    const length = end - MESSAGE_AT;
    const header = this.#header.bind(view, HEADER_AT);
    header.writeFirstWord(0, 0);
    header.payloadLength = length;
    header.nextHeader = PROTOCOL.ICMPV6;
    header.hopLimit = ND_HOP_LIMIT;
    source.store(view, HEADER_AT + 8);
    destination.store(view, DESTINATION_AT);
    const pseudo = pseudoHeaderSum(source, destination, PROTOCOL.ICMPV6, length);
    this.#icmp.bind(view, MESSAGE_AT).writeChecksum(end, pseudo);
    if (!this.#of.layer.send(packet, destination)) return false;
    this.#counters.ipSent++;
    return true;
  }
}
