/**
 * Two hosts on switches of their own, and two routers between them on a third one, whose MTU is
 * smaller: what programs see of a network that our own stack routes.
 */

import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { createStack, memoryPair, memorySwitch, type NetworkStack } from "../../mod.ts";
import type { ReversePathCheck } from "../../src/net/forwarder.ts";
import type { IcmpReport } from "../../src/socket/icmp_report.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { hearAll, pattern, settles, until } from "../stacks.ts";

const SMALL = 1300;

/** The four stacks: `near` and `far` reach each other by way of both routers. */
interface Network {
  near: NetworkStack;
  left: NetworkStack;
  right: NetworkStack;
  far: NetworkStack;
}

function routedTest(
  name: string,
  body: (network: Network) => Promise<void>,
  reversePathCheck: ReversePathCheck = "strict",
): void {
  Deno.test(name, async () => {
    const [lan1, middle, lan2] = [memorySwitch(), memorySwitch({ mtu: SMALL }), memorySwitch()];
    const host = (lan: typeof lan1, n: number) =>
      createStack({
        device: lan.connect(),
        address: [`10.${n}.0.9/24`, `fd0${n}::9/64`],
        gateway: [`10.${n}.0.1`, `fd0${n}::1`],
      });
    const router = (lan: typeof lan1, n: number, other: number) =>
      createStack({
        interfaces: [
          { device: lan.connect({ name: "lan" }), address: [`10.${n}.0.1/24`, `fd0${n}::1/64`] },
          { device: middle.connect({ name: "up" }), address: [`10.0.0.${n}/24`, `fd00::${n}/64`] },
        ],
        routes: [
          { network: `10.${other}.0.0/24`, gateway: `10.0.0.${other}` },
          { network: `fd0${other}::/64`, gateway: `fd00::${other}` },
          // Each takes the other for the way there: a loop.
          { network: "10.99.0.0/16", gateway: `10.0.0.${other}` },
          { network: "fd99::/16", gateway: `fd00::${other}` },
        ],
        forward: true,
        reversePathCheck,
      });
    const network = {
      near: host(lan1, 1),
      left: router(lan1, 1, 2),
      right: router(lan2, 2, 1),
      far: host(lan2, 2),
    };
    try {
      await settles(body(network));
    } finally {
      await settles(Promise.all(Object.values(network).map((stack) => stack.close())));
    }
  });
}

const FAMILIES: [name: string, far: string, headers: number][] = [
  ["IPv4", "10.2.0.9", 20],
  ["IPv6", "fd02::9", 40],
];

