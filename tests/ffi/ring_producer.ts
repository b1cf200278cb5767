/**
 * The other thread of the ring's tests: puts in packets as fast as the ring takes them.
 *
 * @module
 */

import { PacketRing, type RingShape } from "../../ffi/ring.ts";
import { ReaderCounter, Status } from "../../ffi/thread_status.ts";

interface Order {
  memory: SharedArrayBuffer;
  shape: RingShape;
  packets: number;
  seed: number;
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  const ring = new PacketRing(data.shape, data.memory);
  ring.setStatus(Status.RUNNING);
  let tail = 0;
  let seed = data.seed;
  while (tail < data.packets) {
    if (ring.free(tail) === 0) {
      ring.count(ReaderCounter.readerRingFull);
      if (!ring.waitForRoom(tail)) return ring.setStatus(Status.STOPPED);
    }
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const batch = Math.min(ring.free(tail), data.packets - tail, 1 + (seed >>> 16) % 8);
    for (let i = 0; i < batch; i++, tail++) {
      const length = 1 + tail % data.shape.mtu;
      const at = ring.packetAt(tail);
      ring.bytes.fill(tail & 0xff, at, at + length);
      ring.setLength(tail, length);
    }
    ring.publish(tail);
  }
  ring.setStatus(Status.STOPPED);
};
