/** UDP sockets in multicast groups, and broadcasts. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createStack, memoryPair, type NetworkStack, type UdpSocket } from "../../mod.ts";
import { Drop } from "../../src/wire/drop.ts";
import { FAR, isPending, NEAR, pairTest, settles, until } from "../stacks.ts";

const GROUP = "239.1.2.3";
const GROUP6 = "ff02::4321";
const PORT = 5353;

const encode = (text: string) => new TextEncoder().encode(text);
const to = (hostname: string, port = PORT): Deno.NetAddr => ({ transport: "udp", hostname, port });

/** What the next datagram says, and who says it. */
async function hear(socket: UdpSocket): Promise<[text: string, from: string]> {
  const [bytes, { hostname }] = await settles(socket.receive());
  return [new TextDecoder().decode(bytes), hostname];
}

/** The TTL, or hop limit, of every datagram that a stack sends. */
function ttlsOf(stack: NetworkStack): number[] {
  const ttls: number[] = [];
  const { link } = stack.core.ip.interfaces[1]!;
  const transmit = link.transmit.bind(link);
  Object.defineProperty(link, "transmit", {
    value: (packet: Parameters<typeof transmit>[0]) => {
      const is6 = packet.bytes[packet.at]! >>> 4 === 6;
      const protocol = packet.bytes[packet.at + (is6 ? 6 : 9)]!;
      if (protocol === 17) ttls.push(packet.bytes[packet.at + (is6 ? 7 : 8)]!);
      return transmit(packet);
    },
  });
  return ttls;
}

pairTest(
  "a datagram to a group comes to who has joined it, until they leave (RFC 1112 §7.1)",
  async ({ near, far }) => {
    const socket = far.listenDatagram({ port: PORT });
    const sender = near.listenDatagram();
    await sender.send(encode("too early"), to(GROUP));
    await until(() => far.core.counters.drops[Drop.IP_NOT_FOR_US] === 1, "it is dropped");
    const membership = await socket.joinMulticastV4(GROUP);
    await sender.send(encode("hello"), to(GROUP));
    assertEquals(await hear(socket), ["hello", NEAR]);
    await membership.leave();
    await membership.leave();
    await sender.send(encode("too late"), to(GROUP));
    await sender.send(encode("to you"), to(FAR));
    assertEquals(await hear(socket), ["to you", NEAR]);
  },
);

pairTest(
  "every socket with the port gets what goes to a group, and who is bound to the group (RFC 1122 §4.1.3.5)",
  async ({ near, far }) => {
    const options = { port: PORT, reuseAddress: true };
    const all = [far.listenDatagram(options), far.listenDatagram(options)];
    const bound = far.listenDatagram({ ...options, hostname: GROUP });
    const own = far.listenDatagram({ ...options, hostname: FAR });
    const elsewhere = far.listenDatagram({ ...options, hostname: "239.1.2.4" });
    await all[0]!.joinMulticastV4(GROUP);
    await near.listenDatagram().send(encode("hello"), to(GROUP));
    for (const socket of [...all, bound]) assertEquals(await hear(socket), ["hello", NEAR]);
    for (const socket of [own, elsewhere]) assert(await isPending(socket.receive()));
    assertEquals(far.core.counters.udpReceived, 1);
    // From a group nothing is sent: what it answers comes from an address of the stack's.
    const client = near.listenDatagram({ port: 7000 });
    await bound.send(encode("answer"), to(NEAR, 7000));
    assertEquals(await hear(client), ["answer", FAR]);
  },
);

pairTest("a port is shared by those alone who all say so", ({ far }) => {
  far.listenDatagram({ port: PORT, reuseAddress: true });
  assertThrows(() => far.listenDatagram({ port: PORT }), Deno.errors.AddrInUse);
  far.listenDatagram({ port: 7 });
  const reuse = () => far.listenDatagram({ port: 7, reuseAddress: true });
  assertThrows(reuse, Deno.errors.AddrInUse);
  return Promise.resolve();
});

pairTest(
  "what a host sends to its own group comes back to it, unless it is told not to (RFC 1112 §6.1)",
  async ({ near, far }) => {
    const one = near.listenDatagram({ port: PORT });
    const other = far.listenDatagram({ port: PORT });
    const membership = await one.joinMulticastV4(GROUP);
    await other.joinMulticastV4(GROUP);
    await one.send(encode("to all"), to(GROUP));
    for (const socket of [one, other]) assertEquals(await hear(socket), ["to all", NEAR]);
    await membership.setLoopback(false);
    await one.send(encode("to others"), to(GROUP));
    assertEquals(await hear(other), ["to others", NEAR]);
    assert(await isPending(one.receive()));
    const silent = near.listenDatagram({ loopback: false });
    await silent.send(encode("again"), to(GROUP));
    assertEquals(await hear(other), ["again", NEAR]);
    assert(await isPending(one.receive()));
  },
);

