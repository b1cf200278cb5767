import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connected,
  hear,
  hearAll,
  isPending,
  pairTest,
  pattern,
  pause,
  say,
  settles,
  until,
} from "../stacks.ts";

const MIB = 1024 * 1024;

pairTest("pipeTo() makes an echo: 10 MiB come back byte for byte", async (pair) => {
  const [a, b] = await connected(pair);
  const echoing = b.readable.pipeTo(b.writable);
  const bytes = pattern(10 * MIB);
  const sending = new Blob([bytes]).stream().pipeTo(a.writable);
  const echo = await settles(hearAll(a));
  await settles(Promise.all([echoing, sending]));
  assertEquals(echo.length, bytes.length);
  assert(echo.every((byte, i) => byte === bytes[i]));
  await until(() => pair.far.core.tcp.connectionCount === 0, "the echo's side is done");
});

pairTest("a reader that doesn't read stops the writer", async (pair) => {
  const [a, b] = await connected(pair);
  const writer = a.writable.getWriter();
  const chunk = pattern(16 * 1024);
  let taken = 0;
  let isStopped = false;
  const writing = (async () => {
    while (!isStopped) {
      await writer.ready;
      await writer.write(chunk);
      taken += chunk.length;
    }
  })();
  // Until nothing has moved for a while.
  for (let before = -1; taken !== before; await pause(20)) before = taken;
  const { sendBuffer, receiveBuffer } = pair.near.core.tcp.config;
  assert(taken > receiveBuffer, "what the peer has room for is sent");
  assert(taken <= sendBuffer + receiveBuffer, `buffers hold no more: ${taken}`);
  isStopped = true;
  const reading = hearAll(b);
  await settles(writing);
  await writer.close();
  assertEquals((await settles(reading)).length, taken);
});

pairTest("readable can be read into memory of one's own", async (pair) => {
  const [a, b] = await connected(pair);
  await say(a, "abcdef");
  const reader = b.readable.getReader({ mode: "byob" });
  const { value, done } = await reader.read(new Uint8Array(4));
  assertEquals([new TextDecoder().decode(value), done], ["abcd", false]);
  await a.closeWrite();
  assertEquals((await reader.read(new Uint8Array(4))).value?.length, 2);
  assertEquals((await reader.read(new Uint8Array(4))).done, true);
});

pairTest("readable fails when the peer resets", async (pair) => {
  const [a, b] = await connected(pair);
  const reading = b.readable.getReader().read();
  a.abort();
  await assertRejects(() => settles(reading), Deno.errors.ConnectionReset);
});

pairTest("closing writable closes our half only", async (pair) => {
  const [a, b] = await connected(pair);
  const writer = a.writable.getWriter();
  await writer.write(new TextEncoder().encode("question"));
  await writer.close();
  assertEquals(new TextDecoder().decode(await hearAll(b)), "question");
  await say(b, "answer");
  await b.closeWrite();
  assertEquals(await hear(a, 100), "answer");
});

pairTest("aborting writable resets, and ends a write that waits", async (pair) => {
  const [a, b] = await connected(pair);
  const writer = a.writable.getWriter();
  const write = writer.write(new Uint8Array(MIB));
  const failed = assertRejects(() => settles(write), Deno.errors.ConnectionAborted);
  assert(await isPending(write), "nobody reads");
  await settles(writer.abort());
  await failed;
  const reading = async () => {
    while (await b.read(new Uint8Array(65536)) !== null);
  };
  await assertRejects(() => settles(reading()), Deno.errors.ConnectionReset);
});

pairTest("cancelling readable resets if something waits unread", async (pair) => {
  const [a, b] = await connected(pair);
  await say(a, "unread");
  await until(() => pair.far.core.counters.tcpBytesReceived > 0, "it has arrived");
  await b.readable.cancel();
  await assertRejects(() => a.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
});

pairTest("cancelling readable resets once something comes", async (pair) => {
  const [a, b] = await connected(pair);
  await b.readable.cancel();
  await say(b, "one way");
  assertEquals(await hear(a, 7), "one way");
  await say(a, "no");
  await assertRejects(() => a.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
});

pairTest("cancelling readable after the peer has closed leaves our half open", async (pair) => {
  const [a, b] = await connected(pair);
  await a.closeWrite();
  await until(() => [...pair.far.core.tcp.connections()].some((tcb) => tcb.peerFinSeen), "FIN");
  await b.readable.cancel();
  await say(b, "still here");
  await b.closeWrite();
  assertEquals(await hear(a, 100), "still here");
});

pairTest(
  "cancelling readable and closing writable, in either order, is all it takes",
  async (pair) => {
    for (const cancelFirst of [true, false]) {
      const [a, b] = await connected(pair);
      if (cancelFirst) await b.readable.cancel();
      await b.writable.close();
      if (!cancelFirst) await b.readable.cancel();
      assertEquals(await a.read(new Uint8Array(1)), null);
      await a.closeWrite();
      await until(
        () => [...pair.near.core.tcp.connections()].every((tcb) => tcb.local.toString() !== ""),
        "the passive closer is done",
      );
    }
  },
);

pairTest("pipeTo() passes an error on as a reset", async (pair) => {
  const [a, b] = await connected(pair);
  const [c, d] = await connected(pair);
  const piping = b.readable.pipeTo(c.writable);
  const failed = assertRejects(() => settles(piping), Deno.errors.ConnectionReset);
  const reading = d.read(new Uint8Array(1));
  a.abort();
  await failed;
  await assertRejects(() => settles(reading), Deno.errors.ConnectionReset);
});
