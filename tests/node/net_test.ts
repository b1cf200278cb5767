/** What of node:net runs on a stack. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { createNet, createStack, memoryPair, type Net } from "../../mod.ts";
import { settles } from "../stacks.ts";

function netTest(name: string, body: (near: Net, far: Net) => Promise<void>): void {
  Deno.test(name, async () => {
    const [one, other] = memoryPair();
    await using client = createStack({ device: one, address: "10.0.0.1" });
    await using host = createStack({ device: other, address: "10.0.0.2" });
    await settles(body(createNet(client), createNet(host)));
  });
}

type Emitter = { once(event: string, listener: (...args: unknown[]) => void): unknown };

function event(from: Emitter, name: string): Promise<unknown[]> {
  return new Promise((resolve) => from.once(name, (...args) => resolve(args)));
}

netTest("an echo server written for node:net runs", async (near, far) => {
  const server = far.createServer((socket) => socket.pipe(socket));
  server.listen(7, () => {});
  await event(server, "listening");
  assertEquals(server.address(), { address: "0.0.0.0", port: 7, family: "IPv4" });
  const socket = near.connect({ port: 7, host: "10.0.0.2" }, () => {});
  assert(socket.connecting && socket.pending);
  socket.write("written before the connection");
  await event(socket, "connect");
  assertEquals([socket.remoteAddress, socket.remotePort], ["10.0.0.2", 7]);
  assertEquals([socket.localAddress, socket.readyState], ["10.0.0.1", "open"]);
  socket.end(" is there");
  let text = "";
  for await (const chunk of socket) text += chunk;
  assertEquals(text, "written before the connection is there");
  assertEquals([socket.bytesRead, socket.bytesWritten], [text.length, text.length]);
  const closed = event(server, "close");
  server.close();
  await closed;
  assertEquals([server.listening, server.address()], [false, null]);
});

netTest("errors have the codes that Node's programs look for", async (near, far) => {
  const [refused] = await event(near.connect(9, "10.0.0.2"), "error");
  assertEquals((refused as { code?: string }).code, "ECONNREFUSED");
  const first = far.createServer().listen({ port: 7 });
  await event(first, "listening");
  const [inUse] = await event(far.createServer().listen({ port: 7 }), "error");
  assertEquals((inUse as { code?: string }).code, "EADDRINUSE");
  const error = assertThrows(() => near.connect(70_000), RangeError);
  assertEquals((error as { code?: string }).code, "ERR_SOCKET_BAD_PORT");
  first.close();
  first.close((error) => assertEquals(error?.message, "Server is not running"));
});

netTest(
  "a server takes so many connections, and closes when the last has ended",
  async (near, far) => {
    const server = far.createServer((socket) => socket.resume()).listen(7);
    server.maxConnections = 1;
    const kept = near.connect(7, "10.0.0.2");
    await event(kept, "connect");
    const reset = near.connect(7, "10.0.0.2");
    reset.resume();
    const [[drop], [error]] = await Promise.all([event(server, "drop"), event(reset, "error")]);
    assertEquals((drop as { remoteAddress: string }).remoteAddress, "10.0.0.1");
    assertEquals((error as { code?: string }).code, "ECONNRESET");
    server.getConnections((_, count) => assertEquals(count, 1));
    const closed = event(server, "close");
    server.close();
    kept.destroy();
    await closed;
  },
);

netTest("half-close is allowed only where it is asked for", async (near, far) => {
  for (const allowHalfOpen of [false, true]) {
    const server = far.createServer({ allowHalfOpen }, (socket) => {
      socket.resume();
      socket.on("end", () => allowHalfOpen && setTimeout(() => socket.end("late"), 10));
    }).listen(7);
    const socket = near.connect({ port: 7, host: "10.0.0.2", allowHalfOpen: true });
    socket.end("x");
    let text = "";
    for await (const chunk of socket) text += chunk;
    assertEquals(text, allowHalfOpen ? "late" : "");
    const closed = event(server, "close");
    server.close();
    await closed;
  }
});

netTest("setTimeout() tells of silence, resetAndDestroy() ends with a RST", async (near, far) => {
  const server = far.createServer((socket) => {
    socket.on("error", () => {});
    socket.setTimeout(20, () => socket.resetAndDestroy());
  }).listen(7);
  const socket = near.connect(7, "10.0.0.2");
  socket.resume();
  const [error] = await event(socket, "error");
  assertEquals((error as { code?: string }).code, "ECONNRESET");
  server.close();
});
