/**
 * HTTP servers with `Request` and `Response`, by `node:http` on top of a listener.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { toDuplex } from "../socket/duplex.ts";
import type { TcpConn } from "../socket/tcp_conn.ts";
import type { TcpListener } from "../socket/tcp_listener.ts";

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

/** Settings of {@linkcode serveHttp}. */
export interface ServeHttpOptions {
  /** Answers a request whose handler has thrown; by default with 500, and nothing of the error. */
  onError?: (error: unknown) => Response | Promise<Response>;
}

/** A server that runs. */
export interface HttpServer extends AsyncDisposable {
  /** Resolves when the listener is closed and the last connection has ended. */
  readonly finished: Promise<void>;
  /** Closes the listener, lets the answers under way end, and then every connection. */
  shutdown(): Promise<void>;
}

/**
 * Serves HTTP/1.1 on a listener: streaming bodies both ways, keep-alive, chunked.
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

class Server implements HttpServer {
  readonly finished: Promise<void>;
  #listener: TcpListener;
  #handler: HttpHandler;
  #onError: (error: unknown) => Response | Promise<Response>;
  #node = createServer((request, response) => void this.#answer(request, response));
  #ends = new Set<Promise<void>>();
  #infos = new WeakMap<object, HttpConnInfo>();

  constructor(listener: TcpListener, handler: HttpHandler, options: ServeHttpOptions) {
    this.#listener = listener;
    this.#handler = handler;
    this.#onError = options.onError ?? (() =>
      new Response("Internal Server Error\n", {
        status: 500,
      }));
    // Deno's node:http closes a connection after one answer if its server doesn't listen.
    Object.defineProperty(this.#node, "listening", { value: true, configurable: true });
    this.finished = this.#run();
  }

  async #run(): Promise<void> {
    for await (const conn of this.#listener) this.#serve(conn);
    await Promise.all(this.#ends);
  }

  #serve(conn: TcpConn): void {
    const duplex = toDuplex(conn);
    this.#infos.set(duplex, { remoteAddr: conn.remoteAddr, localAddr: conn.localAddr });
    const { promise, resolve } = Promise.withResolvers<void>();
    duplex.on("error", () => {}); // the peer has gone: `close` follows
    duplex.on("close", () => {
      this.#ends.delete(promise);
      resolve();
    });
    this.#ends.add(promise);
    this.#node.emit("connection", duplex);
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    outgoing.on("close", () => gone.abort());
    const info = this.#infos.get(incoming.socket)!;
    let response: Response;
    try {
      response = await this.#handler(toRequest(incoming, gone.signal, info), info);
    } catch (error) {
      response = await this.#onError(error);
    }
    await send(response, incoming, outgoing, gone.signal).catch(() => outgoing.destroy());
  }

  async shutdown(): Promise<void> {
    this.#listener.close();
    this.#node.closeIdleConnections();
    Object.defineProperty(this.#node, "listening", { value: false });
    await this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal, info: HttpConnInfo): Request {
  const { hostname, port } = info.localAddr;
  const own = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host ?? own}`);
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  const method = incoming.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? Readable.toWeb(incoming) as ReadableStream<Uint8Array> : null;
  return new Request(url, { method, headers, body, signal });
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
  outgoing.writeHead(status, statusText || undefined);
  if (body === null || incoming.method === "HEAD") {
    await body?.cancel();
    outgoing.end();
    return;
  }
  for await (const chunk of body) {
    if (signal.aborted) break; // leaving the loop cancels the body
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
  outgoing.end();
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
