import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createStack, type Device, memoryPair, type NetworkStack } from "../../mod.ts";
import { State } from "../../src/tcp/state.ts";
import {
  connected,
  FAR,
  hearAll,
  isPending,
  NEAR,
  pairTest,
  pattern,
  say,
  settles,
  until,
} from "../stacks.ts";

const BYTE = new Uint8Array(1);
const { BadResource } = Deno.errors;

pairTest("close() sends FINs, and is done as soon as the peers have closed too", async (pair) => {
  const [, b] = await connected(pair);
  const peer = b.read(BYTE).then((n) => {
    b.close();
    return n;
  });
  const start = performance.now();
  await settles(pair.near.close());
  assert(performance.now() - start < 400, "no need to wait for the grace period");
  assertEquals(await peer, null);
  assertEquals(pair.near.core.counters.tcpResetsSent, 0);
  assertEquals(pair.near.core.tcp.connectionCount, 0);
});

pairTest("close() still delivers what was written", async (pair) => {
  const [a, b] = await connected(pair);
  const bytes = pattern(250_000);
  assertEquals(await a.write(bytes), bytes.length);
  const reading = hearAll(b);
  const closing = pair.near.close();
  assertEquals(await settles(reading), bytes);
  b.close();
  await settles(closing);
  assertEquals(pair.near.core.counters.tcpResetsSent, 0);
});

pairTest("close() resets those who don't close within half a second", async (pair) => {
  const [, b] = await connected(pair);
  const start = performance.now();
  await settles(pair.near.close());
  const took = performance.now() - start;
  assert(took >= 490 && took < 950, `${took} ms`);
  assertEquals(pair.near.core.counters.tcpResetsSent, 1);
  await until(() => pair.far.core.counters.tcpResetsReceived === 1, "the reset has come");
  await assertRejects(() => b.write(BYTE), Deno.errors.ConnectionReset);
});

pairTest("close() leaves nothing: no connection, no deadline, no socket, no ping", async (pair) => {
  const { near, far } = pair;
  const calls: [Promise<unknown>, new (message: string) => Error][] = [
    [near.listen({ port: 7 }).accept(), BadResource],
    [near.listenDatagram({ port: 7 }).receive(), BadResource],
    [near.connect({ hostname: "10.0.0.99", port: 7 }), Deno.errors.ConnectionAborted],
    [near.ping("10.0.0.99", { timeout: 60_000 }), BadResource],
  ];
  const [a, b] = await connected(pair);
  await a.closeWrite();
  assertEquals(await b.read(BYTE), null);
  b.close();
  await until(() => hasState(near, State.TIME_WAIT), "one is in TIME_WAIT");
  const outcomes = calls.map(([call, want]) => assertRejects(() => settles(call), want));
  assert(await isPending(Promise.race(calls.map(([call]) => call))));
  await settles(near.close());
  await Promise.all(outcomes);
  assertEquals(near.core.tcp.connectionCount, 0);
  assertEquals(near.core.nextDeadline(), Infinity);
  await settles(near.finished);
  await settles(near.close());
  await until(() => far.core.tcp.connectionCount === 0, "the peer is done as well");
});

function hasState(stack: NetworkStack, state: State): boolean {
  const { tcp } = stack.core;
  return [...tcp.connections(), ...tcp.timeWaits()].some((each) => each.state === state);
}

pairTest("a closed stack refuses every call", async (pair) => {
  const { near } = pair;
  const [a] = await connected(pair);
  await near.close();
  await refusesAll(near);
  await assertRejects(() => a.read(BYTE), Deno.errors.ConnectionAborted);
  await assertRejects(() => a.write(BYTE), Deno.errors.ConnectionAborted);
  a.abort();
  a.close();
  assertEquals(near.deviceCounters().deviceDropped, 0);
});

