/**
 * A flood of SYNs from sources that don't exist, and one honest client in it.
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { State } from "../../src/tcp/state.ts";
import type { Tcb } from "../../src/tcp/tcb.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { encodeOptions } from "../scripts/options.ts";
import { packetOf, PEER, STACK, tcp } from "../packets.ts";
import { Random, testSeed } from "../random.ts";
import { SimulatedNetwork } from "./network.ts";
import { Peer } from "./transfer.ts";

const SYNS = 100_000;
const BACKLOG = 64;
const BYTES = 300_000;
const OPTIONS = [
  encodeOptions(["mss 1460", "sackOK", "TS val 1 ecr 0", "nop", "wscale 7"], 0),
  encodeOptions(["mss 1460"], 0),
];

Deno.test("100,000 spoofed SYNs take no memory, and an honest client gets in, with SACK, scaled windows and ECN", () => {
  const network = new SimulatedNetwork(new Random(testSeed(41)));
  const { random } = network;
  const client = network.host(PEER, { ecn: "on" });
  const server = network.host(STACK);
  network.link(client, server, { delay: 10, loss: 0.01 });
  const { tcp: target, counters } = server.stack;
  let accepted: Peer | undefined;
  const listener = target.listen(null, 7, BACKLOG, () => {
    const tcb = listener.accept()!;
    accepted = new Peer(network, server, BYTES, 2, 1);
    accepted.attach(tcb);
  })!;
  let sent = 0;
  let most = 0;
  const spoof = (count: number) => {
    for (let i = 0; i < count && sent < SYNS; i++, sent++) {
      server.stack.receive(
        packetOf(tcp({
          source: IpAddress.v4(10, 0, random.between(1, 255), random.between(1, 254)),
          sourcePort: random.between(1, 65535),
          destinationPort: 7,
          seq: random.random(),
          flags: 2,
          options: OPTIONS[i % 2],
        })),
        network.now,
      );
      most = Math.max(most, target.connectionCount);
    }
  };
  spoof(10_000);
  assertEquals(listener.halfOpen, BACKLOG);
  const honest = new Peer(network, client, BYTES, 1, 2);
  const opened = client.stack.tcp.open(STACK, 7, null, 0, honest, network.now);
  assert(typeof opened !== "number");
  honest.tcb = opened;
  let settled: Tcb | undefined;
  network.run(() => {
    spoof(200);
    if (accepted?.tcb?.state === State.ESTABLISHED) settled = accepted.tcb;
    return honest.done && accepted !== undefined && accepted.done;
  }, 60_000);
  spoof(SYNS);

  for (const peer of [honest, accepted!]) {
    assertEquals([peer.received, peer.wrongAt], [BYTES, -1]);
  }
  assert(settled !== undefined);
  assertEquals(
    [settled.sackPermitted, settled.scales, settled.timestamps.enabled],
    [true, true, true],
  );
  assertEquals(
    [settled.sendScale, settled.receiveScale],
    [opened.receiveScale, opened.sendScale],
  );
  assertGreater(settled.sendScale, 0);
  assertEquals(settled.mss, opened.mss);
  assert(settled.ecn !== null && opened.ecn !== null, "ECN is agreed on");
  assertEquals(counters.tcpSynCookiesAccepted, 1);
  assertEquals(sent, SYNS);
  assertGreater(counters.tcpSynCookiesSent, SYNS - 10 * BACKLOG);
  // Half-open ones, the honest one, and nothing for all the rest
  assertLessOrEqual(most, BACKLOG + 1);
});
