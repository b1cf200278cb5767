/**
 * Fast Open between two stacks, over a link that loses, doubles and reorders.
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { PEER, STACK } from "../packets.ts";
import { Random, testSeed } from "../random.ts";
import { type Host, SimulatedNetwork } from "./network.ts";
import { Peer, streamByte } from "./transfer.ts";

const REQUEST = 500;
const RESPONSE = 20_000;

/** One connection: a request with the SYN, if that may be, and a response. Returns its time. */
function exchange(network: SimulatedNetwork, client: Host, server: Host): number {
  const start = network.now;
  const port = 7;
  let served: Peer | undefined;
  const listener = server.stack.tcp.listen(null, port, 16, () => {
    const tcb = listener!.accept();
    if (tcb === undefined) return;
    served = new Peer(network, server, RESPONSE, 2, 1);
    served.attach(tcb);
  });
  const asking = new Peer(network, client, REQUEST, 1, 2);
  const fastOpen = Uint8Array.from({ length: REQUEST }, (_, i) => streamByte(i, 1));
  const { tcp } = client.stack;
  const opened = tcp.open(STACK, port, null, 0, asking, network.now, { fastOpen });
  assert(typeof opened !== "number");
  asking.tcb = opened;
  asking.written = REQUEST;
  network.run(() => asking.received === RESPONSE, 120_000);
  const time = network.now - start;
  network.run(() => asking.done && served !== undefined && served.done, 120_000);
  assertEquals([served!.received, served!.wrongAt], [REQUEST, -1]);
  assertEquals([asking.received, asking.wrongAt], [RESPONSE, -1]);
  const { traffic } = served!.tcb!;
  assertEquals([traffic.bytesReceived, opened.traffic.bytesAcknowledged], [REQUEST, REQUEST]);
  server.stack.tcp.unlisten(listener!, network.now);
  return time;
}

Deno.test("Fast Open saves a round trip from the second connection on (RFC 7413 §1)", () => {
  const times = (fastOpen: boolean) => {
    const network = new SimulatedNetwork(new Random(1));
    const client = network.host(PEER, { fastOpenClient: fastOpen });
    const server = network.host(STACK, { fastOpenServer: fastOpen });
    network.link(client, server, { delay: 50 });
    return [1, 2, 3].map(() => exchange(network, client, server));
  };
  const [usual, fast] = [times(false), times(true)];
  assertEquals(fast[0], usual[0], "the first one asks for a cookie");
  for (const i of [1, 2]) assertLess(fast[i]!, usual[i]! - 95);
});

Deno.test("Fast Open is byte-exact over links that lose, double and reorder", () => {
  const network = new SimulatedNetwork(new Random(testSeed(7413)));
  const client = network.host(PEER, { fastOpenClient: true });
  const server = network.host(STACK, { fastOpenServer: true });
  const link = { delay: 20, jitter: 5, loss: 0.03, duplicate: 0.03, reorder: 0.03 };
  network.link(client, server, link);
  for (let i = 0; i < 60; i++) {
    exchange(network, client, server);
    network.now += 3_600_000; // an hour, so that a lost SYN does not end the use of it for good
  }
  assertGreater(server.stack.counters.tcpFastOpenAccepted, 20);
  assertGreater(client.stack.counters.tcpFastOpenTaken, 20);
});
