/**
 * Connections for the clients of `node:http` and `node:https`.
 *
 * @module
 */

import { Agent, type AgentOptions } from "node:http";
import { Agent as SecureAgent } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions as TlsOptions } from "node:tls";
import type { NetworkStack } from "../host/network_stack.ts";
import { toDuplex } from "../socket/duplex.ts";

/** Those of Node's agent, and what gives up connecting. */
export type ConnectingOptions = AgentOptions & { signal?: AbortSignal };

/** Gets a connection, or why there is none. */
type Callback = (error: Error | null, stream?: Duplex) => void;

/** What node:http asks its agent for. */
interface Wish extends TlsOptions {
  host?: string;
  hostname?: string;
  port?: number;
  signal?: AbortSignal;
}

/**
 * An agent for `node:http` whose connections go through a stack: `http.get({ agent, … })`.
 *
 * @param options Those of Node's agent: `{ keepAlive: true }` uses connections again; and `signal`,
 * which gives up connecting when it is aborted.
 *
 * @example A client of node:http
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createStack, memoryPair, httpAgent, serveHttp } from "@tcpstack/tcpstack";
 * import { get } from "node:http";
 *
 * const [one, other] = memoryPair();
 * await using near = createStack({ device: one, address: "10.0.0.1" });
 * await using far = createStack({ device: other, address: "10.0.0.2" });
 * serveHttp(far.listen({ port: 80 }), () => new Response("hello"));
 * const { promise, resolve } = Promise.withResolvers<string>();
 * get({ host: "10.0.0.2", agent: httpAgent(near) }, (response) => {
 *   response.setEncoding("utf8").on("data", resolve);
 * });
 * assertEquals(await promise, "hello");
 * ```
 */
export function httpAgent(stack: NetworkStack, options: ConnectingOptions = {}): Agent {
  const createConnection = (wish: Wish, callback: Callback): void => {
    const options = { ...target(wish), signal: wish.signal };
    stack.connect(options).then((conn) => callback(null, toDuplex(conn)), callback);
  };
  return Object.assign(new Agent(options), { createConnection });
}

/** The same for `node:https`: TLS by `node:tls` on top of the stack's connections. */
export function httpsAgent(stack: NetworkStack, options: ConnectingOptions = {}): SecureAgent {
  const createConnection = (wish: Wish, callback: Callback): void => {
    const { hostname, port } = target(wish);
    // No name is told for an address (RFC 6066 §3).
    const servername = wish.servername || (isIP(hostname) === 0 ? hostname : "");
    stack.connect({ hostname, port, signal: wish.signal }).then(
      (conn) => callback(null, connectTls({ ...wish, socket: toDuplex(conn), servername })),
      callback,
    );
  };
  return Object.assign(new SecureAgent(options), { createConnection });
}

function target({ host, hostname, port }: Wish): { hostname: string; port: number } {
  return { hostname: (hostname ?? host)!.replace(/^\[|\]$/g, ""), port: Number(port) };
}
