import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ConnectOptions, createStack, memoryPair, type TcpConn } from "../../mod.ts";
import { State } from "../../src/tcp/state.ts";
import {
  connected,
  FAR,
  hear,
  hearAll,
  isPending,
  NEAR,
  type Pair,
  pairTest,
  pattern,
  pause,
  say,
  settles,
  until,
} from "../stacks.ts";

const BYTE = new Uint8Array(1);

pairTest("a connection knows both of its ends", async (pair) => {
  const [a, b] = await connected(pair, 7);
  assertEquals(a.remoteAddr, { transport: "tcp", hostname: FAR, port: 7 });
  assertEquals(b.localAddr, a.remoteAddr);
  assertEquals(b.remoteAddr, a.localAddr);
  assertEquals(a.localAddr.hostname, NEAR);
  assert(a.localAddr.port >= 49152, "an ephemeral port (RFC 6335 §6)");
});

pairTest("connect() leaves from the port that it is told", async ({ near, far }) => {
  far.listen({ port: 7 });
  const conn = await near.connect({ hostname: FAR, port: 7, localPort: 1234 });
  assertEquals(conn.localAddr.port, 1234);
  await assertRejects(
    () => near.connect({ hostname: FAR, port: 7, localPort: 1234 }),
    Deno.errors.AddrInUse,
    `A connection from port 1234 to ${FAR}:7 exists already`,
  );
});

pairTest("what is written is read, and null stands for the end", async (pair) => {
  const [a, b] = await connected(pair);
  await say(a, "one");
  assertEquals(await hear(b, 3), "one");
  await say(b, "two");
  assertEquals(await hear(a, 3), "two");
  await a.closeWrite();
  assertEquals(await b.read(BYTE), null);
  assertEquals(await b.read(BYTE), null, "and again");
});

pairTest("nothing read and nothing written is 0, at the end as well", async (pair) => {
  const [a, b] = await connected(pair);
  const none = new Uint8Array(0);
  assertEquals(await a.read(none), 0);
  assertEquals(await a.write(none), 0);
  await b.closeWrite();
  assertEquals(await a.read(BYTE), null);
  assertEquals(await a.read(none), 0);
});

pairTest("read() takes what fits, and leaves the rest", async (pair) => {
  const [a, b] = await connected(pair);
  await say(a, "abcdef");
  await a.closeWrite();
  assertEquals(await hear(b, 4), "abcd");
  assertEquals(await hear(b, 4), "ef");
});

pairTest("write() takes part of what doesn't fit, and then waits for room", async (pair) => {
  const [a, b] = await connected(pair);
  const bytes = pattern(2 * 1024 * 1024);
  let written = 0;
  let pending: Promise<number> = Promise.resolve(0);
  for (;;) {
    pending = a.write(bytes.subarray(written));
    if (await isPending(pending)) break;
    const n = await pending;
    assert(n > 0);
    written += n;
  }
  assert(written < bytes.length, "two windows and a buffer hold less than 2 MiB");
  const reading = hearAll(b);
  written += await settles(pending, "the write that waited");
  while (written < bytes.length) written += await a.write(bytes.subarray(written));
  await a.closeWrite();
  assertEquals(await reading, bytes);
});

pairTest("either side can close its half and go on reading", async (pair) => {
  for (const swap of [false, true]) {
    const [a, b] = await connected(pair);
    const [first, second] = swap ? [b, a] : [a, b];
    await say(first, "request");
    await first.closeWrite();
    await first.closeWrite();
    assertEquals(await hear(second, 100), "request");
    await assertRejects(() => first.write(BYTE), Deno.errors.BrokenPipe);
    await say(second, "answer");
    await second.closeWrite();
    assertEquals(await hear(first, 100), "answer");
  }
});

pairTest("a connection that both sides have closed leaves the table", async (pair) => {
  const [a, b] = await connected(pair);
  await a.closeWrite();
  assertEquals(await b.read(BYTE), null);
  await b.closeWrite();
  assertEquals(await a.read(BYTE), null);
  await until(() => pair.far.core.tcp.connectionCount === 0, "the passive closer is done");
  const states = [...pair.near.core.tcp.timeWaits()].map(({ state }) => state);
  assertEquals(states, [State.TIME_WAIT], "the active closer waits");
});

