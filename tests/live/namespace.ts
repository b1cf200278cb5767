/**
 * Network namespaces for live tests. Each test makes its own, so that no packet, address or route
 * of a test is ever seen by the machine's network or by another test.
 *
 * As root it is a network namespace, for other users one inside a user namespace of its own, in
 * which they may do all that root may. It lasts until the holder ends, a process that does nothing.
 *
 * @module
 */

/** What a program that has ended leaves behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options for a program in a {@linkcode Namespace}. */
export interface RunOptions {
  /** What the program finds on its standard input; nothing by default. */
  stdin?: string | Uint8Array<ArrayBuffer>;
  /** How long the program may take, in milliseconds, 30 s by default; then it is killed. */
  timeout?: number;
  /** Further environment variables. */
  env?: Record<string, string>;
  /** Working directory, by default that of the test. */
  cwd?: string;
}

/** A network namespace with nothing in it but loopback, which is up. */
export class Namespace implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;

  private constructor(holder: Deno.ChildProcess) {
    this.#holder = holder;
  }

  /** Makes a namespace. To be used as `await using ns = await Namespace.create()`. */
  static async create(): Promise<Namespace> {
    // The holder ends with its standard input: with the test process, whatever becomes of that.
    const holder = new Deno.Command("unshare", {
      args: [...unshareArgs(), "sh", "-c", "ip link set lo up && echo ready && exec cat"],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    const namespace = new Namespace(holder);
    if (value === undefined) {
      await namespace[Symbol.asyncDispose]();
      throw new Error("Cannot make a network namespace");
    }
    return namespace;
  }

  /** Process id of the holder, for `nsenter --target`. */
  get pid(): number {
    return this.#holder.pid;
  }

  /** A command that runs inside the namespace; options as for `Deno.Command`. */
  command(program: string, args: string[] = [], options: Deno.CommandOptions = {}): Deno.Command {
    const enter = ["--target", `${this.pid}`, "--net"];
    if (!isRoot()) enter.push("--user", "--preserve-credentials");
    return new Deno.Command("nsenter", { ...options, args: [...enter, "--", program, ...args] });
  }

  /** Runs a program inside the namespace to its end. */
  async run(program: string, args: string[] = [], options: RunOptions = {}): Promise<Outcome> {
    const { stdin, timeout = 30_000, env, cwd } = options;
    const child = this.command(program, args, {
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      env,
      cwd,
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), timeout);
    try {
      const [output] = await Promise.all([
        child.output(),
        stdin === undefined ? undefined : feed(child.stdin, stdin),
      ]);
      const text = new TextDecoder();
      return {
        code: output.code,
        stdout: text.decode(output.stdout),
        stderr: text.decode(output.stderr),
      };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Runs a program inside the namespace and returns what it prints.
   *
   * @throws {Error} If it fails.
   */
  async check(program: string, args: string[] = [], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(program, args, options);
    if (code !== 0) {
      throw new Error(`${program} ${args.join(" ")} failed with ${code}:\n${stdout}${stderr}`);
    }
    return stdout;
  }

  /**
   * Runs a Deno module inside the namespace, as this test runs: with the same import map and all
   * permissions.
   */
  async deno(module: URL, args: string[] = [], options: RunOptions = {}): Promise<Outcome> {
    return await this.run(Deno.execPath(), [...await denoArgs(module), ...args], options);
  }

  /** Ends the holder, and with it the namespace once no process is left in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stdin.close().catch(() => {});
    await this.#holder.stdout.cancel();
    await this.#holder.status;
  }
}

const ROOT = new URL("../../", import.meta.url);

let importMapFlags: Promise<string[]> | undefined;

/** The flags that `tools/std.ts` prints, with their path made absolute. */
async function findImportMapFlags(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", new URL("tools/std.ts", ROOT).pathname],
    cwd: ROOT,
  }).output();
  return new TextDecoder().decode(stdout).split(/\s+/).filter((flag) => flag !== "")
    .map((flag) => flag.replace(/(?<==)(?=tools\/)/, ROOT.pathname));
}

const cached = new Map<string, Promise<void>>();

/** Has Deno fetch what a module imports: inside a namespace nothing can be fetched. */
async function cache(module: URL, flags: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", ...flags, module.pathname],
  }).output();
  if (!success) throw new Error(`Cannot load ${module}: ${new TextDecoder().decode(stderr)}`);
}

/** Arguments for Deno to run a module of this project. */
export async function denoArgs(module: URL): Promise<string[]> {
  const config = new URL("deno.json", ROOT).pathname;
  const flags = ["--config", config, ...await (importMapFlags ??= findImportMapFlags())];
  const ready = cached.get(module.href) ?? cache(module, flags);
  cached.set(module.href, ready);
  await ready;
  return ["run", "-A", "--no-prompt", ...flags, module.pathname];
}

let reason: string | null | undefined;

/**
 * Why live tests cannot run on this machine, in a few words; `undefined` if they can.
 *
 * @param programs Further programs that a test needs.
 */
export function liveSkipReason(...programs: string[]): string | undefined {
  if (reason === undefined) reason = findReason() ?? null;
  if (reason !== null) return reason;
  for (const program of programs) {
    if (!hasProgram(program)) return `${program} is not installed`;
  }
}

/** Registers a test that needs namespaces, and `programs`; where they are missing it says so. */
export function liveTest(name: string, programs: string[], fn: () => Promise<void>): void {
  const skip = liveSkipReason(...programs);
  Deno.test({
    name: skip === undefined ? name : `${name} (skipped: ${skip})`,
    ignore: skip !== undefined,
    fn,
  });
}

function findReason(): string | undefined {
  if (Deno.build.os !== "linux") return "network namespaces exist on Linux only";
  for (const program of ["unshare", "nsenter", "ip"]) {
    if (!hasProgram(program)) return `${program} is not installed`;
  }
  const { success, stderr } = new Deno.Command("unshare", {
    args: [...unshareArgs(), "ip", "link", "set", "lo", "up"],
    stdin: "null",
  }).outputSync();
  if (!success) {
    return `no network namespace can be made: ${new TextDecoder().decode(stderr).trim()}`;
  }
  try {
    Deno.openSync("/dev/net/tun", { read: true, write: true }).close();
  } catch (error) {
    return `/dev/net/tun cannot be opened: ${error instanceof Error ? error.message : error}`;
  }
}

function hasProgram(program: string): boolean {
  return new Deno.Command("sh", {
    args: ["-c", 'command -v "$1"', "sh", program],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync().success;
}

function unshareArgs(): string[] {
  return isRoot() ? ["--net"] : ["--user", "--map-root-user", "--net"];
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}

async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  data: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
    await writer.close();
  } catch {
    // The program has ended without reading all of it, as is its right.
    writer.releaseLock();
  }
}
