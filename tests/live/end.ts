/**
 * Programs inside namespaces that send and receive as told: by the kernel's TCP, or by ours.
 *
 * @module
 */

import { denoArgs, type Namespace } from "./namespace.ts";
import { Running } from "./running.ts";

const END = new URL("./inside/end.ts", import.meta.url);

/** What a program at an end of the line tells of a connection. */
export interface Report {
  readonly bytes: number;
  /** How long, in milliseconds, from the first byte on. */
  readonly took: number;
  /** SHA-256 of what was sent or received; not where bytes are only counted. */
  readonly hash?: string;
}

/** A program that sends and receives: `inside/end.ts`. */
export class End implements AsyncDisposable {
  readonly address: string;
  readonly #program: Running;

  private constructor(address: string, program: Running) {
    this.address = address;
    this.#program = program;
  }

  /** Starts it, and waits until it listens. */
  static async start(ns: Namespace, address: string, args: string[]): Promise<End> {
    const program = new Running(ns, Deno.execPath(), [...await denoArgs(END), ...args]);
    try {
      await program.waitFor("listens\n");
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
    return new End(address, program);
  }

  /** Connects, sends random bytes, and waits until the peer has closed, too. */
  async send(to: End, length: number, patience: number): Promise<Report> {
    return await this.#ask(`send ${to.address} ${length}`, patience);
  }

  /** Accepts a connection and takes all that comes. Those that are broken off don't count. */
  async receive(patience: number): Promise<Report> {
    return await this.#ask("receive", patience);
  }

  /** Connects and takes all that comes. */
  async fetch(from: End, patience: number): Promise<Report> {
    return await this.#ask(`fetch ${from.address}`, patience);
  }

  /** Accepts a connection, sends random bytes, and waits until the peer has closed, too. */
  async serve(length: number, patience: number): Promise<Report> {
    return await this.#ask(`serve ${length}`, patience);
  }

  /** Connects and sends until the peer breaks it off. */
  async flood(to: End, patience: number): Promise<Report> {
    return await this.#ask(`flood ${to.address}`, patience);
  }

  /** Accepts a connection, counts what comes for so many ms, and breaks it off. */
  async measure(ms: number): Promise<Report> {
    return await this.#ask(`measure ${ms}`, ms + 10_000);
  }

  /** What the stack has counted. */
  async counters(): Promise<Record<string, number>> {
    return JSON.parse(await this.#program.ask("counters"));
  }

  async #ask(line: string, patience: number): Promise<Report> {
    return JSON.parse(await this.#program.ask(line, patience));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
