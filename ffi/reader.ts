/**
 * The side of a device that receives.
 *
 * @module
 */

import type { DeviceCounters } from "../src/phy/device.ts";
import type { Packet } from "../src/wire/packet.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Libc } from "./libc.ts";
import { PostingReader } from "./posting_reader.ts";
import { checkReaderKind, type ReaderKind } from "./reader_kind.ts";
import { WakingReader } from "./waking_reader.ts";

/**
 * Gets packets from a descriptor to the stack's thread. `receive` and `readable` are those of
 * {@linkcode "../src/phy/device.ts".Device}; a thread of the reader does the blocking wait.
 */
export interface Reader {
  /** Hands over packets that wait, in order, `limit` at most, and returns how many. */
  receive(limit: number, handler: (packet: Packet) => void): number;
  /** Resolves to `true` when packets may wait, to `false` once the reader has been stopped. */
  readable(): Promise<boolean>;
  /** Counts of what went through and of what went wrong. */
  counters(): DeviceCounters;
  /** Ends the thread and gives back all but the device's descriptor. Safe to call twice. */
  stop(): Promise<void>;
}

/** What readers work with; tests put others in place. */
export interface ReaderSystem {
  /** Module of the thread. */
  worker?: URL;
}

/** Starts a reader for a descriptor, which remains the caller's to close. */
export type StartReader = (libc: Libc, descriptor: Descriptor) => Promise<Reader>;

const START: Readonly<Record<ReaderKind, StartReader>> = {
  posting: (libc, descriptor) => PostingReader.start(libc, descriptor),
  waking: (libc, descriptor) => WakingReader.start(libc, descriptor),
};

/**
 * What starts a reader of that kind, or by default of that which is the faster one for a device.
 * Linux's are faster without a second thread that reads: a copy out of shared memory is dear, and
 * the sender wants a processor, too (docs/performance.md). On macOS that was not measured: there the
 * work is shared.
 *
 * @throws {TypeError} If there is no such kind.
 */
export function readerOf(kind: ReaderKind | undefined): StartReader {
  if (kind !== undefined) return START[checkReaderKind(kind)];
  return (libc, descriptor) =>
    START[libc.source.os === "linux" ? "waking" : "posting"](libc, descriptor);
}
