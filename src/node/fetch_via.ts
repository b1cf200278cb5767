/**
 * `fetch` through a stack, by `node:http` and `node:https`.
 *
 * @module
 */

import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { NetworkStack } from "../host/network_stack.ts";
import { httpAgent, httpsAgent } from "./agent.ts";

/** Most redirects that are followed (the Fetch standard, §4.4). */
const MAX_REDIRECTS = 20;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Statuses that come without a body. */
const NULL_BODY = [101, 103, 204, 205, 304];

/** What {@linkcode fetchVia} may be told besides what `fetch` is. */
export interface FetchViaInit extends RequestInit {
  /** Certificates to trust, PEM, instead of the well-known ones. */
  ca?: string | string[];
  /** Whether a certificate has to be good; by default it has to. */
  rejectUnauthorized?: boolean;
}

/**
 * Fetches through a stack: HTTP and HTTPS, names resolved by the stack's resolver, bodies streamed
 * both ways. Each request has a connection of its own.
 *
 * @throws {TypeError} If the URL is neither HTTP nor HTTPS, or the connection fails: `cause` says
 * why.
 * @throws {DOMException} `AbortError`, if the signal is aborted.
 */
export async function fetchVia(
  stack: NetworkStack,
  input: string | URL | Request,
  init: FetchViaInit = {},
): Promise<Response> {
  const { ca, rejectUnauthorized, ...rest } = init;
  let request = new Request(input, rest);
  for (let redirects = 0;; redirects++) {
    const incoming = await exchange(stack, request, { ca, rejectUnauthorized });
    const location = incoming.headers.location;
    const isRedirect = REDIRECTS.includes(incoming.statusCode!) && location !== undefined;
    if (!isRedirect || request.redirect === "manual") {
      return toResponse(incoming, request, redirects > 0);
    }
    incoming.resume();
    if (request.redirect === "error") throw new TypeError(`${request.url} leads to ${location}`);
    if (redirects === MAX_REDIRECTS) {
      throw new TypeError(`${request.url} leads on and on: ${MAX_REDIRECTS} redirects followed`);
    }
    request = redirected(request, new URL(location, request.url), incoming.statusCode!);
  }
}

/** The request that a redirect asks for (the Fetch standard, §4.4). */
function redirected(request: Request, url: URL, status: number): Request {
  const { method, signal, redirect } = request;
  const headers = new Headers(request.headers);
  const becomesGet = status === 303 ? method !== "HEAD" : status < 303 && method === "POST";
  if (url.origin !== new URL(request.url).origin) headers.delete("authorization");
  if (request.body === null) {
    return new Request(url, { method: becomesGet ? "GET" : method, headers, signal, redirect });
  }
  if (!becomesGet) {
    throw new TypeError(`${request.url} leads to ${url}, but the body has been sent already`);
  }
  for (const name of ["content-length", "content-type", "content-encoding"]) headers.delete(name);
  return new Request(url, { method: "GET", headers, signal, redirect });
}

async function exchange(
  stack: NetworkStack,
  request: Request,
  tls: { ca: string | string[] | undefined; rejectUnauthorized: boolean | undefined },
): Promise<IncomingMessage> {
  const { signal, method } = request;
  signal.throwIfAborted();
  const url = new URL(request.url);
  const isSecure = url.protocol === "https:";
  if (!isSecure && url.protocol !== "http:") {
    throw new TypeError(`Cannot fetch ${url}: only http and https are spoken here`);
  }
  const headers: Record<string, string> = Object.fromEntries(request.headers);
  headers["user-agent"] ??= "tcpstack";
  headers["accept"] ??= "*/*";
  const options = {
    hostname: url.hostname,
    port: url.port || (isSecure ? 443 : 80),
    path: url.pathname + url.search,
    method,
    headers,
    signal,
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing: ClientRequest = isSecure
    ? requestHttps({ ...options, ...definedOf(tls), agent: httpsAgent(stack, { signal }) }, resolve)
    : requestHttp({ ...options, agent: httpAgent(stack, { signal }) }, resolve);
  const fail = (cause: unknown) => {
    reject(signal.aborted ? signal.reason : new TypeError(`Cannot fetch ${url}`, { cause }));
  };
  outgoing.on("error", fail);
  if (request.body === null) outgoing.end();
  else {
    // A body that breaks off ends the request, and the other way round.
    const body = Readable.fromWeb(request.body as never).on("error", fail);
    pipeline(body, outgoing).catch(fail);
  }
  return await promise;
}

function definedOf<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as Partial<
    T
  >;
}

function toResponse(incoming: IncomingMessage, request: Request, isRedirected: boolean): Response {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  const status = incoming.statusCode!;
  const isEmpty = NULL_BODY.includes(status) || request.method === "HEAD";
  if (isEmpty) incoming.resume();
  const body = isEmpty ? null : Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  const response = new Response(body, { status, statusText: incoming.statusMessage, headers });
  Object.defineProperties(response, {
    url: { value: request.url },
    redirected: { value: isRedirected },
  });
  return response;
}
