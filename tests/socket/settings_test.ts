import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ConnectOptions,
  createStack,
  memoryPair,
  type NetworkStack,
  type TcpConn,
} from "../../mod.ts";
import {
  connected,
  FAR,
  hear,
  hearAll,
  isPending,
  pairTest,
  say,
  settles,
  until,
} from "../stacks.ts";

const BYTE = new Uint8Array(1);

/** Packets that come are lost from now on. */
function deafen(stack: NetworkStack): void {
  stack.core.receive = () => {};
}

/** The segments that a stack receives from now on, as numbers of bytes. */
function watchLengths(stack: NetworkStack): number[] {
  const lengths: number[] = [];
  const receive = stack.core.receive.bind(stack.core);
  stack.core.receive = (packet, now) => {
    lengths.push(packet.end - packet.at);
    receive(packet, now);
  };
  return lengths;
}

pairTest(
  "[MUST-24] keep-alive ends a connection whose peer is gone (RFC 9293 §3.8.4)",
  async (pair) => {
    const [a] = await connected(pair);
    a.setKeepAlive({ idle: 20, interval: 10, count: 2 });
    assert(a.info().timers.keepAlive! <= 20);
    await until(() => a.info().traffic.segmentsReceived >= 2, "an answered probe");
    deafen(pair.far);
    await assertRejects(() => settles(a.read(BYTE)), Deno.errors.TimedOut);
  },
);

pairTest("keep-alive is off by default, and can be switched off again", async (pair) => {
  const [a] = await connected(pair);
  assertEquals(a.info().timers.keepAlive, undefined);
  a.setKeepAlive();
  assert(a.info().timers.keepAlive! > 7_000_000, "two hours by default");
  a.setKeepAlive(false);
  assertEquals(a.info().timers.keepAlive, undefined);
});

pairTest(
  "[MUST-21] a user timeout ends a connection whose peer does not answer (RFC 9293 §3.8.3)",
  async (pair) => {
    const [a] = await connected(pair);
    deafen(pair.far);
    a.setUserTimeout(50);
    await a.write(BYTE);
    await assertRejects(() => settles(a.read(BYTE)), Deno.errors.TimedOut, `No answer from ${FAR}`);
  },
);

pairTest("a cork holds small writes back until it is pulled", async (pair) => {
  const [a, b] = await connected(pair);
  const lengths = watchLengths(pair.far);
  a.setNoDelay();
  a.setCork();
  for (const text of ["one ", "two ", "three"]) await say(a, text);
  a.setCork(false);
  assertEquals(await hear(b, 13), "one two three");
  assertEquals(lengths, [20 + 32 + 13]);
});

pairTest("lingering 0 ms, close() resets", async (pair) => {
  const [a, b] = await connected(pair);
  a.setLinger(0);
  a.close();
  await assertRejects(() => settles(b.read(BYTE)), Deno.errors.ConnectionReset);
});

pairTest(
  "a connection that lingers is reset when its text isn't delivered in time",
  async (pair) => {
    const [a] = await connected(pair);
    deafen(pair.far);
    await say(a, "x");
    a.setLinger(30);
    a.close();
    assertEquals(a.info().state, "FIN_WAIT_1");
    await until(() => a.info().state === "CLOSED", "the reset");
    assertEquals(pair.near.counters().tcpResetsSent, 1);
  },
);

pairTest(
  "a connection that lingers delivers what it can, and null takes that back",
  async (pair) => {
    const [a, b] = await connected(pair);
    a.setLinger(0);
    a.setLinger(null);
    await say(a, "last words");
    a.close();
    assertEquals(await hear(b, 10), "last words");
    assertEquals(await settles(b.read(BYTE)), null);
  },
);

