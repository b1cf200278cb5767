/**
 * `node:net` on a stack: enough of it that servers and clients written for Node run on ours.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import { isIP, isIPv4, isIPv6 } from "node:net";
import { nextTick } from "node:process";
import type { NetworkStack } from "../host/network_stack.ts";
import { ConnDuplex } from "../socket/duplex.ts";
import { withCode } from "../socket/node_errors.ts";
import type { TcpConn } from "../socket/tcp_conn.ts";
import type { TcpListener } from "../socket/tcp_listener.ts";

/** Where a socket connects to. */
export interface NetConnectOptions {
  /** 1 to 65535. */
  port: number;
  /** A name or an address; by default `localhost`: the stack itself. */
  host?: string;
  /** The port to connect from; left out: one that cannot be guessed. */
  localPort?: number;
  /** See `socket.setNoDelay`. */
  noDelay?: boolean;
  /** See `socket.setKeepAlive`. */
  keepAlive?: boolean;
  /** See `socket.setTimeout`. */
  timeout?: number;
  /** Whether our side stays open when the peer's ends. */
  allowHalfOpen?: boolean;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/** Where a server listens. */
export interface NetListenOptions {
  /** 0 or left out: a free one. */
  port?: number;
  /** An address of the stack; left out: all of them. */
  host?: string;
  /** Most connections that wait to be accepted. */
  backlog?: number;
  /** Closes the server when it is aborted. */
  signal?: AbortSignal;
}

/** What a server makes of its connections. */
export interface NetServerOptions {
  /** Whether our side stays open when the peer's ends; by default it does not, as in Node. */
  allowHalfOpen?: boolean;
  /** See `socket.setNoDelay`. */
  noDelay?: boolean;
  /** See `socket.setKeepAlive`. */
  keepAlive?: boolean;
  /** Whether connections begin without being read. */
  pauseOnConnect?: boolean;
}

/** What {@linkcode createNet} gives: what of `node:net` there is, bound to one stack. */
export interface Net {
  /** `net.Socket`. */
  readonly Socket: new (options?: { allowHalfOpen?: boolean }) => NetSocket;
  /** `net.Server`. */
  readonly Server: new (
    options?: NetServerOptions | ((socket: NetSocket) => void),
    onConnection?: (socket: NetSocket) => void,
  ) => NetServer;
  /** `net.createServer(options?, onConnection?)`. */
  createServer(
    options?: NetServerOptions | ((socket: NetSocket) => void),
    onConnection?: (socket: NetSocket) => void,
  ): NetServer;
  /** `net.connect(options, listener?)` and `net.connect(port, host?, listener?)`. */
  connect(...args: unknown[]): NetSocket;
  /** The same. */
  createConnection(...args: unknown[]): NetSocket;
  /** 4 or 6, or 0 if the text is no address. */
  isIP(text: string): number;
  /** Whether the text is an IPv4 address. */
  isIPv4(text: string): boolean;
  /** Whether the text is an IPv6 address. */
  isIPv6(text: string): boolean;
}

/**
 * `net.Socket` on a stack. `connect(port, host?, listener?)` and `connect(options, listener?)` as
 * in Node; events `lookup` and `ready` included, paths of Unix sockets not.
 */
export class NetSocket extends ConnDuplex {
  /** Whether a connection is being opened. */
  connecting = false;
  #stack: NetworkStack;

  /** See {@linkcode createNet}, whose `Socket` is bound to a stack. */
  constructor(stack: NetworkStack, options: { allowHalfOpen?: boolean } = {}) {
    super({ allowHalfOpen: options.allowHalfOpen ?? false });
    this.#stack = stack;
  }

  /** `opening`, `open`, `readOnly`, `writeOnly` or `closed`. */
  get readyState(): string {
    if (this.connecting) return "opening";
    if (this.readable && this.writable) return "open";
    return this.readable ? "readOnly" : this.writable ? "writeOnly" : "closed";
  }

