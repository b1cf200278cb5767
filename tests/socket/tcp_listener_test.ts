import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createStack, memoryPair } from "../../mod.ts";
import { Drop } from "../../src/wire/drop.ts";
import {
  connected,
  FAR,
  hear,
  isPending,
  NEAR,
  pairTest,
  pause,
  say,
  settles,
  until,
} from "../stacks.ts";

pairTest("accept() gives connections in the order in which they came", async ({ near, far }) => {
  const listener = far.listen({ port: 7 });
  const ports: number[] = [];
  for (let i = 0; i < 3; i++) {
    ports.push((await near.connect({ hostname: FAR, port: 7 })).localAddr.port);
  }
  for (const port of ports) assertEquals((await listener.accept()).remoteAddr.port, port);
});

pairTest("accept() hands each connection to one of those who wait", async ({ near, far }) => {
  const listener = far.listen({ port: 7 });
  const accepting = [listener.accept(), listener.accept()];
  const connecting = [0, 1].map(() => near.connect({ hostname: FAR, port: 7 }));
  const ends = await settles(Promise.all([...accepting, ...connecting]));
  const [a, b, c, d] = ends.map((conn, i) => (i < 2 ? conn.remoteAddr : conn.localAddr).port);
  assertEquals([a, b].sort(), [c, d].sort());
});

pairTest("for await gives connections until the listener is closed", async ({ near, far }) => {
  const listener = far.listen({ port: 7 });
  let count = 0;
  const serving = (async () => {
    for await (const conn of listener) {
      count++;
      conn.close();
    }
  })();
  for (let i = 0; i < 3; i++) await near.connect({ hostname: FAR, port: 7 });
  await until(() => count === 3, "all are accepted");
  listener.close();
  await settles(serving);
});

pairTest(
  "leaving a loop over a listener closes it, and passes an error on",
  async ({ near, far }) => {
    const listener = far.listen({ port: 7 });
    const connecting = near.connect({ hostname: FAR, port: 7 });
    const serving = (async () => {
      for await (const conn of listener) {
        conn.close();
        throw new Deno.errors.BadResource("of the body's own");
      }
    })();
    await connecting;
    await assertRejects(() => settles(serving), Deno.errors.BadResource, "of the body's own");
    await assertRejects(() => listener.accept(), Deno.errors.BadResource, "The listener is closed");
  },
);

pairTest("close() rejects every accept that waits", async ({ far }) => {
  const listener = far.listen({ port: 7 });
  const accepting = [listener.accept(), listener.accept()];
  assert(await isPending(Promise.race(accepting)));
  listener.close();
  listener.close();
  for (const accept of accepting) {
    await assertRejects(() => settles(accept), Deno.errors.BadResource, "The listener is closed");
  }
});

