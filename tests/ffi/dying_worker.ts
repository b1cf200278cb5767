/**
 * A reader's thread that comes up and dies.
 *
 * @module
 */

import type { ReaderMessage } from "../../ffi/reader_worker.ts";
import { PacketRing } from "../../ffi/ring.ts";
import { Status } from "../../ffi/thread_status.ts";
import { WakeLine } from "../../ffi/wake_line.ts";

self.onmessage = ({ data: { job } }: MessageEvent<ReaderMessage>) => {
  const line = job.kind === "posting"
    ? new PacketRing(job.shape, job.memory)
    : new WakeLine(job.memory);
  line.setStatus(Status.RUNNING);
  setTimeout(() => {
    throw new Error("Killed by the test");
  }, 20);
};
