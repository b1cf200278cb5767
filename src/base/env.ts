/**
 * What the core needs from outside besides packets and time.
 *
 * @module
 */

/** Injected by whoever runs the stack, so that a test can seed it. */
export interface Env {
  /** A random uint32, for initial sequence numbers, ports and hash seeds. */
  random(): number;
}
