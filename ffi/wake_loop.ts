/**
 * The loop of a waking reader's thread: waits for the device, and tells so.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { DevicePoll, Interruption, NO_BUFFERS_PAUSE } from "./device_poll.ts";
import type { Libc } from "./libc.ts";
import { Status } from "./thread_status.ts";
import { Errand, WakeLine } from "./wake_line.ts";

/** What a waking reader's thread has to do. */
export interface WakeJob {
  readonly kind: "waking";
  readonly descriptor: Descriptor;
  /** End to read from of the pipe on which one byte means: stop. */
  readonly wakeFd: number;
  readonly memory: SharedArrayBuffer;
}

/**
 * Does errands until it is told to stop or the device fails; then the line's status says which.
 * Blocks its thread all the while.
 */
export function wakeLoop(libc: Libc, { descriptor, wakeFd, memory }: WakeJob): void {
  const line = new WakeLine(memory);
  const device = new DevicePoll(libc, descriptor, wakeFd, line);
  line.setStatus(Status.RUNNING);
  for (;;) {
    const errand = line.nextErrand();
    if (errand === Errand.STOP) return line.setStatus(Status.STOPPED);
    if (errand === Errand.PAUSE) line.pause(errand, NO_BUFFERS_PAUSE);
    // Packets from before come as well: it is down until it was seen to be up.
    if (errand === Errand.UNTIL_UP) device.isDown = true;
    const revents = device.wait();
    if (revents === Interruption.STOP) return line.setStatus(Status.STOPPED);
    if (revents === Interruption.FAILED) return line.setStatus(Status.FAILED, device.errno);
    line.done(errand, revents);
  }
}
