import { assert, assertEquals } from "@std/assert";
import type { EcnMode } from "../../src/tcp/ecn.ts";
import { PEER, STACK } from "../packets.ts";
import { Random } from "../random.ts";
import { SimulatedNetwork } from "./network.ts";
import { transfer } from "./transfer.ts";

const LENGTH = 10 * 2 ** 20;
/** 10 Mbit/s, in bytes per second. */
const RATE = 1_250_000;
const LINK = { delay: 20, rate: RATE, queue: 200_000 };

/** Sends over a link that marks packets when its queue is longer than usual. */
function send(congestion: "newreno" | "cubic", ecn: EcnMode) {
  const network = new SimulatedNetwork(new Random(7));
  const a = network.host(PEER, { congestion, ecn });
  const b = network.host(STACK);
  network.link(a, b, { ...LINK, mark: 50_000 }, LINK);
  const bytes = { toServer: LENGTH, toClient: 0 };
  const { server, time } = transfer(network, a, b, bytes, 60_000);
  assertEquals([server.received, server.wrongAt], [LENGTH, -1]);
  return { share: LENGTH * 1000 / time / RATE, counts: network.counts, counters: a.stack.counters };
}

for (const congestion of ["newreno", "cubic"] as const) {
  Deno.test(`[SHLD-8] ${congestion} with ECN fills a link that marks packets, and loses none (RFC 3168 §6.1.2)`, () => {
    const marked = send(congestion, "on");
    assert(marked.counts.marked > 0);
    assertEquals([marked.counts.overflowed, marked.counters.tcpRetransmitted], [0, 0]);
    assert(marked.counters.tcpEcnReductions > 0);
    assert(marked.share > 0.9, `${marked.share} of the link`);
    const unmarked = send(congestion, "passive");
    assertEquals([unmarked.counts.marked, unmarked.counters.tcpEcnReductions], [0, 0]);
    assert(unmarked.counters.tcpRetransmitted > 0, "without marks the queue overflows");
  });
}
