/**
 * HTTP servers with `Request` and `Response`, by `node:http` on top of a listener.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { ConnDuplex } from "../socket/duplex.ts";
import { Gate } from "../socket/gate.ts";
import { checkInteger, checkTime } from "../socket/options.ts";
import type { TcpConn } from "../socket/tcp_conn.ts";
import type { TcpListener } from "../socket/tcp_listener.ts";
import { BadRequest, toRequest } from "./http_request.ts";
import { endWith, refuse } from "./refusal.ts";

/** Where a request came from, and where it went. */
export interface HttpConnInfo {
  /** The client's end. */
  readonly remoteAddr: Deno.NetAddr;
  /** Our end: where the request went. */
  readonly localAddr: Deno.NetAddr;
}

/** Answers a request. */
export type HttpHandler = (
  request: Request,
  info: HttpConnInfo,
) => Response | Promise<Response>;

/** Settings of {@linkcode serveHttp}; times in milliseconds. */
export interface ServeHttpOptions {
  /** Answers a request whose handler has thrown; by default with 500, and nothing of the error. */
  onError?: (error: unknown) => Response | Promise<Response>;
  /** How long the headers of a request may take to come, 1 or more; by default 20,000. */
  headersTimeout?: number;
  /**
   * How long the client is told that a connection is kept for its next request, 1 or more; by
   * default 5000. It is kept for a second more, in which a request may be under way.
   */
  keepAliveTimeout?: number;
  /**
   * How long nothing at all may be read or written while there is a request, handler included; by
   * default 0: for ever.
   */
  idleTimeout?: number;
  /** Most connections at a time, 1 or more; others wait in the backlog. By default 4096. */
  maxConnections?: number;
}

/** A server that runs. */
export interface HttpServer extends AsyncDisposable {
  /** Resolves when the listener is closed and the last connection has ended. */
  readonly finished: Promise<void>;
  /** How many connections there are. */
  readonly connectionCount: number;
  /** Closes the listener, lets the answers under way end, and then every connection. */
  shutdown(): Promise<void>;
}

/** How long TCP tries to deliver the end of an answer once the connection is closed. */
const LINGER = 60_000;
/** How often to look for requests that take too long, at least. */
const CHECK_INTERVAL = 1000;

/**
 * Serves HTTP/1.1 on a listener: streaming bodies both ways, keep-alive, chunked. What is no HTTP is
 * answered with 400, a header that is too large with 431, one that takes too long with 408.
 *
 * @throws {RangeError} If a time or a number is out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createStack, fetchVia, memoryPair, serveHttp } from "@tcpstack/tcpstack";
 *
 * const [one, other] = memoryPair();
 * await using client = createStack({ device: one, address: "10.0.0.1" });
 * await using host = createStack({ device: other, address: "10.0.0.2" });
 * await using server = serveHttp(host.listen({ port: 80 }), () => new Response("hello"));
 *
 * const response = await fetchVia(client, "http://10.0.0.2/");
 * assertEquals(await response.text(), "hello");
 * ```
 */
export function serveHttp(
  listener: TcpListener,
  handler: HttpHandler,
  options: ServeHttpOptions = {},
): HttpServer {
  return new Server(listener, handler, options);
}

/** A connection, and how many of its requests are being answered. */
interface Connection {
  readonly info: HttpConnInfo;
  answering: number;
}

class Server implements HttpServer {
  readonly finished: Promise<void>;
  #listener: TcpListener;
  #handler: HttpHandler;
  #onError: (error: unknown) => Response | Promise<Response>;
  #node: ReturnType<typeof createServer>;
  #maxConnections: number;
  #connections = new Map<ConnDuplex, Connection>();
  #ended = new Gate();

