/**
 * One stack on an Ethernet, with both families, which takes frames in words.
 *
 * @module
 */

import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { parseMac } from "../../src/wire/mac.ts";
import { packetOf, STACK } from "../packets.ts";
import { STACK6 } from "../packets6.ts";
import { Random } from "../random.ts";
import { encodeFrame, type Exchange, STACK_MAC } from "../scripts/frames.ts";

/** How long it takes until the addresses have been announced, in milliseconds. */
const SETTLED = 30_000;

/** A stack under test; its addresses have been announced. */
export class EthernetHost {
  now = 1_000_000;
  readonly stack: Stack;
  #exchange: Exchange = { received: [], sent: [] };

  constructor() {
    this.stack = new Stack({
      interfaces: [{
        name: "eth0",
        link: { mtu: 1500, transmit: () => true },
        mac: parseMac(STACK_MAC),
        addresses: [
          { address: STACK, prefixLength: 24 },
          { address: STACK6, prefixLength: 64 },
        ],
      }],
    }, new Random(1));
    this.pass(SETTLED);
  }

  /** Lets time pass, in milliseconds. */
  pass(duration: number): void {
    for (const end = this.now + duration; this.now < end;) {
      this.now = Math.min(end, Math.max(this.now, this.stack.nextDeadline()));
      this.stack.poll(this.now);
    }
  }

  /** Hands over frames, in the words of `tests/scripts/README.md`. */
  receive(...frames: string[]): void {
    for (const text of frames) this.receiveBytes(encodeFrame(text, this.#exchange));
  }

  /** Hands over a frame, and ends the batch. */
  receiveBytes(bytes: Uint8Array): void {
    this.stack.receive(packetOf(bytes), this.now);
    this.stack.poll(this.now);
  }

  /** Sends a datagram with `length` bytes. */
  send(to: string, length: number): void {
    this.stack.udp.send(STACK, 5, IpAddress.parse(to), 9, new Uint8Array(length));
  }
}
