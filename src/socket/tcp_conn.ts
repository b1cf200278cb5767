/**
 * A TCP connection for programs, shaped as `Deno.TcpConn`.
 *
 * @module
 */

import { CallError, sendError } from "../tcp/calls.ts";
import type { ConnectionOptions } from "../tcp/connection_options.ts";
import { ECN_MASK } from "../tcp/ecn.ts";
import type { TcpInfo } from "../tcp/info.ts";
import { State } from "../tcp/state.ts";
import type { Tcb, TcpUser } from "../tcp/tcb.ts";
import { OpenError, type Tcp } from "../tcp/tcp.ts";
import type { IpAddress } from "../wire/address.ts";
import { formatAddress, formatEnd } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { closedHere, closeError, softErrorOf } from "./errors.ts";
import { Gate } from "./gate.ts";
import { checkKeepAlive, checkTime, checkTos, checkTtl, type KeepAliveOptions } from "./options.ts";

/** How much {@linkcode TcpConn.readable} reads at once, in bytes. */
const CHUNK = 64 * 1024;

/** Wakes the calls that wait on one connection. */
class Waiters implements TcpUser {
  readonly open: Gate = new Gate();
  readonly readable: Gate = new Gate();
  readonly writable: Gate = new Gate();
  urgentHandler: (() => void) | null = null;
  softErrorHandler: (() => void) | null = null;

  onOpen(): void {
    this.open.open();
  }
  onReadable(): void {
    this.readable.open();
  }
  onWritable(): void {
    this.writable.open();
  }
  onClosed(): void {
    this.all();
  }
  onUrgent(): void {
    if (this.urgentHandler !== null) queueMicrotask(this.urgentHandler);
  }
  onSoftError(): void {
    if (this.softErrorHandler !== null) queueMicrotask(this.softErrorHandler);
  }
  all(): void {
    this.open.open();
    this.readable.open();
    this.writable.open();
  }
}

/**
 * One TCP connection.
 *
 * @example Echo
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createStack, memoryPair } from "@tcpstack/tcpstack";
 *
 * const [one, other] = memoryPair();
 * await using client = createStack({ device: one, address: "10.0.0.1" });
 * await using server = createStack({ device: other, address: "10.0.0.2" });
 * const listener = server.listen({ port: 7 });
 * listener.accept().then((conn) => conn.readable.pipeTo(conn.writable));
 *
 * const conn = await client.connect({ hostname: "10.0.0.2", port: 7 });
 * await new Blob(["hello"]).stream().pipeTo(conn.writable);
 * assertEquals(await new Response(conn.readable).text(), "hello");
 * ```
 */
export class TcpConn implements AsyncDisposable {
  #context: SocketContext;
  #tcb: Tcb;
  #waiters = new Waiters();
  #closed = false;
  #receiveTimeout = Infinity;
  #sendTimeout = Infinity;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** Wraps a connection that a listener has accepted or that is being opened. */
  constructor(context: SocketContext, tcb: Tcb, waiters?: Waiters) {
    this.#context = context;
    this.#tcb = tcb;
    if (waiters !== undefined) this.#waiters = waiters;
    tcb.user = this.#waiters;
  }