async function refusesAll(stack: NetworkStack): Promise<void> {
  assertThrows(() => stack.listen({ port: 8 }), BadResource, "The stack is closed");
  assertThrows(() => stack.listenDatagram(), BadResource, "The stack is closed");
  const calls = [() => stack.connect({ hostname: FAR, port: 7 }), () => stack.ping(FAR)];
  for (const call of calls) {
    await assertRejects(() => settles<unknown>(call()), BadResource, "The stack is closed");
  }
}

pairTest("listeners and sockets that are closed are forgotten", async ({ near }) => {
  for (let i = 0; i < 20_000; i++) {
    near.listen({}).close();
    near.listenDatagram().close();
  }
  const start = performance.now();
  await near.close();
  assert(performance.now() - start < 100);
});

/** A device that can be broken. */
function fragile(device: Device): Device & { break(error: Error): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  return {
    name: device.name,
    mtu: device.mtu,
    capabilities: device.capabilities,
    receive: (limit, handler) => device.receive(limit, handler),
    readable: () => Promise.race([device.readable(), promise]),
    transmit: (packet) => device.transmit(packet),
    counters: () => device.counters(),
    close: () => device.close(),
    break: reject,
  };
}

Deno.test({
  name: "a device that fails rejects `finished`, and settles everything",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const [device, farDevice] = memoryPair();
    const broken = fragile(device);
    const near = createStack({ device: broken, address: NEAR });
    const far = createStack({ device: farDevice, address: FAR });
    const [a] = await connected({ near, far });
    const fill = async () => {
      for (;;) await a.write(new Uint8Array(65536));
    };
    const calls: [Promise<unknown>, new (message: string) => Error][] = [
      [near.listen({ port: 7 }).accept(), BadResource],
      [near.listenDatagram().receive(), BadResource],
      [near.connect({ hostname: "10.0.0.99", port: 7 }), Deno.errors.ConnectionAborted],
      [near.ping("10.0.0.99", { timeout: 60_000 }), BadResource],
      [a.read(BYTE), Deno.errors.ConnectionAborted],
      [fill(), Deno.errors.ConnectionAborted],
    ];
    const outcomes = calls.map(([call, want]) => assertRejects(() => settles(call), want));
    assert(await isPending(Promise.race(calls.map(([call]) => call))));
    broken.break(new Deno.errors.NotConnected("The interface has vanished"));
    await assertRejects(() => settles(near.finished), Deno.errors.NotConnected, "has vanished");
    await Promise.all(outcomes);
    await refusesAll(near);
    await settles(Promise.all([near.close(), far.close()]));
    await assertRejects(() => near.finished, Deno.errors.NotConnected);
  },
});

Deno.test("a device that is closed by somebody else ends the stack", async () => {
  const [device] = memoryPair();
  const stack = createStack({ device, address: NEAR });
  const accept = stack.listen({ port: 7 }).accept();
  await device.close();
  await assertRejects(() => settles(accept), BadResource);
  await settles(stack.finished);
  await refusesAll(stack);
  await settles(stack.close());
});

Deno.test("a stack needs an address, and says what is wrong with one", async () => {
  const [device, other] = memoryPair();
  const cases: [address: string | string[], message: string][] = [
    [[], "A stack needs at least one address"],
    ["10.0.0", `Not an IP address: "10.0.0"`],
    [["10.0.0.2", ""], `Not an IP address: ""`],
    [["10.0.0.2", "10.0.0.2/24"], "Cannot use 10.0.0.2 twice"],
    [["fe80::2", "fe80::2"], "Cannot use fe80::2 twice"],
    ["0.0.0.0", "Cannot use 0.0.0.0: it is not the address of one host"],
    ["224.0.0.1", "Cannot use 224.0.0.1: it is not the address of one host"],
    ["255.255.255.255", "Cannot use 255.255.255.255: it is not the address of one host"],
    ["127.0.0.2", "Cannot use 127.0.0.2: it is not the address of one host"],
    ["10.0.0.0/24", "Cannot use 10.0.0.0/24: it is not the address of one host"],
    ["10.0.255.255/16", "Cannot use 10.0.255.255/16: it is not the address of one host"],
    ["10.0.0.7/30", "Cannot use 10.0.0.7/30: it is not the address of one host"],
    ["::", "Cannot use ::: it is not the address of one host"],
    ["ff02::1", "Cannot use ff02::1: it is not the address of one host"],
  ];
  for (const [address, message] of cases) {
    assertThrows(() => createStack({ device, address }), TypeError, message);
  }
  const interfaces = [
    { device, address: "10.0.0.1/24" },
    { device: other, address: ["10.1.0.1/24", "10.0.0.1/16"] },
  ];
  assertThrows(() => createStack({ interfaces }), TypeError, "Cannot use 10.0.0.1 twice");
  await using stack = createStack({ device, address: ["10.0.0.1", "10.0.0.3"] });
  await using far = createStack({ device: other, address: FAR });
  assert(await far.ping("10.0.0.3") >= 0);
  assertEquals(stack.deviceName, "memory0");
});

