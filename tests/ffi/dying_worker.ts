/**
 * A reader's thread that comes up and dies.
 *
 * @module
 */

import type { ReaderMessage } from "../../ffi/reader_worker.ts";
import { PacketRing, Status } from "../../ffi/ring.ts";

self.onmessage = ({ data: { job } }: MessageEvent<ReaderMessage>) => {
  new PacketRing(job.shape, job.memory).setStatus(Status.RUNNING);
  setTimeout(() => {
    throw new Error("Killed by the test");
  }, 20);
};
