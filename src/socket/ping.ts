/**
 * Echo requests for programs.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { SocketContext } from "./context.ts";

/** How to ask. */
export interface PingOptions {
  /** Bytes of data to send along, up to what the link carries in one piece; by default 56. */
  size?: number;
  /** How long to wait for the answer, in milliseconds; by default 1000. */
  timeout?: number;
}

/** Sends one echo request: see `NetworkStack.ping`. */
export function ping(
  context: SocketContext,
  remote: IpAddress,
  options: PingOptions,
): Promise<number> {
  const { size = 56, timeout = 1000 } = options;
  const { icmp, ip } = context.stack;
  const source = ip.sourceFor(remote);
  if (source === undefined) {
    throw new Deno.errors.NetworkUnreachable(`No way to ${remote} from this stack`);
  }
  const data = new Uint8Array(size).map((_, i) => i);
  const identifier = freeIdentifier(context);
  const start = context.now();
  return new Promise<number>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Deno.errors.TimedOut(`No echo from ${remote} within ${timeout} ms`)),
      timeout,
    );
    icmp.echoReceivers.set(identifier, {
      echoReply(_sequence, packet, at, end) {
        if (!packet.source.equals(remote) || !holds(packet.bytes, at, end, data)) return;
        clearTimeout(timer);
        resolve(context.now() - start);
      },
    });
    if (!icmp.sendEcho(source, remote, identifier, 1, data)) {
      clearTimeout(timer);
      reject(
        new Deno.errors.NetworkUnreachable(`The link has no room for an echo of ${size} bytes`),
      );
    }
  }).finally(() => icmp.echoReceivers.delete(identifier));
}

function freeIdentifier(context: SocketContext): number {
  const { echoReceivers } = context.stack.icmp;
  for (let identifier = 1; identifier <= 0xffff; identifier++) {
    if (!echoReceivers.has(identifier)) return identifier;
  }
  throw new Deno.errors.Busy("65535 echo requests wait for an answer already");
}

function holds(bytes: Uint8Array, at: number, end: number, data: Uint8Array): boolean {
  return end - at === data.length && data.every((byte, i) => bytes[at + i] === byte);
}
