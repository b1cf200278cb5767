/**
 * Which ports of a host take connections, or datagrams.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";

/** What is known of a port. */
export interface PortResult {
  readonly port: number;
  /** `open`, `refused`, `no answer`, or what the trouble is. */
  readonly what: string;
  /** Whether it may be open. */
  readonly isOpen: boolean;
}

/** How ports are tested. */
export interface ScanOptions {
  /** Whether by datagrams. */
  readonly udp: boolean;
  /** How long to wait for an answer, in milliseconds. */
  readonly timeout: number;
  readonly localPort?: number;
  readonly signal: AbortSignal;
}

/** Most TCP ports that are tested at once; datagrams go one by one, as hosts refuse few at once. */
const TOGETHER = 32;

/**
 * Tests ports of an address, and gives the results in their order.
 *
 * @throws The signal's reason, when it is aborted.
 */
export async function* scan(
  stack: NetworkStack,
  hostname: string,
  ports: readonly number[],
  options: ScanOptions,
): AsyncGenerator<PortResult> {
  const { udp, localPort, signal } = options;
  const width = udp || localPort !== undefined ? 1 : TOGETHER;
  const test = udp ? testDatagrams : testConnection;
  const waiting = [...ports];
  const underWay: Promise<PortResult>[] = [];
  while (waiting.length > 0 || underWay.length > 0) {
    while (waiting.length > 0 && underWay.length < width) {
      const result = test(stack, hostname, waiting.shift()!, options);
      result.catch(() => {}); // whoever waits for it is told
      underWay.push(result);
    }
    yield await underWay.shift()!;
    signal.throwIfAborted();
  }
}

async function testConnection(
  stack: NetworkStack,
  hostname: string,
  port: number,
  { timeout, localPort, signal }: ScanOptions,
): Promise<PortResult> {
  try {
    const conn = await stack.connect({ hostname, port, timeout, localPort, signal });
    conn.close();
    return { port, what: "open", isOpen: true };
  } catch (error) {
    signal.throwIfAborted();
    return { port, what: reason(error), isOpen: false };
  }
}

/** Sends an empty datagram. Silence means that nobody has refused it, and no more. */
async function testDatagrams(
  stack: NetworkStack,
  hostname: string,
  port: number,
  { timeout, localPort, signal }: ScanOptions,
): Promise<PortResult> {
  const socket = stack.listenDatagram({ port: localPort });
  try {
    socket.connect({ hostname, port });
    await socket.send(new Uint8Array());
    await socket.receive({ timeout, signal });
    return { port, what: "open", isOpen: true };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.TimedOut) {
      return { port, what: "open, or filtered", isOpen: true };
    }
    return { port, what: reason(error), isOpen: false };
  } finally {
    socket.close();
  }
}

/**
 * Why a port is not open.
 *
 * @throws `error`, if it is no matter of the network.
 */
function reason(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  if (error instanceof Deno.errors.TimedOut) return "no answer";
  if (error instanceof Deno.errors.ConnectionReset) return "reset";
  if (error instanceof Deno.errors.NetworkUnreachable) return error.message;
  throw error;
}