  /** Opens a connection: see `NetworkStack.connect`, which checks what the user gave. */
  static async open(
    context: SocketContext,
    remote: IpAddress,
    port: number,
    local: IpAddress | null,
    localPort: number,
    signal: AbortSignal | undefined,
    options?: ConnectionOptions,
  ): Promise<TcpConn> {
    signal?.throwIfAborted();
    const waiters = new Waiters();
    const { tcp } = context.stack;
    const tcb = tcp.open(remote, port, local, localPort, waiters, context.now(), options);
    if (typeof tcb === "number") throw openError(tcb, formatEnd(remote, port), localPort);
    const conn = new TcpConn(context, tcb, waiters);
    context.kick();
    const onAbort = () => conn.abort();
    signal?.addEventListener("abort", onAbort);
    try {
      while (tcb.state === State.SYN_SENT || tcb.state === State.SYN_RECEIVED) {
        await waiters.open.wait();
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    signal?.throwIfAborted();
    const error = closeError(tcb);
    if (error !== undefined) throw error;
    return conn;
  }

  /** Our end. */
  get localAddr(): Deno.NetAddr {
    return this.#address(this.#tcb.local, this.#tcb.localPort);
  }

  /** The peer's end. */
  get remoteAddr(): Deno.NetAddr {
    return this.#address(this.#tcb.remote, this.#tcb.remotePort);
  }

  #address(address: IpAddress, port: number): Deno.NetAddr {
    const hostname = formatAddress(this.#context.stack.ip, address);
    return { transport: "tcp", hostname, port };
  }

  /**
   * Reads what has arrived into `target`, waiting until there is something.
   *
   * @returns How many bytes, or `null` once the peer has closed and everything is read.
   * @throws {Deno.errors.ConnectionReset} If the peer reset the connection.
   * @throws {Deno.errors.TimedOut} If the peer stopped answering, or nothing came in the time that
   * {@linkcode setReceiveTimeout} gives.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  async read(target: Uint8Array): Promise<number | null> {
    if (target.length === 0) return 0;
    const until = this.#timeIn(this.#receiveTimeout);
    for (;;) {
      const n = this.#receive(target);
      if (n > 0) return n;
      if (this.#isAtEnd()) return null;
      await this.#wait(this.#waiters.readable, until, "Nothing to read");
    }
  }

  /**
   * Reads as {@linkcode read} does, into a new array: nothing is allocated while it waits.
   *
   * @param most Most bytes to read, 1 or more.
   * @returns The bytes, or `null` once the peer has closed and everything is read.
   */
  async readChunk(most: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const until = this.#timeIn(this.#receiveTimeout);
    for (;;) {
      const { length } = this.#tcb.receiveBuffer;
      if (length > 0 && !this.#closed) {
        const chunk = new Uint8Array(Math.min(length, most));
        const n = this.#receive(chunk);
        if (n > 0) return chunk.subarray(0, n);
      }
      if (this.#isAtEnd()) return null;
      await this.#wait(this.#waiters.readable, until, "Nothing to read");
    }
  }

  /** Takes what has arrived, as far as there is room for it. */
  #receive(target: Uint8Array): number {
    if (this.#closed) throw closedHere("connection");
    const n = this.#context.stack.tcp.receiveText(this.#tcb, target, this.#context.now());
    if (n > 0) this.#context.kick();
    return n;
  }

  /** Whether there is nothing to read, and never will be: the peer has closed. */
  #isAtEnd(): boolean {
    if (this.#closed) throw closedHere("connection");
    if (this.#context.stack.tcp.isAtEnd(this.#tcb)) return true;
    this.#throwIfGone();
    return false;
  }

  /**
   * Queues bytes to be sent, waiting while the send buffer is full. What is written in one go,
   * without waiting for anything but that, shares segments, and so does the end that
   * {@linkcode closeWrite} and {@linkcode close} send; not after {@linkcode setNoDelay}.
   *
   * @returns How many bytes were taken: at least one, and maybe not all.
   * @throws {Deno.errors.BrokenPipe} If the sending side is closed.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   * @throws {Deno.errors.ConnectionReset} If the peer reset the connection.
   * @throws {Deno.errors.TimedOut} If the peer stopped answering.
   */
  write(bytes: Uint8Array): Promise<number> {
    return this.#write(bytes, false);
  }

  async #write(bytes: Uint8Array, urgent: boolean): Promise<number> {
    if (bytes.length === 0) return 0;
    const until = this.#timeIn(this.#sendTimeout);
    for (;;) {
      if (this.#closed) throw closedHere("connection");
      const n = this.#send(bytes, urgent);
      if (n > 0) {
        this.#context.kick();
        return n;
      }
      this.#throwIfGone();
      if (sendError(this.#tcb) !== CallError.NO_RESOURCES) {
        throw new Deno.errors.BrokenPipe("The sending side of the connection is closed");
      }
      await this.#wait(this.#waiters.writable, until, "No room to write");
    }
  }

  /** Hands bytes to TCP, as far as there is room for them. */
  #send(bytes: Uint8Array, urgent: boolean): number {
    const { stack: { tcp } } = this.#context;
    const tcb = this.#tcb;
    if (urgent) return tcp.sendUrgent(tcb, bytes, this.#context.now());
    if (tcb.noDelay) return tcp.send(tcb, bytes, this.#context.now());
    return tcp.queue(tcb, bytes); // a close may follow, or more
  }

  #timeIn(ms: number): number {
    return ms === Infinity ? Infinity : this.#context.now() + ms;
  }

  /**
   * Waits for a change, up to a time; the connection goes on whatever comes. Many connections wait
   * so while they are idle, so each promise on the way there counts.
   */
  #wait(gate: Gate, until: number, what: string): Promise<void> {
    return until === Infinity ? gate.wait() : this.#waitUntil(gate, until, what);
  }

  async #waitUntil(gate: Gate, until: number, what: string): Promise<void> {
    const left = until - this.#context.now();
    if (left > 0 && await gate.waitAtMost(left)) return;
    throw new Deno.errors.TimedOut(`${what} in time, from ${this.remoteAddr.hostname}`);
  }

  /**
   * How long {@linkcode read} waits, in milliseconds; `null`: until there is something, as at
   * first. A read that has waited so long rejects with `Deno.errors.TimedOut`, and the connection
   * goes on (SO_RCVTIMEO).
   *
   * @throws {RangeError} If it is not 1 or more.
   */
  setReceiveTimeout(ms: number | null): void {
    this.#receiveTimeout = ms === null ? Infinity : checkTime(ms, 1, "Receive timeout");
  }

  /** The same for {@linkcode write} (SO_SNDTIMEO). What was taken before is sent all the same. */
  setSendTimeout(ms: number | null): void {
    this.#sendTimeout = ms === null ? Infinity : checkTime(ms, 1, "Send timeout");
  }

  /** Nothing: whether a program goes on is the matter of its devices. As `Deno.TcpConn` has it. */
  ref(): void {}

  /** Nothing, see {@linkcode ref}. */
  unref(): void {}

  /**
   * As {@linkcode write}, and tells the peer at once that these bytes, and what is in front of them,
   * are urgent (RFC 9293 §3.8.5). They stay in line. It is there for protocols that have always
   * used it, such as Telnet; new ones should not.
   *
   * @returns How many bytes were taken: at least one, and maybe not all.
   * @throws {Deno.errors.BrokenPipe} If the sending side is closed.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   * @throws {Deno.errors.ConnectionReset} If the peer reset the connection.
   * @throws {Deno.errors.TimedOut} If the peer stopped answering.
   */
  writeUrgent(bytes: Uint8Array): Promise<number> {
    return this.#write(bytes, true);
  }

  #throwIfGone(): void {
    const error = closeError(this.#tcb);
    if (error !== undefined) throw error;
  }

  /**
   * Closes the sending side: the peer reads to the end, and can still send. To do so twice does no
   * harm.
   *
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   * @throws {Deno.errors.ConnectionReset} If the peer reset the connection.
   * @throws {Deno.errors.TimedOut} If the peer stopped answering.
   */
  closeWrite(): Promise<void> {
    return Promise.try(() => {
      if (this.#closed) throw closedHere("connection");
      this.#throwIfGone();
      this.#context.stack.tcp.close(this.#tcb, this.#context.now());
      this.#context.kick();
    });
  }

  /**
   * Closes both sides. What was written is still delivered; if something that arrived was not
   * read, the peer gets what may be sent at once and a RST, so that it knows (RFC 9293 §3.6.1).
   * Calls that wait reject.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.stack.tcp.release(this.#tcb, this.#context.now());
    this.#waiters.all();
    this.#context.kick();
  }

  /** Ends the connection at once with a RST; what was written and not sent yet is lost. */
  abort(): void {
    this.#context.stack.tcp.abort(this.#tcb, this.#context.now());
    this.#context.kick();
  }

  /** Control block and TCP of a connection that this side has not closed. */
  #live(): { tcb: Tcb; tcp: Tcp } {
    if (this.#closed) throw closedHere("connection");
    return { tcb: this.#tcb, tcp: this.#context.stack.tcp };
  }

  /**
   * Whether small writes are sent at once instead of being collected (Nagle's algorithm).
   *
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setNoDelay(noDelay = true): void {
    this.#live().tcb.noDelay = noDelay;
  }

  /**
   * Holds back what does not fill a segment, until it is switched off, more is written or 200 ms
   * have passed: for several writes that belong together.
   *
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setCork(cork = true): void {
    const { tcb, tcp } = this.#live();
    tcp.setCork(tcb, cork, this.#context.now());
    this.#context.kick();
  }

  /**
   * Whether a peer that has been silent for long is asked if it is still there (RFC 9293 §3.8.4).
   * If it does not answer, the connection ends with `TimedOut`. Off by default.
   *
   * @param keepAlive `true` for the default times, or the times.
   * @throws {RangeError} If a time or the count is out of range.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setKeepAlive(keepAlive: boolean | KeepAliveOptions = true): void {
    const { tcb, tcp } = this.#live();
    tcp.setKeepAlive(tcb, checkKeepAlive(keepAlive, tcp.config), this.#context.now());
    this.#context.kick();
  }

  /**
   * How long what was written may stay unacknowledged before the connection ends with `TimedOut`
   * (RFC 9293 §3.8.3, RFC 5482). By default 5 minutes.
   *
   * @param ms In milliseconds, 1 or more; below 100 s a connection may not outlive short troubles.
   * @throws {RangeError} If it is out of range.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setUserTimeout(ms: number): void {
    const { tcb, tcp } = this.#live();
    tcp.setUserTimeout(tcb, checkTime(ms, 1, "User timeout"));
    this.#context.kick();
  }

  /**
   * How long the connection may take to deliver what was written once {@linkcode close} was called;
   * then it is reset. By default it takes the time that it needs.
   *
   * @param ms In milliseconds; 0 has `close` reset at once, `null` is the default.
   * @throws {RangeError} If it is out of range.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setLinger(ms: number | null): void {
    this.#live().tcb.linger = ms === null ? -1 : checkTime(ms, 0, "Linger time");
  }

  /**
   * Sets the Diffserv field of what is sent from now on (RFC 9293 §3.9.1.9).
   *
   * @param tos The whole byte, 0 to 255, with the field in its upper six bits: 0xb8 for expedited
   * forwarding. The lower two are not used: they are ECN's.
   * @throws {RangeError} If it is out of range.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setTos(tos: number): void {
    this.#live().tcb.tos = checkTos(tos) & ~ECN_MASK;
  }

  /**
   * Sets the time to live of what is sent from now on, 1 to 255 hops.
   *
   * @throws {RangeError} If it is out of range.
   * @throws {Deno.errors.BadResource} If this side has closed the connection.
   */
  setTtl(ttl: number): void {
    this.#live().tcb.ttl = checkTtl(ttl);
  }

  /** All that is known of the connection at the moment; of a closed one, what was known last. */
  info(): TcpInfo {
    return this.#context.stack.tcp.info(this.#tcb, this.#context.now());
  }

  /**
   * Called when the peer tells that something urgent comes, or more of it (RFC 9293 §3.8.5):
   * `info().urgent` says how many bytes are left to read up to its end, which one `read` does not
   * cross. `null` for none.
   */
  get onUrgent(): (() => void) | null {
    return this.#waiters.urgentHandler;
  }

  set onUrgent(handler: (() => void) | null) {
    this.#waiters.urgentHandler = handler;
  }

  /**
   * Called when there is trouble that does not end the connection (RFC 9293 §3.9.1.8):
   * {@linkcode lastError} says which. `null` for none.
   */
  get onSoftError(): (() => void) | null {
    return this.#waiters.softErrorHandler;
  }

  set onSoftError(handler: (() => void) | null) {
    this.#waiters.softErrorHandler = handler;
  }

  /** The last trouble that did not end the connection; `null` if there was none. */
  get lastError(): Error | null {
    return softErrorOf(this.#tcb) ?? null;
  }

  /**
   * What the peer sends. Cancelling it refuses the rest: if something was not read, or still comes,
   * the connection is reset.
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        const request = controller.byobRequest;
        if (request !== null) {
          const { buffer, byteOffset, byteLength } = request.view!;
          const n = await this.read(new Uint8Array(buffer, byteOffset, byteLength));
          if (n === null) controller.close();
          request.respond(n ?? 0);
        } else {
          const chunk = await this.readChunk(CHUNK);
          if (chunk === null) controller.close();
          else controller.enqueue(chunk);
        }
      },
      cancel: () => {
        this.#tcb.receiveClosed = true;
        if (this.#tcb.receiveBuffer.length > 0) this.abort();
        else if (this.#tcb.finQueued) this.close();
      },
    });
  }

  /** What the peer gets. Closing it closes the sending side; aborting it resets the connection. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      // Not in `abort`, which only comes once the write that is under way has settled.
      start: (controller) => controller.signal.addEventListener("abort", () => this.abort()),
      write: (chunk) => writeAll(this, chunk),
      close: () => this.closeWrite(),
    });
  }

  /** {@linkcode close}, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** Writes all of `bytes`, waiting while the send buffer is full. */
export async function writeAll(
  conn: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function openError(error: OpenError, peer: string, localPort: number): Error {
  switch (error) {
    case OpenError.BAD_ADDRESS:
      return new TypeError(`Cannot connect to ${peer}: not the address of one host and a port`);
    case OpenError.NO_ROUTE:
      return new Deno.errors.NetworkUnreachable(`No way to ${peer} from this stack`);
    case OpenError.IN_USE:
      return new Deno.errors.AddrInUse(
        `A connection from port ${localPort} to ${peer} exists already`,
      );
    case OpenError.NO_PORT:
      return new Deno.errors.AddrInUse(`Every ephemeral port is in use towards ${peer}`);
  }
}