pairTest(
  "[MUST-32] [MUST-33] what is urgent is told of, and read in line up to its end (RFC 9293 §3.8.5)",
  async (pair) => {
    const [a, b] = await connected(pair);
    const { promise: told, resolve } = Promise.withResolvers<void>();
    assertEquals([b.onUrgent, b.onSoftError], [null, null]);
    b.onUrgent = resolve;
    await say(a, "calm ");
    assertEquals(await a.writeUrgent(new TextEncoder().encode("urgent!")), 7);
    await say(a, "calm again");
    await settles(told, "the call");
    await until(() => b.info().buffers.receive.length === 22, "all of the text");
    assertEquals(b.info().urgent, 12);
    const target = new Uint8Array(100);
    assertEquals(await b.read(target), 12);
    assertEquals(b.info().urgent, 0);
    assertEquals(await b.read(target), 10);
  },
);

pairTest(
  "[MUST-47] [SHLD-9] trouble is told of, and does not end the connection (RFC 9293 §3.9.1.8)",
  async (pair) => {
    const [a, b] = await connected(pair);
    const { promise: told, resolve } = Promise.withResolvers<void>();
    const { receive } = pair.far.core;
    deafen(pair.far);
    assertEquals(a.lastError, null);
    a.onSoftError = resolve;
    await say(a, "x");
    await settles(told, "the call");
    assert(a.lastError instanceof Deno.errors.TimedOut, String(a.lastError));
    assertEquals([a.info().timeouts, a.info().softError], [3, "NO_ANSWER"]);
    pair.far.core.receive = receive;
    assertEquals(await settles(hear(b, 1)), "x");
  },
  { tcp: { minRto: 10, timestamps: true } },
);

pairTest(
  "[SHLD-20] whoever gives no function is not told of trouble (RFC 9293 §3.9.1.8)",
  async (pair) => {
    const [a] = await connected(pair);
    deafen(pair.far);
    let calls = 0;
    a.onSoftError = () => calls++;
    a.onSoftError = null;
    await say(a, "x");
    await until(() => a.info().timeouts >= 3, "three retransmissions");
    assertEquals(calls, 0);
    assert(a.lastError !== null, "it can be asked for");
  },
  { tcp: { minRto: 10 } },
);

pairTest("info() tells what both sides agreed on, and counts", async (pair) => {
  const listener = pair.far.listen({ port: 7, ttl: 9, congestion: "newreno" });
  const a = await pair.near.connect({ hostname: FAR, port: 7, ecn: "on", tos: 0xb9, ttl: 33 });
  const b = await listener.accept();
  await say(a, "hello");
  assertEquals(await hear(b, 5), "hello");
  const [near, far] = [a.info(), b.info()];
  assertEquals([near.state, far.state], ["ESTABLISHED", "ESTABLISHED"]);
  assertEquals([near.options.ecn, far.options.ecn], [true, true]);
  assertEquals([near.tos.send, far.tos.receive], [0xb8, 0xb8]);
  assertEquals([near.ttl, far.ttl, far.congestion], [33, 9, "newreno"]);
  assertEquals([near.traffic.bytesSent, far.traffic.bytesReceived], [5, 5]);
  a.setTos(0x20);
  a.setTtl(3);
  assertEquals([a.info().tos.send, a.info().ttl], [0x20, 3]);
  a.close();
  assertEquals(a.info().traffic.bytesSent, 5);
  listener.close();
});

pairTest("buffers hold what they are told to, and don't grow with use", async (pair) => {
  const [RECEIVE, SEND, LENGTH] = [3000, 4000, 50_000];
  const listener = pair.far.listen({ port: 7, receiveBuffer: RECEIVE });
  const a = await pair.near.connect({ hostname: FAR, port: 7, sendBuffer: SEND });
  const b = await listener.accept();
  listener.close();
  assertEquals(a.info().sendWindow, RECEIVE);
  assertEquals(await a.write(new Uint8Array(LENGTH)), SEND);
  const sending = say(a, "x".repeat(LENGTH)).then(() => a.closeWrite());
  assertEquals(await isPending(sending), true);
  const heard = await settles(hearAll(b));
  await sending;
  assertEquals(heard.length, SEND + LENGTH);
  assertEquals(b.info().buffers.receive.capacity, RECEIVE);
  assertEquals(a.info().buffers.send.capacity, SEND);
});

