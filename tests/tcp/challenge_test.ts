import { assert, assertEquals, assertGreater } from "@std/assert";
import { ChallengeBudget } from "../../src/tcp/challenge.ts";
import { PEER, tcp } from "../packets.ts";
import { Random } from "../random.ts";
import { TestHost } from "../stack/host.ts";
import { IpAddress } from "../../src/wire/address.ts";

const ACK = 16;
const RST = 4;
const SYN = 2;

/** How many the budget allows in the second that begins at `now`. */
function allowed(budget: ChallengeBudget, now: number): number {
  let count = 0;
  while (budget.take(now + count / 1000)) count++;
  return count;
}

Deno.test("[RFC5961-04] a budget of all connections is drawn anew each second, around its limit (RFC 5961 §7)", () => {
  const budget = new ChallengeBudget(new Random(1), 100);
  const counts = Array.from({ length: 200 }, (_, second) => allowed(budget, second * 1000));
  assert(counts.every((count) => count >= 50 && count <= 150), counts.join());
  assertGreater(new Set(counts).size, 50, "an attacker who counts must not know what to expect");
  const mean = counts.reduce((a, b) => a + b) / counts.length;
  assert(mean > 90 && mean < 110, `${mean}`);
});

Deno.test("[RFC5961-04] a budget of 0 allows none, and one without limit all (RFC 5961 §7)", () => {
  assertEquals(allowed(new ChallengeBudget(new Random(1), 0), 0), 0);
  const unlimited = new ChallengeBudget(new Random(1), Infinity);
  for (let i = 0; i < 10_000; i++) assert(unlimited.take(0));
});

Deno.test("[RFC5961-04] `challengeLimit` bounds what a flood on many connections draws (RFC 5961 §7)", () => {
  const host = new TestHost({ tcp: { challengeLimit: 20 } });
  host.stack.tcp.listen(null, 80, 200, () => {});
  const segment = (port: number, flags: number, seq: number, ack = 0) =>
    tcp({ sourcePort: port, destinationPort: 80, seq, ack, flags });
  for (let port = 1000; port < 1100; port++) {
    const [synAck] = host.receive(segment(port, SYN, 0));
    const iss = new DataView(synAck!.payload.buffer, synAck!.payload.byteOffset).getUint32(4);
    host.receive(segment(port, ACK, 1, (iss + 1) >>> 0));
  }
  let answers = 0;
  for (let port = 1000; port < 1100; port++) {
    answers += host.receive(segment(port, RST, 500)).length;
  }
  assert(answers >= 10 && answers <= 30, `${answers}`);
  assertEquals(host.stack.counters.tcpChallengeAcks, answers);
  assertEquals(host.stack.counters.tcpChallengeAcksLimited, 100 - answers);
});

Deno.test("[RFC5961-04] an attacker's own connection tells nothing about others' challenge ACKs (CVE-2016-5696)", () => {
  // The attack: spoof what may draw a challenge ACK from the victim's connection, then count how
  // many the own connection still draws. Here it draws the same, hit or miss.
  const counts = [0, 500].map((seq) => {
    const host = new TestHost();
    host.stack.tcp.listen(null, 80, 16, () => {});
    const open = (source: IpAddress) => {
      const from = { source, sourcePort: 9, destinationPort: 80 };
      const [synAck] = host.receive(tcp({ ...from, seq: 0, flags: SYN }));
      const iss = new DataView(synAck!.payload.buffer, synAck!.payload.byteOffset).getUint32(4);
      host.receive(tcp({ ...from, seq: 1, ack: (iss + 1) >>> 0, flags: ACK }));
      return (n: number) => host.receive(tcp({ ...from, seq: n, flags: RST })).length;
    };
    const victim = open(PEER);
    const attacker = open(IpAddress.v4(10, 0, 0, 66));
    // Out of the victim's window, or in it: the latter draws a challenge ACK, towards the victim.
    let spoofed = 0;
    for (let i = 0; i < 200; i++) spoofed += victim(seq);
    assertEquals(spoofed, seq === 0 ? 0 : 1);
    let drawn = 0;
    for (let i = 0; i < 200; i++) {
      host.now += 10;
      drawn += attacker(500);
    }
    return drawn;
  });
  assertEquals(counts[0], counts[1]);
  assertEquals(counts[0], 4);
});
