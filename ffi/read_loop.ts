/**
 * The loop of a reader's thread: waits for the device, drains it into a ring.
 *
 * @module
 */

import { type Descriptor, largestReceived } from "./descriptor.ts";
import { ERRNO } from "./errno.ts";
import { type Libc, MSG_DONTWAIT, Poll, POLLFD } from "./libc.ts";
import { isUp } from "./linux.ts";
import { PacketRing, RingCounter, type RingShape, Status } from "./ring.ts";
import { finishPacket, Offload } from "./virtio.ts";

/** Most packets that are published at once, and that pass between two looks at the wake pipe. */
export const BATCH = 64;

/** How long to leave a kernel alone that has no memory for a packet, in milliseconds. */
const NO_BUFFERS_PAUSE = 1;

/** How often to look whether an interface that is down is up again, or gone, in milliseconds. */
const DOWN_PERIOD = 100;

/** What the reader's thread has to do. */
export interface ReadJob {
  readonly descriptor: Descriptor;
  /** End to read from of the pipe on which one byte means: stop. */
  readonly wakeFd: number;
  readonly shape: RingShape;
  readonly memory: SharedArrayBuffer;
}

/** How a drain came out, where it is not the errno that ends it all. */
const MORE = -1; // there may be more to read
const DONE = -2; // there was something, and no more is left
const NOTHING = -3; // there was nothing
const STOP = -4; // told to stop

/**
 * Reads until it is told to stop or the device fails; then the ring's status says which. Blocks
 * its thread all the while.
 */
export function readLoop(libc: Libc, job: ReadJob): void {
  const { descriptor: { fd, kind, prefix, index }, wakeFd } = job;
  const { EAGAIN, EINTR, EINVAL, ENOBUFS, EBADF, ENETDOWN, ENODEV } = ERRNO[libc.source.os];
  const dontWait = MSG_DONTWAIT[libc.source.os];
  const ring = new PacketRing(job.shape, job.memory);

  const base = Deno.UnsafePointer.of(ring.bytes as Uint8Array<SharedArrayBuffer>)!;
  const slots: Deno.PointerValue[] = [];
  for (let slot = 0; slot < job.shape.slots; slot++) {
    slots.push(Deno.UnsafePointer.offset(base, ring.packetAt(slot) - prefix));
  }
  // One byte more than a packet may have, so that a longer one is noticed.
  const room = prefix + largestReceived(job.descriptor) + 1;
  const isOffloaded = prefix === 10;
  const { bytes } = ring;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

  const fds = new Int16Array(2 * POLLFD.size / 2);
  const fdsView = new DataView(fds.buffer);
  fdsView.setInt32(POLLFD.fd, fd, true);
  fdsView.setInt16(POLLFD.events, Poll.IN, true);
  fdsView.setInt32(POLLFD.size + POLLFD.fd, wakeFd, true);
  fdsView.setInt16(POLLFD.size + POLLFD.events, Poll.IN, true);
  const deviceRevents = POLLFD.revents / 2;
  const wakeRevents = (POLLFD.size + POLLFD.revents) / 2;

  let tail = ring.tail;

  /** Reads one batch at most. Returns one of the above, or the errno that ends it all. */
  function drain(): number {
    const start = tail;
    let outcome = MORE;
    for (let calls = 0; calls < BATCH && outcome === MORE; calls++) {
      if (ring.free(tail) === 0) {
        ring.count(RingCounter.readerRingFull);
        if (tail !== start) ring.publish(tail);
        return ring.waitForRoom(tail) ? MORE : STOP;
      }
      const slot = slots[ring.slotOf(tail)]!;
      const got = kind === "file" ? libc.read(fd, slot, room) : libc.recv(fd, slot, room, dontWait);
      if (got > 0) {
        if (got === room) ring.count(RingCounter.readerTruncated);
        else if (got <= prefix) ring.count(RingCounter.readerEmpty);
        else if (!isOffloaded || finish(tail, got - prefix)) {
          ring.setLength(tail, got - prefix);
          tail = (tail + 1) | 0;
        }
        continue;
      }
      // Zero is the end of the stream: nobody is on the other side any more.
      const errno = got === 0 ? 0 : libc.errno();
      if (errno === EINTR) ring.count(RingCounter.readerInterrupted);
      else if (errno === EAGAIN) outcome = calls === 0 ? NOTHING : DONE;
      // A packet that the kernel has no words for in its header is taken off the queue all the same.
      else if (errno === EINVAL && isOffloaded) ring.count(RingCounter.readerUnsegmented);
      else outcome = errno;
    }
    if (tail !== start) ring.publish(tail);
    if (outcome !== ENOBUFS) return outcome;
    ring.count(RingCounter.readerNoBuffers);
    ring.pause(NO_BUFFERS_PAUSE);
    return DONE;
  }

  /** Does what the packet's sender has left to do. Returns whether the packet can be used. */
  function finish(count: number, length: number): boolean {
    const at = ring.packetAt(count);
    const offload = finishPacket(view, at, at + length);
    if (offload === Offload.CHECKSUM) ring.count(RingCounter.readerChecksums);
    else if (offload === Offload.UNSEGMENTED) ring.count(RingCounter.readerUnsegmented);
    return offload !== Offload.UNSEGMENTED;
  }

  let isDown = false;
  ring.setStatus(Status.RUNNING);
  for (;;) {
    const timeout = isDown ? DOWN_PERIOD : -1;
    if (libc.poll(fds as unknown as Int16Array<ArrayBuffer>, 2, timeout) < 0) {
      const errno = libc.errno();
      if (errno !== EINTR && errno !== EAGAIN) return ring.setStatus(Status.FAILED, errno);
      ring.count(RingCounter.readerInterrupted);
      continue;
    }
    if (fds[wakeRevents] !== 0) return ring.setStatus(Status.STOPPED);
    const revents = fds[deviceRevents]!;
    if ((revents & Poll.NVAL) !== 0) return ring.setStatus(Status.FAILED, EBADF);
    if (isDown) {
      // The socket says that the interface went down, but not that it vanished later.
      const up = isUp(libc, fd, index!);
      if (up === undefined) return ring.setStatus(Status.FAILED, ENODEV);
      isDown = !up;
    }
    if (revents === 0) continue;
    const outcome = drain();
    if (outcome === STOP) return ring.setStatus(Status.STOPPED);
    if (outcome === ENETDOWN && index !== undefined) {
      ring.count(RingCounter.readerLinkDown);
      isDown = true;
      continue;
    }
    if (outcome >= 0) return ring.setStatus(Status.FAILED, outcome);
    // A device that has nothing but an error to tell would tell it again and again.
    if (outcome === NOTHING && (revents & (Poll.ERR | Poll.HUP)) !== 0) {
      return ring.setStatus(Status.FAILED);
    }
  }
}
