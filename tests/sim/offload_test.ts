/**
 * Connections at random, over links at random with offload at both ends: super-segments are cut on
 * their way out and joined on their way in, and whatever happens to their segments in between, every
 * byte arrives, in order, once.
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { CONGESTION_NAMES } from "../../src/tcp/congestion/registry.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import { CloseReason, type Tcb } from "../../src/tcp/tcb.ts";
import { seqAdd } from "../../src/wire/seq.ts";
import { PEER, STACK } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";
import { Random, testSeed } from "../random.ts";
import { type LinkOptions, SimulatedNetwork } from "./network.ts";
import { begin, Peer, transfer } from "./transfer.ts";

const HOUR = 3_600_000;
const RUNS = 60;

function settings(random: Random): Partial<TcpConfig> {
  return {
    userTimeout: 100 * HOUR,
    synTimeout: 100 * HOUR,
    congestion: random.pick(CONGESTION_NAMES),
    ecn: random.pick(["off", "passive", "on"]),
    sack: random.chance(0.8),
    timestamps: random.chance(0.8),
    windowScaling: random.chance(0.8),
    sendBuffer: random.between(2_000, 400_000),
    receiveBuffer: random.between(2_000, 200_000),
  };
}

function link(random: Random): LinkOptions {
  const rare = (most: number) => random.chance(0.5) ? 0 : random.random() / 2 ** 32 * most;
  const rate = random.chance(0.5) ? random.between(100_000, 20_000_000) : undefined;
  return {
    delay: random.between(0, 50),
    jitter: random.chance(0.3) ? random.between(1, 10) : 0,
    loss: rare(0.1),
    duplicate: rare(0.05),
    reorder: rare(0.1),
    corrupt: rare(0.02),
    ...(rate !== undefined && {
      rate,
      queue: random.between(20_000, 400_000),
      mark: random.chance(0.5) ? random.between(5_000, 20_000) : undefined,
    }),
    ...(random.chance(0.15) && { mtu: random.between(1280, 1499), tellsMtu: random.chance(0.7) }),
  };
}

Deno.test(`every byte arrives over ${RUNS} links with offload that lose, double, reorder, damage, mark and shrink`, () => {
  const total = { sent: 0, lost: 0, marked: 0, reordered: 0, tooBig: 0 };
  for (let seed = testSeed(86), end = seed + RUNS; seed < end; seed++) {
    const random = new Random(seed);
    const network = new SimulatedNetwork(random, true);
    const [near, far] = random.chance(0.5) ? [PEER, STACK] : [PEER6, STACK6];
    const mtu = random.pick([1280, 1500, 1500, 9000]);
    const a = network.host(near, settings(random), mtu);
    const b = network.host(far, settings(random), mtu);
    network.link(a, b, link(random), link(random));
    const bytes = {
      toServer: random.below(1_000_000),
      toClient: random.chance(0.5) ? 0 : random.below(500_000),
    };
    const what = `(TCPSTACK_SEED=${seed} shows it again)`;
    try {
      const { client, server } = transfer(network, a, b, bytes, 100 * HOUR);
      assertEquals([client.wrongAt, server.wrongAt], [-1, -1], what);
      assertEquals([server.received, client.received], [bytes.toServer, bytes.toClient], what);
      assertEquals(client.tcb!.reason, CloseReason.NORMAL, what);
      assertEquals(server.tcb!.reason, CloseReason.NORMAL, what);
    } catch (error) {
      if (error instanceof Error) error.message += `\n${what}`;
      throw error;
    }
    for (const name of Object.keys(total) as (keyof typeof total)[]) {
      total[name] += network.counts[name];
    }
  }
  for (const [name, count] of Object.entries(total)) assertGreater(count, 0, name);
});

Deno.test("over a link with offload far fewer packets leave the stack than go on the wire", () => {
  const network = new SimulatedNetwork(new Random(1), true);
  const a = network.host(PEER);
  const b = network.host(STACK);
  network.link(a, b, { delay: 10 });
  transfer(network, a, b, { toServer: 4_000_000, toClient: 0 }, HOUR);
  const { tcpSent, ipSent } = a.stack.counters;
  assertGreater(tcpSent, 4_000_000 / 1448);
  assert(ipSent < tcpSent / 8, `${ipSent} packets for ${tcpSent} segments`);
});

Deno.test("with pacing a super-segment holds what may be sent in a millisecond, not more", () => {
  const network = new SimulatedNetwork(new Random(1), true);
  const a = network.host(PEER, { congestion: "bbr" });
  const b = network.host(STACK);
  const rate = 12_500_000; // bytes per second: 8.6 full segments a millisecond
  network.link(a, b, { delay: 10, rate, queue: 250_000 }, { delay: 10 });
  const { client, server } = begin(network, a, b, { toServer: 60_000_000, toClient: 0 });
  network.run(() => server.received > 20_000_000, HOUR); // Startup is over
  const { counters } = a.stack;
  const before = { segments: counters.tcpSent, packets: counters.ipSent };
  network.run(() => server.done && client.done, HOUR);
  const perPacket = (counters.tcpSent - before.segments) / (counters.ipSent - before.packets);
  assert(perPacket > 4 && perPacket < 1.25 * 8.6, `${perPacket} segments a packet`);
});

Deno.test("a window that was the limit 2 GiB ago is not the limit again when sequence numbers come round", () => {
  const network = new SimulatedNetwork(new Random(1), true);
  const a = network.host(PEER);
  const b = network.host(STACK);
  network.link(a, b, { delay: 10 });
  const server = new Peer(network, b, 0, 2, 1);
  const listener = b.stack.tcp.listen(STACK, 7, 16, () => server.attach(listener!.accept()!));
  const user = { onOpen() {}, onReadable() {}, onWritable() {}, onClosed() {} };
  const tcb = a.stack.tcp.open(STACK, 7, null, 0, user, network.now) as Tcb;
  network.runTo(network.now + 100);
  const before = tcb.congestion.cwnd;
  tcb.limitedAt = seqAdd(tcb.snd.una, -(2 ** 31) + 500);
  for (let i = 0; i < 10; i++) {
    a.stack.tcp.send(tcb, new Uint8Array(1000), network.now);
    network.runTo(network.now + 100);
  }
  assertEquals(server.received, 10_000);
  assertEquals(tcb.congestion.cwnd, before);
});