pairTest(
  "close() resets what nobody accepted, and leaves the rest alone",
  async ({ near, far }) => {
    const listener = far.listen({ port: 7 });
    const first = await near.connect({ hostname: FAR, port: 7 });
    const accepted = await listener.accept();
    const second = await near.connect({ hostname: FAR, port: 7 });
    listener.close();
    await assertRejects(() => second.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    await say(first, "hello");
    assertEquals(await hear(accepted, 5), "hello");
    await assertRejects(
      () => near.connect({ hostname: FAR, port: 7 }),
      Deno.errors.ConnectionRefused,
    );
    far.listen({ port: 7 }).close();
  },
);

pairTest("a full backlog takes no more until one is accepted", async ({ near, far }) => {
  const listener = far.listen({ port: 7, backlog: 2 });
  for (let i = 0; i < 2; i++) await near.connect({ hostname: FAR, port: 7 });
  const third = near.connect({ hostname: FAR, port: 7 });
  assert(await isPending(third));
  assertEquals(far.core.counters.entries().find(([name]) => name.includes("OVERFLOW"))?.[1], 1);
  await listener.accept();
  await settles(third); // its SYN comes again after a second
}, { tcp: { minRto: 50 } });

pairTest("one who resets before it is accepted is seen when it is read", async ({ near, far }) => {
  const listener = far.listen({ port: 7 });
  (await near.connect({ hostname: FAR, port: 7 })).abort();
  await until(() => far.core.counters.tcpResetsReceived === 1, "the reset has come");
  const conn = await settles(listener.accept());
  await assertRejects(() => conn.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
});

pairTest("a port has one listener, and port 0 is a free one", async ({ near, far }) => {
  const listener = far.listen({ port: 7 });
  assertEquals(listener.addr, { transport: "tcp", hostname: "0.0.0.0", port: 7 });
  assertThrows(() => far.listen({ port: 7 }), Deno.errors.AddrInUse, "0.0.0.0:7");
  const ports = Array.from({ length: 20 }, () => far.listen({ port: 0 }).addr.port);
  ports.push(far.listen({}).addr.port);
  assert(ports.every((port) => port >= 49152));
  assertEquals(new Set(ports).size, ports.length);
  await near.connect({ hostname: FAR, port: ports[0]! });
});

pairTest(
  "a listener on an address comes before one on all, and any takes the rest",
  async ({ near, far }) => {
    const listeners = {
      exact: far.listen({ port: 7, hostname: FAR }),
      all: far.listen({ port: 7, hostname: "0.0.0.0" }),
      any: far.listen({ any: true }),
    };
    assertEquals(listeners.exact.addr.hostname, FAR);
    assertEquals(listeners.any.addr.port, 0);
    assertThrows(() => far.listen({ port: 7, hostname: FAR }), Deno.errors.AddrInUse);
    await near.connect({ hostname: FAR, port: 7 });
    assertEquals((await settles(listeners.exact.accept())).localAddr.port, 7);
    listeners.exact.close();
    await near.connect({ hostname: FAR, port: 7 });
    assertEquals((await settles(listeners.all.accept())).localAddr.port, 7);
    await near.connect({ hostname: FAR, port: 4321 });
    assertEquals((await settles(listeners.any.accept())).localAddr.port, 4321);
  },
);

pairTest("listen() refuses what cannot be", ({ far }) => {
  assertThrows(() => far.listen({ port: 65536 }), RangeError, "from 0 to 65535: got 65536");
  assertThrows(() => far.listen({ port: -1 }), RangeError);
  assertThrows(() => far.listen({ port: 7, backlog: 0 }), RangeError, "Backlog must be 1 or more");
  assertThrows(() => far.listen({ port: 7, backlog: NaN }), RangeError);
  assertThrows(() => far.listen({ port: 7, hostname: "here" }), TypeError, "Not an IP address");
  assertThrows(
    () => far.listen({ port: 7, hostname: "10.0.0.77" }),
    Deno.errors.AddrNotAvailable,
    "10.0.0.77 is not an address of this stack",
  );
  return Promise.resolve();
});

pairTest("await using closes a listener and a connection", async (pair) => {
  let accepting: Promise<unknown>;
  {
    await using listener = pair.far.listen({ port: 7 });
    accepting = listener.accept().catch((error) => error);
  }
  assert(await settles(accepting) instanceof Deno.errors.BadResource);
  const [a, b] = await connected(pair);
  {
    await using _ = a;
  }
  assertEquals(await b.read(new Uint8Array(1)), null);
  await pause(0);
});

Deno.test("a listener for any port takes connections to other hosts, and tells which was meant", async () => {
  const [nearDevice, farDevice] = memoryPair();
  await using near = createStack({ device: nearDevice, address: [NEAR, "fd00::1"] });
  await using far = createStack({ device: farDevice, address: [FAR, "fd00::2"] });
  const cases = [["192.0.2.77", 443], ["2001:db8::7", 25], [FAR, 7]] as const;
  const listener = far.listen({ any: true });
  for (const [hostname, port] of cases) {
    const conn = await near.connect({ hostname, port });
    const peer = await listener.accept();
    assertEquals(peer.localAddr, { transport: "tcp", hostname, port });
    await say(peer, "hello");
    assertEquals(await hear(conn, 5), "hello");
    conn.close();
    peer.close();
  }
  await assertRejects(() => near.ping("192.0.2.77", { timeout: 20 }), Deno.errors.TimedOut);
  listener.close();
  const signal = AbortSignal.timeout(50);
  await assertRejects(() => near.connect({ hostname: "192.0.2.77", port: 443, signal }));
  // Besides the other stack's reports of the multicast groups that it is in.
  assert(far.core.counters.drops[Drop.IP_NOT_FOR_US]! >= 2);
  assertEquals(far.core.counters.icmpEchoReplies, 0);
});