for (const [family, hostname, header] of FAMILIES) {
  routedTest(
    `[RFC1191-01] TCP by ${family} finds out what the way through two routers carries`,
    async ({ near, left, right, far }) => {
      const listener = far.listen({ port: 7 });
      const conn = await near.connect({ hostname, port: 7 });
      const peer = await listener.accept();
      const bytes = pattern(1_000_000);
      const reading = hearAll(peer);
      const writer = conn.writable.getWriter();
      await writer.write(bytes);
      const [tcb] = near.core.tcp.connections();
      assertEquals(tcb!.mss, SMALL - header - 20 - 12);
      await writer.close();
      assertEquals(await settles(reading), bytes);
      const { counters } = near.core;
      assertEquals(counters.tcpPathMtuReductions, 1);
      assertEquals(counters.tcpBlackHoles, 0);
      assertGreater(left.counters()["drop.IP_TOO_BIG"]!, 0);
      for (const { core } of [left, right]) assertGreater(core.counters.ipForwarded, 800);
      await peer.closeWrite();
    },
  );

  routedTest(
    `a large ping and a large datagram by ${family} come through in fragments`,
    async ({ near, left, far }) => {
      const bytes = pattern(4000);
      const back = header === 20 ? "10.1.0.9" : "fd01::9";
      for (const [from, to, address] of [[near, far, hostname], [far, near, back]] as const) {
        const service = to.listenDatagram({ port: 9 });
        const socket = from.listenDatagram();
        socket.onError = () => {}; // by IPv6 the first one tells the sender the MTU, and is lost
        const send = () => socket.send(bytes, { transport: "udp", hostname: address, port: 9 });
        const sending = setInterval(send, 20);
        const [received] = await settles(service.receive());
        clearInterval(sending);
        assertEquals(received, bytes);
        service.close();
      }
      assert(await near.ping(hostname, { size: 4000 }) >= 0);
      const { ipFragmentsSent } = left.core.counters;
      if (header === 20) assertGreater(ipFragmentsSent, 4);
      else assertEquals(ipFragmentsSent, 0);
    },
  );

  routedTest(
    `the routers on the way tell who they are, one for each TTL, by ${family}`,
    async ({ near }) => {
      const reports: [ttl: number, report: string][] = [];
      for (const ttl of [1, 2, 3]) {
        const socket = near.listenDatagram({ ttl });
        const { promise, resolve } = Promise.withResolvers<IcmpReport>();
        socket.onError = (error) => resolve(error.cause as IcmpReport);
        await socket.send(Uint8Array.of(1), { transport: "udp", hostname, port: 33434 });
        const { kind, from } = await settles(promise);
        reports.push([ttl, `${kind} ${from}`]);
      }
      const six = header === 40;
      assertEquals(reports, [
        [1, `time-exceeded ${six ? "fd01::1" : "10.1.0.1"}`],
        [2, `time-exceeded ${six ? "fd00::2" : "10.0.0.2"}`],
        [3, `port-unreachable ${hostname}`],
      ]);
    },
  );

  routedTest(
    `a packet in a loop of routers dies with its TTL by ${family} (RFC 1812 §5.3.1)`,
    async ({ near, left, right }) => {
      const socket = near.listenDatagram({ ttl: 64 });
      const { promise, resolve } = Promise.withResolvers<IcmpReport>();
      socket.onError = (error) => resolve(error.cause as IcmpReport);
      const lost = header === 40 ? "fd99::1" : "10.99.0.1";
      await socket.send(Uint8Array.of(1), { transport: "udp", hostname: lost, port: 9 });
      assertEquals((await settles(promise)).kind, "time-exceeded");
      // 63 hops of its own, and one of the error about it.
      const hops = left.core.counters.ipForwarded + right.core.counters.ipForwarded;
      assertEquals(hops, 64);
      assertEquals(right.counters()["drop.IP_TTL_EXPIRED"], 1);
    },
    "loose",
  );

  routedTest(
    `a host that is not there is reported by the last router by ${family} (RFC 1812 §5.2.7.1)`,
    async ({ near }) => {
      const socket = near.listenDatagram({});
      const { promise, resolve } = Promise.withResolvers<IcmpReport>();
      socket.onError = (error) => resolve(error.cause as IcmpReport);
      const absent = header === 40 ? "fd02::77" : "10.2.0.77";
      await socket.send(Uint8Array.of(1), { transport: "udp", hostname: absent, port: 9 });
      const { kind, from } = await settles(promise);
      assertEquals([kind, from], ["host-unreachable", header === 40 ? "fd00::2" : "10.0.0.2"]);
    },
  );
}

routedTest("who has no route is told by the first router", async ({ near, left }) => {
  const connecting = near.connect({ hostname: "192.0.2.1", port: 7 });
  connecting.catch(() => {});
  await until(() => left.core.counters.icmpErrorsSent > 0, "the error");
  assertEquals(left.counters()["drop.IP_NO_ROUTE"]! >= 1, true);
  await near.close();
  await assertRejects(() => connecting);
});

routedTest("a forged source does not get through (RFC 3704 §2.2)", async ({ near, left, far }) => {
  const service = far.listenDatagram({ port: 9 });
  const { ip, udp } = near.core;
  const forged = far.core.ip.addresses.find(({ family }) => family === 4)!;
  const before = left.core.counters.ipForwarded;
  ip.takeAll(PROTOCOL.UDP, true); // else it would not even leave
  assert(udp.send(forged, 5, forged, 9, Uint8Array.of(1)));
  assert(ip.isOwn(forged) === false);
  near.core.poll(performance.now());
  await until(() => left.counters()["drop.IP_REVERSE_PATH"] === 1, "the packet is dropped");
  assertEquals(left.core.counters.ipForwarded, before);
  service.close();
});

Deno.test("createStack() refuses a check of sources that it does not know, or has no use for", async () => {
  const [device, other] = memoryPair();
  const address = "10.0.0.1";
  assertThrows(
    () => createStack({ device, address, forward: true, reversePathCheck: "weak" as "loose" }),
    TypeError,
    'use "strict", "loose" or false',
  );
  assertThrows(
    () => createStack({ device, address, reversePathCheck: "strict" }),
    TypeError,
    "set forward, too",
  );
  await Promise.all([device.close(), other.close()]);
});
