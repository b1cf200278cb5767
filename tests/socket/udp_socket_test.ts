import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createStack, memoryPair } from "../../mod.ts";
import { Packet } from "../../src/wire/packet.ts";
import { FAR, isPending, NEAR, pairTest, pattern, settles, until } from "../stacks.ts";
import { udp } from "../packets.ts";

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