Deno.test("both addresses of a network of two are of hosts (RFC 3021), as is a link-local one twice", async () => {
  const [device, another] = memoryPair();
  const interfaces = [
    { device, address: ["10.0.0.0/31", "10.1.255.255/31", "fe80::1/64"] },
    { device: another, address: ["10.2.0.255/16", "10.3.0.0/8", "fe80::1/64"] },
  ];
  await using stack = createStack({ interfaces });
  assertEquals(stack.addresses.length, 6);
});

pairTest(
  "ping() tells the round-trip time, at every size, in fragments if need be",
  async ({ near, far }) => {
    for (const size of [0, 1, 56, 1472, 1473, 65_507]) {
      const time = await near.ping(FAR, { size });
      assert(time >= 0 && time < 1000, `${time} ms`);
    }
    assertEquals(far.core.counters.icmpEchoReplies, 6);
    const times = await Promise.all(Array.from({ length: 50 }, () => near.ping(FAR)));
    assertEquals(times.length, 50);
  },
);

pairTest("ping() says what is wrong", async ({ near }) => {
  await assertRejects(
    () => settles(near.ping("10.0.0.99", { timeout: 10 })),
    Deno.errors.TimedOut,
    "No echo from 10.0.0.99 within 10 ms",
  );
  const cases: [hostname: string, size: number, want: new (message: string) => Error][] = [
    [FAR, 65_508, RangeError],
    [FAR, -1, RangeError],
    [FAR, 1.5, RangeError],
    ["fd00::2", 56, Deno.errors.NetworkUnreachable],
    ["there", 56, TypeError],
  ];
  for (const [hostname, size, want] of cases) {
    await assertRejects(() => settles(near.ping(hostname, { size })), want);
  }
  assertEquals(near.core.echo.receivers.size, 0);
});

pairTest("the observer is told of every change of state", async (pair) => {
  const seen: string[] = [];
  pair.near.observer = (tcb, next) => seen.push(`${tcb.state}>${next}`);
  const [a, b] = await connected(pair);
  await say(a, "x");
  a.close();
  await hearAll(b);
  await b.closeWrite();
  await until(() => hasState(pair.near, State.TIME_WAIT), "it waits");
  pair.near.observer = null;
  const { CLOSED, SYN_SENT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT } = State;
  const path = [CLOSED, SYN_SENT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT];
  assertEquals(seen, path.slice(1).map((state, i) => `${path[i]}>${state}`));
});

Deno.test("packets that come first find the listeners that are made with the stack", async () => {
  const [device, farDevice] = memoryPair();
  await using far = createStack({ device: farDevice, address: FAR });
  const connecting = far.connect({ hostname: NEAR, port: 7 });
  await until(() => far.core.counters.tcpSent > 0, "the SYN waits in the device");
  await using near = createStack({ device, address: NEAR });
  await using _listener = near.listen({ port: 7 });
  await using _conn = await settles(connecting);
  assertEquals(near.core.counters.tcpResetsSent, 0);
});