pairTest(
  "datagrams to groups get as far as the next router, unless told to go on (RFC 1112 §6.1)",
  async ({ near }) => {
    const ttls = ttlsOf(near);
    const socket = near.listenDatagram({ ttl: 77 });
    await socket.send(encode("x"), to(GROUP));
    await socket.send(encode("x"), to(FAR));
    const membership = await socket.joinMulticastV4("239.1.2.9");
    await membership.setTTL(5);
    await socket.send(encode("x"), to(GROUP));
    await near.listenDatagram({ multicastTtl: 9 }).send(encode("x"), to(GROUP));
    assertEquals(ttls, [1, 77, 5, 9]);
    await assertRejects(() => membership.setTTL(0), RangeError);
    assertThrows(() => near.listenDatagram({ multicastTtl: 256 }), RangeError);
  },
);

pairTest("a closed socket has left its groups, others stay (RFC 3376 §3.2)", async ({ far }) => {
  const [, on] = far.core.ip.interfaces;
  const sockets = [far.listenDatagram(), far.listenDatagram()];
  for (const socket of sockets) await socket.joinMulticastV4(GROUP);
  assertEquals(on!.memberships.map(({ users }) => users), [2]);
  for (const left of [1, 0]) {
    sockets.pop()!.close();
    assertEquals(on!.memberships.length, left);
  }
});

pairTest("joining says what is wrong", async ({ far }) => {
  const socket = far.listenDatagram();
  const cases: [call: () => Promise<unknown>, error: new (message: string) => Error][] = [
    [() => socket.joinMulticastV4("10.0.0.1"), TypeError],
    [() => socket.joinMulticastV4("ff02::1"), TypeError],
    [() => socket.joinMulticastV6(GROUP), TypeError],
    [() => socket.joinMulticastV4("example.com"), TypeError],
    [() => socket.joinMulticastV4(GROUP, "192.0.2.1"), Deno.errors.AddrNotAvailable],
    [() => socket.joinMulticastV4(GROUP, "eth7"), Deno.errors.AddrNotAvailable],
    [() => socket.joinMulticastV6(GROUP6, 9), Deno.errors.AddrNotAvailable],
  ];
  for (const [call, error] of cases) await assertRejects(call, error);
  await socket.joinMulticastV4(GROUP, FAR);
  await assertRejects(() => socket.joinMulticastV4(GROUP), Deno.errors.AddrInUse);
  for (let i = 1; i < 256; i++) await socket.joinMulticastV4(`239.0.0.${i}`, "0.0.0.0");
  await assertRejects(() => socket.joinMulticastV4("239.0.1.1"), RangeError);
  socket.close();
  await assertRejects(() => socket.joinMulticastV4(GROUP), Deno.errors.BadResource);
});

Deno.test("groups of IPv6 are joined on an interface, and answers go back there", async () => {
  const [first, second] = [memoryPair(), memoryPair()];
  await using one = createStack({ device: first[0], address: "fd00::1" });
  await using other = createStack({ device: second[0], address: ["fd01::1", "10.1.0.1"] });
  await using both = createStack({
    interfaces: [
      { device: first[1], address: ["fd00::2", "10.0.0.2"] },
      { device: second[1], address: ["fd01::2", "10.1.0.2"] },
    ],
  });
  const socket = both.listenDatagram({ port: PORT });
  await socket.joinMulticastV6(GROUP6, 3);
  await one.listenDatagram().send(encode("nobody"), to(GROUP6));
  const client = other.listenDatagram({ port: PORT });
  await client.send(encode("hello"), to(GROUP6));
  const [bytes, from] = await settles(socket.receive());
  assertEquals(new TextDecoder().decode(bytes), "hello");
  assert(from.hostname.startsWith("fe80::"), from.hostname);
  // Both devices have one name: the number of the interface tells them apart.
  await socket.send(encode("answer"), { ...from, hostname: from.hostname.replace(/%.*/, "%3") });
  assertEquals((await hear(client))[0], "answer");
  // IPv4 has no zones: what is sent to a group leaves where the socket has joined it.
  await socket.joinMulticastV4(GROUP, "10.1.0.2");
  const hearer = other.listenDatagram({ port: 9 });
  await hearer.joinMulticastV4(GROUP);
  await socket.send(encode("there"), to(GROUP, 9));
  assertEquals(await hear(hearer), ["there", "10.1.0.2"]);
});

pairTest(
  "a broadcast comes to every socket with the port, and draws no error (RFC 1122 §4.1.3.5)",
  async ({ near, far }) => {
    const options = { port: PORT, reuseAddress: true };
    const sockets = [far.listenDatagram(options), far.listenDatagram(options)];
    const sender = near.listenDatagram();
    await sender.send(encode("to all"), to("255.255.255.255"));
    for (const socket of sockets) assertEquals(await hear(socket), ["to all", NEAR]);
    await sender.send(encode("to nobody"), to("255.255.255.255", 9));
    const dropped = () => Object.fromEntries(far.core.counters.entries())["drop.UDP_NO_PORT"];
    await until(() => dropped() === 1, "it is dropped");
    assertEquals(far.core.counters.icmpErrorsSent, 0);
  },
);
