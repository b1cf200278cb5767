/**
 * Two stacks joined in memory, under the real clock, for tests of what programs use.
 *
 * @module
 */

import { createStack, memoryPair, type NetworkStack, type TcpConn } from "../mod.ts";
import type { TcpConfig } from "../src/tcp/config.ts";

/** Addresses of the two. */
export const NEAR = "10.0.0.1";
export const FAR = "10.0.0.2";

/** How long a promise may take that must settle, in milliseconds. */
const PATIENCE = 5000;

/** Two stacks, and the link between them. */
export interface Pair {
  near: NetworkStack;
  far: NetworkStack;
}

/** Settings of {@linkcode pairTest}. */
export interface PairOptions {
  mtu?: number;
  tcp?: Partial<TcpConfig>;
}

/** A test with two stacks, which are closed in the end; nothing may be left open or running. */
export function pairTest(
  name: string,
  body: (pair: Pair) => Promise<void>,
  options: PairOptions = {},
): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const [nearDevice, farDevice] = memoryPair({ mtu: options.mtu });
      const near = createStack({ device: nearDevice, address: NEAR, tcp: options.tcp });
      const far = createStack({ device: farDevice, address: FAR, tcp: options.tcp });
      try {
        await settles(body({ near, far }), "the test");
      } finally {
        await settles(Promise.all([near.close(), far.close()]), "closing the stacks");
      }
    },
  });
}

/** Both ends of a new connection, the near one's first. */
export async function connected({ near, far }: Pair, port = 0): Promise<[TcpConn, TcpConn]> {
  const listener = far.listen({ port });
  const [a, b] = await Promise.all([
    near.connect({ hostname: FAR, port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  return [a, b];
}

/** Waits for a promise that must settle, and fails if it doesn't. */
export async function settles<T>(promise: Promise<T>, what = "a promise"): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} did not settle`)), PATIENCE);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until something holds, and fails if it never does. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE} ms`);
    await pause(1);
  }
}

/** Lets packets and timers have their turn. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether a promise is still pending after a moment in which packets have gone to and fro. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settled = () => isSettled = true;
  promise.then(settled, settled);
  for (const end = performance.now() + 20; !isSettled && performance.now() < end;) await pause(1);
  return !isSettled;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes all of a text. */
export async function say(conn: TcpConn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads `length` bytes as text; less only at the end. */
export async function hear(conn: TcpConn, length: number): Promise<string> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const n = await conn.read(bytes.subarray(at));
    if (n === null) break;
    at += n;
  }
  return decoder.decode(bytes.subarray(0, at));
}

/** Reads text until it ends with `end`, or the stream does. */
export async function hearUntil(conn: TcpConn, end: string): Promise<string> {
  const byte = new Uint8Array(1);
  let text = "";
  while (!text.endsWith(end)) {
    if (await conn.read(byte) === null) break;
    text += decoder.decode(byte);
  }
  return text;
}

/** Reads everything until the peer closes. */
export async function hearAll(conn: TcpConn): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(conn.readable).arrayBuffer());
}

/** Bytes that tell their place: none equals its neighbours, and no period is a power of two. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + Math.floor(i / 251)) & 0xff;
  return bytes;
}
