/**
 * How much of a link each congestion control fills, with bounds that leave room for chance; and that
 * every byte arrives. The table behind it is docs/simulation.md.
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { CONGESTION_NAMES, type CongestionName } from "../../src/tcp/congestion/registry.ts";
import { CloseReason } from "../../src/tcp/tcb.ts";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { type Experiment, jainIndex, MBIT, measure, type Outcome } from "./flow.ts";
import { type LinkOptions, SimulatedNetwork } from "./network.ts";
import { responseFunction } from "./response.ts";
import { transfer } from "./transfer.ts";

/** 100 Mbit/s and 20 ms; the queue holds a bandwidth-delay product. */
const LINK: LinkOptions = { delay: 10, rate: 100 * MBIT, queue: 2 * MBIT };
const HOUR = 3_600_000;
const MIB = 2 ** 20;

/** Those whose throughput under loss is held to bounds here. */
const WINDOW_CONTROLS: readonly CongestionName[] = ["newreno", "cubic"];

function run(experiment: Experiment): Outcome {
  return withSeed(1, (random) => measure(experiment, random));
}

for (const name of CONGESTION_NAMES) {
  for (const offload of [false, true]) {
    const how = offload ? " with super-segments" : "";
    Deno.test(`${name} fills 90 % of a clean link of 100 Mbit/s and 20 ms${how}, slow start included`, () => {
      const { share, timeouts } = run({ controls: [name], link: LINK, seconds: 10, offload });
      assertGreater(share, 0.9);
      assertEquals(timeouts, 0);
    });
  }
}

for (const name of CONGESTION_NAMES) {
  Deno.test(`two flows of ${name} share a link fairly, and fill it`, () => {
    const link = { delay: 10, rate: 20 * MBIT, queue: 0.4 * MBIT };
    const { share, jain } = run({ controls: [name, name], link, seconds: 30, stagger: 2 });
    assertGreater(jain, 0.9);
    assertGreater(share, 0.85);
  });
}

for (const name of WINDOW_CONTROLS) {
  Deno.test(`${name} has at 0.5 % random loss what the response functions of RFC 9438 §5 give`, () => {
    const link = { ...LINK, loss: 0.005 };
    const { share, timeouts } = run({ controls: [name], link, seconds: 60 });
    const rtt = 0.02;
    const expected = responseFunction(rtt, 0.005) * 1448 / rtt / link.rate!;
    assertGreater(share, name === "cubic" ? expected : 0.85 * expected);
    assertLess(timeouts, 3);
  });
}

Deno.test("CUBIC has on a long path what its response function gives, where NewReno has half of that (RFC 9438 §5)", () => {
  const rtt = 0.4;
  const link = { delay: 200, rate: 20 * MBIT, queue: 8 * MBIT, loss: 0.0005 };
  const expected = responseFunction(rtt, link.loss) * 1448 / rtt / link.rate;
  const shareOf = (name: CongestionName) =>
    run({ controls: [name], link, seconds: 400, warmUp: 40 }).share;
  assertGreater(shareOf("cubic"), 0.9 * expected);
  assertLess(shareOf("newreno"), 0.6 * expected);
});

for (const name of WINDOW_CONTROLS) {
  Deno.test(`3 % of packets reordered, and none lost, cost ${name} less than 15 %`, () => {
    const clean = run({ controls: [name], link: LINK, seconds: 10 });
    const link = { ...LINK, reorder: 0.03, reorderDelay: 5 };
    const reordered = run({ controls: [name], link, seconds: 10 });
    assertGreater(reordered.counts.reordered, 1000);
    assertGreater(reordered.share, 0.85 * clean.share);
  });
}

Deno.test("BBR has its rate back at once when it has drained the queue to measure the round trip", () => {
  const { share } = run({ controls: ["bbr"], link: LINK, seconds: 14, warmUp: 6 });
  assertGreater(share, 0.92);
});

