/**
 * BBR over simulated links: it finds the rate, keeps the queue short, and its pace under loss.
 */

import { assert, assertGreater, assertLess } from "@std/assert";
import type { CongestionName } from "../../src/tcp/congestion/registry.ts";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { type LinkOptions, SimulatedNetwork } from "./network.ts";
import { begin } from "./transfer.ts";

const MBIT = 125_000; // bytes per second

/** What a flow of some seconds did. */
interface Run {
  /** Bytes that arrived per second, as a share of the link's rate. */
  share: number;
  /** Smoothed round-trip times, one each 100 ms. */
  rtts: number[];
  /** Congestion windows at the same times, in segments. */
  windows: number[];
  /** Packets that the queue dropped. */
  overflowed: number;
}

function flow(
  congestion: CongestionName,
  link: LinkOptions & { rate: number },
  seconds: number,
  meanwhile: (seconds: number) => void = () => {},
): Run {
  return withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER, { congestion });
    const b = network.host(STACK);
    network.link(a, b, link, { delay: link.delay });
    const run: Run = { share: 0, rtts: [], windows: [], overflowed: 0 };
    const total = link.rate * seconds * 2;
    const { client, server } = begin(network, a, b, { toServer: total, toClient: 0 });
    const start = network.now;
    network.run(() => {
      const passed = network.now - start;
      const tcb = client.tcb!;
      meanwhile(passed / 1000);
      while (run.rtts.length * 100 < passed) {
        run.rtts.push(tcb.rtt.srtt);
        run.windows.push(tcb.congestion.cwnd / tcb.mss);
      }
      return passed >= seconds * 1000;
    }, seconds * 1000 + 1000);
    run.share = server.received / seconds / link.rate;
    run.overflowed = network.counts.overflowed;
    return run;
  });
}

const LINK = { delay: 10, rate: 100 * MBIT };
const BDP = LINK.rate * 0.02;

Deno.test("BBR fills a clean link of 100 Mbit/s and 20 ms to 90 % at least", () => {
  assertGreater(flow("bbr", { ...LINK, queue: BDP }, 5).share, 0.9);
});

Deno.test("BBR keeps 60 % of it at least at 0.5 % random loss, where NewReno has less than 20 %", () => {
  const link = { ...LINK, queue: BDP, loss: 0.005 };
  assertGreater(flow("bbr", link, 5).share, 0.6);
  assertLess(flow("newreno", link, 5).share, 0.2);
});

Deno.test("BBR leaves a deep queue nearly empty, where NewReno fills it", () => {
  const link = { ...LINK, queue: 10 * BDP };
  const late = (run: Run) => Math.max(...run.rtts.slice(30));
  assertLess(late(flow("bbr", link, 6)), 35);
  assertGreater(late(flow("newreno", link, 6)), 60);
});

Deno.test("BBR drains the queue to measure anew when the path has got longer (§4.3.5)", () => {
  const link = { delay: 10, rate: 10 * MBIT, queue: 200_000 };
  const { windows } = flow("bbr", link, 20, (seconds) => {
    if (seconds > 3) link.delay = 30;
  });
  // Ten seconds after the shortest round trip was last seen, four segments are in flight for a moment.
  const lows = windows.map((window, i) => window <= 4 ? i / 10 : -1).filter((at) => at >= 0);
  assert(lows.length > 0 && lows.every((at) => at > 12.5 && at < 15), `${lows}`);
  assertLess(lows.length, 8);
});

Deno.test("BBR sends at its pace and not in bursts: a queue of a few segments is enough (§4.2.1)", () => {
  const { share } = flow("bbr", { ...LINK, queue: 50 * 1500 }, 5);
  assertGreater(share, 0.8);
});

Deno.test("BBR follows when the path gets slower", () => {
  withSeed(1, (random) => {
    const network = new SimulatedNetwork(random);
    const a = network.host(PEER, { congestion: "bbr" });
    const b = network.host(STACK);
    const link = { delay: 10, rate: 50 * MBIT, queue: 200_000 };
    network.link(a, b, link, { delay: 10 });
    const { client, server } = begin(network, a, b, { toServer: 500e6, toClient: 0 });
    const start = network.now;
    network.run(() => network.now - start >= 3000, 4000);
    link.rate = 10 * MBIT;
    network.run(() => network.now - start >= 8000, 6000);
    const before = server.received;
    network.run(() => network.now - start >= 10_000, 3000);
    assertGreater((server.received - before) / 2, 0.8 * 10 * MBIT);
    assertLess(client.tcb!.congestion.pacingRate, 1.4 * 10 * MBIT / 1000);
  });
});
