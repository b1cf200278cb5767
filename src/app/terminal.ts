/**
 * Writing to the terminal, or to wherever the output goes.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Writes a line to the standard output. */
export function print(line: string): void {
  write(Deno.stdout, `${line}\n`);
}

/** Writes a line to the standard error. */
export function printError(line: string): void {
  write(Deno.stderr, `${line}\n`);
}

/** Writes a text to the standard error, without the end of a line. */
export function writeError(text: string): void {
  write(Deno.stderr, text);
}

/** What nobody reads any more is lost, but must not stop the stack: `tcpstack --trace | head`. */
function write(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
