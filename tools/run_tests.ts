/**
 * Runs `deno test` with the arguments given, shows what it shows, lists the skipped tests, whose names
 * say why, and ends with one plain line, such as `12 passed, 0 failed, 1 skipped`.
 *
 * The exit code is the runner's; a run in which no test was executed fails.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";

/** What the runner has reported. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Names of the tests skipped. */
  skippedNames: string[];
}

/** An empty tally. */
export function newTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, skippedNames: [] };
}

/** Takes a line of the runner's output into account: a skipped test or the summary at the end. */
export function countLine(tally: Tally, line: string): void {
  const text = stripVTControlCharacters(line);
  const skipped = /^(\S.*) \.\.\. ignored \(/.exec(text);
  if (skipped) tally.skippedNames.push(skipped[1]!);
  const summary =
    /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/
      .exec(text);
  if (summary) {
    tally.passed = Number(summary[1]);
    tally.failed = Number(summary[2]);
    tally.skipped = Number(summary[3] ?? 0);
  }
}

/** The last line. */
export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Passes bytes on as they come, and calls back for every line in them. */
async function follow(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) at += Deno.stdout.writeSync(chunk.subarray(at));
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
  if (rest !== "") onLine(rest);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  // Ctrl-C reaches the runner too: it ends by itself, and its tests get to clean up.
  Deno.addSignalListener("SIGINT", () => {});
  const tally = newTally();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...Deno.args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  await follow(child.stdout, (line) => countLine(tally, line));
  let { code } = await child.status;
  if (tally.skippedNames.length > 0) {
    print("Skipped:");
    for (const name of tally.skippedNames) print(`  ${name}`);
  }
  if (tally.passed + tally.failed === 0) {
    print("No test was executed");
    code ||= 1;
  }
  print(summaryLine(tally));
  Deno.exit(code);
}
