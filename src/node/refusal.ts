/**
 * Answers to what is no request. Those of `node:http` itself are followed by a RST, as it destroys the
 * connection with an error: often it comes before the client has read them.
 *
 * @module
 */

import type { ConnDuplex } from "../socket/duplex.ts";

/** What to answer to what node:http could not read, by its codes; to everything else: 400. */
const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Content Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/**
 * Says what is wrong with a request, where there is somebody to hear it: for `clientError` of a
 * server whose connections are {@linkcode ConnDuplex}.
 */
export function refuse(error: Error & { code?: string }, socket: unknown): void {
  const duplex = socket as ConnDuplex & { _httpMessage?: { _headerSent: boolean } };
  if (duplex.writableEnded) return duplex.destroySoon(); // it was told
  // An answer that has begun can't turn into another one.
  if (!duplex.writable || duplex._httpMessage?._headerSent) duplex.destroy(error);
  else endWith(duplex, REFUSALS[error.code ?? ""] ?? "400 Bad Request");
}

/** Ends a connection with an answer. */
export function endWith(socket: unknown, status: string): void {
  const duplex = socket as ConnDuplex;
  const text = `${status.slice(4)}\n`;
  duplex.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain;charset=UTF-8\r\n` +
      `Content-Length: ${text.length}\r\n\r\n${text}`,
  );
  duplex.destroySoon();
}
