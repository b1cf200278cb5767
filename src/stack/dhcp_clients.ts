/**
 * The DHCP clients of a stack: one for each interface that asks for its address.
 *
 * @module
 */

import type { Ethernet } from "../net/ethernet.ts";
import type { Interface } from "../net/interface.ts";
import type { Datagram, UdpReceiver } from "../net/udp.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import {
  DHCP_CLIENT_PORT,
  DhcpInterface,
  type DhcpParts,
  type DhcpSettings,
} from "./dhcp_interface.ts";

/** Has the port, and hands each datagram to the client of the interface that it came by. */
export class DhcpClients implements UdpReceiver {
  readonly address = null;
  readonly port = DHCP_CLIENT_PORT;
  #parts: DhcpParts;
  #all: DhcpInterface[] = [];
  #from: Interface | null = null;
  #now = 0;

  constructor(parts: DhcpParts) {
    this.#parts = parts;
  }

  /** Has an interface ask for its address. */
  add(of: Interface, layer: Ethernet, settings: DhcpSettings): void {
    if (this.#all.length === 0) this.#parts.udp.bind(this);
    this.#all.push(new DhcpInterface(of, layer, settings, this.#parts));
  }

  /** The client of an interface. */
  of(one: Interface): DhcpInterface | undefined {
    for (let i = 0; i < this.#all.length; i++) {
      if (this.#all[i]!.interface === one) return this.#all[i];
    }
    return undefined;
  }

  /** To be called before UDP gets what has come by `from`. */
  arriving(from: Interface, now: number): void {
    this.#from = from;
    this.#now = now;
  }

  datagram(datagram: Datagram): Drop {
    const client = this.of(this.#from!);
    if (client === undefined) return Drop.UDP_NO_PORT;
    client.receive(datagram, this.#now);
    return Drop.NONE;
  }

  /** The DNS servers that the leases name, and domains to look names up in. */
  get names(): { servers: IpAddress[]; search: string[] } {
    const leases = this.#all.flatMap(({ lease }) => lease ?? []);
    return {
      servers: leases.flatMap(({ dnsServers }) => dnsServers),
      search: leases.flatMap(({ domainSearch, domainName }) =>
        domainSearch.length > 0 || domainName === undefined ? domainSearch : [domainName]
      ),
    };
  }

  /** Gives all addresses back: the stack is about to be closed. */
  release(): void {
    for (const client of this.#all) client.release();
  }

  /** Whether something waits for its neighbor's hardware address on an interface with a client. */
  get hasToSend(): boolean {
    return this.#all.some(({ hasToSend }) => hasToSend);
  }

  /** ARP has found that nobody else has an address. */
  claimed(of: Interface, address: IpAddress, now: number): void {
    this.of(of)?.claimed(address, now);
  }

  /** ARP has found that somebody else has an address; returns whether it is one of DHCP. */
  conflict(of: Interface, address: IpAddress, now: number): boolean {
    return this.of(of)?.conflict(address, now) ?? false;
  }

  /** Does what is due at `now`. */
  poll(now: number): void {
    for (let i = 0; i < this.#all.length; i++) this.#all[i]!.poll(now);
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    let next = Infinity;
    for (let i = 0; i < this.#all.length; i++) next = Math.min(next, this.#all[i]!.nextDeadline());
    return next;
  }
}
