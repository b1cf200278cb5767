/**
 * A `Request` of what `node:http` has read.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/** A request that can't be answered as it is. */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** Methods that `Request` does not know, and nobody who serves pages. */
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/**
 * The request, with a body that streams.
 *
 * @param local Where it came to, for those of HTTP/1.0 who don't say.
 * @throws {BadRequest} If it makes no sense.
 */
export function toRequest(
  incoming: IncomingMessage,
  signal: AbortSignal,
  local: Deno.NetAddr,
): Request {
  const method = incoming.method!;
  if (FORBIDDEN.includes(method)) throw new BadRequest("Not Implemented", 501);
  const url = urlOf(incoming, local);
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? Readable.toWeb(incoming) as ReadableStream<Uint8Array> : null;
  const request = new Request(url, { method, body, signal });
  const { headers } = request; // the constructor would go through given ones twice
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  return request;
}

/** The target (RFC 9112 §3.2, §3.3): a path, or a whole URL as proxies get them, or `*`. */
function urlOf({ url: target = "/", rawHeaders }: IncomingMessage, local: Deno.NetAddr): URL {
  const hosts = rawHeaders.filter((_, i) => i % 2 === 1 && /^host$/i.test(rawHeaders[i - 1]!));
  if (hosts.length > 1) throw new BadRequest("Bad Request: more than one Host");
  const { hostname, port } = local;
  const own = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const host = hosts[0] || own;
  const hasAuthority = /^[a-z][a-z0-9+.-]*:\/\//i.test(target);
  const text = hasAuthority
    ? target
    : `http://${host}${target.startsWith("/") ? "" : "/"}${target}`;
  const url = /[\s/?#@\\]/.test(host) ? null : URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new BadRequest("Bad Request: not a target that can be understood");
  }
  return url;
}
