/**
 * A router with links that keep what is sent, in virtual time.
 *
 * @module
 */

import { Stack, type StackOptions } from "../../src/stack/stack.ts";
import type { Interface } from "../../src/net/interface.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { type Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { Ipv6Header } from "../../src/wire/ipv6.ts";
import { LINK_HEADROOM, type LinkOffload, Packet } from "../../src/wire/packet.ts";
import { bytesOf, isListenerReport } from "../packets.ts";
import { Random } from "../random.ts";
import type { Left } from "../super_segments.ts";

/** An interface of the router: `10.1.0.1/24`, and so on. */
export interface Port {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly mtu?: number;
  /** The last byte of its hardware address, if it is an Ethernet. */
  readonly mac?: number;
  readonly offload?: LinkOffload;
}

/** What went out: `left`, and the packet or frame. */
export type Out = readonly [name: string, bytes: Uint8Array<ArrayBuffer>];

/** A router under test. */
export class Router {
  now = 1_000_000;
  readonly stack: Stack;
  #sent: Out[] = [];
  /** What was left to the links of all that has gone out. */
  readonly left: Left[] = [];

  constructor(ports: readonly Port[], options: Partial<StackOptions> = {}) {
    const interfaces = ports.map(({ name, addresses, mtu = 1500, mac, offload }) => ({
      name,
      link: {
        mtu,
        offload,
        transmit: (packet: Packet) => {
          packet.gather();
          const bytes = bytesOf(packet);
          if (isListenerReport(bytes, mac === undefined ? 0 : 14)) return true;
          this.#sent.push([name, bytes]);
          this.left.push({ isPartial: packet.isPartial, segmentSize: packet.segmentSize });
          return true;
        },
      },
      mac: mac === undefined ? undefined : Uint8Array.of(2, 0, 0, 0, 0, mac),
      addresses: addresses.map((text) => {
        const [address, length] = text.split("/") as [string, string];
        return { address: IpAddress.parse(address), prefixLength: Number(length) };
      }),
    }));
    this.stack = new Stack({ interfaces, forward: true, ...options }, new Random(1));
  }

  /** An interface by its name. */
  port(name: string): Interface {
    return this.stack.ip.interfaceNamed(name)!;
  }

  /** Adds a route: `10.3.0.0/16`, by an interface, through a router or to neighbors. */
  route(network: string, name: string, gateway?: string): this {
    const [address, length] = network.split("/") as [string, string];
    this.stack.ip.addRoute({
      prefix: IpAddress.parse(address),
      length: Number(length),
      gateway: gateway === undefined ? null : IpAddress.parse(gateway),
      interface: this.port(name),
      metric: 0,
    });
    return this;
  }

  /** Hands over a packet, as a device does, and returns what goes out because of it. */
  receive(name: string, bytes: Uint8Array, left: Left = {}): Out[] {
    const memory = new Uint8Array(LINK_HEADROOM + bytes.length + 9).fill(0xee);
    memory.set(bytes, LINK_HEADROOM);
    const packet = new Packet(memory).place(LINK_HEADROOM, LINK_HEADROOM + bytes.length);
    this.stack.receive(Object.assign(packet, left), this.now, this.port(name));
    return this.poll();
  }

  /** Lets time pass, and returns what goes out. */
  poll(ms = 0): Out[] {
    for (const end = this.now + ms;;) {
      this.stack.poll(this.now);
      const next = this.stack.nextDeadline();
      if (next > end) {
        this.now = end;
        return this.#sent.splice(0);
      }
      this.now = Math.max(this.now, next);
    }
  }

  /** What has been dropped so far, by reason, as `IP_NO_ROUTE 1`. */
  drops(): string[] {
    return DROP_NAMES.flatMap((name, reason) => {
      const count = this.stack.counters.drops[reason]!;
      return count === 0 ? [] : [`${name} ${count}`];
    });
  }

  /** How often a packet was dropped for this reason. */
  count(reason: Drop): number {
    return this.stack.counters.drops[reason]!;
  }
}

/** An IPv6 packet. */
export function ipv6(fields: {
  source: string;
  destination: string;
  nextHeader: number;
  payload: Uint8Array;
  hopLimit?: number;
}): Uint8Array<ArrayBuffer> {
  const { source, destination, nextHeader, payload, hopLimit = 64 } = fields;
  const bytes = new Uint8Array(40 + payload.length);
  const header = new Ipv6Header().bind(new DataView(bytes.buffer), 0);
  header.writeFirstWord(0xb8, 0x12345);
  header.payloadLength = payload.length;
  header.nextHeader = nextHeader;
  header.hopLimit = hopLimit;
  bytes.set(IpAddress.parse(source).toBytes(), 8);
  bytes.set(IpAddress.parse(destination).toBytes(), 24);
  bytes.set(payload, 40);
  return bytes;
}
