/**
 * Runs inside a namespace: one end of TCP connections, which does what it is told on its standard
 * input, a line at a time, and answers each with a line of JSON. See `../end.ts`.
 *
 * Arguments: none, and the kernel's TCP is used; or the address of a stack to start, the host's
 * address, and in JSON settings of the stack's TCP, with the `mtu` of its interface, and with
 * `wrapWithin` if it shall only connect where sequence numbers start over within so many bytes.
 *
 * @module
 */

import { createHash, randomFillSync } from "node:crypto";
import { createStack, type NetworkStack, openTun, type TcpConn } from "../../../mod.ts";

const PORT = 5001;
const CHUNK = 256 * 1024;

/** What both kinds of connection have. */
interface Conn {
  read(target: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** What both kinds of network have. */
interface Host {
  readonly listener: { accept(): Promise<Conn> };
  connect(options: { hostname: string; port: number }): Promise<Conn>;
  counters(): Record<string, number>;
}

function kernel(): Host {
  return {
    listener: Deno.listen({ port: PORT }),
    connect: (options) => Deno.connect(options),
    counters: () => ({}),
  };
}

async function ownStack(address: string, hostAddress: string, settings: string): Promise<Host> {
  const { mtu, wrapWithin = 0, ...tcp } = JSON.parse(settings);
  const device = await openTun({ address, hostAddress, mtu });
  const stack = createStack({ device, address, tcp });
  const connect = (options: { hostname: string; port: number }) => stack.connect(options);
  return {
    listener: stack.listen({ port: PORT }),
    connect: wrapWithin === 0
      ? connect
      : (options) => connectToWrap(stack, () => connect(options), wrapWithin),
    counters: () => ({ ...stack.counters(), ...stack.deviceCounters() }),
  };
}

/** Connects until both sides' sequence numbers will start over within so many bytes. */
async function connectToWrap(
  stack: NetworkStack,
  connect: () => Promise<TcpConn>,
  within: number,
): Promise<TcpConn> {
  for (;;) {
    const conn = await connect();
    const { port } = conn.localAddr;
    const tcb = [...stack.core.tcp.connections()].find((tcb) => tcb.localPort === port)!;
    if (2 ** 32 - Math.min(tcb.snd.iss, tcb.rcv.irs) <= within) return conn;
    conn.abort();
    conn.close();
  }
}

async function writeAll(conn: Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Sends random bytes, and waits until the peer has closed, too. */
async function give(conn: Conn, length: number) {
  const start = performance.now();
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  for (let left = length; left > 0; left -= Math.min(left, CHUNK)) {
    const piece = randomFillSync(chunk).subarray(0, left);
    hash.update(piece);
    await writeAll(conn, piece);
  }
  await conn.closeWrite();
  if (await conn.read(new Uint8Array(1)) !== null) throw new Error("Something came back");
  const took = performance.now() - start;
  conn.close();
  return { bytes: length, took, hash: hash.digest("hex") };
}

/** Takes all that comes. */
async function take(conn: Conn) {
  const start = performance.now();
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  let bytes = 0;
  for (let n = await conn.read(chunk); n !== null; n = await conn.read(chunk)) {
    hash.update(chunk.subarray(0, n));
    bytes += n;
  }
  conn.close();
  return { bytes, took: performance.now() - start, hash: hash.digest("hex") };
}

/** Does something with the first connection accepted that the peer does not break off. */
async function accepted<T>(host: Host, use: (conn: Conn) => Promise<T>): Promise<T> {
  for (;;) {
    let conn: Conn | undefined;
    try {
      conn = await host.listener.accept();
      return await use(conn);
    } catch (error) {
      conn?.close();
      if (!isBrokenOff(error)) throw error;
    }
  }
}

async function flood(conn: Conn) {
  const start = performance.now();
  const chunk = new Uint8Array(CHUNK);
  let bytes = 0;
  try {
    for (;;) bytes += await conn.write(chunk);
  } catch (error) {
    if (!isBrokenOff(error)) throw error;
  }
  conn.close();
  return { bytes, took: performance.now() - start };
}

function isBrokenOff(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected; // before it was accepted
}

async function measure(conn: Conn, ms: number) {
  const chunk = new Uint8Array(CHUNK);
  let bytes = await conn.read(chunk) ?? 0;
  const start = performance.now();
  let took = 0;
  for (; took < ms; took = performance.now() - start) bytes += await conn.read(chunk) ?? 0;
  conn.close();
  return { bytes, took };
}

async function obey(host: Host, line: string): Promise<unknown> {
  const [verb, first = "", second = ""] = line.split(" ");
  const connect = () => host.connect({ hostname: first, port: PORT });
  switch (verb) {
    case "send":
      return await give(await connect(), Number(second));
    case "receive":
      return await accepted(host, take);
    case "serve":
      return await accepted(host, (conn) => give(conn, Number(first)));
    case "fetch":
      return await take(await connect());
    case "flood":
      return await flood(await connect());
    case "measure":
      return await accepted(host, (conn) => measure(conn, Number(first)));
    case "counters":
      return host.counters();
    default:
      throw new Error(`No such command: ${line}`);
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const [address, hostAddress = "", settings = "{}"] = Deno.args;
const host = address === undefined ? kernel() : await ownStack(address, hostAddress, settings);
print("listens");
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) print(JSON.stringify(await obey(host, line)));
}
Deno.exit(); // neither a listener nor a stack ends by itself
