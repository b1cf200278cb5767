/**
 * Echo requests for programs.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { formatAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { type EchoOptions, type EchoResult, EchoSession } from "./echo_session.ts";
import { closedHere } from "./errors.ts";
import { Gate } from "./gate.ts";
import { icmpError } from "./icmp_report.ts";
import { checkTime } from "./options.ts";

/** How to ask for an echo. */
export interface PingOptions extends EchoOptions {
  /** How long to wait for the answer, in milliseconds; by default 1000. */
  timeout?: number;
  /** Only addresses of this family; left out: the first that the name has. */
  family?: 4 | 6;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/** How to ask for many. */
export interface PingsOptions extends PingOptions {
  /** How many requests to send, 1 or more; left out: until nobody takes the results any more. */
  count?: number;
  /** Time between two requests, in milliseconds; by default 1000. */
  interval?: number;
}

/** Sends one echo request: see `NetworkStack.ping`. */
export async function ping(
  context: SocketContext,
  remote: IpAddress,
  options: PingOptions,
): Promise<number> {
  for await (const result of pings(context, remote, { ...options, count: 1 })) {
    const peer = formatAddress(context.stack.ip, remote);
    if (result.kind === "reply") return result.time;
    if (result.kind === "error") throw icmpError(result.report, peer);
    const { timeout = DEFAULT_TIMEOUT } = options;
    throw new Deno.errors.TimedOut(`No echo from ${peer} within ${timeout} ms`);
  }
  throw closedHere("stack"); // every request has a result, unless nothing comes any more
}

const DEFAULT_TIMEOUT = 1000;

/** Sends one echo request after the other: see `NetworkStack.pings`. */
export async function* pings(
  context: SocketContext,
  remote: IpAddress,
  options: PingsOptions,
): AsyncGenerator<EchoResult> {
  const { count = Infinity, interval = 1000, timeout = DEFAULT_TIMEOUT, signal } = options;
  if (!(count >= 1)) throw new RangeError(`Count must be 1 or more: got ${count}`);
  checkTime(interval, 0, "Interval");
  checkTime(timeout, 0, "Timeout");
  signal?.throwIfAborted();
  const results: EchoResult[] = [];
  const changed = new Gate();
  const wake = () => changed.open();
  const session = new EchoSession(context, remote, options, (result) => {
    results.push(result);
    wake();
  });
  let isClosed = false;
  const stack = {
    close() {
      isClosed = true;
      wake();
    },
  };
  context.open.add(stack);
  signal?.addEventListener("abort", wake);
  let sent = 0;
  let nextAt = context.now();
  try {
    while (sent < count || session.waiting > 0) {
      if (sent < count && context.now() >= nextAt) {
        sent++;
        nextAt = context.now() + interval;
        session.send(sent & 0xffff);
      }
      if (results.length === 0) {
        const next = Math.min(sent < count ? nextAt : Infinity, session.oldest + timeout);
        const timer = setTimeout(wake, Math.max(next - context.now(), 0));
        await changed.wait();
        clearTimeout(timer);
      }
      session.expire(context.now() - timeout);
      yield* results.splice(0);
      signal?.throwIfAborted();
      if (isClosed) throw closedHere("stack");
    }
  } finally {
    session.close();
    context.open.delete(stack);
    signal?.removeEventListener("abort", wake);
  }
}
