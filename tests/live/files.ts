/**
 * Files of live tests, and programs between them.
 *
 * @module
 */

import type { Namespace, Outcome } from "./namespace.ts";
import { type Program, SOURCE } from "./program.ts";

/** A folder that is gone at the end of an `await using` block. */
export class Folder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "tcpstack-" });

  /** Path of a file in it. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Makes a file of so many random bytes. */
  async random(name: string, length: number): Promise<string> {
    const path = this.file(name);
    using file = await Deno.open(path, { write: true, create: true, truncate: true });
    const chunk = new Uint8Array(65_536);
    for (let left = length; left > 0; left -= chunk.length) {
      const bytes = crypto.getRandomValues(chunk).subarray(0, left);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    }
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** SHA-256 of a file. */
export async function sha256(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("sha256sum", { args: [path] }).output();
  return new TextDecoder().decode(stdout).slice(0, 64);
}

/** Where the input of a program comes from, and where its output goes: paths. */
export interface Ends {
  from?: string;
  to?: string;
}

/** Runs a program between files to its end. */
export function runBetween(
  ns: Namespace,
  { from = "/dev/null", to = "/dev/stdout" }: Ends,
  command: string[],
): Promise<Outcome> {
  const script = 'from=$1 to=$2; shift 2; exec "$@" <"$from" >"$to"';
  return ns.run("sh", ["-c", script, "sh", from, to, ...command]);
}

/** The same for `tcpstack`. */
export async function programBetween(
  ns: Namespace,
  ends: Ends,
  args: string[],
  program: Program = SOURCE,
): Promise<Outcome> {
  return await runBetween(ns, ends, await program.commandLine(args));
}

/** Runs `tcpstack` between files; the most memory that it had, in bytes, and what it has printed. */
export async function memoryOf(
  ns: Namespace,
  ends: Ends,
  args: string[],
): Promise<{ memory: number; outcome: Outcome }> {
  const script = "import resource, subprocess, sys\n" +
    "code = subprocess.call(sys.argv[1:])\n" +
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n" +
    "sys.exit(code)";
  const command = ["python3", "-c", script, ...await SOURCE.commandLine(args)];
  const outcome = await runBetween(ns, ends, command);
  return { memory: Number(outcome.stderr.trim().split("\n").at(-1)) * 1024, outcome };
}

/** Waits until something listens on a port, in a namespace; `kind` as `ss` has it: `-t`, `-u`. */
export async function untilListening(ns: Namespace, port: number, kind = "-t"): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if ((await ns.check("ss", [`-Hln`, kind, `sport = :${port}`])) !== "") return;
  }
  throw new Error(`Nobody listens on port ${port}`);
}