Deno.test("BBR leaves Startup on a path for which the send buffer is short, with losses to repair", () => {
  const link = { delay: 50, rate: 100 * MBIT, queue: 10 * MBIT, loss: 0.005 };
  const { share, timeouts } = run({ controls: ["bbr"], link, seconds: 20 });
  assertGreater(share, 0.7);
  assertLess(timeouts, 3);
});

Deno.test("the buffers grow until they let a flow fill 1 Gbit/s over 20 ms, though nobody has set them", () => {
  const link = { delay: 10, rate: 1000 * MBIT, queue: 20 * MBIT };
  let most = { send: 0, receive: 0 };
  const { share } = run({
    controls: ["cubic"],
    link,
    seconds: 2,
    warmUp: 1,
    watch: ([tcb]) => {
      const { sendBuffer, snd } = tcb!;
      most = {
        send: Math.max(most.send, sendBuffer.capacity),
        receive: Math.max(most.receive, snd.wnd),
      };
    },
  });
  assertGreater(share, 0.94);
  const product = link.rate * 0.02;
  assertGreater(most.send, product);
  assertGreater(most.receive, product);
});

Deno.test("Jain's index is 1 where all have the same, and 1/n where one has everything", () => {
  assertEquals(jainIndex([0.2, 0.2, 0.2]), 1);
  assertEquals(jainIndex([0.5, 0, 0, 0]), 0.25);
});

const TROUBLES: [name: string, link: LinkOptions, happens: string[]][] = [
  ["2 % duplication", { ...LINK, duplicate: 0.02 }, ["duplicated"]],
  ["1 % corruption", { ...LINK, corrupt: 0.01 }, ["corrupted"]],
  ["bursts of losses", { ...LINK, burst: { begins: 0.002, lasts: 1 } }, ["lost"]],
  ["long bursts of losses", { ...LINK, burst: { begins: 0.001, lasts: 10 } }, ["lost"]],
  ["a queue of ten packets", { ...LINK, queue: 15_000 }, ["overflowed"]],
  ["10 % reordering and jitter", { ...LINK, reorder: 0.1, jitter: 5 }, ["reordered"]],
  [
    "all of it",
    {
      ...LINK,
      duplicate: 0.02,
      corrupt: 0.005,
      reorder: 0.03,
      jitter: 1,
      burst: { begins: 0.002, lasts: 1 },
    },
    ["duplicated", "corrupted", "reordered", "lost"],
  ],
];

for (const name of CONGESTION_NAMES) {
  for (const [what, link, happens] of TROUBLES) {
    Deno.test(`10 MiB are byte-exact by ${name} over 100 Mbit/s with ${what}`, () => {
      withSeed(1, (random) => {
        const network = new SimulatedNetwork(random);
        const a = network.host(PEER, { congestion: name });
        const b = network.host(STACK);
        network.link(a, b, link, { delay: link.delay });
        const bytes = { toServer: 10 * MIB, toClient: 0 };
        const { client, server, time } = transfer(network, a, b, bytes, HOUR);
        assertEquals([server.wrongAt, server.received], [-1, 10 * MIB]);
        assertEquals(client.tcb!.reason, CloseReason.NORMAL);
        // No trouble here is an excuse for less than 1 Mbit/s.
        assertLess(time, 84_000);
        for (const count of happens) {
          assertGreater(network.counts[count as keyof typeof network.counts], 0, count);
        }
      });
    });
  }
}

Deno.test("docs/simulation.md has CUBIC and BBR above 90 % of the clean link of 100 Mbit/s and 20 ms", () => {
  const text = Deno.readTextFileSync(new URL("../../docs/simulation.md", import.meta.url));
  const rows = text.split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));
  const head = rows.find((cells) => cells.includes("cubic"))!;
  const row = rows.find(([rate, rtt]) => rate === "100 Mbit/s" && rtt === "20 ms")!;
  for (const name of ["cubic", "bbr"]) {
    const share = parseFloat(row[head.indexOf(name)]!);
    assert(share >= 90 && share <= 97, `${name}: ${share} %`);
  }
});
