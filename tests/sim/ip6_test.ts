/**
 * IPv6 under TCP, over the same links as IPv4: and both at once between two hosts.
 */

import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { CloseReason } from "../../src/tcp/tcb.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import { PEER, STACK } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";
import { withSeed } from "../random.ts";
import { type Host, type LinkOptions, SimulatedNetwork } from "./network.ts";
import { begin, transfer } from "./transfer.ts";

const MIB = 2 ** 20;
const HOUR = 3_600_000;
/** Length of IPv6's header, TCP's, and its timestamps. */
const HEADERS = 72;

const LINKS: [name: string, link: LinkOptions][] = [
  ["a link without loss", { delay: 10 }],
  ["a slow link with a short queue", { delay: 10, rate: 500_000, queue: 20_000 }],
  [
    "10 % loss, reordering, duplication and corruption",
    { delay: 10, loss: 0.1, reorder: 0.1, duplicate: 0.1, corrupt: 0.05 },
  ],
];

/** Sends 1 MiB each way. */
function run(link: LinkOptions, check: (a: Host, b: Host, result: Result) => void) {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const patient: Partial<TcpConfig> = { userTimeout: 100 * HOUR, synTimeout: 100 * HOUR };
    const a = network.host(PEER6, { ...patient, ecn: "on" });
    const b = network.host(STACK6, { ...patient, ecn: "on" });
    network.link(a, b, link);
    const result = transfer(network, a, b, { toServer: MIB, toClient: MIB }, 100 * HOUR);
    for (const { wrongAt, received, tcb } of [result.client, result.server]) {
      assertEquals([wrongAt, received, tcb!.reason], [-1, MIB, CloseReason.NORMAL]);
      assertEquals(tcb!.remote.family, 6);
    }
    check(a, b, { ...result, counts: network.counts });
  });
}

type Result = ReturnType<typeof transfer> & { counts: SimulatedNetwork["counts"] };

for (const [what, link] of LINKS) {
  Deno.test(`1 MiB both ways over IPv6 is byte-exact over ${what}`, () => {
    run(link, (_a, _b, { client }) => assertEquals(client.tcb!.mss, 1500 - HEADERS));
  });
}

for (const mtu of [1400, 1280]) {
  Deno.test(`[RFC8201-01] over IPv6, segments shrink to a path of ${mtu} at a router's word`, () => {
    run({ delay: 10, mtu, tellsMtu: true }, (a, b, { client, server, counts }) => {
      for (const { tcb } of [client, server]) assertEquals(tcb!.mss, mtu - HEADERS);
      for (const { stack: { counters } } of [a, b]) {
        assertEquals(counters.tcpPathMtuReductions, 1);
        assertEquals([counters.tcpTimeouts, counters.tcpFastRetransmits], [0, 0]);
      }
      assertLess(counts.tooBig, 25);
    });
  });

  Deno.test(`[RFC8899-02] over IPv6, segments shrink to a path of ${mtu} that drops longer ones silently`, () => {
    run({ delay: 10, mtu }, (a, b, { client, server }) => {
      for (const { tcb } of [client, server]) {
        assertLessOrEqual(tcb!.mss, mtu - HEADERS);
        assertGreater(tcb!.mss, mtu - HEADERS - 20);
      }
      for (const { stack: { counters } } of [a, b]) {
        assertEquals([counters.tcpBlackHoles, counters.icmpErrorsReceived], [1, 0]);
      }
    });
  });
}

Deno.test("[SHLD-8] over IPv6, marks in the traffic class slow a sender down before anything is lost (RFC 3168 §5)", () => {
  const link = { delay: 20, rate: 1_250_000, queue: 200_000, mark: 25_000 };
  run(link, (a, b, { counts }) => {
    assertGreater(counts.marked, 0);
    assertEquals(counts.overflowed, 0);
    for (const { stack: { counters } } of [a, b]) {
      assertGreater(counters.tcpEcnReductions, 0);
      assertEquals(counters.tcpRetransmitted, 0);
    }
  });
});

Deno.test("two hosts with both families share a link between a connection over each, about evenly", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host([PEER, PEER6]);
    const b = network.host([STACK, STACK6]);
    network.link(a, b, { delay: 10, rate: 1_250_000, queue: 50_000, loss: 0.001 });
    const bytes = { toServer: 8 * MIB, toClient: MIB };
    const pairs = [STACK, STACK6].map((to) => begin(network, a, b, bytes, to));
    const [over4, over6] = pairs;
    assertEquals([over4!.client.tcb!.local, over6!.client.tcb!.local].map(String), [
      `${PEER}`,
      `${PEER6}`,
    ]);
    network.run(() => pairs.some(({ server }) => server.received === 8 * MIB), HOUR);
    const share = over6!.server.received / (over4!.server.received + over6!.server.received);
    assert(share > 0.3 && share < 0.7, `${share} of it over IPv6`);
    network.run(() => pairs.every(({ client, server }) => client.done && server.done), HOUR);
    for (const { client, server } of pairs) {
      assertEquals([client.wrongAt, server.wrongAt], [-1, -1]);
      assertEquals([client.received, server.received], [MIB, 8 * MIB]);
    }
  });
});
