/**
 * The ways from the kernel to the stack.
 *
 * @module
 */

/**
 * How packets get from the kernel to the stack. `posting`: a thread reads them, and hands them over
 * through memory that it shares with the stack's. `waking`: a thread only waits for them, and wakes
 * the stack's, which reads.
 */
export type ReaderKind = "posting" | "waking";

/** All of them. */
export const READER_KINDS: readonly ReaderKind[] = ["posting", "waking"];

/**
 * Checks that there is such a kind.
 *
 * @throws {TypeError} If not.
 */
export function checkReaderKind(kind: string): ReaderKind {
  const found = READER_KINDS.find((one) => one === kind);
  if (found !== undefined) return found;
  throw new TypeError(`There is no reader "${kind}": use ${READER_KINDS.join(" or ")}`);
}
