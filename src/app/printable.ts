/**
 * Text of others, for terminals.
 *
 * @module
 */

/** Characters that command terminals, or turn what stands around them. A tab is harmless. */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/** A line without control characters, which could do things to a terminal. */
export function printable(line: string): string {
  return line.replaceAll(HARMFUL, "");
}
