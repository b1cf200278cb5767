/**
 * Errors for Node's world.
 *
 * @module
 */

/** Which `code` Node's programs look for, by Deno's class. */
const CODES: readonly [new (message: string) => Error, string][] = [
  [Deno.errors.ConnectionRefused, "ECONNREFUSED"],
  [Deno.errors.ConnectionReset, "ECONNRESET"],
  [Deno.errors.ConnectionAborted, "ECONNABORTED"],
  [Deno.errors.TimedOut, "ETIMEDOUT"],
  [Deno.errors.NetworkUnreachable, "ENETUNREACH"],
  [Deno.errors.AddrInUse, "EADDRINUSE"],
  [Deno.errors.AddrNotAvailable, "EADDRNOTAVAIL"],
  [Deno.errors.NotFound, "ENOTFOUND"],
];

/** The same error, with the `code` that stands for it in Node. */
export function withCode(error: unknown): Error {
  const code = CODES.find(([type]) => error instanceof type)?.[1];
  return Object.assign(error as Error, code === undefined ? {} : { code });
}
