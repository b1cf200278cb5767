/**
 * Paths with a link that takes less than the interface's MTU, with routers that tell and routers
 * that do not: every byte arrives, and the connection finds out what the path carries.
 */

import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { CloseReason } from "../../src/tcp/tcb.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { type LinkOptions, SimulatedNetwork } from "./network.ts";
import { begin, transfer } from "./transfer.ts";

const MIB = 2 ** 20;
const HOUR = 3_600_000;
/** Length of the headers in front of the text, with timestamps and without. */
const [WITH_TIMESTAMPS, WITHOUT] = [52, 40];

const SETTINGS: [name: string, tcp: Partial<TcpConfig>, headers: number][] = [
  ["with SACK and timestamps", {}, WITH_TIMESTAMPS],
  ["without options", { sack: false, timestamps: false, windowScaling: false }, WITHOUT],
];

const PATHS: [name: string, mtu: number, interfaceMtu: number][] = [
  ["1400 of 1500", 1400, 1500],
  ["1280 of 1500", 1280, 1500],
  ["576 of 1500", 576, 1500],
  ["1500 of 9000", 1500, 9000],
];

function run(link: LinkOptions, interfaceMtu: number, tcp: Partial<TcpConfig>) {
  let result;
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER, tcp, interfaceMtu);
    const b = network.host(STACK, tcp, interfaceMtu);
    network.link(a, b, link);
    const { client, server, time } = transfer(
      network,
      a,
      b,
      { toServer: MIB, toClient: MIB },
      HOUR,
    );
    assertEquals([client.wrongAt, server.wrongAt], [-1, -1]);
    assertEquals([client.received, server.received], [MIB, MIB]);
    assertEquals([client.tcb!.reason, server.tcb!.reason], [
      CloseReason.NORMAL,
      CloseReason.NORMAL,
    ]);
    result = { network, a, b, client, server, time };
  });
  return result! as ReturnType<typeof transfer> & {
    network: SimulatedNetwork;
    a: ReturnType<SimulatedNetwork["host"]>;
    b: ReturnType<SimulatedNetwork["host"]>;
  };
}

for (const [setting, tcp, headers] of SETTINGS) {
  for (const [path, mtu, interfaceMtu] of PATHS) {
    Deno.test(`[RFC1191-01] 1 MiB both ways is byte-exact, ${setting}, where routers tell that the path takes ${path}`, () => {
      const { network, a, b, client, server, time } = run(
        { delay: 10, mtu, tellsMtu: true },
        interfaceMtu,
        tcp,
      );
      for (const { tcb } of [client, server]) assertEquals(tcb!.mss, mtu - headers);
      for (const { stack: { counters } } of [a, b]) {
        assertEquals(counters.tcpPathMtuReductions, 1);
        assertEquals([counters.tcpTimeouts, counters.tcpFastRetransmits], [0, 0]);
        assertEquals(counters.tcpBlackHoles, 0);
      }
      assertLess(network.counts.tooBig, 25);
      assertLess(time, 3000);
    });

    Deno.test(`[RFC8899-02] 1 MiB both ways is byte-exact, ${setting}, where the path silently takes ${path}`, () => {
      const { network, a, b, client, server, time } = run(
        { delay: 10, mtu },
        interfaceMtu,
        tcp,
      );
      for (const { tcb } of [client, server]) {
        assertLessOrEqual(tcb!.mss, mtu - headers);
        assertGreater(tcb!.mss, mtu - headers - 20);
      }
      for (const { stack: { counters } } of [a, b]) {
        assert(counters.tcpBlackHoles >= 1 && counters.tcpBlackHoles <= 2);
        assertLess(counters.tcpPathMtuProbesLost, 40);
        assertEquals(counters.icmpErrorsReceived, 0);
      }
      assertGreater(network.counts.tooBig, 0);
      assertLess(time, 60_000);
    });
  }
}

Deno.test("[RFC8899-01] on a path that takes what the interface takes, nothing is probed", () => {
  const { a, b, network } = run({ delay: 10, mtu: 1500 }, 1500, {});
  for (const { stack: { counters } } of [a, b]) {
    assertEquals(counters.tcpPathMtuProbes + counters.tcpRetransmitted, 0);
  }
  assertEquals(network.counts.tooBig, 0);
});

Deno.test("[RFC8899-01] probes on a path that carries less cost no congestion window: nothing but the black hole itself times out", () => {
  const { a } = run({ delay: 10, mtu: 1400 }, 1500, {});
  const { counters } = a.stack;
  assertGreater(counters.tcpPathMtuProbesLost, 0);
  assertEquals(counters.tcpFastRetransmits, 0);
  assertEquals(counters.tcpTimeouts, 3);
});

Deno.test("[RFC8899-02] a connection whose path gets smaller goes on, and with large segments again ten minutes after it has grown", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER);
    const b = network.host(STACK);
    const link: LinkOptions = { delay: 10, rate: 100_000, queue: 100_000 };
    network.link(a, b, link);
    const { client, server } = begin(network, a, b, { toServer: 100 * MIB, toClient: 0 });
    network.run(() => server.received > MIB, HOUR);
    assertEquals(client.tcb!.mss, 1448);
    link.mtu = 1300;
    network.run(() => server.received > 4 * MIB, HOUR);
    const small = client.tcb!.mss;
    assert(small <= 1248 && small > 1208, `${small}`);
    assertEquals(server.wrongAt, -1);
    link.mtu = 1500;
    const { now } = network;
    network.run(() => client.tcb!.mss === 1448, HOUR);
    assertLess(network.now - now, 601_000);
    assertEquals(client.tcb!.plpmtud, null);
    assertEquals(server.wrongAt, -1);
  });
});

Deno.test("[RFC8899-02] a new connection over a silent path begins with what the last one has found out", () => {
  const { network, a, b, client } = run({ delay: 10, mtu: 1400 }, 1500, {});
  const before = a.stack.counters.tcpTimeouts;
  b.stack.tcp.listen(null, 8, 1, () => {});
  const tcb = a.stack.tcp.open(STACK, 8, null, 0, client, network.now);
  assert(typeof tcb !== "number");
  network.run(() => tcb.mss > 0, HOUR);
  assertLessOrEqual(tcb.mss, 1348);
  assertEquals(a.stack.counters.tcpTimeouts, before);
});

Deno.test("[RFC8899-02] an outage is told from a black hole soon: segments are as large as before a second after it", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER);
    const b = network.host(STACK);
    const link: LinkOptions = { delay: 10, rate: 1_000_000, queue: 100_000 };
    network.link(a, b, link);
    const { client, server } = begin(network, a, b, { toServer: 100 * MIB, toClient: 0 });
    network.run(() => server.received > MIB, HOUR);
    link.loss = 1;
    network.run(() => a.stack.counters.tcpBlackHoles > 1, HOUR);
    assertEquals(client.tcb!.mss, 576 - WITH_TIMESTAMPS);
    link.loss = 0;
    const { received } = server;
    network.run(() => server.received > received, HOUR);
    const { now } = network;
    network.run(() => client.tcb!.mss === 1448, HOUR);
    assertLess(network.now - now, 1000);
  });
});
