import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createStack, type IcmpReport, memoryPair, type UdpSocket } from "../../mod.ts";
import { Drop } from "../../src/wire/drop.ts";
import { Packet } from "../../src/wire/packet.ts";
import { FAR, isPending, NEAR, pairTest, pattern, settles, until } from "../stacks.ts";
import { icmpError, packetOf, PEER, STACK, udp } from "../packets.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const to = (port: number, hostname = FAR): Deno.NetAddr => ({ transport: "udp", hostname, port });

pairTest("datagrams go to and fro, and tell where they come from", async ({ near, far }) => {
  const server = far.listenDatagram({ port: 7 });
  const client = near.listenDatagram();
  assertEquals(server.addr, { transport: "udp", hostname: "0.0.0.0", port: 7 });
  assertEquals(await client.send(encode("hello"), to(7)), 5);
  const [bytes, from] = await settles(server.receive());
  assertEquals(decode(bytes), "hello");
  assertEquals(from, to(client.addr.port, NEAR));
  assertEquals(await server.send(bytes, from), 5);
  const [echo, back] = await settles(client.receive());
  assertEquals([decode(echo), back], ["hello", to(7)]);
});

pairTest("an empty datagram is a datagram", async ({ near, far }) => {
  const server = far.listenDatagram({ port: 7 });
  assertEquals(await near.listenDatagram().send(new Uint8Array(0), to(7)), 0);
  assertEquals((await settles(server.receive()))[0].length, 0);
});

pairTest("for await gives datagrams until the socket is closed", async ({ near, far }) => {
  const server = far.listenDatagram({ port: 7 });
  const client = near.listenDatagram();
  const heard: string[] = [];
  const serving = (async () => {
    for await (const [bytes] of server) heard.push(decode(bytes));
  })();
  for (const word of ["one", "two", "three"]) await client.send(encode(word), to(7));
  await until(() => heard.length === 3, "all are there");
  assertEquals(heard, ["one", "two", "three"]);
  server.close();
  await settles(serving);
});

pairTest(
  "datagrams are received into memory that is given, as far as it goes",
  async ({ near, far }) => {
    const server = far.listenDatagram({ port: 7 });
    const client = near.listenDatagram();
    const target = new Uint8Array(4);
    const waiting = server.receive(target);
    for (const word of ["one", "three", ""]) await client.send(encode(word), to(7));
    for (const want of ["one", "thre"]) {
      const [bytes, from] = await settles(want === "one" ? waiting : server.receive(target));
      assertEquals([decode(bytes), from.port], [want, client.addr.port]);
      assert(bytes.buffer === target.buffer);
    }
    assertEquals((await server.receive(target, { timeout: 1000 }))[0].length, 0);
    await assertRejects(() => server.receive(target, { timeout: 5 }), Deno.errors.TimedOut);
  },
);

pairTest("leaving the loop leaves the socket open, and the rest waiting", async ({ near, far }) => {
  const server = far.listenDatagram({ port: 7 });
  const client = near.listenDatagram();
  for (const word of ["one", "two"]) await client.send(encode(word), to(7));
  for await (const [bytes] of server) {
    assertEquals(decode(bytes), "one");
    break;
  }
  assertEquals(decode((await server.receive())[0]), "two");
  const datagrams = server[Symbol.asyncIterator]();
  const next = datagrams.next();
  assertEquals(await datagrams.return!(), { done: true, value: undefined });
  server.close();
  assertEquals(await settles(next), { done: true, value: undefined });
  assertEquals(await settles(datagrams.next()), { done: true, value: undefined });
});

pairTest(
  "a socket that nobody reads keeps 256 datagrams, and counts what it drops",
  async ({ near, far }) => {
    const server = far.listenDatagram({ port: 7 });
    const client = near.listenDatagram();
    for (let i = 0; i < 300; i++) await client.send(encode(String(i)), to(7));
    await until(() => far.core.counters.udpReceived === 300, "all have come");
    const dropped = () => Object.fromEntries(far.core.counters.entries())["drop.UDP_QUEUE_FULL"];
    assertEquals(dropped(), 44);
    for (let i = 0; i < 256; i++) assertEquals(decode((await server.receive())[0]), String(i));
    assert(await isPending(server.receive()));
  },
);

