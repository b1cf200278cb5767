/**
 * Runs inside a namespace whose kernel forwards: two stacks on TUNs of their own talk through it. For
 * each family prints how many bytes came back by TCP, by ICMP and by UDP.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import { createStack, type NetworkStack, openTun } from "../../../mod.ts";
import { print } from "../../../src/app/terminal.ts";

async function open(n: number): Promise<NetworkStack> {
  const address = [`10.${n}.0.2`, `fd0${n}::2`];
  const device = await openTun({ address, hostAddress: [`10.${n}.0.1`, `fd0${n}::1`] });
  return createStack({ device, address });
}

/** Sends bytes by TCP, and returns how many come back as they were. */
async function echoed(hostname: string, bytes: Uint8Array): Promise<number> {
  const conn = await near.connect({ hostname, port: 7 });
  const writer = conn.writable.getWriter();
  const sent = writer.write(bytes).then(() => writer.close());
  let at = 0;
  let same = 0;
  for await (const chunk of conn.readable) {
    for (const byte of chunk) if (byte === bytes[at++]) same++;
  }
  await sent;
  return same;
}

/** Sends a datagram, and returns how many of its bytes come back as they were. */
async function returned(hostname: string, bytes: Uint8Array): Promise<number> {
  await using socket = near.listenDatagram({ receiveTimeout: 5000 });
  await socket.send(bytes, { transport: "udp", hostname, port: 7 });
  const [back] = await socket.receive();
  return back.filter((byte, i) => byte === bytes[i]).length;
}

await using near = await open(1);
await using far = await open(2);
const listener = far.listen({ port: 7 });
const socket = far.listenDatagram({ port: 7 });
const serving = [
  (async () => {
    for await (const conn of listener) await conn.readable.pipeTo(conn.writable);
  })(),
  (async () => {
    for await (const [bytes, from] of socket) await socket.send(bytes, from);
  })(),
];
const bytes = randomFillSync(new Uint8Array(3_000_000));
for (const hostname of ["10.2.0.2", "fd02::2"]) {
  const tcp = await echoed(hostname, bytes);
  await near.ping(hostname, { size: 20_000, timeout: 5000 });
  const udp = await returned(hostname, bytes.subarray(0, 4000));
  print(`${hostname}: ${tcp} 20000 ${udp}`);
}
listener.close();
socket.close();
await Promise.all(serving);
