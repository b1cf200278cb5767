/**
 * A connection for Node's world.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
import { withCode } from "./node_errors.ts";
import { type TcpConn, writeAll } from "./tcp_conn.ts";

/** Most that is read at once, in bytes. */
const CHUNK = 64 * 1024;
/** Up to this many bytes are copied to be written as one. */
const JOINED = 16 * 1024;
/** How long {@linkcode ConnDuplex.destroySoon} waits for the peer to close, in milliseconds. */
const LINGER = 2000;

/** A connection as a Node `Duplex`, with the parts of `net.Socket` that programs ask for. */
export class ConnDuplex extends Duplex {
  /** The peer's end, and ours; nothing is known before there is a connection. */
  remoteAddress: string | undefined;
  /** The peer's port. */
  remotePort: number | undefined;
  /** The peer's family. */
  remoteFamily: "IPv4" | "IPv6" | undefined;
  /** Our address. */
  localAddress: string | undefined;
  /** Our port. */
  localPort: number | undefined;
  /** Our family. */
  localFamily: "IPv4" | "IPv6" | undefined;
  /** How much was read. */
  bytesRead: number = 0;
  /** How much was written. */
  bytesWritten: number = 0;
  /** After how much silence `timeout` is emitted, in milliseconds; 0: never. */
  timeout: number = 0;
  /** Resolves when nothing is left of the connection after {@linkcode destroySoon}. */
  lingering: Promise<void> = Promise.resolve();
  #conn: TcpConn | null = null;
  /** What waits for a connection. */
  #waiting: (() => void)[] = [];
  /** Whether what still comes is to be read, and thrown away, before the end. */
  #lingers = false;
  /** When something was last read or written, while there is a {@linkcode timeout}. */
  #movedAt = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** When the timer looks whether nothing has moved for so long. */
  #idleAt = Infinity;

  /** One without a connection as yet. */
  constructor(options: { allowHalfOpen?: boolean } = {}) {
    super({ allowHalfOpen: options.allowHalfOpen ?? true });
  }

  /** Gives it its connection: what has been written goes out. */
  attach(conn: TcpConn): this {
    const { remoteAddr, localAddr } = conn;
    this.#conn = conn;
    this.remoteAddress = remoteAddr.hostname;
    this.remotePort = remoteAddr.port;
    this.remoteFamily = familyOf(remoteAddr.hostname);
    this.localAddress = localAddr.hostname;
    this.localPort = localAddr.port;
    this.localFamily = familyOf(localAddr.hostname);
    for (const go of this.#waiting.splice(0)) go();
    return this;
  }

  /** Calls `go` with the connection, as soon as there is one. */
  #withConn(go: (conn: TcpConn) => void): void {
    if (this.#conn !== null) go(this.#conn);
    else this.#waiting.push(() => go(this.#conn!));
  }

  /** Node asks for it. */
  override _read(): void {
    this.#withConn((conn) => {
      conn.readChunk(CHUNK).then(
        (chunk) => {
          if (this.destroyed) return;
          this.#moved();
          this.bytesRead += chunk?.length ?? 0;
          this.push(chunk === null ? null : Buffer.from(chunk.buffer, 0, chunk.length));
        },
        (error) => this.destroy(withCode(error)),
      );
    });
  }

  /** Node asks for it. */
  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#withConn((conn) => {
      this.#moved();
      this.bytesWritten += chunk.length;
      writeAll(conn, chunk).then(() => done(), (error) => done(withCode(error)));
    });
  }

  /** What was collected goes out in full segments, such as the head of an answer with its body. */
  override _writev(
    chunks: { chunk: Uint8Array; encoding: string }[],
    done: (error?: Error) => void,
  ): void {
    this.#withConn((conn) => {
      this.#moved();
      for (const { chunk } of chunks) this.bytesWritten += chunk.length;
      writeTogether(conn, chunks).then(() => done(), (error) => done(withCode(error)));
    });
  }

  /** Node asks for it. */
  override _final(done: (error?: Error) => void): void {
    this.#withConn((conn) =>
      conn.closeWrite().then(() => done(), (error) => done(withCode(error)))
    );
  }

  /** Node asks for it. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#lookNoMore();
    this.#waiting.length = 0;
    const conn = this.#conn;
    if (error !== null) conn?.abort();
    if (conn !== null && error === null && this.#lingers) {
      this.lingering = untilPeerCloses(conn).then(() => conn.close());
    } else conn?.close();
    done(error);
  }

  /** Ends the connection with a RST. */
  resetAndDestroy(): this {
    this.#conn?.abort();
    return this.destroy();
  }

  /**
   * Ends the connection once what was written has gone out, and the peer has closed too or 2 s have
   * passed: what it still sends would draw a RST, and that could overtake our last words (RFC 9112
   * §9.6).
   */
  destroySoon(): void {
    this.#lingers = true;
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Whether there is no connection yet. */
  get pending(): boolean {
    return this.#conn === null;
  }

  /** Where the own end is. */
  address(): { address?: string; port?: number; family?: string } {
    if (this.#conn === null) return {};
    return { address: this.localAddress!, port: this.localPort!, family: this.localFamily! };
  }

  /** Emits `timeout` when nothing was read or written for so long, in milliseconds; 0: never. */
  setTimeout(ms: number, listener?: () => void): this {
    this.timeout = ms;
    if (ms === 0) this.#lookNoMore();
    this.#moved();
    if (listener !== undefined) this.once("timeout", listener);
    return this;
  }

  /** Something was read or written: the time until `timeout` begins anew. */
  #moved(): void {
    if (this.timeout === 0 || this.destroyed) return;
    this.#movedAt = performance.now();
    this.#lookAt(this.#movedAt + this.timeout);
  }

  #lookNoMore(): void {
    clearTimeout(this.#idle);
    this.#idleAt = Infinity;
  }

  /** Has the timer look at this time at the latest: it is not moved each time that something is. */
  #lookAt(at: number): void {
    if (this.#idleAt <= at) return;
    clearTimeout(this.#idle);
    this.#idleAt = at;
    this.#idle = setTimeout(() => this.#look(), at - performance.now());
  }

  #look(): void {
    this.#idleAt = Infinity;
    if (this.timeout === 0) return;
    const at = this.#movedAt + this.timeout;
    if (at > performance.now()) this.#lookAt(at);
    else this.emit("timeout");
  }

  /** Whether small writes are sent at once instead of being collected. */
  setNoDelay(noDelay = true): this {
    this.#set((conn) => conn.setNoDelay(noDelay));
    return this;
  }

  /** Whether a silent peer is asked if it is there, the first time after `idle` ms; 0: 2 hours. */
  setKeepAlive(on = false, idle = 0): this {
    this.#set((conn) => conn.setKeepAlive(on && idle > 0 ? { idle } : on));
    return this;
  }

  #set(change: (conn: TcpConn) => void): void {
    this.#withConn((conn) => {
      if (!this.destroyed) change(conn);
    });
  }

  /** Nothing: whether a program goes on is the matter of its devices. */
  ref(): this {
    return this;
  }

  /** Nothing, see {@linkcode ref}. */
  unref(): this {
    return this;
  }
}

