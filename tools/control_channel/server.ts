/**
 * The channel's own side: a socket to listen on, and connections, one after another.
 *
 * @module
 */

import { Session } from "./session.ts";

/** Most bytes read at once. */
const CHUNK = 64 * 1024;
/** Most bytes that wait to be taken by the other side. */
const MAX_WAITING = 64 * 1024 * 1024;

/** Sends frames in order, as fast as the other side takes them. */
class Outbox {
  #conn: Deno.Conn;
  #frames: Uint8Array<ArrayBuffer>[] = [];
  #waiting = 0;
  #sending: Promise<void> | undefined;
  #onFailure: () => void;

  /** @param onFailure Called when the other side doesn't take them any more. */
  constructor(conn: Deno.Conn, onFailure: () => void) {
    this.#conn = conn;
    this.#onFailure = onFailure;
  }

  push(frame: Uint8Array<ArrayBuffer>): void {
    this.#frames.push(frame);
    this.#waiting += frame.length;
    if (this.#waiting > MAX_WAITING) this.#onFailure();
    else this.#sending ??= this.#run();
  }

  async #run(): Promise<void> {
    await undefined; // all that the current turn sends goes out in one piece
    try {
      while (this.#frames.length > 0) {
        const bytes = joined(this.#frames);
        this.#frames = [];
        for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
        this.#waiting -= bytes.length;
      }
    } catch {
      this.#onFailure();
    }
    this.#sending = undefined;
  }

  /** Resolves when everything has been taken. */
  async drained(): Promise<void> {
    await this.#sending;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Serves one connection until it ends. */
async function serveConnection(conn: Deno.Conn, log: (message: string) => void): Promise<void> {
  let isOpen = true;
  const close = () => {
    if (isOpen) conn.close();
    isOpen = false;
  };
  const outbox = new Outbox(conn, close);
  const session = new Session({ send: (frame) => isOpen && outbox.push(frame), log });
  const chunk = new Uint8Array(CHUNK);
  try {
    for (;;) {
      const n = await conn.read(chunk);
      if (n === null || !session.receive(chunk.subarray(0, n))) break;
      await outbox.drained();
    }
    await outbox.drained();
  } catch (error) {
    if (isOpen && !(error instanceof Deno.errors.ConnectionReset)) throw error;
  } finally {
    session.close();
    close();
  }
}

/**
 * Serves connections, one after another, until the listener is closed.
 *
 * @param log Told of what goes wrong on the other side.
 */
export async function serve(
  listener: Deno.Listener,
  log: (message: string) => void,
): Promise<void> {
  for await (const conn of listener) await serveConnection(conn, log);
}
