/**
 * What programs that exchange bytes are told, and how they come to their end.
 *
 * @module
 */

import { OutputGone, type Streams } from "./streams.ts";

/** How an exchange is to be. */
export interface ExchangeOptions {
  readonly streams: Streams;
  /** Ends when nothing has come or gone for so long, in milliseconds; left out: never. */
  readonly idle?: number;
  /** Whether the peer's end is the end, whatever the input still holds; by default, if it is typed. */
  readonly endsWithPeer?: boolean;
  /** Ends when it is aborted. */
  readonly signal: AbortSignal;
}

/** What an exchange has moved, in bytes, and why it has ended. */
export interface Outcome {
  readonly sent: number;
  readonly received: number;
  readonly end: "complete" | "idle" | "stopped" | "unread";
}

/** An exchange while it lasts: its two directions end together, for whatever reason. */
export class Session {
  sent = 0;
  received = 0;
  /** Aborted when it is over before both directions are. */
  readonly over: AbortController = new AbortController();
  #close: () => void;
  #end: Outcome["end"] = "complete";
  #failure: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: number | undefined;

  /** @param close Has every call that waits settle. */
  constructor({ idle }: Pick<ExchangeOptions, "idle">, close: () => void) {
    this.#close = close;
    this.#idle = idle;
  }

  /** Something has come or gone, or can from now on. */
  moved(): void {
    clearTimeout(this.#timer);
    if (this.#idle === undefined || this.over.signal.aborted) return;
    this.#timer = setTimeout(() => this.#stop("idle"), this.#idle);
  }

  #stop(end: Outcome["end"], failure?: unknown): void {
    if (this.over.signal.aborted) return;
    this.#end = end;
    this.#failure = failure;
    this.over.abort();
    this.#close();
  }

  /**
   * Waits for both directions.
   *
   * @throws What the first of them that fails has failed with.
   */
  async run(signal: AbortSignal, ...directions: Promise<void>[]): Promise<Outcome> {
    const onAbort = () => this.#stop("stopped");
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    const fail = (error: unknown) =>
      error instanceof OutputGone ? this.#stop("unread") : this.#stop("complete", error);
    await Promise.all(directions.map((direction) => direction.catch(fail)));
    clearTimeout(this.#timer);
    signal.removeEventListener("abort", onAbort);
    if (this.#failure !== undefined) throw this.#failure;
    return { sent: this.sent, received: this.received, end: this.#end };
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
