/**
 * Echo requests for programs.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { SocketContext } from "./context.ts";
import { closedHere } from "./errors.ts";

/** How to ask. */
export interface PingOptions {
  /** Bytes of data to send along, up to 65507 by IPv4 and 65527 by IPv6; by default 56. */
  size?: number;
  /** How long to wait for the answer, in milliseconds; by default 1000. */
  timeout?: number;
}

/** Sends one echo request: see `NetworkStack.ping`. */
export async function ping(
  context: SocketContext,
  remote: IpAddress,
  options: PingOptions,
): Promise<number> {
  const { size = 56, timeout = 1000 } = options;
  const { echo, ip } = context.stack;
  const source = ip.sourceFor(remote);
  if (source === undefined) {
    throw new Deno.errors.NetworkUnreachable(`No way to ${remote} from this stack`);
  }
  const most = echo.maxData(remote);
  if (!Number.isInteger(size) || size < 0 || size > most) {
    throw new RangeError(`An echo request carries 0 to ${most} bytes: got ${size}`);
  }
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // Random, so that neither a late answer to an earlier request nor a guess is taken for this one's.
  const data = crypto.getRandomValues(new Uint8Array(size));
  const identifier = freeIdentifier(context);
  const timer = setTimeout(
    () => reject(new Deno.errors.TimedOut(`No echo from ${remote} within ${timeout} ms`)),
    timeout,
  );
  const waiting = { close: () => reject(closedHere("stack")) };
  context.open.add(waiting);
  const start = context.now();
  echo.receivers.set(identifier, {
    echoReply(_sequence, packet, at, end) {
      if (!packet.source.equals(remote) || !holds(packet.bytes, at, end, data)) return;
      resolve(context.now() - start);
    },
    hasAsked: () => false,
    echoError: () => {},
  });
  try {
    // A request that the device has no room for is lost like any other.
    echo.send(source, remote, identifier, 1, data);
    context.kick();
    return await promise;
  } finally {
    clearTimeout(timer);
    context.open.delete(waiting);
    echo.receivers.delete(identifier);
  }
}

function freeIdentifier(context: SocketContext): number {
  const { receivers } = context.stack.echo;
  for (let identifier = 1; identifier <= 0xffff; identifier++) {
    if (!receivers.has(identifier)) return identifier;
  }
  throw new Deno.errors.Busy("65535 echo requests wait for an answer already");
}

function holds(bytes: Uint8Array, at: number, end: number, data: Uint8Array): boolean {
  return end - at === data.length && data.every((byte, i) => bytes[at + i] === byte);
}
