/**
 * Two hosts and a router between them, on links with and without offload, of different MTUs: what
 * the one sends, the other gets, whatever has been left to which link.
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createStack, memoryPair, type NetworkStack } from "../../mod.ts";
import type { Medium } from "../../src/phy/device.ts";
import { hearAll, pattern, settles } from "../stacks.ts";

/** The link on either side of the router. */
interface Side {
  offload: boolean;
  mtu: number;
  medium: Medium;
}

interface Network {
  near: NetworkStack;
  router: NetworkStack;
  far: NetworkStack;
}

const plain: Side = { offload: false, mtu: 1500, medium: "ip" };
const taking: Side = { ...plain, offload: true };
const framed: Side = { ...plain, medium: "ethernet" };
const takingFrames: Side = { ...taking, medium: "ethernet" };

const SIZE = 1_000_000;
const BYTES = pattern(SIZE);
const FAMILIES: [near: string, far: string][] = [["10.1.0.9", "10.2.0.9"], ["fd01::9", "fd02::9"]];

async function routed(
  [left, right]: readonly [Side, Side],
  body: (network: Network) => Promise<void>,
): Promise<void> {
  const [nearDevice, one] = memoryPair(left);
  const [other, farDevice] = memoryPair(right);
  const host = (device: typeof one, n: number) =>
    createStack({
      device,
      address: [`10.${n}.0.9/24`, `fd0${n}::9/64`],
      gateway: [`10.${n}.0.1`, `fd0${n}::1`],
    });
  const port = (device: typeof one, n: number) => ({
    device,
    address: [`10.${n}.0.1/24`, `fd0${n}::1/64`],
  });
  const network = {
    near: host(nearDevice, 1),
    router: createStack({ interfaces: [port(one, 1), port(other, 2)], forward: true }),
    far: host(farDevice, 2),
  };
  try {
    await settles(body(network));
  } finally {
    await settles(Promise.all([network.near.close(), network.far.close()]));
    await network.router.close(); // last: what ends in order goes through it
  }
}

/** Sends a megabyte from one to the other by TCP. */
async function transfer(from: NetworkStack, to: NetworkStack, hostname: string): Promise<void> {
  const listener = to.listen({ port: 7 });
  const conn = await from.connect({ hostname, port: 7 });
  const peer = await listener.accept();
  const reading = hearAll(peer);
  const writer = conn.writable.getWriter();
  await writer.write(BYTES);
  await writer.close();
  assertEquals(await reading, BYTES);
  await peer.closeWrite();
  assertEquals(await conn.read(new Uint8Array(1)), null);
  listener.close();
}

/** Sends many datagrams at once, and waits for them all. */
async function run(from: NetworkStack, to: NetworkStack, hostname: string): Promise<void> {
  const socket = to.listenDatagram({ port: 9 });
  const sender = from.listenDatagram();
  const bytes = BYTES.subarray(0, 50_100);
  const addr: Deno.NetAddr = { transport: "udp", hostname, port: 9 };
  assertEquals(await sender.send(bytes, addr, { segmentSize: 1200 }), bytes.length);
  for (let at = 0; at < bytes.length; at += 1200) {
    const [got] = await socket.receive({ timeout: 3000 });
    assertEquals(got, bytes.slice(at, at + 1200));
  }
  socket.close();
  sender.close();
}

/** What must not have happened to anybody. */
function assertAllGood(network: Network): void {
  for (const stack of Object.values(network) as NetworkStack[]) {
    const counters = stack.counters();
    const bad = Object.keys(counters).filter((name) =>
      /CHECKSUM|LENGTH|TRUNCATED|SEND_|UNKNOWN/.test(name)
    );
    assertEquals(bad, []);
  }
}

const SIDES: [name: string, side: Side][] = [
  ["without offload", plain],
  ["with offload", taking],
  ["with frames", framed],
  ["with frames and offload", takingFrames],
];

for (const [leftName, left] of SIDES) {
  for (const [rightName, right] of SIDES) {
    Deno.test(`from a link ${leftName} to one ${rightName}, everything arrives, both ways`, () =>
      routed([left, right], async (network) => {
        const { near, router, far } = network;
        for (const [nearAddress, farAddress] of FAMILIES) {
          await transfer(near, far, farAddress);
          await transfer(far, near, nearAddress);
          await run(near, far, farAddress);
          await run(far, near, nearAddress);
        }
        assertAllGood(network);
        const { ipForwarded } = router.core.counters;
        // Where both take them, what passes is super-segments and what acknowledges them.
        if (left.offload && right.offload) assertLess(ipForwarded, 1200);
        else assertGreater(ipForwarded, 2800);
      }));
  }
}

Deno.test("a smaller link behind the router is found out about, whatever the links take", async () => {
  const pairs: [Side, Side][] = [plain, taking].flatMap((left) =>
    [plain, taking].flatMap((right): [Side, Side][] => [
      [left, { ...right, mtu: 1300 }],
      [{ ...left, mtu: 9000 }, right],
    ])
  );
  for (const sides of pairs) {
    await routed(sides, async (network) => {
      const { near, router, far } = network;
      for (const [nearAddress, farAddress] of FAMILIES) {
        await transfer(near, far, farAddress);
        await transfer(far, near, nearAddress);
      }
      // The side with the small link says in its SYN what it can take: nothing is too big then.
      assertEquals(router.counters()["drop.IP_TOO_BIG"], undefined);
      await run(near, far, FAMILIES[0]![1]);
      assertAllGood(network);
    });
  }
});

Deno.test("a smaller link in the middle is found out about by super-segments, too", async () => {
  for (const offload of [false, true]) {
    const [a, b] = memoryPair({ offload });
    const [c, d] = memoryPair({ offload, mtu: 1300 });
    const [e, f] = memoryPair({ offload });
    const ends = (n: number, at: number) => [`10.${n}.0.${at}/24`, `fd0${n}::${at}/64`];
    const host = (device: typeof a, n: number) =>
      createStack({ device, address: ends(n, 9), gateway: [`10.${n}.0.1`, `fd0${n}::1`] });
    const router = (lan: typeof a, n: number, up: typeof a, other: number) =>
      createStack({
        interfaces: [{ device: lan, address: ends(n, 1) }, { device: up, address: ends(5, n) }],
        routes: [
          { network: `10.${other}.0.0/24`, gateway: `10.5.0.${other}` },
          { network: `fd0${other}::/64`, gateway: `fd05::${other}` },
        ],
        forward: true,
      });
    await using near = host(a, 1);
    await using left = router(b, 1, c, 2);
    await using right = router(e, 2, d, 1);
    await using far = host(f, 2);
    for (const [, farAddress] of FAMILIES) {
      await settles(transfer(near, far, farAddress));
      assertGreater(left.counters()["drop.IP_TOO_BIG"]!, 0);
    }
    assertEquals(near.core.counters.tcpPathMtuReductions, 2);
    assertEquals(near.core.counters.tcpBlackHoles, 0);
    assertGreater(right.core.counters.ipForwarded, 50);
  }
});

Deno.test("a megabyte to oneself goes in super-segments, and needs no checksum", async () => {
  const [device] = memoryPair();
  await using stack = createStack({ device, address: "10.0.0.1" });
  for (const hostname of ["127.0.0.1", "::1", "10.0.0.1"]) {
    await settles(transfer(stack, stack, hostname));
  }
  const { counters } = stack.core;
  assert(counters.ipSent < 400, `${counters.ipSent} packets`);
});
