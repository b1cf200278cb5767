/**
 * The thread of a reader, from its start to its end.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { DeviceError, systemError } from "./errno.ts";
import { closeOnExec, type Libc } from "./libc.ts";
import type { ReaderJob, ReaderMessage } from "./reader_worker.ts";
import { Status, type ThreadLine } from "./thread_status.ts";

/** Beside this module in the sources, beside the bundle in a bundle. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./reader_worker.${extension}`, import.meta.url);
}

/** A thread that waits for a device. */
export class ReaderThread {
  readonly #libc: Libc;
  readonly #line: ThreadLine;
  readonly #worker: Worker;
  readonly #pipe: Int32Array<ArrayBuffer>;
  #stopping: Promise<void> | undefined;
  #death = "";

  /**
   * Starts it and waits until it runs.
   *
   * @param line Between it and this thread.
   * @param jobFor What it has to do, with the end to read from of a pipe on which one byte means:
   * stop.
   * @param module Its module, if it is another than that of every reader.
   * @throws {DeviceError} If it cannot be started.
   */
  static async start(
    libc: Libc,
    line: ThreadLine,
    jobFor: (wakeFd: number) => ReaderJob,
    module: URL = workerUrl(),
  ): Promise<ReaderThread> {
    const pipe = new Int32Array(2);
    if (libc.pipe(pipe) < 0) {
      throw systemError(libc.source.os, libc.errno(), "make a pipe", {
        EMFILE: "too many files are open; raise the limit with ulimit -n",
        ENFILE: "too many files are open on this system",
      });
    }
    for (const fd of pipe) closeOnExec(libc, fd);
    let worker: Worker;
    try {
      worker = new Worker(module, { type: "module", name: "reader" });
    } catch (error) {
      for (const fd of pipe) libc.close(fd);
      throw new DeviceError(`Cannot start the reader's thread: ${messageOf(error)}`, "WORKER");
    }
    const thread = new ReaderThread(libc, line, worker, pipe);
    const message: ReaderMessage = { source: libc.source, job: jobFor(pipe[0]!) };
    worker.postMessage(message);
    await line.leaves(Status.STARTING);
    if (line.status === Status.DIED) {
      await thread.stop();
      throw new DeviceError(`Cannot start the reader's thread: ${thread.#death}`, "WORKER");
    }
    return thread;
  }

  private constructor(libc: Libc, line: ThreadLine, worker: Worker, pipe: Int32Array<ArrayBuffer>) {
    this.#libc = libc;
    this.#line = line;
    this.#worker = worker;
    this.#pipe = pipe;
    worker.onmessage = (event: MessageEvent<string>) => this.#died(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#died(event.message);
    };
  }

  /** Whether it has been told to stop. */
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Why nothing will come any more; `undefined` as long as it runs, or if it was told to stop. */
  failure({ name }: Descriptor): Error | undefined {
    switch (this.#line.status) {
      case Status.FAILED:
        return readError(this.#libc, name, this.#line.errno);
      case Status.DIED:
        return new DeviceError(`Cannot read from ${name}: ${this.#death}`, "WORKER");
    }
  }

  /** Ends it. Safe to call twice. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    const [readFd, writeFd] = this.#pipe as unknown as [number, number];
    this.#line.requestStop();
    const byte = new Uint8Array(1);
    this.#libc.write(writeFd, Deno.UnsafePointer.of(byte), byte.length);
    await this.#line.leaves(Status.RUNNING);
    this.#worker.terminate();
    this.#libc.close(writeFd);
    this.#libc.close(readFd);
  }

  #died(reason: string): void {
    this.#death = reason;
    this.#line.setStatus(Status.DIED);
    // Without the thread nothing keeps the event loop going until those who wait are told.
    setTimeout(() => {});
  }
}

/** The error for a device that cannot be read any more; `errno` is 0 if it just hung up. */
export function readError(libc: Libc, name: string, errno: number): Error {
  const vanished = "the interface has vanished";
  if (errno === 0) return new DeviceError(`Cannot read from ${name}: ${vanished}`, "HANGUP");
  return systemError(libc.source.os, errno, `read from ${name}`, {
    EBADF: vanished,
    EBADFD: vanished,
    EIO: vanished,
    ENXIO: vanished,
    ENODEV: vanished,
    ENOTCONN: vanished,
    ECONNRESET: vanished,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
