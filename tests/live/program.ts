/**
 * `tcpstack` itself, inside a namespace: from source or as the built executable.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { denoArgs, liveTest, Namespace, type Outcome } from "./namespace.ts";
import { Running } from "./running.ts";

/** The address of the stack, and its port for chat and HTTP, where nothing else is said. */
export const STACK = "10.0.0.2";
export const SITE = `http://${STACK}:8080`;

/** How to start the program. */
export interface Invocation {
  readonly path: string;
  readonly args: string[];
  readonly env?: Record<string, string>;
}

/** One form of the program. */
export class Program {
  /** In the names of tests. */
  readonly name: string;
  readonly #find: () => Promise<Invocation>;

  constructor(name: string, find: () => Promise<Invocation>) {
    this.name = name;
    this.#find = find;
  }

  /** Its command line. */
  async commandLine(args: string[]): Promise<string[]> {
    const { path, args: first } = await this.#find();
    return [path, ...first, ...args];
  }

  /** Environment variables that it needs. */
  async env(): Promise<Record<string, string>> {
    return (await this.#find()).env ?? {};
  }

  /** Runs it to its end, by way of the command `through`. */
  async run(
    ns: Namespace,
    args: string[],
    through: string[] = ["env"],
  ): Promise<Outcome> {
    const [command, ...rest] = [...through, ...await this.commandLine(args)];
    return await ns.run(command!, rest, { env: await this.env() });
  }

  /** Starts it, and does not wait for anything. */
  async start(ns: Namespace, args: string[]): Promise<Running> {
    const [command, ...rest] = await this.commandLine(args);
    return new Running(ns, command!, rest, await this.env());
  }

  /** Starts it, and waits until it serves. */
  async serve(ns: Namespace, ...args: string[]): Promise<Serving> {
    const process = await this.start(ns, args);
    try {
      await process.waitFor("Ctrl-C stops.\n");
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
    return new Serving(ns, process);
  }
}

/** The program as it is in this tree. */
export const SOURCE: Program = new Program("source", async () => ({
  path: Deno.execPath(),
  args: await denoArgs(new URL("../../src/app/main.ts", import.meta.url)),
}));

/** The program while it serves. */
export class Serving implements AsyncDisposable {
  readonly process: Running;
  readonly #ns: Namespace;

  constructor(ns: Namespace, process: Running) {
    this.#ns = ns;
    this.process = process;
  }

  /** Name of its interface. */
  get name(): string {
    return /^(\S+) is up/m.exec(this.process.stdout)![1]!;
  }

  /** What the stack has counted, asked for over HTTP. */
  async counters(): Promise<Counters> {
    return JSON.parse(await this.#ns.check("curl", ["-s", `${SITE}/counters`]));
  }

  /**
   * Stops it with a signal, and checks that it ends as it should: in order, within a second, with
   * its farewell, without error messages, and without its interface.
   */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<void> {
    const { name } = this;
    this.process.signal(signal);
    const { code, took } = await this.process.end();
    assertEquals(this.process.stderr, "");
    assertEquals(code, 0);
    assert(took < 1000, `it ended within a second: took ${took} ms`);
    assert(this.process.stdout.includes(`${name} is gone`), this.process.stdout);
    assert(!(await interfaces(this.#ns)).includes(name), `${name} is gone`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** What `/counters` tells. */
export interface Counters {
  /** How many connections are in which state. */
  connections: Record<string, number>;
  [name: string]: unknown;
}

/** An interface, as `ip -json link` shows it. */
interface Link {
  readonly ifname: string;
  readonly flags: string[];
}

async function links(ns: Namespace): Promise<Link[]> {
  return JSON.parse(await ns.check("ip", ["-json", "link"]));
}

/** Names of the interfaces in a namespace. */
export async function interfaces(ns: Namespace): Promise<string[]> {
  return (await links(ns)).map((link) => link.ifname);
}

/** Waits until an interface is up, which is the last step of its set-up by `process`. */
export async function untilUp(ns: Namespace, name: string, process: Running): Promise<void> {
  while (!(await links(ns)).some(({ ifname, flags }) => ifname === name && flags.includes("UP"))) {
    assert(process.isRunning, `It ended before ${name} was up: ${process.stderr}`);
  }
}

/** Registers a test of the program while it serves, in a namespace of its own. */
export function serveTest(
  program: Program,
  name: string,
  options: { needs?: string[]; args?: string[] },
  fn: (ns: Namespace, serving: Serving) => Promise<void>,
): void {
  liveTest(`serve (${program.name}): ${name}`, options.needs ?? [], async () => {
    await using ns = await Namespace.create();
    await using serving = await program.serve(ns, ...options.args ?? []);
    await fn(ns, serving);
    await serving.stop();
  });
}
