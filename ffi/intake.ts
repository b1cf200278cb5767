/**
 * Reading one packet from a descriptor, and judging what comes: what every reader does, on
 * whichever thread.
 *
 * @module
 */

import { type Descriptor, largestReceived } from "./descriptor.ts";
import { ERRNO } from "./errno.ts";
import { type Libc, MSG_DONTWAIT } from "./libc.ts";
import { type Counting, ReaderCounter } from "./thread_status.ts";

/** What {@linkcode Intake.read} returns where it is not the length of a packet. */
export const Outcome = {
  /** Nothing waits. */
  NOTHING: 0,
  /** Something came that is none, and has been counted: there may be more. */
  MORE: -1,
  /** The kernel has no memory for the packet at the moment. */
  NO_BUFFERS: -2,
  /** The interface went down. */
  DOWN: -3,
  /** The device failed for good; {@linkcode Intake.errno} says why. */
  FAILED: -4,
} as const;

/** Reads packets. */
export class Intake {
  /** Why the device failed; 0 if it just hung up. */
  errno = 0;
  /** Bytes that have to be at the pointer: one more than the longest packet and its prefix. */
  readonly room: number;
  readonly #libc: Libc;
  readonly #counts: Counting;
  readonly #fd: number;
  readonly #isFile: boolean;
  readonly #prefix: number;
  readonly #isIndexed: boolean;
  readonly #errnos: typeof ERRNO.linux | typeof ERRNO.darwin;
  readonly #dontWait: number;

  constructor(libc: Libc, descriptor: Descriptor, counts: Counting) {
    const { fd, kind, prefix, index } = descriptor;
    this.#libc = libc;
    this.#counts = counts;
    this.#fd = fd;
    this.#isFile = kind === "file";
    this.#prefix = prefix;
    this.#isIndexed = index !== undefined;
    this.#errnos = ERRNO[libc.source.os];
    this.#dontWait = MSG_DONTWAIT[libc.source.os];
    // By that one byte a packet that is too long is noticed.
    this.room = prefix + largestReceived(descriptor) + 1;
  }

  /**
   * Reads a packet, with its prefix, to `at`. Never blocks.
   *
   * @returns Its length without the prefix, or one of {@linkcode Outcome}.
   */
  read(at: Deno.PointerValue): number {
    const { room } = this;
    const got = this.#isFile
      ? this.#libc.read(this.#fd, at, room)
      : this.#libc.recv(this.#fd, at, room, this.#dontWait);
    if (got <= 0) return this.#fail(got);
    if (got > this.#prefix && got < room) return got - this.#prefix;
    this.#counts.count(got === room ? ReaderCounter.readerTruncated : ReaderCounter.readerEmpty);
    return Outcome.MORE;
  }

  #fail(got: number): number {
    // Zero is the end of the stream: nobody is on the other side any more.
    const errno = got === 0 ? 0 : this.#libc.errno();
    switch (errno) {
      case this.#errnos.EAGAIN:
        return Outcome.NOTHING;
      case this.#errnos.EINTR:
        this.#counts.count(ReaderCounter.readerInterrupted);
        return Outcome.MORE;
      case this.#errnos.ENOBUFS:
        this.#counts.count(ReaderCounter.readerNoBuffers);
        return Outcome.NO_BUFFERS;
      case this.#errnos.ENETDOWN:
        if (!this.#isIndexed) break;
        this.#counts.count(ReaderCounter.readerLinkDown);
        return Outcome.DOWN;
      case this.#errnos.EINVAL:
        // A packet that the kernel has no words for in its header is off the queue all the same.
        if (this.#prefix !== 10) break;
        this.#counts.count(ReaderCounter.readerUnsegmented);
        return Outcome.MORE;
    }
    this.errno = errno;
    return Outcome.FAILED;
  }
}
