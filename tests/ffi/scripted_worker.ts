/**
 * A reader's thread whose library answers by the script in its URL, `?` and JSON.
 *
 * @module
 */

import type { ReaderMessage } from "../../ffi/reader_worker.ts";
import { wakeLoop } from "../../ffi/wake_loop.ts";
import { type Script, scripted } from "./reader_cases.ts";

self.onmessage = ({ data: { source, job } }: MessageEvent<ReaderMessage>) => {
  if (job.kind !== "waking") throw new Error("Only a waking reader's thread can be scripted");
  const script: Script = JSON.parse(decodeURIComponent(new URL(import.meta.url).search.slice(1)));
  wakeLoop(scripted(source.os, script), job);
};