pairTest("no segment is larger than what either side has chosen", async (pair) => {
  const listener = pair.far.listen({ port: 7, maxSegment: 600 });
  const sizes: [chosen: number | undefined, want: number][] = [
    [undefined, 600],
    [800, 600],
    [500, 500],
  ];
  for (const [maxSegment, want] of sizes) {
    const a = await pair.near.connect({ hostname: FAR, port: 7, maxSegment });
    const b = await listener.accept();
    const timestamps = 12;
    for (const conn of [a, b]) assertEquals(conn.info().mss, want - timestamps, `${maxSegment}`);
    a.abort();
    b.abort();
  }
  listener.close();
});

pairTest("settings that make no sense are refused, and say what would", async ({ near, far }) => {
  const wrong: [options: Partial<ConnectOptions>, message: string][] = [
    [{ tos: 256 }, "Type of service must be an integer from 0 to 255: got 256"],
    [{ ttl: 0 }, "Time to live must be an integer from 1 to 255: got 0"],
    [{ maxSegment: 87 }, "Largest segment must be an integer from 88 to 65535: got 87"],
    [{ sendBuffer: 0 }, "Send buffer must be an integer from 1 to 1073741824: got 0"],
    [{ receiveBuffer: 1e9 }, "Receive buffer must be an integer from 1 to 6291456: got 1000000000"],
    [{ ecn: "yes" as "on" }, 'Unknown ECN mode "yes": use one of off, passive, on'],
    [{ congestion: "vegas" as "cubic" }, 'Unknown congestion control "vegas": use one of '],
  ];
  for (const [options, message] of wrong) {
    const connect = () => near.connect({ hostname: FAR, port: 7, ...options });
    await assertRejects(connect, RangeError, message);
    assertThrows(() => far.listen({ port: 7, ...options }), RangeError, message);
  }
});

const SETTERS: Record<string, (conn: TcpConn) => void> = {
  setNoDelay: (conn) => conn.setNoDelay(),
  setCork: (conn) => conn.setCork(),
  setKeepAlive: (conn) => conn.setKeepAlive(),
  setUserTimeout: (conn) => conn.setUserTimeout(1000),
  setLinger: (conn) => conn.setLinger(1000),
  setTos: (conn) => conn.setTos(0),
  setTtl: (conn) => conn.setTtl(1),
};

pairTest(
  "a connection refuses settings that make no sense, and any once it is closed",
  async (pair) => {
    const [a] = await connected(pair);
    const wrong: [() => void, message: string][] = [
      [() => a.setKeepAlive({ idle: 0 }), "Idle time must be an integer from 1 to"],
      [() => a.setKeepAlive({ interval: 0.5 }), "Interval must be an integer from 1 to"],
      [() => a.setKeepAlive({ count: 1 }), "Count of probes must be an integer from 2 to"],
      [() => a.setUserTimeout(0), "User timeout must be an integer from 1 to 2147483647: got 0"],
      [() => a.setLinger(-1), "Linger time must be an integer from 0 to 2147483647: got -1"],
      [() => a.setTos(-1), "Type of service must be"],
      [() => a.setTtl(256), "Time to live must be"],
    ];
    for (const [call, message] of wrong) assertThrows(call, RangeError, message);
    for (const set of Object.values(SETTERS)) set(a);
    a.close();
    for (const [name, set] of Object.entries(SETTERS)) {
      assertThrows(() => set(a), Deno.errors.BadResource, "The connection is closed", name);
    }
  },
);

pairTest("settings do no harm to a connection that the peer has reset", async (pair) => {
  const [a, b] = await connected(pair);
  b.abort();
  await assertRejects(() => settles(a.read(BYTE)), Deno.errors.ConnectionReset);
  for (const set of Object.values(SETTERS)) set(a);
  assertEquals(a.info().timers, {});
  assertEquals(a.info().state, "CLOSED");
});

