/**
 * The loop of a posting reader's thread: waits for the device, drains it into a ring.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { DevicePoll, Interruption, isTrouble, NO_BUFFERS_PAUSE } from "./device_poll.ts";
import { Intake, Outcome } from "./intake.ts";
import type { Libc } from "./libc.ts";
import { PacketRing, type RingShape } from "./ring.ts";
import { ReaderCounter, Status } from "./thread_status.ts";

/** Most packets that are published at once, and that pass between two looks at the wake pipe. */
export const BATCH = 64;

/** What a posting reader's thread has to do. */
export interface ReadJob {
  readonly kind: "posting";
  readonly descriptor: Descriptor;
  /** End to read from of the pipe on which one byte means: stop. */
  readonly wakeFd: number;
  readonly memory: SharedArrayBuffer;
  readonly shape: RingShape;
}

/** How a drain came out, where it is not one of {@linkcode Outcome}: there may be more to read. */
const MORE = Outcome.MORE;
/** There was something, and no more is left. */
const DONE = 1;
/** Told to stop. */
const STOP = 2;

/**
 * Reads until it is told to stop or the device fails; then the ring's status says which. Blocks
 * its thread all the while.
 */
export function readLoop(libc: Libc, job: ReadJob): void {
  const { descriptor, wakeFd } = job;
  const ring = new PacketRing(job.shape, job.memory);
  const intake = new Intake(libc, descriptor, ring);
  const device = new DevicePoll(libc, descriptor, wakeFd, ring);

  const base = Deno.UnsafePointer.of(ring.bytes as Uint8Array<SharedArrayBuffer>)!;
  const slots: Deno.PointerValue[] = [];
  for (let slot = 0; slot < job.shape.slots; slot++) {
    slots.push(Deno.UnsafePointer.offset(base, ring.packetAt(slot) - descriptor.prefix));
  }

  let tail = ring.tail;

  /** Reads one batch at most. */
  function drain(): number {
    const start = tail;
    let outcome: number = MORE;
    for (let calls = 0; calls < BATCH && outcome === MORE; calls++) {
      if (ring.free(tail) === 0) {
        ring.count(ReaderCounter.readerRingFull);
        if (tail !== start) ring.publish(tail);
        return ring.waitForRoom(tail) ? MORE : STOP;
      }
      const got = intake.read(slots[ring.slotOf(tail)]!);
      if (got > 0) {
        ring.setLength(tail, got);
        tail = (tail + 1) | 0;
      } else {
        outcome = got === Outcome.NOTHING && calls > 0 ? DONE : got;
      }
    }
    if (tail !== start) ring.publish(tail);
    return outcome;
  }

  ring.setStatus(Status.RUNNING);
  for (;;) {
    const revents = device.wait();
    if (revents === Interruption.STOP) return ring.setStatus(Status.STOPPED);
    if (revents === Interruption.FAILED) return ring.setStatus(Status.FAILED, device.errno);
    switch (drain()) {
      case STOP:
        return ring.setStatus(Status.STOPPED);
      case Outcome.FAILED:
        return ring.setStatus(Status.FAILED, intake.errno);
      case Outcome.NO_BUFFERS:
        ring.pause(NO_BUFFERS_PAUSE);
        break;
      case Outcome.DOWN:
        device.isDown = true;
        break;
      case Outcome.NOTHING:
        // A device that has nothing but an error to tell would tell it again and again.
        if (isTrouble(revents)) return ring.setStatus(Status.FAILED);
    }
  }
}
