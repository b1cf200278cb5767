/**
 * With the packet memory used up, everything goes on in memory of its own.
 */

import { assertEquals } from "@std/assert";
import { createStack, memoryPair } from "../../mod.ts";
import { WakingReader } from "../../ffi/waking_reader.ts";
import { chunks } from "../../src/base/chunks.ts";
import type { Medium } from "../../src/phy/device.ts";
import { memory } from "../../src/wire/memory.ts";
import { SocketPair } from "../ffi/socketpair.ts";
import { hearAll, pattern, settles } from "../stacks.ts";

/** Runs `body` while somebody else has all of the packet memory. */
async function withoutMemory(body: () => Promise<void>): Promise<void> {
  const held: number[] = [];
  for (let size = 2 ** 26; size >= 2 ** 11; size /= 2) {
    for (let at = chunks.take(size); at >= 0; at = chunks.take(size)) held.push(at);
  }
  try {
    assertEquals(chunks.taken, memory.bytes.length);
    await body();
  } finally {
    for (const at of held) chunks.give(at);
  }
}

for (const medium of ["ip", "ethernet"] satisfies Medium[]) {
  for (const offload of [false, true]) {
    Deno.test(`a transfer without packet memory: ${medium}, offload ${offload}`, () =>
      withoutMemory(async () => {
        const [nearDevice, farDevice] = memoryPair({ medium, offload });
        const near = createStack({ device: nearDevice, address: "10.0.0.1/24" });
        const far = createStack({ device: farDevice, address: "10.0.0.2/24" });
        const listener = far.listen({ port: 7 });
        const conn = await near.connect({ hostname: "10.0.0.2", port: 7 });
        const peer = await listener.accept();
        const bytes = pattern(1_000_000);
        const reading = hearAll(peer);
        const writer = conn.writable.getWriter();
        await settles(writer.write(bytes));
        await writer.close();
        assertEquals(await settles(reading), bytes);
        await peer.closeWrite();
        assertEquals(await settles(conn.read(new Uint8Array(1))), null);

        const socket = far.listenDatagram({ port: 9 });
        const sender = near.listenDatagram();
        const run = bytes.subarray(0, 6000);
        const to = { transport: "udp", hostname: "10.0.0.2", port: 9 } as const;
        await sender.send(run, to, { segmentSize: 1200 });
        for (let at = 0; at < run.length; at += 1200) {
          const [got] = await socket.receive({ timeout: 3000 });
          assertEquals(got, run.slice(at, at + 1200));
        }
        await settles(Promise.all([near.close(), far.close()]));
      }));
  }
}

Deno.test("a waking reader without packet memory", () =>
  withoutMemory(async () => {
    using pair = new SocketPair("dgram", true);
    const { fd, libc } = pair;
    const descriptor = { fd, name: "tun0", mtu: 1500, kind: "file", prefix: 0 } as const;
    const reader = await WakingReader.start(libc, descriptor);
    const want = [pattern(1500), pattern(20)];
    for (const packet of want) pair.send(packet);
    const got: Uint8Array[] = [];
    while (got.length < want.length) {
      assertEquals(await settles(reader.readable()), true);
      reader.receive(64, ({ bytes, at, end }) => got.push(bytes.slice(at, end)));
    }
    assertEquals(got, want);
    await reader.stop();
  }));
