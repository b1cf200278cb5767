import { assert, assertEquals } from "@std/assert";
import type { TcpInfo } from "../../src/tcp/info.ts";
import type { Listener } from "../../src/tcp/listener.ts";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { PEER, STACK } from "../packets.ts";
import { Random } from "../random.ts";
import { type Host, SimulatedNetwork } from "../sim/network.ts";

const DELAY = 10;
const LENGTH = 50_000;

/** Two hosts that have agreed on everything, and the client's connection to the server's port 7. */
class Pair {
  readonly network = new SimulatedNetwork(new Random(1));
  readonly a: Host = this.network.host(PEER, { ecn: "on", congestion: "newreno" });
  readonly b: Host = this.network.host(STACK, {});
  readonly listener: Listener;
  readonly tcb: Tcb;
  readonly peer: Tcb;

  constructor() {
    this.network.link(this.a, this.b, { delay: DELAY });
    this.listener = this.b.stack.tcp.listen(null, 7, 1, () => {})!;
    this.tcb = this.a.stack.tcp.open(STACK, 7, null, 0, NO_USER, this.network.now) as Tcb;
    this.network.run(() => this.listener.queue.length > 0, 1000);
    this.peer = this.listener.accept()!;
  }

  get info(): TcpInfo {
    return this.a.stack.tcp.info(this.tcb, this.network.now);
  }
}

Deno.test("info() tells what both sides agreed on, and what the handshake has shown", () => {
  const { info, tcb } = new Pair();
  assertEquals(info.state, "ESTABLISHED");
  assertEquals(info.options, {
    sack: true,
    timestamps: true,
    ecn: true,
    windowScale: { send: tcb.sendScale, receive: tcb.receiveScale },
  });
  assertEquals([info.rtt, info.minRtt], [2 * DELAY, 2 * DELAY]);
  assertEquals(info.rto, 1000);
  assertEquals([info.congestion, info.phase, info.ssthresh], ["newreno", "slow start", Infinity]);
  assertEquals(info.mss, 1448);
  assertEquals([info.inFlight, info.unacked, info.timers], [0, 0, {}]);
  assertEquals([info.traffic.segmentsSent, info.traffic.segmentsReceived], [2, 1]);
});

Deno.test("info() of a connection that is being opened says that nothing was measured", () => {
  const network = new SimulatedNetwork(new Random(1));
  const host = network.host(PEER, {});
  const tcb = host.stack.tcp.open(STACK, 7, null, 0, NO_USER, network.now) as Tcb;
  const info = host.stack.tcp.info(tcb, network.now);
  assertEquals([info.state, info.rtt, info.minRtt, info.deliveryRate], ["SYN_SENT", 0, 0, 0]);
  assertEquals([info.unacked, info.timers], [1, { retransmission: 1000 }]);
});

Deno.test("info() counts what goes and comes, and shows what is in flight", () => {
  const pair = new Pair();
  const { a, b, network, tcb, peer } = pair;
  assertEquals(a.stack.tcp.send(tcb, new Uint8Array(LENGTH), network.now), LENGTH);
  let { info } = pair;
  assertEquals(info.inFlight, 10 * 1448);
  assertEquals(info.unacked, 10 * 1448);
  assertEquals(info.buffers.send.length, LENGTH);
  assertEquals(info.timers.retransmission, 1000);
  assert(info.timers.tailLossProbe! > 2 * DELAY);
  network.run(() => tcb.traffic.bytesAcknowledged > 20 * 1448, 10_000);
  const { deliveryRate } = pair.info;
  assert(deliveryRate > 500_000, `${deliveryRate} bytes a second`);
  network.run(() => tcb.sendBuffer.length === 0, 10_000);
  ({ info } = pair);
  assertEquals([info.traffic.bytesSent, info.traffic.bytesAcknowledged], [LENGTH, LENGTH]);
  assertEquals([info.delivered, info.unacked], [LENGTH, 0]);
  assertEquals([info.traffic.segmentsRetransmitted, info.traffic.bytesRetransmitted], [0, 0]);
  const seen = b.stack.tcp.info(peer, network.now);
  assertEquals(seen.traffic.bytesReceived, LENGTH);
  assertEquals(seen.traffic.segmentsReceived, info.traffic.segmentsSent - 1); // not the SYN
  assertEquals(seen.buffers.receive.length, LENGTH);
});

Deno.test("[MUST-47] info() shows retransmissions, timeouts, and the last soft error (RFC 9293 §3.9.1.8)", () => {
  const pair = new Pair();
  const { a, network, tcb } = pair;
  network.link(pair.a, pair.b, { delay: DELAY, loss: 1 });
  a.stack.tcp.send(tcb, new Uint8Array(100), network.now);
  network.run(() => tcb.timeouts === 3, 60_000);
  const { info } = pair;
  assertEquals([info.timeouts, info.softError, info.phase], [3, "NO_ANSWER", "loss recovery"]);
  assertEquals([info.lost, info.retransmitted, info.cwnd], [100, 100, 1448]);
  assert(info.traffic.segmentsRetransmitted >= 3);
  assertEquals(info.traffic.bytesRetransmitted, 100 * info.traffic.segmentsRetransmitted);
  assert(info.timers.userTimeout! < 300_000);
  a.stack.tcp.abort(tcb, network.now);
  assertEquals([pair.info.state, pair.info.unacked, pair.info.timers], ["CLOSED", 0, {}]);
});
