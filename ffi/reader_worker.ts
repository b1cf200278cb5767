/**
 * The thread of a reader. Its first message is the job; everything else goes through the memory
 * that comes with it. A message back says why it cannot go on.
 *
 * @module
 */

import { type LibcSource, openLibc } from "./libc.ts";
import { type ReadJob, readLoop } from "./read_loop.ts";
import { type WakeJob, wakeLoop } from "./wake_loop.ts";

/** What a thread has to do. */
export type ReaderJob = ReadJob | WakeJob;

/** What the thread is told. */
export interface ReaderMessage {
  readonly source: LibcSource;
  readonly job: ReaderJob;
}

self.onmessage = ({ data: { source, job } }: MessageEvent<ReaderMessage>) => {
  try {
    const libc = openLibc(source);
    try {
      if (job.kind === "posting") readLoop(libc, job);
      else wakeLoop(libc, job);
    } finally {
      libc.unload();
    }
  } catch (error) {
    self.postMessage(error instanceof Error ? error.message : String(error));
  }
};
