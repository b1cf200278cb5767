/**
 * Sends bytes from one stack to another in the same memory, and prints how long it took, in JSON.
 *
 * Arguments: how many bytes, and the MTU of the line between them.
 *
 * @module
 */

import { createStack, memoryPair } from "../../../mod.ts";

const CHUNK = 256 * 1024;

const [bytes, mtu] = Deno.args.map(Number);
const [one, other] = memoryPair({ mtu });
await using client = createStack({ device: one, address: "10.0.0.1" });
await using server = createStack({ device: other, address: "10.0.0.2" });
const listener = server.listen({ port: 9 });

async function receive(): Promise<void> {
  const conn = await listener.accept();
  const chunk = new Uint8Array(CHUNK);
  let received = 0;
  for (let n = await conn.read(chunk); n !== null; n = await conn.read(chunk)) received += n;
  if (received !== bytes) throw new Error(`${received} bytes of ${bytes} came`);
  conn.close();
}

async function send(): Promise<void> {
  const conn = await client.connect({ hostname: "10.0.0.2", port: 9 });
  const chunk = new Uint8Array(CHUNK);
  for (let left = bytes!; left > 0;) left -= await conn.write(chunk.subarray(0, left));
  await conn.closeWrite();
  if (await conn.read(chunk) !== null) throw new Error("Something came back");
  conn.close();
}

const start = performance.now();
await Promise.all([receive(), send()]);
const us = (performance.now() - start) * 1000;
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify({ bytes, us })}\n`));
