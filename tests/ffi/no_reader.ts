/**
 * A reader that never has a packet, for tests of the rest of a device.
 *
 * @module
 */

import type { Reader } from "../../ffi/reader.ts";
import type { Call, FakeLibc } from "./fake_libc.ts";

/** What {@linkcode noReader} adds to the calls of its library when it is stopped. */
export const NO_READER: Call = ["the reader stops"];

/** A reader that notes its end among the calls of `libc`. */
export function noReader(libc: FakeLibc): Reader {
  return {
    receive: () => 0,
    readable: () => Promise.resolve(false),
    counters: () => ({ deviceReceived: 0 }),
    stop() {
      libc.calls.push(NO_READER);
      return Promise.resolve();
    },
  };
}