pairTest("a datagram is as large as IP carries", async ({ near, far }) => {
  const server = far.listenDatagram({ port: 7 });
  const client = near.listenDatagram();
  const most = pattern(65_535 - 20 - 8);
  assertEquals(await client.send(most, to(7)), most.length);
  assertEquals((await settles(server.receive()))[0], most);
  await assertRejects(
    () => client.send(new Uint8Array(most.length + 1), to(7)),
    RangeError,
    "A datagram carries 65507 bytes at most: got 65508",
  );
});

pairTest("send() refuses what cannot be", async ({ near }) => {
  const cases: [to: Deno.NetAddr, bound: string | undefined, want: new (m: string) => Error][] = [
    [to(0), undefined, RangeError],
    [to(65536), undefined, RangeError],
    [to(7, "there"), undefined, TypeError],
    [to(7, "fd00::2"), undefined, Deno.errors.NetworkUnreachable],
    [to(7, "fd00::2"), NEAR, Deno.errors.NetworkUnreachable],
  ];
  for (const [address, hostname, want] of cases) {
    await using socket = near.listenDatagram({ hostname });
    await assertRejects(() => socket.send(encode("x"), address), want);
  }
  assertEquals(near.core.counters.ipSent, 0);
});

pairTest(
  "a port has one socket, one on an address comes first, and port 0 is a free one",
  async ({ near, far }) => {
    const all = far.listenDatagram({ port: 7 });
    assertThrows(() => far.listenDatagram({ port: 7 }), Deno.errors.AddrInUse, "0.0.0.0:7");
    const exact = far.listenDatagram({ port: 7, hostname: FAR });
    const client = near.listenDatagram();
    await client.send(encode("x"), to(7));
    await settles(exact.receive());
    exact.close();
    await client.send(encode("y"), to(7));
    await settles(all.receive());
    const ports = Array.from({ length: 20 }, () => far.listenDatagram().addr.port);
    assert(ports.every((port) => port >= 49152));
    assertEquals(new Set(ports).size, 20);
  },
);

pairTest(
  "when every ephemeral port is taken, there is an error and no socket for all",
  ({ far }) => {
    for (let i = 0; i < 16384; i++) far.listenDatagram();
    assertThrows(
      () => far.listenDatagram(),
      Deno.errors.AddrInUse,
      "Every ephemeral port is in use",
    );
    return Promise.resolve();
  },
);

pairTest(
  "a datagram to nobody is answered with port unreachable, and counted",
  async ({ near, far }) => {
    await near.listenDatagram().send(encode("anybody?"), to(9999));
    await until(() => near.core.counters.icmpErrorsReceived === 1, "the ICMP error has come");
    assertEquals(Object.fromEntries(far.core.counters.entries())["drop.UDP_NO_PORT"], 1);
  },
);

pairTest("a connected socket speaks to its peer alone", async ({ near, far }) => {
  const [server, other] = [far.listenDatagram({ port: 7 }), far.listenDatagram({ port: 8 })];
  const client = near.listenDatagram();
  const { port } = client.addr;
  await other.send(encode("too early"), to(port, NEAR));
  await until(() => near.core.counters.udpReceived === 1, "it waits");
  assertEquals(client.remoteAddr, null);
  client.connect(to(7));
  assertEquals(client.remoteAddr, to(7));
  assertEquals(await client.send(encode("hello")), 5);
  const [bytes, from] = await settles(server.receive());
  assertEquals([decode(bytes), from], ["hello", to(port, NEAR)]);
  await other.send(encode("from another"), from);
  await until(() => far.core.counters.icmpErrorsReceived === 1, "it is told that nobody listens");
  await server.send(encode("from the peer"), from);
  assertEquals(decode((await settles(client.receive()))[0]), "from the peer");
  await assertRejects(() => client.send(bytes, to(8)), TypeError, "is connected to 10.0.0.2:7");
  client.connect(to(8));
  await client.send(encode("hello, other"));
  assertEquals(decode((await settles(other.receive()))[0]), "hello, other");
  client.close();
  assertThrows(() => client.connect(to(7)), Deno.errors.BadResource);
});

