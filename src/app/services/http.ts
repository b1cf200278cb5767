/**
 * HTTP, by `node:http` on top of our own connections.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { NetworkStack } from "../../host/network_stack.ts";
import { refuse } from "../../node/refusal.ts";
import { toDuplex } from "../../socket/duplex.ts";
import type { TcpConn } from "../../socket/tcp_conn.ts";
import { STATE_NAMES } from "../../tcp/state.ts";

/** Answers HTTP requests. */
export class HttpService {
  #stack: NetworkStack;
  #server: Server;

  constructor(stack: NetworkStack) {
    this.#stack = stack;
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on("clientError", refuse);
    // Deno's node:http closes a connection after one answer if its server doesn't listen.
    Object.defineProperty(this.#server, "listening", { value: true });
  }

  /**
   * Serves a connection until it is closed.
   *
   * @param head What was read of it already.
   */
  serve(conn: TcpConn, head: Uint8Array): Promise<void> {
    const duplex = toDuplex(conn, head);
    this.#server.emit("connection", duplex);
    return new Promise((resolve) => {
      duplex.on("error", () => {}); // the peer has gone: `close` follows
      duplex.on("close", () => resolve());
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const pathname = URL.parse(request.url ?? "/", "http://stack")?.pathname;
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (pathname === undefined) {
      sendText(response, 400, `${request.url} is not the address of anything\n`);
    } else if (pathname === "/echo" && request.method === "POST") {
      const type = request.headers["content-type"] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type });
      pipeline(request, response, () => {}); // cut short: the connection says so
    } else if (!["/", "/counters", "/echo"].includes(pathname)) {
      sendText(response, 404, `Nothing is at ${pathname}: try /, /counters or POST /echo\n`);
    } else if (!isRead || pathname === "/echo") {
      response.setHeader("allow", pathname === "/echo" ? "POST" : "GET, HEAD");
      sendText(response, 405, `${request.method} is not for ${pathname}\n`);
    } else if (pathname === "/counters") {
      const counters = this.#stack.counters();
      const report = { connections: this.#connections(), ...counters };
      send(response, 200, "application/json", `${JSON.stringify(report, null, 2)}\n`);
    } else {
      sendText(response, 200, this.#welcome());
    }
  }

  /** How many connections are in which state. */
  #connections(): Record<string, number> {
    const counts: Record<string, number> = {};
    const { tcp } = this.#stack.core;
    for (const { state } of [...tcp.connections(), ...tcp.timeWaits()]) {
      const name = STATE_NAMES[state]!;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  #welcome(): string {
    const { ip, tcp, counters } = this.#stack.core;
    return `Hello from ${ip.addresses[0]}, a TCP/IP stack in TypeScript.\n` +
      `This answer came over its own TCP; open connections: ${tcp.connectionCount}, ` +
      `packets received: ${counters.ipReceived}.\n` +
      "See also /counters, and POST /echo.\n";
  }
}

function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, "text/plain; charset=utf-8", text);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": new TextEncoder().encode(text).length,
  });
  response.end(text);
}
