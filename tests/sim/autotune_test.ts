/** Buffers that nobody has set, on a long fat link. */

import { assertEquals, assertLess } from "@std/assert";
import type { CongestionName } from "../../src/tcp/congestion/registry.ts";
import { DEFAULT_TCP_CONFIG, type TcpConfig } from "../../src/tcp/config.ts";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { SimulatedNetwork } from "./network.ts";
import { transfer } from "./transfer.ts";

const MBIT = 125_000; // bytes per second
/** 20 ms there and back hold 2.5 MB, forty times the window that a receiver begins with. */
const LINK = { delay: 10, rate: 1000 * MBIT };

/** How long `length` bytes take to a receiver with these settings, in ms. */
function timeFor(length: number, congestion: CongestionName, receiver: Partial<TcpConfig>): number {
  return withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER, { congestion, sendBuffer: DEFAULT_TCP_CONFIG.sendBufferMax });
    const b = network.host(STACK, receiver);
    network.link(a, b, { ...LINK, queue: 4e6 }, { delay: LINK.delay });
    const { server, time } = transfer(network, a, b, { toServer: length, toClient: 0 }, 60_000);
    assertEquals([server.received, server.wrongAt], [length, -1]);
    return time;
  });
}

Deno.test("a receive buffer grows with slow start, as if it had been large from the start", () => {
  const large = { receiveBuffer: DEFAULT_TCP_CONFIG.receiveBufferMax };
  for (const congestion of ["newreno", "bbr"] as const) {
    for (const length of [1e6, 10e6]) {
      const time = timeFor(length, congestion, {});
      const best = timeFor(length, congestion, large);
      assertLess(time, 1.1 * best, `${length} bytes by ${congestion}: ${time} ms for ${best}`);
    }
  }
});