pairTest("connect() and send() say what is wrong", async ({ near }) => {
  const socket = near.listenDatagram();
  await assertRejects(() => socket.send(encode("x")), TypeError, "Say whom to send to");
  assertThrows(() => socket.connect(to(0)), RangeError);
  assertThrows(() => socket.connect(to(7, "there")), TypeError);
  assertThrows(() => socket.connect(to(7, "fd00::2")), Deno.errors.NetworkUnreachable);
  assertEquals(socket.remoteAddr, null);
  for (const settings of [{ ttl: 0 }, { tos: 256 }, { receiveTimeout: 0 }]) {
    assertThrows(() => near.listenDatagram(settings), RangeError);
  }
});

pairTest(
  "[RFC1122-27] the next call on a connected socket rejects when nobody listens at its peer",
  async ({ near, far }) => {
    const client = near.listenDatagram();
    client.connect(to(7));
    const heard = () => near.core.counters.icmpErrorsReceived;
    const refused = "Nobody takes datagrams at 10.0.0.2:7, says 10.0.0.2";
    const receiving = client.receive();
    await client.send(encode("one"));
    await assertRejects(() => settles(receiving), Deno.errors.ConnectionRefused, refused);
    await client.send(encode("two"));
    await client.send(encode("three"));
    await until(() => heard() === 3, "both are refused");
    const error = await assertRejects(
      () => client.send(encode("x")),
      Deno.errors.ConnectionRefused,
    );
    const report: IcmpReport = { kind: "port-unreachable", from: FAR, mtu: 0, isOwn: false };
    assertEquals((error as Error).cause, report);
    const server = far.listenDatagram({ port: 7 });
    assertEquals(await client.send(encode("four")), 4); // the error was told once
    assertEquals(decode((await settles(server.receive()))[0]), "four");
    client.connect(to(8));
    await client.send(encode("five"));
    await until(() => heard() === 4, "it is refused");
    client.connect(to(7));
    assertEquals(await client.send(encode("six")), 3); // the error was about another peer
  },
);

/** The beginning of a datagram of `socket`, on the near stack, to a port of the far one. */
function quote(socket: UdpSocket, port = 7, length = 100): Uint8Array<ArrayBuffer> {
  const ports = { sourcePort: socket.addr.port, destinationPort: port };
  return udp({ source: PEER, destination: STACK, ...ports, payload: new Uint8Array(length) })
    .slice(0, 28);
}

pairTest(
  "[RFC1122-27] each ICMP error has its class, and names who reports it",
  async ({ near }) => {
    const { NetworkUnreachable, ConnectionRefused, InvalidData } = Deno.errors;
    const cases: [type: number, code: number, want: new (m: string) => Error, message: string][] = [
      [3, 0, NetworkUnreachable, "The network of 10.0.0.2:7 can't be reached, says 10.0.0.2"],
      [3, 1, NetworkUnreachable, "The host 10.0.0.2:7 can't be reached, says 10.0.0.2"],
      [3, 2, ConnectionRefused, "10.0.0.2:7 does not speak the protocol"],
      [3, 3, ConnectionRefused, "Nobody takes datagrams at 10.0.0.2:7"],
      [3, 5, NetworkUnreachable, "The network of 10.0.0.2:7"],
      [3, 13, NetworkUnreachable, "The way to 10.0.0.2:7 is closed"],
      [11, 0, NetworkUnreachable, "10.0.0.2:7 is too far away, or not all of it arrives"],
      [12, 0, InvalidData, "A header to 10.0.0.2:7 is taken for wrong"],
    ];
    const socket = near.listenDatagram();
    socket.connect(to(7));
    const hear = (bytes: Uint8Array) => near.core.receive(packetOf(bytes), performance.now());
    for (const [type, code, want, message] of cases) {
      hear(icmpError(type, code, quote(socket), 0, PEER));
      await assertRejects(() => socket.receive(), want, message);
    }
    hear(icmpError(3, 0, quote(socket), 0, PEER));
    hear(icmpError(3, 1, quote(socket), 0, PEER));
    await assertRejects(() => socket.receive(), NetworkUnreachable, "The host"); // the last one
    hear(icmpError(3, 3, quote(socket, 8), 0, PEER));
    const { drops } = near.core.counters;
    assertEquals(drops[Drop.ICMP_UNMATCHED], 1);
    assert(await isPending(socket.receive()));
  },
);

