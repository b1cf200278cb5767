/**
 * The way to a host, router by router: each discards what has run out of time to live, and says so
 * (RFC 792, RFC 1393 §2).
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { formatAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { closedHere } from "./errors.ts";
import { checkTime, checkTtl } from "./options.ts";
import { EchoProber, type Prober, type TraceReply, UdpProber } from "./probers.ts";

/** How to look for the way. */
export interface TracerouteOptions {
  /** What to send: datagrams to ports that nobody has, by default, or echo requests. */
  method?: "udp" | "icmp";
  /** The first hop to ask, 1 to 255; by default 1. */
  firstHop?: number;
  /** The last hop to ask, 1 to 255; by default 30. */
  maxHops?: number;
  /** How often to ask each hop, 1 to 10; by default 3. */
  queries?: number;
  /** How long to wait for the answers of a hop, in milliseconds; by default 1000. */
  timeout?: number;
  /** Of UDP: the first port to send to, 1 to 65535; the next probe goes to the next one; 33434. */
  port?: number;
  /** Bytes of data to send along; by default 32. */
  size?: number;
  /** The address of ours to send from; left out: as the route has it. */
  source?: string;
  /** Only addresses of this family; left out: the first that the name has. */
  family?: 4 | 6;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/** What is so many hops away. */
export interface Hop {
  /** Distance in hops: 1 is the first router. */
  readonly hop: number;
  /** The answer to each probe, in their order; `null` if none came in time. */
  readonly replies: readonly (TraceReply | null)[];
  /** Whether the host itself has answered. */
  readonly reached: boolean;
}

const MAX_QUERIES = 10;

/** Finds the way to a host: see `NetworkStack.traceroute`. */
export async function* traceroute(
  context: SocketContext,
  remote: IpAddress,
  options: TracerouteOptions,
): AsyncGenerator<Hop> {
  const { method = "udp", firstHop = 1, maxHops = 30, queries = 3, timeout = 1000 } = options;
  const { port = 33434, size = 32, source, signal } = options;
  checkTtl(firstHop);
  checkTtl(maxHops);
  if (firstHop > maxHops) {
    throw new RangeError(`The first hop must not be behind the last: got ${firstHop}, ${maxHops}`);
  }
  if (!Number.isInteger(queries) || queries < 1 || queries > MAX_QUERIES) {
    throw new RangeError(`Queries must be an integer from 1 to ${MAX_QUERIES}: got ${queries}`);
  }
  checkTime(timeout, 1, "Timeout");
  if (method !== "udp" && method !== "icmp") {
    throw new RangeError(`Unknown method "${method}": use one of udp, icmp`);
  }
  signal?.throwIfAborted();
  const probes = (maxHops - firstHop + 1) * queries;
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {}); // it may come when nobody waits
  const onAbort = () => stopped.reject(signal!.reason);
  const stack = { close: () => stopped.reject(closedHere("stack")) };
  const prober: Prober = method === "udp"
    ? new UdpProber(context, remote, { port, probes, size, source })
    : new EchoProber(context, remote, { size, source });
  context.open.add(stack);
  signal?.addEventListener("abort", onAbort);
  const target = formatAddress(context.stack.ip, remote);
  try {
    for (let hop = firstHop; hop <= maxHops; hop++) {
      const replies = await round(prober, hop, queries, timeout, stopped.promise);
      const reached = replies.some((reply) => reply !== null && isTarget(reply, target));
      yield { hop, replies, reached };
      signal?.throwIfAborted();
      if (reached || replies.some(isEnd)) return;
    }
  } finally {
    prober.close();
    context.open.delete(stack);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Sends the probes of one hop, and waits for their answers; rejects when it is to stop. */
async function round(
  prober: Prober,
  ttl: number,
  queries: number,
  timeout: number,
  stopped: Promise<never>,
): Promise<(TraceReply | null)[]> {
  const replies = new Array<TraceReply | null>(queries).fill(null);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = prober.next;
  let missing = queries;
  prober.told = (probe, reply) => {
    const at = probe - first;
    if (at < 0 || replies[at] !== null) return; // too late, or twice
    replies[at] = reply;
    if (--missing === 0) resolve();
  };
  for (let i = 0; i < queries; i++) prober.send(ttl);
  const timer = setTimeout(resolve, timeout);
  try {
    await Promise.race([promise, stopped]);
  } finally {
    clearTimeout(timer);
  }
  return replies;
}

/** Whether it is the host itself that has answered, in whatever way. */
function isTarget({ kind, address }: TraceReply, target: string): boolean {
  return kind === "reply" ||
    (address === target && (kind === "port-unreachable" || kind === "protocol-unreachable"));
}

/** Whether nothing gets farther than to whoever says this. */
function isEnd(reply: TraceReply | null): boolean {
  return reply !== null && reply.kind !== "time-exceeded" && reply.kind !== "reply";
}
