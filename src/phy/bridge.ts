/**
 * Two devices joined by hand: what comes in at one goes out at the other.
 *
 * @module
 */

import { findTransport, isTakenBy, isUnfinished, Segmenter } from "../net/segmentation.ts";
import { Drop } from "../wire/drop.ts";
import { behindTags } from "../wire/ethernet.ts";
import type { Packet } from "../wire/packet.ts";
import type { Device } from "./device.ts";

/** Most packets that pass one way before others get their turn. */
const BATCH = 64;

/** Two devices, joined until the bridge is closed. */
export interface Bridge extends AsyncDisposable {
  /**
   * Resolves once packets no longer pass, because the bridge or one of the devices was closed.
   * Rejects if a device has failed.
   */
  readonly finished: Promise<void>;
  /** Closes both devices. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Passes on what either device receives through the other, such as between a TAP interface and a
 * {@linkcode "./switch.ts".memorySwitch}. The devices belong to the bridge from then on: nobody
 * else may receive from them, and they are closed with it, or when one of them ends.
 *
 * @example Two switches as one
 * ```ts
 * import { assert } from "@std/assert";
 * import { bridge, createStack, memorySwitch } from "@tcpstack/tcpstack";
 *
 * const [left, right] = [memorySwitch(), memorySwitch()];
 * await using near = createStack({
 *   device: left.connect({ mac: "02:00:00:00:01:01" }),
 *   address: "10.0.0.1/24",
 * });
 * await using far = createStack({
 *   device: right.connect({ mac: "02:00:00:00:01:02" }),
 *   address: "10.0.0.2/24",
 * });
 * await using _bridge = bridge(left.connect(), right.connect());
 * assert(await near.ping("10.0.0.2") >= 0);
 * await Promise.all([near.close(), far.close()]);
 * ```
 *
 * @throws {TypeError} If one has Ethernet frames and the other IP packets.
 */
export function bridge(a: Device, b: Device): Bridge {
  const [one, other] = [a.capabilities.medium, b.capabilities.medium];
  if (one !== other) {
    throw new TypeError(
      `Cannot bridge ${a.name} with ${b.name}: one's medium is ${one}, the other's is ${other}`,
    );
  }
  let closing: Promise<void> | undefined;
  const close = () => closing ??= Promise.all([a.close(), b.close()]).then(() => {});
  const finished = Promise.all([pass(a, b).finally(close), pass(b, a).finally(close)])
    .then(() => {});
  finished.catch(() => {}); // for those who never ask
  return { finished, close, [Symbol.asyncDispose]: close };
}

/**
 * Passes on, until `from` is closed. What `to` cannot take, it counts; what has been left to `from`,
 * and `to` does not do, is done here.
 */
async function pass(from: Device, to: Device): Promise<void> {
  const segmenter = new Segmenter();
  const isFramed = from.capabilities.medium === "ethernet";
  const transmit = (packet: Packet) => to.transmit(packet);
  const handler = (packet: Packet) => {
    if (!isUnfinished(packet)) return void transmit(packet);
    const { view, at, end } = packet;
    const ipAt = isFramed ? behindTags(view, at, end) : at;
    if (findTransport(packet, ipAt) !== Drop.NONE) return;
    if (isTakenBy(packet, to.offload)) transmit(packet);
    else segmenter.finish(packet, transmit, ipAt);
  };
  while (await from.readable()) {
    from.receive(BATCH, handler);
    await turn();
  }
}

/** Lets everything else have its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
