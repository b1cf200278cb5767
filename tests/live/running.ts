/**
 * Programs that run for a while inside a namespace, with somebody at their standard input and output.
 *
 * @module
 */

import { Gate } from "../../src/socket/gate.ts";
import type { Namespace } from "./namespace.ts";

/** How long everything that waits for a program waits if not told otherwise, in milliseconds. */
const PATIENCE = 10_000;

/** A program that runs. Killed at the end of an `await using` block, if it still does. */
export class Running implements AsyncDisposable {
  /** What it has printed so far. */
  stdout = "";
  /** Its error messages so far. */
  stderr = "";
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #changed = new Gate();
  readonly #ended: Promise<number>;
  #running = true;

  /** Starts a program, in a namespace or in none; what is left out of `env` is inherited. */
  constructor(
    ns: Namespace | null,
    program: string,
    args: string[] = [],
    env: Record<string, string> = {},
  ) {
    const options = { stdin: "piped", stdout: "piped", stderr: "piped", env } as const;
    const command = ns === null
      ? new Deno.Command(program, { ...options, args })
      : ns.command(program, args, options);
    this.#child = command.spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#input.closed.catch(() => {}); // the program has ended: everybody waits for that
    this.#ended = this.#run();
  }

  async #run(): Promise<number> {
    const [{ code }] = await Promise.all([
      this.#child.status,
      this.#collect(this.#child.stdout, (text) => this.stdout += text),
      this.#collect(this.#child.stderr, (text) => this.stderr += text),
    ]);
    this.#running = false;
    this.#changed.open();
    return code;
  }

  async #collect(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    take: (text: string) => void,
  ): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      take(text);
      this.#changed.open();
    }
  }

  /** Whether it has not ended yet. */
  get isRunning(): boolean {
    return this.#running;
  }

  /** Types something in. */
  async type(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input. */
  async closeInput(): Promise<void> {
    await this.#input.close().catch(() => {});
  }

  /**
   * Waits until its output holds `wanted`.
   *
   * @param patience How long, in milliseconds.
   * @throws {Error} If it ends without, or takes too long.
   */
  async waitFor(wanted: string | RegExp, patience?: number): Promise<void> {
    await this.#until(
      () => this.stdout.search(typeof wanted === "string" ? RegExp.escape(wanted) : wanted) >= 0,
      `print ${wanted}`,
      patience,
    );
  }

  /**
   * Types in a line, and waits for the line that it answers with.
   *
   * @param patience How long, in milliseconds.
   * @throws {Error} If it ends without, or takes too long.
   */
  async ask(line: string, patience?: number): Promise<string> {
    const start = this.stdout.length;
    await this.type(`${line}\n`);
    const end = () => this.stdout.indexOf("\n", start);
    await this.#until(() => end() >= 0, `answer ${line}`, patience);
    return this.stdout.slice(start, end());
  }

  /**
   * Waits until it has ended.
   *
   * @returns Its exit code, 128 + N after signal N, and how long it took, in milliseconds.
   * @throws {Error} If it takes too long.
   */
  async end(): Promise<{ code: number; took: number }> {
    const start = performance.now();
    await this.#until(() => !this.#running, "end");
    return { code: await this.#ended, took: performance.now() - start };
  }

  async #until(condition: () => boolean, what: string, patience = PATIENCE): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed.open();
    }, patience);
    while (!condition() && !late && this.#running) await this.#changed.wait();
    clearTimeout(timer);
    if (!condition()) {
      const why = late ? `within ${patience} ms` : "before it ended";
      throw new Error(`It did not ${what} ${why}:\n${this.stdout}${this.stderr}`);
    }
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running) this.#child.kill("SIGKILL");
    await this.closeInput();
    await this.#ended;
  }
}
