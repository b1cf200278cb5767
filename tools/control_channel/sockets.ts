/**
 * What TCP and UDP sockets of the channel have in common.
 *
 * @module
 */

import type { Stack } from "../../src/stack/stack.ts";
import type { Endpoint } from "./frames.ts";
import { Msg } from "./linux.ts";

/** How a call has ended. */
export interface Reply {
  /** 0 or more, or an error number, negated. */
  readonly result: number;
  /** What follows a result that is not negative. */
  readonly rest?: Uint8Array;
}

/** Success, with nothing to say. */
export const DONE: Reply = { result: 0 };

/** The end of a call that has failed. */
export function fail(errno: number): Reply {
  return { result: -errno };
}

/** A call that may have to wait. */
export interface Call {
  /** Goes as far as it can; `undefined`: not to the end yet, so it has to be tried again. */
  attempt(): Reply | undefined;
  /** When it ends by itself, in milliseconds of the stack's time; left out: never. */
  readonly deadline?: number;
  /** Memory that it holds, in bytes. */
  readonly size?: number;
}

/** A call that need not wait. */
export function done(reply: Reply): Call {
  return { attempt: () => reply };
}

/** What sockets need from around them. */
export interface Host {
  readonly stack: Stack;
  /** The stack's time, in milliseconds. */
  readonly now: number;
  /** All open sockets. */
  sockets(): Iterable<Socket>;
  /** Gives an accepted connection a handle; `undefined` when there are too many. */
  register(socket: Socket): number | undefined;
}

/** A socket as the channel's calls see it; numbers are as in <sys/socket.h>. */
export interface Socket {
  isNonBlocking: boolean;
  bind(endpoint: Endpoint): Reply;
  listen(backlog: number): Reply;
  accept(): Call;
  connect(endpoint: Endpoint): Call;
  read(flags: number, count: number): Call;
  /** @param bytes Kept until the call has ended. */
  write(flags: number, endpoint: Endpoint, bytes: Uint8Array): Call;
  shutdown(how: number): Reply;
  close(): Call;
  getOption(level: number, name: number): Uint8Array | number;
  setOption(level: number, name: number, bytes: Uint8Array): Reply;
  /** Bytes that can be read at once; or an error number, negated. */
  bytesToRead(): number;
  /** Bytes that have not reached the peer yet; or an error number, negated. */
  bytesToSend(): number;
  /** Bits of `Poll` that hold now. */
  events(): number;
}

const READ_FLAGS = Msg.PEEK | Msg.TRUNC | Msg.DONTWAIT | Msg.WAITALL | Msg.NOSIGNAL;
const WRITE_FLAGS = Msg.DONTWAIT | Msg.NOSIGNAL;

/** Whether there are only flags that READ knows. */
export function areReadFlags(flags: number): boolean {
  return (flags & ~READ_FLAGS) === 0;
}

/** Whether there are only flags that WRITE knows. */
export function areWriteFlags(flags: number): boolean {
  return (flags & ~WRITE_FLAGS) === 0;
}

/** Whether a call with these flags must not wait. */
export function mustNotWait(socket: Socket, flags: number): boolean {
  return socket.isNonBlocking || (flags & Msg.DONTWAIT) !== 0;
}