pairTest("close() still delivers what was written", async (pair) => {
  const [a, b] = await connected(pair);
  const bytes = pattern(200_000);
  assertEquals(await a.write(bytes), bytes.length);
  a.close();
  assertEquals(await hearAll(b), bytes);
});

pairTest("close() resets the connection if something was not read", async (pair) => {
  const [a, b] = await connected(pair);
  await say(b, "unread");
  await until(() => pair.near.core.counters.tcpBytesReceived === 6, "it has arrived");
  a.close();
  await assertRejects(() => b.read(BYTE), Deno.errors.ConnectionReset, `reset by ${NEAR}:`);
});

pairTest("what comes after close() is refused with a reset", async (pair) => {
  const [a, b] = await connected(pair);
  a.close();
  assertEquals(await b.read(BYTE), null);
  await say(b, "too late");
  await until(() => pair.far.core.counters.tcpResetsReceived === 1, "the reset has come");
  await assertRejects(() => b.read(BYTE), Deno.errors.ConnectionReset);
  await assertRejects(() => b.write(BYTE), Deno.errors.ConnectionReset);
  await assertRejects(() => b.closeWrite(), Deno.errors.ConnectionReset);
});

pairTest("a closed connection can't be used, as Deno's", async (pair) => {
  const [a] = await connected(pair);
  a.close();
  a.close();
  for (const use of [() => a.read(BYTE), () => a.write(BYTE), () => a.closeWrite()]) {
    await assertRejects(use, Deno.errors.BadResource, "The connection is closed");
  }
  assertEquals(a.remoteAddr.hostname, FAR);
});

pairTest("abort() resets, and our own calls say that it was us", async (pair) => {
  const [a, b] = await connected(pair);
  a.abort();
  await assertRejects(() => b.read(BYTE), Deno.errors.ConnectionReset);
  await assertRejects(() => a.read(BYTE), Deno.errors.ConnectionAborted, "on this side");
  await assertRejects(() => a.write(BYTE), Deno.errors.ConnectionAborted);
});

type Outcome = "ends" | (new (message: string) => Error);

async function assertOutcome(call: Promise<number | null>, want: Outcome): Promise<void> {
  if (want === "ends") assertEquals(await settles(call), null);
  else await assertRejects(() => settles(call), want);
}

const { BadResource, ConnectionAborted, ConnectionReset } = Deno.errors;

/** Ways to end a connection, and how reads and writes that wait end, on this side and the other. */
const ENDS: {
  name: string;
  end(conn: TcpConn, pair: Pair): unknown;
  reads: [own: Outcome, peer: Outcome];
  writes: [own: Outcome, peer: Outcome];
}[] = [
  {
    name: "abort()",
    end: (conn) => conn.abort(),
    reads: [ConnectionAborted, ConnectionReset],
    writes: [ConnectionAborted, ConnectionReset],
  },
  {
    name: "close()",
    end: (conn) => conn.close(),
    reads: [BadResource, "ends"],
    writes: [BadResource, ConnectionReset], // something that arrived was not read
  },
  {
    name: "the stack's close()",
    end: (_, { near }) => near.close(),
    reads: [ConnectionAborted, "ends"],
    writes: [ConnectionAborted, ConnectionReset],
  },
];

for (const { name, end, reads, writes } of ENDS) {
  pairTest(`${name} settles the reads that wait, on both sides`, async (pair) => {
    const [a, b] = await connected(pair);
    const waiting = [a.read(BYTE), a.read(BYTE), b.read(BYTE)];
    assert(await isPending(Promise.race(waiting)));
    end(a, pair);
    await assertOutcome(waiting[0]!, reads[0]);
    await assertOutcome(waiting[1]!, reads[0]);
    await assertOutcome(waiting[2]!, reads[1]);
  });

  pairTest(`${name} settles the writes that wait, on both sides`, async (pair) => {
    const [a, b] = await connected(pair);
    const fill = async (conn: TcpConn): Promise<never> => {
      for (;;) await conn.write(new Uint8Array(65536));
    };
    const waiting = [fill(a), fill(a), fill(b)];
    assert(await isPending(Promise.race(waiting)), "buffers are full both ways");
    end(a, pair);
    await assertOutcome(waiting[0]!, writes[0]);
    await assertOutcome(waiting[1]!, writes[0]);
    await assertOutcome(waiting[2]!, writes[1]);
  });
}

