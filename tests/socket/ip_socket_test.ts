import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createStack, memoryPair } from "../../mod.ts";
import { FAR, isPending, NEAR, pairTest, pattern, settles, until } from "../stacks.ts";

const OSPF = 89;

pairTest("messages of a protocol go to and fro, in fragments if need be", async ({ near, far }) => {
  await using one = near.listenIp({ protocol: OSPF, ttl: 3 });
  await using other = far.listenIp({ protocol: OSPF });
  for (const size of [0, 1, 1480, 1481, 65_515]) {
    assert(await one.send(pattern(size), FAR));
    const { bytes, ...rest } = await settles(other.receive());
    assertEquals(bytes, pattern(size));
    assertEquals(rest, { source: NEAR, destination: FAR, ttl: 3 });
  }
  await other.send(pattern(3), NEAR);
  assertEquals((await settles(one.receive())).source, FAR);
  await assertRejects(
    () => one.send(new Uint8Array(65_516), FAR),
    RangeError,
    "65515 bytes at most",
  );
});

pairTest(
  "a protocol that a socket takes is not unreachable, and one that none takes is",
  async ({ near, far }) => {
    await using one = near.listenIp({ protocol: OSPF });
    const other = far.listenIp({ protocol: OSPF });
    await one.send(pattern(8), FAR);
    await settles(other.receive());
    assertEquals(far.core.counters.icmpErrorsSent, 0);
    other.close();
    await one.send(pattern(8), FAR);
    await until(() => far.core.counters.icmpErrorsSent === 1, "protocol unreachable");
  },
);

pairTest(
  "a socket for ICMP gets copies, and the echo is answered all the same",
  async ({ near, far }) => {
    await using socket = far.listenIp({ protocol: 1 });
    assert(await near.ping(FAR) >= 0);
    const { bytes } = await settles(socket.receive());
    assertEquals(bytes[0], 8);
  },
);

pairTest(
  "a socket that nobody reads keeps 256 messages, and a closed one ends its calls",
  async ({ near, far }) => {
    await using one = near.listenIp({ protocol: OSPF });
    const other = far.listenIp({ protocol: OSPF });
    for (let i = 0; i < 300; i++) await one.send(pattern(4), FAR);
    await until(() => other.dropped === 44, "the drops");
    let got = 0;
    for await (const _ of other) if (++got === 256) break;
    const waiting = other.receive();
    assert(await isPending(waiting));
    other.close();
    await assertRejects(() => waiting, Deno.errors.BadResource);
    await assertRejects(() => other.send(pattern(1), NEAR), Deno.errors.BadResource);
  },
);

pairTest("listenIp() refuses what cannot be", ({ near }) => {
  for (const protocol of [-1, 256, 1.5]) {
    assertThrows(() => near.listenIp({ protocol }), RangeError, "Protocol");
  }
  assertThrows(() => near.listenIp({ protocol: 1, ttl: 0 }), RangeError);
  const hostname = "10.9.9.9";
  assertThrows(() => near.listenIp({ protocol: 1, hostname }), Deno.errors.AddrNotAvailable);
  return Promise.resolve();
});

Deno.test("a socket on one address gets what that is sent, by IPv6 too", async () => {
  const [one, other] = memoryPair();
  await using near = createStack({ device: one, address: "fd00::1" });
  await using far = createStack({ device: other, address: ["fd00::2", "fd00::3"] });
  await using sender = near.listenIp({ protocol: OSPF });
  await using socket = far.listenIp({ protocol: OSPF, hostname: "fd00::3" });
  await sender.send(pattern(2), "fd00::2");
  await sender.send(pattern(3), "fd00::3");
  assertEquals((await settles(socket.receive())).bytes, pattern(3));
});