pairTest(
  "[RFC1122-27] a handler gets the errors of a socket, connected or not, and receive() none",
  async ({ near, far }) => {
    const socket = near.listenDatagram();
    await socket.send(encode("x"), to(7));
    await until(() => near.core.counters.icmpErrorsReceived === 1, "nobody asks for it");
    const told: [string, Deno.NetAddr][] = [];
    socket.onError = ({ name }, peer) => told.push([name, peer]);
    const receiving = socket.receive();
    await socket.send(encode("x"), to(7));
    await until(() => told.length === 1, "the handler is told");
    socket.connect(to(8));
    await socket.send(encode("x"));
    await until(() => told.length === 2, "the handler is told again");
    assertEquals(told, [["ConnectionRefused", to(7)], ["ConnectionRefused", to(8)]]);
    const server = far.listenDatagram({ port: 8 });
    await server.send(encode("here"), to(socket.addr.port, NEAR));
    assertEquals(decode((await settles(receiving))[0]), "here");
  },
);

pairTest(
  "[RFC1191-01] what must not be fragmented is as large as the path takes, as far as is known",
  async ({ near }) => {
    const whole = near.listenDatagram({ dontFragment: true });
    const parts = near.listenDatagram();
    for (const socket of [whole, parts]) socket.connect(to(7));
    assertEquals(whole.maxUnfragmented(), 1472);
    await assertRejects(
      () => whole.send(pattern(1473)),
      RangeError,
      "A datagram in one piece carries 1472 bytes at most: got 1473",
    );
    assertEquals([await whole.send(pattern(1000)), await parts.send(pattern(1000))], [1000, 1000]);
    const answers = () => near.core.counters.icmpErrorsReceived;
    await until(() => answers() === 2, "nobody listens");
    for (const socket of [whole, parts]) await assertRejects(() => socket.receive());
    const hear = (bytes: Uint8Array) => near.core.receive(packetOf(bytes), performance.now());
    hear(icmpError(3, 4, quote(parts, 7, 1000), 900, PEER));
    assertEquals(parts.maxUnfragmented(), 872);
    assert(await isPending(parts.receive())); // what comes next goes in fragments
    hear(icmpError(3, 4, quote(whole, 7, 1000), 800, PEER));
    await assertRejects(
      () => whole.receive(),
      RangeError,
      "The packet was too big for the way to 10.0.0.2:7, which takes 800 bytes",
    );
    await assertRejects(() => whole.send(pattern(773)), RangeError, "carries 772 bytes at most");
    assertEquals(await whole.send(pattern(772)), 772);
    parts.onError = () => {};
    assertEquals(await parts.send(pattern(773)), 773);
  },
);

pairTest(
  "receive() gives up when its time is over, or its signal says so",
  async ({ near, far }) => {
    const late = near.listenDatagram({ receiveTimeout: 5 });
    const { TimedOut } = Deno.errors;
    await assertRejects(() => settles(late.receive()), TimedOut, "No datagram within 5 ms");
    const socket = near.listenDatagram();
    await assertRejects(() => settles(socket.receive({ timeout: 1 })), TimedOut);
    await assertRejects(() => socket.receive({ timeout: -1 }), RangeError);
    const controller = new AbortController();
    const { signal } = controller;
    const [stopped, going] = [socket.receive({ signal }), socket.receive()];
    controller.abort(new Error("enough"));
    await assertRejects(() => settles(stopped), Error, "enough");
    await assertRejects(() => socket.receive({ signal }), Error, "enough");
    await far.listenDatagram().send(encode("x"), to(socket.addr.port, NEAR));
    assertEquals(decode((await settles(going))[0]), "x");
  },
);

pairTest(
  "datagrams travel with the socket's time to live and type of service",
  async ({ near, far }) => {
    const seen: [ttl: number, tos: number][] = [];
    far.core.udp.bind({
      address: null,
      port: 7,
      datagram: ({ packet }) => (seen.push([packet.ttl, packet.tos]), Drop.NONE),
    });
    await near.listenDatagram().send(encode("x"), to(7));
    await near.listenDatagram({ ttl: 3, tos: 0xb8 }).send(encode("x"), to(7));
    await until(() => seen.length === 2, "both have come");
    assertEquals(seen, [[64, 0], [3, 0xb8]]);
  },
);

pairTest("a closed socket receives and sends nothing, and its port is free", async ({ near }) => {
  const socket = near.listenDatagram({ port: 7 });
  const receiving = [socket.receive(), socket.receive()];
  assert(await isPending(Promise.race(receiving)));
  socket.close();
  socket.close();
  const calls: Promise<unknown>[] = [...receiving, socket.receive()];
  for (const call of [...calls, socket.send(encode("x"), to(7))]) {
    await assertRejects(() => settles(call), Deno.errors.BadResource, "The socket is closed");
  }
  await using _ = near.listenDatagram({ port: 7 });
});