pairTest(
  "a read or write that waits too long rejects, and the connection lives on (SO_RCVTIMEO)",
  async (pair) => {
    const [conn, peer] = await connected(pair);
    conn.setReceiveTimeout(20);
    const target = new Uint8Array(5);
    await assertRejects(() => conn.read(target), Deno.errors.TimedOut, "Nothing to read in time");
    await say(peer, "hello");
    assertEquals(await hear(conn, 5), "hello");
    conn.setReceiveTimeout(null);
    assert(await isPending(conn.read(target)));
    peer.setSendTimeout(20);
    const block = new Uint8Array(1 << 20);
    await assertRejects(
      async () => {
        for (;;) await peer.write(block);
      },
      Deno.errors.TimedOut,
      "No room to write in time",
    );
    for (const ms of [0, -1, 1.5, NaN]) {
      assertThrows(() => conn.setReceiveTimeout(ms), RangeError, "Receive timeout");
    }
    conn.ref();
    conn.unref();
  },
);

pairTest("connect() gives up after its timeout", async ({ near }) => {
  const start = performance.now();
  await assertRejects(
    () => near.connect({ hostname: "10.0.0.77", port: 7, timeout: 30 }),
    Deno.errors.TimedOut,
    "No connection to 10.0.0.77:7 within 30 ms",
  );
  assert(performance.now() - start < 1000);
  assertEquals(near.core.tcp.connectionCount, 0);
});

pairTest(
  "reuseAddress goes round TIME_WAIT, for opens and for listeners (RFC 6191)",
  async (pair) => {
    const { near, far } = pair;
    const listener = far.listen({ port: 7 });
    const open = (reuseAddress?: boolean) =>
      near.connect({ hostname: FAR, port: 7, localPort: 5000, reuseAddress });
    const first = await open();
    const peer = await listener.accept();
    first.close();
    assertEquals(await peer.read(new Uint8Array(1)), null);
    peer.close();
    await until(() => [...near.core.tcp.timeWaits()].length === 1, "TIME_WAIT");
    await assertRejects(() => open(), Deno.errors.AddrInUse);
    await assertRejects(() => open(false), Deno.errors.AddrInUse);
    const second = await open(true);
    const again = await listener.accept();
    await say(second, "hello");
    assertEquals(await hear(again, 5), "hello");
    again.close();
    assertEquals(await second.read(new Uint8Array(1)), null);
    second.close();
    listener.close();
    await until(() => [...far.core.tcp.timeWaits()].length === 1, "TIME_WAIT at the listener");
    assertThrows(() => far.listen({ port: 7, reuseAddress: false }), Deno.errors.AddrInUse);
    far.listen({ port: 7, reuseAddress: true }).close();
    far.listen({ port: 7 }).close();
  },
);

Deno.test("createStack() refuses settings of TCP that cannot be", () => {
  const [device] = memoryPair();
  const cases: [tcp: Record<string, unknown>, type: new (m: string) => Error, says: string][] = [
    [{ delayedAck: -1 }, RangeError, "delayedAck of TCP must not be below 0: got -1"],
    [{ msl: NaN }, RangeError, "msl of TCP must not be below 0: got NaN"],
    [{ sack: 1 }, TypeError, "sack of TCP is a boolean: got 1"],
    [{ receiveBuffer: "64k" }, TypeError, "receiveBuffer of TCP is a number: got 64k"],
    [{ windowscaling: true }, TypeError, "There is no setting windowscaling of TCP"],
    [{ ttl: 256 }, RangeError, "Time to live"],
    [{ congestion: "vegas" }, RangeError, "congestion control"],
    [{ ecn: "maybe" }, RangeError, "ECN mode"],
  ];
  for (const [tcp, type, says] of cases) {
    assertThrows(() => createStack({ device, address: FAR, tcp: tcp as never }), type, says);
  }
});