pairTest("reads at the same time share what comes", async (pair) => {
  const [a, b] = await connected(pair);
  const reads = [hear(b, 1), hear(b, 1), hear(b, 1)];
  await say(a, "xyz");
  assertEquals((await Promise.all(reads)).sort().join(""), "xyz");
});

pairTest("writes at the same time all arrive", async (pair) => {
  const [a, b] = await connected(pair);
  const sizes = [100_000, 300_000, 500_000];
  const writes = sizes.map((size, i) => say(a, String(i).repeat(size)));
  const done = Promise.all(writes).then(() => a.closeWrite());
  const counts = [0, 0, 0];
  for (const byte of await hearAll(b)) counts[byte - 0x30]!++;
  await done;
  assertEquals(counts, sizes);
});

pairTest("setNoDelay() lets a small segment go while another is in flight", async (pair) => {
  for (const noDelay of [false, true]) {
    const [a] = await connected(pair);
    a.setNoDelay(noDelay);
    const before = pair.near.core.counters.tcpSent;
    await a.write(BYTE);
    await pause(1);
    await a.write(BYTE);
    await pause(1);
    assertEquals(pair.near.core.counters.tcpSent - before, noDelay ? 2 : 1);
    a.close();
  }
});

pairTest("what a program writes in one go shares a segment, with the FIN too", async (pair) => {
  for (const noDelay of [false, true]) {
    const [a, b] = await connected(pair);
    a.setNoDelay(noDelay);
    const { counters } = pair.near.core;
    const before = counters.tcpSent;
    for (let i = 0; i < 3; i++) await a.write(BYTE);
    await a.closeWrite();
    assertEquals((await hearAll(b)).length, 3);
    assertEquals(counters.tcpSent - before, noDelay ? 4 : 1);
    b.close();
    await until(() => pair.far.core.tcp.connectionCount === 0, "the other end is closed");
    assertEquals(counters.tcpSent - before, noDelay ? 5 : 2);
  }
});

pairTest("an answer takes the acknowledgement of the question along", async (pair) => {
  const [a, b] = await connected(pair);
  const { near, far } = pair;
  const answering = hear(b, 1).then(() => b.write(BYTE)).then(() => b.closeWrite());
  const before = near.core.counters.tcpSent + far.core.counters.tcpSent;
  await a.write(BYTE);
  assertEquals((await hear(a, 1)).length, 1);
  await answering;
  assertEquals(near.core.counters.tcpSent + far.core.counters.tcpSent - before, 2);
});

pairTest("who closes when the peer has sends one segment for both", async (pair) => {
  const [a, b] = await connected(pair);
  const before = pair.far.core.counters.tcpSent;
  const closing = hear(b, 1).then(() => b.close());
  await a.closeWrite();
  await closing;
  assertEquals((await hearAll(a)).length, 0);
  assertEquals(pair.far.core.counters.tcpSent - before, 1);
});

pairTest("connect() to a port that nobody listens on is refused", async ({ near }) => {
  await assertRejects(
    () => settles(near.connect({ hostname: FAR, port: 81 })),
    Deno.errors.ConnectionRefused,
    `Connection refused by ${FAR}:81`,
  );
  assertEquals(near.core.tcp.connectionCount, 0);
});

pairTest("connect() says at once what cannot be", async ({ near }) => {
  const cases: [options: Partial<ConnectOptions>, want: Outcome][] = [
    [{ port: 0 }, RangeError],
    [{ port: 65536 }, RangeError],
    [{ port: 1.5 }, RangeError],
    [{ port: NaN }, RangeError],
    [{ localPort: -1 }, RangeError],
    [{ localPort: 65536 }, RangeError],
    [{ hostname: "example.org" }, TypeError],
    [{ hostname: "10.0.0" }, TypeError],
    [{ hostname: "" }, TypeError],
    [{ hostname: "0.0.0.0" }, TypeError],
    [{ hostname: "224.0.0.1" }, TypeError],
    [{ hostname: "255.255.255.255" }, TypeError],
    [{ hostname: "fd00::2" }, Deno.errors.NetworkUnreachable],
    [{ hostname: NEAR }, Deno.errors.ConnectionRefused],
    [{ hostname: "127.0.0.1" }, Deno.errors.ConnectionRefused],
    [{ hostname: "::1" }, Deno.errors.ConnectionRefused],
  ];
  for (const [options, want] of cases) {
    await assertOutcome(
      near.connect({ hostname: FAR, port: 80, ...options }).then(() => 0),
      want,
    );
  }
});