Deno.test("datagrams from a ring in shared memory are handed over in memory of their own", async () => {
  const bytes = udp({ sourcePort: 1, destinationPort: 7, payload: encode("shared") });
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const [device] = memoryPair();
  const stack = createStack({ device, address: FAR });
  const socket = stack.listenDatagram({ port: 7 });
  stack.core.receive(new Packet(shared).place(0, shared.length), 0);
  const [received] = await settles(socket.receive());
  shared.fill(0);
  assert(received.buffer instanceof ArrayBuffer);
  assertEquals(decode(received), "shared");
  await stack.close();
});

Deno.test("sockets with an address send to no other family", async () => {
  const [one, other] = memoryPair();
  await using stack = createStack({ device: one, address: ["10.0.0.1", "fd00::1"] });
  await using _ = createStack({ device: other, address: ["10.0.0.2", "fd00::2"] });
  const datagrams = stack.listenDatagram({ hostname: "10.0.0.1" });
  const messages = stack.listenIp({ hostname: "fd00::1", protocol: 89 });
  const [six, four] = ["IPv6 packets need an IPv6 source", "IPv4 packets need an IPv4 source"];
  await assertRejects(() => datagrams.send(encode("x"), to(7, "fd00::2")), TypeError, six);
  await assertRejects(() => messages.send(encode("x"), "10.0.0.2"), TypeError, four);
  assertThrows(() => datagrams.connect(to(7, "fd00::2")), TypeError, six);
  assertEquals(stack.core.counters.udpSent, 0);
});

Deno.test("send() cuts what it is given into datagrams of segmentSize, on any device", async () => {
  const cases: [length: number, segmentSize: number, want: number[]][] = [
    [2500, 1000, [1000, 1000, 500]],
    [2000, 1000, [1000, 1000]],
    [10, 1000, [10]],
    [0, 1000, [0]],
    [9, 4, [4, 4, 1]],
    [9000, 4000, [4000, 4000, 1000]], // in fragments
    [100_000, 1000, Array(100).fill(1000)],
  ];
  for (const offload of [false, true]) {
    const [a, b] = memoryPair({ offload });
    await using near = createStack({ device: a, address: NEAR });
    await using far = createStack({ device: b, address: FAR });
    const from = near.listenDatagram({ port: 5000 });
    const server = far.listenDatagram({ port: 7 });
    for (const [length, segmentSize, want] of cases) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      assertEquals(await from.send(bytes, to(7), { segmentSize }), length);
      const got: number[] = [];
      for (const _ of want) {
        const [datagram] = await server.receive({ timeout: 1000 });
        const at = segmentSize * got.length;
        assertEquals(datagram, bytes.slice(at, at + segmentSize));
        got.push(datagram.length);
      }
      assertEquals(got, want);
    }
    assertEquals(near.counters().udpSent, 113);
    if (offload) assert(a.counters().deviceSent! < 30);
  }
});

Deno.test("send() refuses sizes that datagrams cannot have", async () => {
  const [a, b] = memoryPair();
  await using near = createStack({ device: a, address: NEAR });
  const from = near.listenDatagram({ dontFragment: true });
  const free = near.listenDatagram({});
  const bytes = new Uint8Array(70_000);
  for (const segmentSize of [0, -1, 1.5, NaN]) {
    const message = `Segment size must be an integer of 1 at least: got ${segmentSize}`;
    await assertRejects(() => from.send(bytes, to(7), { segmentSize }), RangeError, message);
  }
  await assertRejects(
    () => from.send(bytes, to(7), { segmentSize: 1473 }),
    RangeError,
    "A datagram in one piece carries 1472 bytes at most: got 1473",
  );
  await assertRejects(
    () => free.send(bytes, to(7), { segmentSize: 65_508 }),
    RangeError,
    "A datagram carries 65507 bytes at most: got 65508",
  );
  assertEquals(await from.send(bytes.subarray(0, 10), to(7), { segmentSize: 9999 }), 10);
  assertEquals(await from.send(bytes, to(7), { segmentSize: 1472 }), 70_000);
  await b.close();
});
