/**
 * Two devices joined in memory: what one sends, the other receives.
 *
 * @module
 */

import type { Device, Medium } from "./device.ts";
import { MemoryDevice, numberedMac } from "./memory_device.ts";

/** Settings of {@linkcode memoryPair}. */
export interface MemoryPairOptions {
  /** Largest IP packet, in bytes. */
  mtu?: number;
  /**
   * Most packets that wait on either side; what comes on top is dropped and counted. By default 512;
   * with `offload` 255, which takes 16 MiB of addresses, and of memory what is used of it.
   */
  queue?: number;
  /** What passes: IP packets by default, or Ethernet frames. */
  medium?: Medium;
  /**
   * Whether the pair is like devices that take work off the stack: whole super-segments pass, of up
   * to 64 KB, and checksums that nobody has computed. That is faster, but what passes is not what
   * would be on a wire.
   *
   * @default {false}
   */
  offload?: boolean;
}

/**
 * Makes two devices that are each other's far end. With Ethernet their hardware addresses are
 * 02:00:00:00:00:01 and 02:00:00:00:00:02.
 *
 * @example Two stacks in one process
 * ```ts
 * import { assert } from "@std/assert";
 * import { createStack, memoryPair } from "@tcpstack/tcpstack";
 *
 * const [one, other] = memoryPair();
 * await using near = createStack({ device: one, address: "10.0.0.1" });
 * await using far = createStack({ device: other, address: "10.0.0.2" });
 * assert(await near.ping("10.0.0.2") >= 0);
 * assert(await far.ping("10.0.0.1") >= 0);
 * ```
 */
export function memoryPair(options: MemoryPairOptions = {}): [Device, Device] {
  const { mtu = 1500, medium = "ip" } = options;
  const offload = options.offload ? { udp: true } : undefined;
  const { queue = offload === undefined ? 512 : 255 } = options;
  const capabilities = (n: number) =>
    medium === "ip" ? { medium } : { medium, mac: numberedMac(n) };
  const a: MemoryDevice = new MemoryDevice("memory0", mtu, queue, capabilities(1), {
    transmit: (packet) => b.deliver(packet),
  }, offload);
  const b: MemoryDevice = new MemoryDevice("memory1", mtu, queue, capabilities(2), {
    transmit: (packet) => a.deliver(packet),
  }, offload);
  return [a, b];
}