  constructor(listener: TcpListener, handler: HttpHandler, options: ServeHttpOptions) {
    const { headersTimeout = 20_000, keepAliveTimeout = 5000, idleTimeout = 0 } = options;
    this.#listener = listener;
    this.#handler = handler;
    this.#onError = options.onError ??
      (() => new Response("Internal Server Error\n", { status: 500 }));
    this.#maxConnections = checkInteger(options.maxConnections ?? 4096, 1, 1e6, "Most connections");
    const settings = {
      headersTimeout: checkTime(headersTimeout, 1, "Headers timeout"),
      keepAliveTimeout: checkTime(keepAliveTimeout, 1, "Keep-alive timeout"),
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL, headersTimeout),
    };
    const node = this.#node = createServer(
      settings,
      (request, response) => {
        // What the user's own error handler throws must not end the program.
        this.#answer(request, response).catch(() => response.destroy());
      },
    );
    node.timeout = checkTime(idleTimeout, 0, "Idle timeout");
    node.on("clientError", refuse);
    node.on("timeout", (socket) => this.#leave(socket as unknown as ConnDuplex));
    node.on("connect", (_, socket) => endWith(socket, "501 Not Implemented"));
    // Deno's node:http closes a connection after one answer if its server doesn't listen.
    Object.defineProperty(node, "listening", { value: true, configurable: true });
    node.emit("listening"); // it looks at the time from now on
    this.finished = this.#run();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  async #run(): Promise<void> {
    for await (const conn of this.#listener) {
      this.#serve(conn);
      while (this.#connections.size >= this.#maxConnections) await this.#ended.wait();
    }
    while (this.#connections.size > 0) await this.#ended.wait();
    this.#node.close();
  }

  #serve(conn: TcpConn): void {
    const { remoteAddr, localAddr } = conn;
    conn.setLinger(LINGER);
    conn.setNoDelay(); // an answer's end must not wait for the acknowledgement of its beginning
    const duplex = new ConnDuplex().attach(conn);
    duplex.on("error", () => {}); // the peer has gone: `close` follows
    duplex.on("close", async () => {
      await duplex.lingering;
      this.#connections.delete(duplex);
      this.#ended.open();
    });
    this.#connections.set(duplex, { info: { remoteAddr, localAddr }, answering: 0 });
    this.#node.emit("connection", duplex);
  }

  /** Ends a connection on which nothing moves; the peer may have gone, and nothing is kept for it. */
  #leave(duplex: ConnDuplex): void {
    if (this.#connections.get(duplex)?.answering === 0) duplex.destroy();
    else duplex.resetAndDestroy();
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const connection = this.#connections.get(incoming.socket as unknown as ConnDuplex);
    if (connection === undefined) return; // it has gone already
    const { info } = connection;
    const gone = new AbortController();
    connection.answering++;
    outgoing.on("close", () => {
      connection.answering--;
      // An abort is dear, and nobody has to hear of it once the answer has gone out.
      if (!outgoing.writableFinished) gone.abort();
    });
    let response: Response;
    try {
      response = await this.#handler(toRequest(incoming, gone.signal, info.localAddr), info);
    } catch (error) {
      response = error instanceof BadRequest
        ? new Response(`${error.message}\n`, { status: error.status })
        : await this.#onError(error);
    }
    try {
      await send(response, incoming, outgoing, gone.signal);
    } catch {
      outgoing.destroy();
      if (response.body?.locked === false) await response.body.cancel().catch(() => {});
    }
  }

  async shutdown(): Promise<void> {
    this.#listener.close();
    Object.defineProperty(this.#node, "listening", { value: false });
    for (const [duplex, { answering }] of this.#connections) if (answering === 0) duplex.destroy();
    await this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

async function send(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { status, statusText, headers, body } = response;
  for (const [name, value] of headers) {
    if (name !== "set-cookie") outgoing.setHeader(name, value);
  }
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  const writeHead = () => outgoing.writeHead(status, statusText || undefined);
  if (body === null || incoming.method === "HEAD") {
    writeHead();
    await body?.cancel();
    outgoing.end();
    return;
  }
  const reader = body.getReader(); // `for await` would release it in the end, which is dear
  try {
    let next = await reader.read();
    let following = next.done ? undefined : reader.read();
    const isAll = next.done || (await Promise.race([following, someTurns()]))?.done;
    if (isAll && !headers.has("content-length") && !headers.has("transfer-encoding")) {
      outgoing.setHeader("content-length", next.value?.length ?? 0);
    }
    writeHead();
    for (; !next.done; following = undefined) {
      if (signal.aborted) throw signal.reason;
      if (isAll) {
        outgoing.end(next.value);
        return;
      }
      if (!outgoing.write(next.value)) await drained(outgoing);
      next = await (following ?? reader.read());
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  }
  outgoing.end();
}

/** Long enough for the end of a body that is there as a whole. */
async function someTurns(): Promise<undefined> {
  for (let i = 0; i < 4; i++) await undefined;
}

/** Resolves when more may be written, or never will. */
function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}
