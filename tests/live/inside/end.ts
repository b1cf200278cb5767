/**
 * Runs inside a namespace: one end of TCP connections, which does what it is told on its standard
 * input, a line at a time, and answers each with a line of JSON. See `End` in `../relay.ts`.
 *
 * Arguments: none, and the kernel's TCP is used; or the address of a stack to start, the host's
 * address, and settings of the stack's TCP in JSON, with the MTU of its interface.
 *
 * @module
 */

import { createHash, randomFillSync } from "node:crypto";
import { createStack, type NetworkStack, openTun } from "../../../mod.ts";

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
  const { mtu, ...tcp } = JSON.parse(settings);
  const device = await openTun({ address, hostAddress, mtu });
  const stack: NetworkStack = createStack({ device, address, tcp });
  return {
    listener: stack.listen({ port: PORT }),
    connect: (options) => stack.connect(options),
    counters: () => ({ ...stack.counters(), ...stack.deviceCounters() }),
  };
}

async function writeAll(conn: Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function send(host: Host, hostname: string, length: number) {
  const conn = await host.connect({ hostname, port: PORT });
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

async function receive(host: Host) {
  const conn = await host.listener.accept();
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

async function flood(host: Host, hostname: string) {
  const conn = await host.connect({ hostname, port: PORT });
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
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

async function measure(host: Host, ms: number) {
  const conn = await host.listener.accept();
  const chunk = new Uint8Array(CHUNK);
  let bytes = await conn.read(chunk) ?? 0;
  const start = performance.now();
  let took = 0;
  for (; took < ms; took = performance.now() - start) bytes += await conn.read(chunk) ?? 0;
  conn.close();
  return { bytes, took };
}

function obey(host: Host, line: string): Promise<unknown> | unknown {
  const [verb, first = "", second = ""] = line.split(" ");
  switch (verb) {
    case "send":
      return send(host, first, Number(second));
    case "receive":
      return receive(host);
    case "flood":
      return flood(host, first);
    case "measure":
      return measure(host, Number(first));
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
