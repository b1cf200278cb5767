/**
 * The other thread of the wake line's tests: does errands, some faster, some slower, and numbers
 * them in what it tells.
 *
 * @module
 */

import { Status } from "../../ffi/thread_status.ts";
import { Errand, WakeLine } from "../../ffi/wake_line.ts";
import { random } from "./interleave.ts";

self.onmessage = ({ data: { memory, seed } }: MessageEvent<
  { memory: SharedArrayBuffer; seed: number }
>) => {
  const line = new WakeLine(memory);
  const next = random(seed);
  line.setStatus(Status.RUNNING);
  for (let number = 1;; number++) {
    const errand = line.nextErrand();
    if (errand === Errand.STOP) return line.setStatus(Status.STOPPED);
    for (const end = performance.now() + next(3) / 100; performance.now() < end;);
    line.done(errand, number);
  }
};
