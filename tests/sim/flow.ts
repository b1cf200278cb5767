/**
 * Flows that send all they can over a link for some time, and what they got of it.
 *
 * @module
 */

import type { TcpConfig } from "../../src/tcp/config.ts";
import type { CongestionName } from "../../src/tcp/congestion/registry.ts";
import type { Tcb, TcpUser } from "../../src/tcp/tcb.ts";
import { IpAddress } from "../../src/wire/address.ts";
import type { Random } from "../random.ts";
import { type Host, type LinkOptions, SimulatedNetwork } from "./network.ts";

/** A Mbit/s in bytes per second, as links want it. */
export const MBIT = 125_000;

const PORT = 7;
const CHUNK = new Uint8Array(65_536).map((_, i) => i * 31 + (i >>> 8));

/** Sends without end, as fast as the connection takes it. */
class Source implements TcpUser {
  tcb!: Tcb;
  constructor(readonly network: SimulatedNetwork, readonly host: Host) {}

  onOpen(): void {
    this.onWritable();
  }

  onWritable(): void {
    while (this.host.stack.tcp.send(this.tcb, CHUNK, this.network.now) > 0);
  }

  onReadable(): void {}
  onClosed(): void {}
}

/** Takes everything at once. */
class Sink implements TcpUser {
  received = 0;
  readonly #target = new Uint8Array(65_536);
  constructor(readonly network: SimulatedNetwork, readonly host: Host, readonly tcb: Tcb) {}

  onReadable(): void {
    const { tcp } = this.host.stack;
    for (;;) {
      const n = tcp.receiveText(this.tcb, this.#target, this.network.now);
      if (n === 0) return;
      this.received += n;
    }
  }

  onOpen(): void {}
  onWritable(): void {}
  onClosed(): void {}
}

/** What is measured. */
export interface Experiment {
  /** One flow for each, over the same link at the same time. */
  controls: readonly CongestionName[];
  /** Must have a rate. The way back has the same delay and nothing else. */
  link: LinkOptions;
  /** How long it is measured, after `warmUp`, both in seconds. */
  seconds: number;
  warmUp?: number;
  /** By how many seconds each flow starts after the one before. */
  stagger?: number;
  tcp?: Partial<TcpConfig>;
  /** See {@linkcode SimulatedNetwork.offload}. */
  offload?: boolean;
  /** Called each 10 ms with the flows' control blocks, and the time in seconds. */
  watch?: (flows: readonly Tcb[], seconds: number) => void;
}

/** What came of it. */
export interface Outcome {
  /** Bytes per second of each flow that were received in order, as a share of the link's rate. */
  shares: number[];
  /** Of all flows. */
  share: number;
  /** Jain's index of fairness: 1 when all got the same, 1/n when one got everything. */
  jain: number;
  /** Segments sent again, and retransmission timeouts, in all. */
  retransmitted: number;
  timeouts: number;
  counts: SimulatedNetwork["counts"];
  /** Simulated packets. */
  packets: number;
}

/** Jain's index of fairness. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 1 : sum * sum / (shares.length * squares);
}

/** Runs one. */
export function measure(experiment: Experiment, random: Random): Outcome {
  const { controls, link, seconds, warmUp = 0, stagger = 0, tcp, watch } = experiment;
  const network = new SimulatedNetwork(random, experiment.offload);
  const senders = controls.map((congestion, i) =>
    network.host(IpAddress.v4(10, 0, 1, 1 + i), { ...tcp, congestion })
  );
  const receivers = controls.map((_, i) => network.host(IpAddress.v4(10, 0, 2, 1 + i), tcp));
  network.join(senders, receivers, link, { delay: link.delay });
  const flows: Tcb[] = [];
  const sinks: Sink[] = [];
  const start = network.now;
  const runTo = (time: number) => {
    while (network.now < time) {
      const until = watch === undefined ? time : Math.min(time, network.now + 10);
      network.runTo(until);
      watch?.(flows, (network.now - start) / 1000);
    }
  };
  for (const [i, receiver] of receivers.entries()) {
    const listener = receiver.stack.tcp.listen(null, PORT, 1, () => {
      const tcb = listener!.accept()!;
      tcb.user = sinks[i] = new Sink(network, receiver, tcb);
    });
    const sender = senders[i]!;
    const source = new Source(network, sender);
    const { tcp } = sender.stack;
    source.tcb = tcp.open(receiver.address, PORT, null, 0, source, network.now) as Tcb;
    flows.push(source.tcb);
    runTo(start + stagger * 1000 * (i + 1));
  }
  runTo(start + Math.max(warmUp, stagger * controls.length) * 1000);
  const received = () => controls.map((_, i) => sinks[i]?.received ?? 0);
  const before = received();
  runTo(network.now + seconds * 1000);
  const shares = received().map((bytes, i) => (bytes - before[i]!) / seconds / link.rate!);
  const total = (name: "tcpRetransmitted" | "tcpTimeouts") =>
    senders.reduce((sum, { stack }) => sum + stack.counters[name], 0);
  return {
    shares,
    share: shares.reduce((a, b) => a + b, 0),
    jain: jainIndex(shares),
    retransmitted: total("tcpRetransmitted"),
    timeouts: total("tcpTimeouts"),
    counts: network.counts,
    packets: network.counts.sent,
  };
}
