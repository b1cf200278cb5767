/**
 * Makes one executable of the program: with `deno compile`, or, where the base runtime that this needs
 * is out of reach, by packing the `deno` binary at hand and the bundled program behind a launcher.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { importMapFlags } from "./std.ts";

const HELP = `Makes ./tcpstack, one executable

Usage: deno task build [options]

  --target TARGET   Build for another system: x86_64-apple-darwin, aarch64-apple-darwin,
                    x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu
  --output FILE     Write to FILE instead of ./tcpstack
  --pack            Pack the deno binary at hand, even if deno compile could do it
  --entry FILE      Build another program than src/app/main.ts
  --worker FILE     With --entry: a worker module that the program starts; may be repeated
  --help            Show this

Environment:
  DENORT_BIN        The base runtime to compile with, if it cannot be downloaded
`;

const TARGETS = [
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
];

/** What the program may do. FFI opens every door anyway; with less, /dev/stdout would stay shut. */
const PERMISSIONS = ["--allow-all"];

/** How long the site with the base runtimes may take to answer, in milliseconds. */
const PATIENCE = 3000;

const ROOT = new URL("../", import.meta.url);

/** What ends the build with a message and without a stack trace. */
class BuildError extends Error {
  constructor(message: string, readonly code: 1 | 2 = 1) {
    super(message);
  }
}

function write(to: typeof Deno.stdout, text: string): void {
  to.writeSync(new TextEncoder().encode(text));
}

function say(line: string): void {
  write(Deno.stdout, `${line}\n`);
}

interface Program {
  entry: string;
  workers: string[];
  output: string;
  target: string;
}

async function run(command: string, args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (!success) throw new BuildError(`${command.split("/").pop()} ${args[0]} failed`);
}

/** Whether `deno compile` can have its base runtime: it is named, in the cache, or can be fetched. */
async function hasBase(target: string): Promise<boolean> {
  if (Deno.env.get("DENORT_BIN")) return true;
  const path = `release/v${Deno.version.deno}/denort-${target}.zip`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  try {
    await Deno.stat(`${denoDir}/dl/${path}`);
    return true;
  } catch {
    // Not there yet.
  }
  try {
    const response = await fetch(`https://dl.deno.land/${path}`, {
      method: "HEAD",
      signal: AbortSignal.timeout(PATIENCE),
    });
    return response.ok;
  } catch {
    return false;
  }
}

async function compile({ entry, workers, output, target }: Program): Promise<void> {
  await run(Deno.execPath(), [
    "compile",
    "--quiet",
    ...await importMapFlags(),
    ...PERMISSIONS,
    "--no-prompt",
    "--target",
    target,
    ...workers.flatMap((worker) => ["--include", worker]),
    "--output",
    output,
    entry,
  ]);
}

/**
 * Bundles a program into `folder`, under the name of its module, and beside it in files of their own
 * what it imports only when it needs it: modules of Node's in one file with the rest would be loaded
 * at every start.
 */
async function bundle(entry: string, folder: string): Promise<void> {
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    ...await importMapFlags(),
    "--platform",
    "deno",
    "--code-splitting",
    "--outdir",
    folder,
    entry,
  ]);
}

/** The name of `module` once it is bundled. */
function bundledName(module: string): string {
  return module.replace(/^.*\//, "").replace(/\.ts$/, ".js");
}

async function sha256(files: string[]): Promise<string> {
  const digests = new Uint8Array(32 * files.length);
  for (const [index, file] of files.entries()) {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(file));
    digests.set(new Uint8Array(digest), 32 * index);
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", digests)).toHex();
}

/** `uname -s` and `uname -m` of this system. */
function systemName(): string {
  const { stdout } = new Deno.Command("uname", { args: ["-sm"] }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}

/** The launcher's text, for an archive that is known by `key`. */
async function launcher(key: string): Promise<string> {
  const text = await Deno.readTextFile(new URL("launcher.sh", import.meta.url));
  const values: Record<string, string> = {
    KEY: key,
    LINE: String(text.split("\n").length),
    PERMISSIONS: PERMISSIONS.join(" "),
    SYSTEM: systemName(),
  };
  return text.replace(/@([A-Z]+)@/g, (_, name) => values[name]!);
}

/** What the launcher runs. */
const MAIN = "main.js";

/** Writes the launcher and, behind it, the compressed archive. */
async function pack({ entry, workers, output }: Program): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tcpstack-build-" });
  try {
    const stage = `${folder}/stage`;
    await Deno.mkdir(stage);
    await bundle(entry, stage);
    if (bundledName(entry) !== MAIN) {
      await Deno.rename(`${stage}/${bundledName(entry)}`, `${stage}/${MAIN}`);
    }
    for (const worker of workers) await bundle(worker, stage);
    // Keeps a package.json further up from having a say.
    await Deno.writeTextFile(`${stage}/package.json`, '{ "type": "module" }\n');
    await Deno.copyFile(Deno.execPath(), `${stage}/tcpstack`);
    await Deno.chmod(`${stage}/tcpstack`, 0o755);

    const names = Array.from(Deno.readDirSync(stage), ({ name }) => name).sort();
    const archive = `${folder}/archive.tar.gz`;
    await run("tar", ["-czf", archive, "-C", stage, ...names]);

    const unfinished = `${output}.part`;
    const key = await sha256(names.map((name) => `${stage}/${name}`));
    await Deno.writeTextFile(unfinished, await launcher(key.slice(0, 32)));
    await Deno.writeFile(unfinished, (await Deno.open(archive)).readable, { append: true });
    await Deno.chmod(unfinished, 0o755);
    await Deno.rename(unfinished, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The worker modules that deno.json has `deno compile` include. */
async function includedWorkers(): Promise<string[]> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  return config.compile.include;
}

function options(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        entry: { type: "string" },
        help: { type: "boolean", default: false },
        output: { type: "string" },
        pack: { type: "boolean", default: false },
        target: { type: "string" },
        worker: { type: "string", multiple: true },
      },
    }).values;
  } catch (error) {
    throw new BuildError(`${(error as Error).message}\nTry deno task build --help`, 2);
  }
}

/** A path of the command line, which counts from the caller's directory. */
function fromCaller(path: string): string {
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), path);
}

async function main(args: string[]): Promise<void> {
  const given = options(args);
  if (given.help) return write(Deno.stdout, HELP);
  const target = given.target ?? Deno.build.target;
  if (!TARGETS.includes(target)) {
    throw new BuildError(`Unknown target ${target}: it is one of ${TARGETS.join(", ")}`, 2);
  }
  const program: Program = {
    entry: given.entry ? fromCaller(given.entry) : "src/app/main.ts",
    workers: given.entry ? (given.worker ?? []).map(fromCaller) : await includedWorkers(),
    output: fromCaller(given.output ?? "tcpstack"),
    target,
  };

  if (given.pack || !await hasBase(target)) {
    if (target !== Deno.build.target) {
      throw new BuildError(
        given.pack
          ? `--pack takes the deno binary at hand, which is not one for ${target}`
          : `The base runtime for ${target} cannot be downloaded: set DENORT_BIN to a file that holds it`,
      );
    }
    if (!given.pack) {
      say("The base runtime of deno compile cannot be downloaded: packing the deno binary at hand");
    }
    await pack(program);
  } else {
    await compile(program);
  }
  const { size } = await Deno.stat(program.output);
  say(`Made ${program.output} for ${target}, ${(size / 1e6).toFixed(0)} MB`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    write(Deno.stderr, `error: ${error.message}\n`);
    Deno.exit(error.code);
  }
}