  /** Opens the connection; `connect` is emitted once it is there, `error` if it fails. */
  connect(...args: unknown[]): this {
    const [options, listener] = connectArguments(args);
    if (listener !== undefined) this.once("connect", listener);
    const { host = "localhost", port, localPort, signal } = options;
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    if (options.noDelay !== undefined) this.setNoDelay(options.noDelay);
    if (options.keepAlive !== undefined) this.setKeepAlive(options.keepAlive);
    this.connecting = true;
    this.#stack.connect({ hostname: host, port, localPort, signal }).then(
      (conn) => {
        this.connecting = false;
        if (this.destroyed) return conn.close();
        this.attach(conn);
        this.emit("connect");
        this.emit("ready");
      },
      (error) => {
        this.connecting = false;
        this.destroy(withCode(error));
      },
    );
    return this;
  }
}

/** `net.Server` on a stack. */
export class NetServer extends EventEmitter {
  /** Whether it listens. */
  listening = false;
  /** Most connections at a time; others are reset. */
  maxConnections: number = Infinity;
  #stack: NetworkStack;
  #options: NetServerOptions;
  #listener: TcpListener | null = null;
  #sockets = new Set<NetSocket>();

  /** See {@linkcode createNet}, whose `Server` is bound to a stack. */
  constructor(
    stack: NetworkStack,
    options: NetServerOptions | ((socket: NetSocket) => void) = {},
    onConnection?: (socket: NetSocket) => void,
  ) {
    super();
    this.#stack = stack;
    this.#options = typeof options === "function" ? {} : options;
    const listener = typeof options === "function" ? options : onConnection;
    if (listener !== undefined) this.on("connection", listener);
  }

