/**
 * The thread of a posting reader. Its first message is the job; the packets go through the ring. A
 * message back says why it cannot go on.
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
  try {
    const libc = openLibc(event.data.source);
    try {
      readLoop(libc, event.data.job);
    } finally {
      libc.unload();
    }
  } catch (error) {
    self.postMessage(error instanceof Error ? error.message : String(error));
  }
};
