/**
 * Two stacks over links that do to packets what networks do: every byte arrives, in order, once.
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { CloseReason } from "../../src/tcp/tcb.ts";
import { ALLOWED } from "../tcp/transitions.ts";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { type LinkOptions, SimulatedNetwork } from "./network.ts";
import { begin, transfer } from "./transfer.ts";

const MIB = 2 ** 20;
const HOUR = 3_600_000;

/** Settings for links on which a connection may rightly be given up with the default ones. */
const PATIENT = { userTimeout: 100 * HOUR, synTimeout: 100 * HOUR };

const LINKS: [name: string, link: LinkOptions, happens: string[]][] = [
  ["a link without loss", { delay: 10 }, []],
  ["10 % loss", { delay: 10, loss: 0.1 }, ["lost"]],
  ["30 % loss", { delay: 10, loss: 0.3 }, ["lost"]],
  ["reordering", { delay: 10, reorder: 0.1 }, ["reordered"]],
  ["duplication", { delay: 10, duplicate: 0.1 }, ["duplicated"]],
  ["corruption", { delay: 10, corrupt: 0.05 }, ["corrupted"]],
  ["jitter", { delay: 10, jitter: 10 }, []],
  ["a slow link with a short queue", { delay: 10, rate: 500_000, queue: 20_000 }, ["overflowed"]],
  [
    "10 % loss, reordering, duplication and corruption",
    { delay: 10, loss: 0.1, reorder: 0.1, duplicate: 0.1, corrupt: 0.05 },
    ["lost", "reordered", "duplicated", "corrupted"],
  ],
  [
    "30 % loss, reordering, duplication and corruption",
    { delay: 10, loss: 0.3, reorder: 0.1, duplicate: 0.1, corrupt: 0.05 },
    ["lost", "reordered", "duplicated", "corrupted"],
  ],
];

const WAYS: [name: string, bytes: { toServer: number; toClient: number }][] = [
  ["to the server", { toServer: MIB, toClient: 0 }],
  ["to the client", { toServer: 0, toClient: MIB }],
  ["both ways at once", { toServer: MIB, toClient: MIB }],
];

const CASES = LINKS.flatMap((link) => WAYS.map((way) => [...link, ...way] as const));

for (const offload of [false, true]) {
  for (const [what, link, happens, way, bytes] of CASES) {
    Deno.test(`1 MiB ${way} is byte-exact over ${what}${offload ? ", with offload" : ""}`, () => {
      withSeed(1, (random) => {
        const network = new SimulatedNetwork(random, offload);
        const a = network.host(PEER, PATIENT);
        const b = network.host(STACK, PATIENT);
        network.link(a, b, link);
        const { client, server } = transfer(network, a, b, bytes, 100 * HOUR);
        assertEquals([client.wrongAt, server.wrongAt], [-1, -1]);
        assertEquals(server.received, bytes.toServer);
        assertEquals(client.received, bytes.toClient);
        assertEquals(client.tcb!.reason, CloseReason.NORMAL);
        assertEquals(server.tcb!.reason, CloseReason.NORMAL);
        for (const count of happens) {
          assertGreater(network.counts[count as keyof typeof network.counts], 0, count);
        }
        for (const transition of [...a.transitions, ...b.transitions]) {
          assert(transition in ALLOWED, transition);
        }
        // Nothing is left once TIME_WAIT is over.
        network.run(
          () => a.stack.tcp.connectionCount + b.stack.tcp.connectionCount === 0,
          100 * HOUR,
        );
      });
    });
  }
}

Deno.test("without loss nothing is sent twice, and the handshake, text and close take their round trips", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER);
    const b = network.host(STACK);
    network.link(a, b, { delay: 10 });
    const { time } = transfer(network, a, b, { toServer: MIB, toClient: 0 }, HOUR);
    for (const { stack: { counters } } of [a, b]) {
      assertEquals(counters.tcpRetransmitted, 0);
      assertEquals(counters.tcpTimeouts, 0);
      assertEquals(counters.entries().filter(([name]) => name.startsWith("drop.")), []);
    }
    // At most 65535 bytes a round trip of 20 ms; a batch is acknowledged once, so that slow start
    // adds one segment a round trip.
    assertLess(time, 35 * 20);
  });
});

Deno.test("a link that is cut ends the connection after the user timeout, on both sides", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER);
    const b = network.host(STACK);
    const link: LinkOptions = { delay: 10 };
    network.link(a, b, link);
    const { client, server } = begin(network, a, b, { toServer: 9 * MIB, toClient: 9 * MIB });
    network.run(() => server.received > MIB, HOUR);
    const cutAt = network.now;
    link.loss = 1;
    network.run(() => client.done && server.done, HOUR);
    assertEquals(client.tcb!.reason, CloseReason.TIMED_OUT);
    assertEquals(server.tcb!.reason, CloseReason.TIMED_OUT);
    // Between the user timeout and the next back-off behind it
    assertGreater(network.now - cutAt, 300_000);
    assertLess(network.now - cutAt, 365_000);
    assertEquals(a.stack.tcp.connectionCount + b.stack.tcp.connectionCount, 0);
  });
});
