/**
 * Connecting to a host that has several addresses (RFC 8305, "Happy Eyeballs").
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { TcpConn } from "./tcp_conn.ts";

/** How long one address is tried alone before the next one is tried too, in ms (RFC 8305 §5). */
const ATTEMPT_DELAY = 250;

/**
 * Opens a connection to the first address that takes one. They are tried in order, the families in
 * turn; the next one when one has failed, or when the delay is over. Who comes too late is aborted.
 *
 * @throws The address's error; for several, one of their common class that tells all.
 */
export async function openFirst(
  addresses: readonly IpAddress[],
  open: (address: IpAddress, signal: AbortSignal | undefined) => Promise<TcpConn>,
  signal?: AbortSignal,
): Promise<TcpConn> {
  const queue = interleave(addresses);
  if (queue.length === 1) return await open(queue[0]!, signal);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal!.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort);
  const { promise, resolve, reject } = Promise.withResolvers<TcpConn>();
  const errors: Error[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let next = 0;
  const startNext = () => {
    clearTimeout(timer);
    const address = queue[next++];
    if (address === undefined) return;
    timer = setTimeout(startNext, ATTEMPT_DELAY);
    open(address, controller.signal).then(
      (conn) => {
        if (controller.signal.aborted) return conn.abort();
        resolve(conn);
        controller.abort();
      },
      (error) => {
        if (controller.signal.aborted) return reject(controller.signal.reason);
        errors.push(error);
        if (errors.length === queue.length) reject(joined(errors));
        else startNext();
      },
    );
  };
  startNext();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** The families in turn, beginning with that of the first (RFC 8305 §4). */
function interleave(addresses: readonly IpAddress[]): IpAddress[] {
  const family = addresses[0]?.family;
  const same = addresses.filter((address) => address.family === family);
  const other = addresses.filter((address) => address.family !== family);
  const mixed: IpAddress[] = [];
  while (same.length > 0 || other.length > 0) {
    mixed.push(...same.splice(0, 1), ...other.splice(0, 1));
  }
  return mixed;
}

function joined(errors: Error[]): Error {
  const Type = errors[0]!.constructor as ErrorConstructor;
  const isCommon = errors.every((error) => error.constructor === Type);
  const message = errors.map((error) => error.message).join("; ");
  return new (isCommon ? Type : Error)(message, { cause: errors });
}
