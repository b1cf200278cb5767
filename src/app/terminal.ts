/**
 * Writing to the terminal, or to wherever the output goes.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Writes a line to the standard output. */
export function print(line: string): void {
  write(Deno.stdout, line);
}

/** Writes a line to the standard error. */
export function printError(line: string): void {
  write(Deno.stderr, line);
}

function write(to: { writeSync(bytes: Uint8Array): number }, line: string): void {
  const bytes = encoder.encode(line + "\n");
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
