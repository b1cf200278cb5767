/**
 * A listening TCP port for programs, shaped as `Deno.TcpListener`.
 *
 * @module
 */

import { type ConnectionOptions, NO_OPTIONS } from "../tcp/connection_options.ts";
import type { Listener } from "../tcp/listener.ts";
import type { IpAddress } from "../wire/address.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { formatAddress, formatEnd } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { closedHere } from "./errors.ts";
import { Gate } from "./gate.ts";
import { TcpConn } from "./tcp_conn.ts";

/**
 * Accepts connections; `for await` over it gives them one by one.
 */
export class TcpListener implements AsyncIterable<TcpConn>, AsyncDisposable {
  /** Where it listens; port 0 when it takes every port. */
  readonly addr: Deno.NetAddr;
  #context: SocketContext;
  #listener: Listener;
  #acceptable = new Gate();
  #takesAll: boolean;
  #closed = false;

  /** See `NetworkStack.listen`, which checks what the user gave. */
  constructor(
    context: SocketContext,
    address: IpAddress | null,
    port: number,
    backlog: number,
    options: ConnectionOptions = NO_OPTIONS,
  ) {
    const listener = context.stack.tcp.listen(
      address,
      port,
      backlog,
      () => this.#acceptable.open(),
    );
    const hostname = address === null ? "0.0.0.0" : formatAddress(context.stack.ip, address);
    if (listener === undefined) {
      throw new Deno.errors.AddrInUse(`Another listener has ${formatEnd(hostname, port)}`);
    }
    this.#context = context;
    this.#listener = listener;
    listener.options = options;
    context.open.add(this);
    this.#takesAll = address === null && port === 0;
    if (this.#takesAll) context.stack.ip.takeAll(PROTOCOL.TCP, true);
    this.addr = { transport: "tcp", hostname, port };
  }

  /**
   * Takes the next connection, waiting until there is one.
   *
   * @throws {Deno.errors.BadResource} If the listener is closed.
   */
  async accept(): Promise<TcpConn> {
    for (;;) {
      if (this.#closed) throw closedHere("listener");
      const tcb = this.#listener.accept();
      if (tcb !== undefined) return new TcpConn(this.#context, tcb);
      await this.#acceptable.wait();
    }
  }

  /** Stops listening. Connections that were not accepted are reset, accepted ones live on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.open.delete(this);
    const { tcp, ip } = this.#context.stack;
    if (this.#takesAll) ip.takeAll(PROTOCOL.TCP, false);
    tcp.unlisten(this.#listener, this.#context.now());
    this.#acceptable.open();
    this.#context.kick();
  }

  /** Connections until the listener is closed. Leaving the loop closes it, as Deno's does. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TcpConn> {
    try {
      while (!this.#closed) yield await this.accept();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    } finally {
      this.close();
    }
  }

  /** {@linkcode close}, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