/** Reads what comes and throws it away, until the peer closes or {@linkcode LINGER} is over. */
async function untilPeerCloses(conn: TcpConn): Promise<void> {
  const timer = setTimeout(() => conn.close(), LINGER);
  try {
    while (await conn.readChunk(CHUNK) !== null);
  } catch {
    // It went without a word, or was too slow.
  } finally {
    clearTimeout(timer);
  }
}

async function writeTogether(
  conn: TcpConn,
  chunks: readonly { chunk: Uint8Array }[],
): Promise<void> {
  if (chunks.length === 1) return await writeAll(conn, chunks[0]!.chunk);
  const length = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
  if (length <= JOINED) {
    return await writeAll(
      conn,
      Buffer.concat(chunks.map(({ chunk }) => chunk)),
    );
  }
  conn.setCork(true);
  for (const { chunk } of chunks) await writeAll(conn, chunk);
  conn.setCork(false);
}

function familyOf(address: string): "IPv4" | "IPv6" {
  return address.includes(":") ? "IPv6" : "IPv4";
}

/**
 * Wraps a connection in a Node `Duplex`, as `node:http` and others take it. Half-close works both
 * ways; destroying it closes the connection, with an error resets it.
 *
 * @param head Bytes that were read from the connection already, and come first.
 *
 * @example HTTP, both ways
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createStack, memoryPair, toDuplex } from "@tcpstack/tcpstack";
 * import { createServer, get } from "node:http";
 *
 * const [one, other] = memoryPair();
 * await using client = createStack({ device: one, address: "10.0.0.1" });
 * await using host = createStack({ device: other, address: "10.0.0.2" });
 *
 * const server = createServer((_, response) => response.end("hello"));
 * const listener = host.listen({ port: 80 });
 * listener.accept().then((conn) => server.emit("connection", toDuplex(conn)));
 *
 * const socket = toDuplex(await client.connect({ hostname: "10.0.0.2", port: 80 }));
 * const { promise, resolve } = Promise.withResolvers<string>();
 * get({ host: "10.0.0.2", createConnection: () => socket }, (response) => {
 *   response.setEncoding("utf8").on("data", resolve);
 * });
 * assertEquals(await promise, "hello");
 * ```
 */
export function toDuplex(conn: TcpConn, head?: Uint8Array): Duplex {
  const duplex = new ConnDuplex().attach(conn);
  if (head !== undefined && head.length > 0) duplex.unshift(Buffer.from(head));
  return duplex;
}
