/**
 * Waiting for a device: what the thread of every reader does.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { ERRNO } from "./errno.ts";
import { type Libc, Poll, POLLFD } from "./libc.ts";
import { isUp } from "./linux.ts";
import { type Counting, ReaderCounter } from "./thread_status.ts";

/** How long to leave a kernel alone that has no memory for a packet, in milliseconds. */
export const NO_BUFFERS_PAUSE = 1;

/** How often to look whether an interface that is down is up again, or gone, in milliseconds. */
const DOWN_PERIOD = 100;

/** What {@linkcode DevicePoll.wait} returns where it is not what `poll` says of the device. */
export const Interruption = {
  /** Told to stop. */
  STOP: -1,
  /** The device failed; {@linkcode DevicePoll.errno} says why. */
  FAILED: -2,
} as const;

/** Waits for a device, or to be told to stop. */
export class DevicePoll {
  /** Why the device failed. */
  errno = 0;
  /** Whether the interface went down: then it is looked after until it is up again. */
  isDown = false;
  readonly #libc: Libc;
  readonly #descriptor: Descriptor;
  readonly #counts: Counting;
  readonly #fds = new Int16Array(2 * POLLFD.size / 2);

  /** @param wakeFd End to read from of the pipe on which one byte means: stop. */
  constructor(libc: Libc, descriptor: Descriptor, wakeFd: number, counts: Counting) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#counts = counts;
    const view = new DataView(this.#fds.buffer);
    view.setInt32(POLLFD.fd, descriptor.fd, true);
    view.setInt16(POLLFD.events, Poll.IN, true);
    view.setInt32(POLLFD.size + POLLFD.fd, wakeFd, true);
    view.setInt16(POLLFD.size + POLLFD.events, Poll.IN, true);
  }

  /**
   * Blocks the thread until there is something to read, or to tell.
   *
   * @returns Bits of {@linkcode Poll}, or one of {@linkcode Interruption}.
   */
  wait(): number {
    const { EAGAIN, EINTR, EBADF, ENODEV } = ERRNO[this.#libc.source.os];
    const fds = this.#fds;
    for (;;) {
      if (this.#libc.poll(fds, 2, this.isDown ? DOWN_PERIOD : -1) < 0) {
        const errno = this.#libc.errno();
        if (errno !== EINTR && errno !== EAGAIN) return this.#fail(errno);
        this.#counts.count(ReaderCounter.readerInterrupted);
        continue;
      }
      if (fds[(POLLFD.size + POLLFD.revents) / 2] !== 0) return Interruption.STOP;
      const revents = fds[POLLFD.revents / 2]!;
      if ((revents & Poll.NVAL) !== 0) return this.#fail(EBADF);
      if (this.isDown) {
        // The socket says that the interface went down, but not that it vanished later.
        const up = isUp(this.#libc, this.#descriptor.fd, this.#descriptor.index!);
        if (up === undefined) return this.#fail(ENODEV);
        this.isDown = !up;
      }
      if (revents !== 0) return revents;
    }
  }

  #fail(errno: number): number {
    this.errno = errno;
    return Interruption.FAILED;
  }
}

/** Whether `revents` tell of an error, or of nobody on the other side. */
export function isTrouble(revents: number): boolean {
  return (revents & (Poll.ERR | Poll.HUP)) !== 0;
}
