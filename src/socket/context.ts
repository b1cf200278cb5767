/**
 * What sockets need from the host that runs the stack.
 *
 * @module
 */

import type { Stack } from "../stack/stack.ts";

/** A running stack, as its sockets see it. */
export interface SocketContext {
  readonly stack: Stack;
  /** The stack's time, in milliseconds. */
  now(): number;
  /** To be called after every call into the stack: timers and users may have something to do. */
  kick(): void;
  /** What ends with the stack. Each takes itself out when it ends earlier. */
  readonly open: Set<Closable>;
}

/** A listener, a socket, or a call that waits and belongs to neither. */
export interface Closable {
  /** Ends it; whatever waits for it settles. */
  close(): void;
}