  /** Listens; `listening` is emitted once it does, `error` if it cannot. */
  listen(...args: unknown[]): this {
    const [{ port = 0, host, backlog, signal }, onListening] = listenArguments(args);
    if (onListening !== undefined) this.once("listening", onListening);
    const isAny = host === undefined || host === "0.0.0.0" || host === "::";
    try {
      const listener = this.#listener = this.#stack.listen({
        port,
        ...(isAny ? {} : { hostname: host }),
        ...(backlog === undefined ? {} : { backlog }),
      });
      this.listening = true;
      void this.#accept(listener);
      nextTick(() => this.emit("listening"));
    } catch (error) {
      nextTick(() => this.emit("error", withCode(error)));
    }
    signal?.addEventListener("abort", () => this.close());
    return this;
  }

  async #accept(listener: TcpListener): Promise<void> {
    for await (const conn of listener) {
      if (this.#sockets.size >= this.maxConnections) {
        conn.abort();
        conn.close();
        this.emit("drop", dropInfo(conn));
      } else this.#serve(conn);
    }
  }

  #serve(conn: TcpConn): void {
    const { allowHalfOpen = false, noDelay, keepAlive, pauseOnConnect } = this.#options;
    const socket = new NetSocket(this.#stack, { allowHalfOpen }).attach(conn);
    if (noDelay !== undefined) socket.setNoDelay(noDelay);
    if (keepAlive !== undefined) socket.setKeepAlive(keepAlive);
    if (pauseOnConnect) socket.pause();
    this.#sockets.add(socket);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#endIfDone();
    });
    this.emit("connection", socket);
  }

  /** Stops listening; `close` is emitted when the last connection has ended. */
  close(done?: (error?: Error) => void): this {
    if (this.#listener === null) {
      done?.(Object.assign(new Error("Server is not running"), { code: "ERR_SERVER_NOT_RUNNING" }));
      return this;
    }
    if (done !== undefined) this.once("close", done);
    this.#listener.close();
    this.#listener = null;
    this.listening = false;
    nextTick(() => this.#endIfDone());
    return this;
  }

  #endIfDone(): void {
    if (this.#listener === null && this.#sockets.size === 0) this.emit("close");
  }

  /** Where it listens; `null` if it doesn't. */
  address(): { address: string; port: number; family: string } | null {
    if (this.#listener === null) return null;
    const { hostname, port } = this.#listener.addr;
    return { address: hostname, port, family: isIPv6(hostname) ? "IPv6" : "IPv4" };
  }

  /** Tells how many connections there are. */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    const { size } = this.#sockets;
    nextTick(() => callback(null, size));
    return this;
  }

  /** Nothing: whether a program goes on is the matter of its devices. */
  ref(): this {
    return this;
  }

  /** Nothing, see {@linkcode ref}. */
  unref(): this {
    return this;
  }

  /** {@linkcode close}, and the wait for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#listener === null) return;
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }
}

/**
 * What of `node:net` there is, on a stack: a server or client written for Node runs on it when it
 * imports a module of yours that exports this.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createNet, createStack, memoryPair } from "@tcpstack/tcpstack";
 *
 * const [one, other] = memoryPair();
 * await using client = createStack({ device: one, address: "10.0.0.1" });
 * await using host = createStack({ device: other, address: "10.0.0.2" });
 *
 * const net = createNet(host);
 * const server = net.createServer((socket) => socket.end("hello")).listen(7);
 * const socket = createNet(client).connect(7, "10.0.0.2");
 * let text = "";
 * for await (const chunk of socket) text += chunk;
 * assertEquals(text, "hello");
 * server.close();
 * ```
 */
export function createNet(stack: NetworkStack): Net {
  class Socket extends NetSocket {
    constructor(options?: { allowHalfOpen?: boolean }) {
      super(stack, options);
    }
  }
  class Server extends NetServer {
    constructor(
      options?: NetServerOptions | ((socket: NetSocket) => void),
      onConnection?: (socket: NetSocket) => void,
    ) {
      super(stack, options, onConnection);
    }
  }
  const connect = (...args: unknown[]) => {
    const [{ allowHalfOpen = false }] = connectArguments(args);
    return new Socket({ allowHalfOpen }).connect(...args);
  };
  return {
    Socket,
    Server,
    createServer: (options, onConnection) => new Server(options, onConnection),
    connect,
    createConnection: connect,
    isIP,
    isIPv4,
    isIPv6,
  };
}

type Listener = () => void;

/** `connect(options, listener?)` and `connect(port, host?, listener?)`. */
function connectArguments(args: unknown[]): [NetConnectOptions, Listener | undefined] {
  const [first, second] = args;
  const listener = args.find((arg) => typeof arg === "function") as Listener | undefined;
  if (typeof first === "object" && first !== null) return [first as NetConnectOptions, listener];
  const port = portOf(first);
  return [typeof second === "string" ? { port, host: second } : { port }, listener];
}

/** `listen(options, listener?)` and `listen(port?, host?, backlog?, listener?)`. */
function listenArguments(args: unknown[]): [NetListenOptions, Listener | undefined] {
  const listener = args.find((arg) => typeof arg === "function") as Listener | undefined;
  const [first] = args;
  if (typeof first === "object" && first !== null) return [first as NetListenOptions, listener];
  const options: NetListenOptions = {};
  if (first !== undefined && typeof first !== "function") options.port = portOf(first);
  for (const arg of args.slice(1)) {
    if (typeof arg === "string") options.host = arg;
    else if (typeof arg === "number") options.backlog = arg;
  }
  return [options, listener];
}

function portOf(value: unknown): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  const error = new RangeError(`options.port should be >= 0 and < 65536. Received ${value}.`);
  throw Object.assign(error, { code: "ERR_SOCKET_BAD_PORT" });
}

function dropInfo({ remoteAddr, localAddr }: TcpConn): Record<string, string | number> {
  return {
    remoteAddress: remoteAddr.hostname,
    remotePort: remoteAddr.port,
    localAddress: localAddr.hostname,
    localPort: localAddr.port,
  };
}
