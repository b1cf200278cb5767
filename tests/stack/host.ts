/**
 * One stack with a link that keeps what is sent.
 *
 * @module
 */

import type { IcmpConfig } from "../../src/net/icmp.ts";
import { Stack } from "../../src/stack/stack.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import { Drop } from "../../src/wire/drop.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import type { LinkOffload } from "../../src/wire/packet.ts";
import { bytesOf, oneInterface, packetOf, parseIpv4, type Sent, STACK } from "../packets.ts";
import { Random } from "../random.ts";
import type { Left } from "../super_segments.ts";

/** A stack under test. */
export class TestHost {
  now = 1_000_000;
  readonly stack: Stack;
  /** Packets sent and not looked at yet. */
  sent: Uint8Array<ArrayBuffer>[] = [];
  /** What was left to the link of all that was sent. */
  readonly left: Left[] = [];
  /** Whether the link takes packets. */
  up = true;

  constructor(
    { mtu = 1500, offload, tcp = {}, icmp = {}, addresses = [STACK] }: {
      mtu?: number;
      offload?: LinkOffload;
      icmp?: Partial<IcmpConfig>;
      tcp?: Partial<TcpConfig>;
      addresses?: IpAddress[];
    } = {},
  ) {
    this.stack = new Stack({
      interfaces: oneInterface({
        mtu,
        offload,
        transmit: (packet) => {
          packet.gather();
          if (this.up) this.sent.push(bytesOf(packet));
          if (this.up) {
            this.left.push({ isPartial: packet.isPartial, segmentSize: packet.segmentSize });
          }
          return this.up;
        },
      }, addresses),
      tcp,
      icmp,
    }, new Random(1));
  }

  /** Hands over a packet, ends the batch, and returns what was sent since the last time. */
  receive(bytes: Uint8Array, left: Left = {}): Sent[] {
    this.stack.receive(Object.assign(packetOf(bytes), left), this.now);
    this.stack.poll(this.now);
    return this.take();
  }

  /** What was sent since the last time. */
  take(): Sent[] {
    return this.sent.splice(0).map(parseIpv4);
  }

  /** How often something was dropped. */
  drops(name: keyof typeof Drop): number {
    return this.stack.counters.drops[Drop[name]]!;
  }
}
