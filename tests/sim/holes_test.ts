/** A queue that overflows in slow start: hundreds of segments of one window are lost, here and there. */

import { assertEquals, assertGreater } from "@std/assert";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { SimulatedNetwork } from "./network.ts";
import { transfer } from "./transfer.ts";

const RATE = 100 * 125_000; // bytes per second
const LENGTH = 5e6;

Deno.test("what arrives between hundreds of holes is kept, and only what was lost is sent again", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER, { congestion: "newreno" });
    const b = network.host(STACK);
    network.link(a, b, { delay: 10, rate: RATE, queue: RATE * 0.02 }, { delay: 10 });
    const { server } = transfer(network, a, b, { toServer: LENGTH, toClient: 0 }, 10_000);
    assertEquals([server.received, server.wrongAt], [LENGTH, -1]);
    const { overflowed } = network.counts;
    assertGreater(overflowed, 200);
    assertEquals(a.stack.counters.tcpRetransmitted, overflowed);
  });
});