pairTest("connect() gives up when its signal is aborted", async ({ near, far }) => {
  const reason = new Error("changed my mind");
  await assertRejects(
    () => near.connect({ hostname: FAR, port: 7, signal: AbortSignal.abort(reason) }),
    Error,
    reason.message,
  );
  assertEquals(near.core.counters.tcpSent, 0, "aborted before");

  const controller = new AbortController();
  const { signal } = controller;
  const connecting = near.connect({ hostname: "10.0.0.99", port: 7, signal });
  assert(await isPending(connecting), "nobody answers there");
  controller.abort(reason);
  await assertRejects(() => settles(connecting), Error, reason.message);
  assertEquals(near.core.tcp.connectionCount, 0, "aborted meanwhile");

  const listener = far.listen({ port: 7 });
  const late = new AbortController();
  const conn = await near.connect({ hostname: FAR, port: 7, signal: late.signal });
  late.abort();
  await say(conn, "hello");
  assertEquals(await hear(await listener.accept(), 5), "hello", "aborted afterwards");
});

pairTest("connect() settles when the stack closes", async ({ near }) => {
  const connecting = near.connect({ hostname: "10.0.0.99", port: 7 });
  assert(await isPending(connecting));
  const failed = assertRejects(() => settles(connecting), Deno.errors.ConnectionAborted);
  await near.close();
  await failed;
});

pairTest(
  "text for Fast Open comes first in the stream, with the SYN from the second time on",
  async (pair) => {
    const { near, far } = pair;
    const listener = far.listen({ port: 7 });
    const fastOpen = new TextEncoder().encode("request");
    for (const early of [0, 1, 2]) {
      const conn = await near.connect({ hostname: FAR, port: 7, fastOpen });
      await say(conn, ", and more");
      await conn.closeWrite();
      const accepted = await settles(listener.accept());
      await say(accepted, "answer");
      await accepted.closeWrite();
      assertEquals(await hear(accepted, 17), "request, and more");
      assertEquals(await hear(conn, 6), "answer");
      assertEquals(far.core.counters.tcpFastOpenAccepted, early);
    }
    await assertRejects(
      () => near.connect({ hostname: FAR, port: 7, fastOpen: new Uint8Array(300_000) }),
      RangeError,
      "Fast Open's text must fit the send buffer",
    );
  },
  { tcp: { fastOpenClient: true, fastOpenServer: true } },
);

for (const mtu of [65_535, 65_575, 80_000]) {
  for (const offload of [false, true]) {
    Deno.test(`text goes at once over a link with an MTU of ${mtu}, offload ${offload}`, async () => {
      for (const prefix of ["10.0.0.", "fd00::"]) {
        const [nearDevice, farDevice] = memoryPair({ mtu, offload });
        const near = createStack({ device: nearDevice, address: `${prefix}1` });
        const far = createStack({ device: farDevice, address: `${prefix}2` });
        const listener = far.listen({ port: 7 });
        const a = await settles(near.connect({ hostname: `${prefix}2`, port: 7 }));
        const b = await settles(listener.accept());
        const bytes = pattern(500_000);
        const reading = hearAll(b);
        const writer = a.writable.getWriter();
        await settles(Promise.all([writer.write(bytes), writer.close()]));
        assertEquals((await settles(reading)).length, bytes.length);
        await settles(Promise.all([near.close(), far.close()]));
        const { tcpZeroWindowProbes, tcpTimeouts } = near.core.counters;
        assertEquals([tcpZeroWindowProbes, tcpTimeouts], [0, 0]);
      }
    });
  }
}
