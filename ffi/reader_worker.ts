/**
 * The thread of a posting reader. Its first message is the job; the rest goes through the ring.
 *
 * @module
 */

import { type LibcSource, openLibc } from "./libc.ts";
import { type ReadJob, readLoop } from "./read_loop.ts";

/** What the thread is told. */
export interface ReaderMessage {
  readonly source: LibcSource;
  readonly job: ReadJob;
}

self.onmessage = (event: MessageEvent<ReaderMessage>) => {
  const libc = openLibc(event.data.source);
  try {
    readLoop(libc, event.data.job);
  } finally {
    libc.unload();
  }
};
