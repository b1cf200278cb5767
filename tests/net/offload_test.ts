/** Super-segments and partial checksums on their way through a stack: forwarded, sent, received. */

import { assert, assertEquals } from "@std/assert";
import type { UdpReceiver } from "../../src/net/udp.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop } from "../../src/wire/drop.ts";
import type { LinkOffload } from "../../src/wire/packet.ts";
import { ACK, PSH } from "../../src/wire/tcp.ts";
import { parseIpv4, PEER, STACK, tcp, type TcpFields, udp, type UdpFields } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";
import { withSeed } from "../random.ts";
import { TestHost } from "../stack/host.ts";
import {
  datagramsOf,
  hasGoodChecksums,
  identified,
  partial,
  segmentsOf,
} from "../super_segments.ts";
import { type Out, type Port, Router } from "./router.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const TCP_ALONE: LinkOffload = { udp: false };
const ALL: LinkOffload = { udp: true };
const PORTS = { sourcePort: 4000, destinationPort: 5000 };
const V4 = { source: IpAddress.parse("10.1.0.9"), destination: IpAddress.parse("10.2.0.9") };
const V6 = { source: IpAddress.parse("fd01::9"), destination: IpAddress.parse("fd02::9") };

function text(length: number): Bytes {
  return Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);
}

function router(right: Partial<Port> = {}): Router {
  return new Router([
    { name: "left", addresses: ["10.1.0.1/24", "fd01::1/64"], offload: ALL },
    { name: "right", addresses: ["10.2.0.1/24", "fd02::1/64"], ...right },
  ]);
}

/** With a TTL of one less, as after a hop. */
function after(fields: TcpFields): TcpFields {
  return { ...fields, ttl: 63 };
}

/** A datagram's packet with a TTL of one less. */
function hopped(bytes: Bytes): Bytes {
  const copy = bytes.slice();
  if (copy[0]! >>> 4 === 6) {
    copy[7]!--;
    return copy;
  }
  copy[8]!--;
  return identified(copy, new DataView(copy.buffer).getUint16(4));
}

Deno.test("a router passes a super-segment whole to a link that takes it", () => {
  for (const ends of [V4, V6]) {
    for (const offload of [TCP_ALONE, ALL]) {
      const host = router({ offload });
      const whole = { ...ends, ...PORTS, seq: 5, ack: 6, flags: ACK | PSH, payload: text(20_000) };
      const left = { isPartial: true, segmentSize: 1440 };
      const out = host.receive("left", partial(tcp(whole)), left);
      assertEquals(out, [["right", partial(tcp(after(whole)))]]);
      assertEquals(host.left, [left]);
      assertEquals(host.stack.counters.ipForwarded, 1);
    }
  }
});

Deno.test("a router cuts a super-segment for a link that does not", () => {
  for (const ends of [V4, V6]) {
    for (const isPartial of [true, false]) {
      const host = router();
      const whole = { ...ends, ...PORTS, seq: 5, ack: 6, flags: ACK | PSH, payload: text(20_000) };
      const bytes = isPartial ? partial(tcp(whole)) : tcp(whole);
      const out = host.receive("left", bytes, { isPartial, segmentSize: 1440 });
      assertEquals(out, segmentsOf(after(whole), 1440).map((segment) => ["right", segment]));
      assertEquals(host.stack.counters.ipForwarded, 14);
      assertEquals(host.drops(), []);
    }
  }
});

Deno.test("a router passes runs of datagrams where the link takes them, and cuts them elsewhere", () => {
  for (const ends of [V4, V6]) {
    const run: UdpFields = { ...ends, ...PORTS, payload: text(5000) };
    const left = { isPartial: true, segmentSize: 1200 };
    for (const offload of [undefined, TCP_ALONE]) {
      const host = router({ offload });
      const out = host.receive("left", partial(udp(run)), left);
      const want = datagramsOf(run, 1200).map((bytes): Out => ["right", hopped(bytes)]);
      assertEquals(out, want);
      assertEquals(host.stack.counters.ipForwarded, 5);
    }
    const host = router({ offload: ALL });
    assertEquals(host.receive("left", partial(udp(run)), left), [
      ["right", hopped(partial(udp(run)))],
    ]);
    assertEquals(host.left, [left]);
  }
});

Deno.test("a router completes a partial checksum for a link that does not", () => {
  for (const ends of [V4, V6]) {
    const packets = [
      tcp({ ...ends, ...PORTS, seq: 1, flags: ACK, payload: text(99) }),
      udp({ ...ends, ...PORTS, payload: text(99) }),
    ];
    for (const bytes of packets) {
      const without = router();
      const out = without.receive("left", partial(bytes), { isPartial: true });
      assertEquals(out, [["right", hopped(bytes)]]);
      const taking = router({ offload: TCP_ALONE });
      const whole = taking.receive("left", partial(bytes), { isPartial: true });
      assertEquals(whole, [["right", hopped(partial(bytes))]]);
      assertEquals(taking.left, [{ isPartial: true, segmentSize: 0 }]);
    }
  }
});

Deno.test("segments that are too big for the next link: its MTU is told (RFC 1191 §4, RFC 8200 §5)", () => {
  for (const offload of [undefined, ALL]) {
    for (const [ends, size] of [[V4, 1361], [V6, 1341]] as const) {
      const whole = { ...ends, ...PORTS, seq: 5, flags: ACK, payload: text(9000) };
      const host = router({ mtu: 1400, offload });
      const out = host.receive("left", partial(tcp(whole)), { isPartial: true, segmentSize: size });
      assertEquals(out.map(([name]) => name), ["left"]);
      assertEquals(host.count(Drop.IP_TOO_BIG), 1);
      const [, error] = out[0]!;
      const at = ends === V4 ? 20 : 40;
      const view = new DataView(error.buffer);
      assertEquals([error[at], view.getUint32(at + 4)], [ends === V4 ? 3 : 2, 1400]);
      const fits = host.receive("left", partial(tcp(whole)), {
        isPartial: true,
        segmentSize: size - 1,
      });
      assertEquals(fits.length, offload === undefined ? 7 : 1);
    }
  }
});

Deno.test("what may be fragmented is cut first, and then fragmented", () => {
  const run: UdpFields = { ...V4, ...PORTS, payload: text(2500) };
  const bytes = partial(udp(run));
  bytes[6] = 0; // without "don't fragment"
  for (const offload of [undefined, ALL]) {
    const host = router({ mtu: 600, offload });
    const other = new Router([{ name: "in", addresses: ["10.2.0.9/24"] }]);
    const got: number[][] = [];
    const { end } = receiver(other.stack.udp, 5000, got);
    const left = { isPartial: true, segmentSize: 1000 };
    const out = host.receive("left", identified(bytes, 7), left);
    assertEquals(out.map(([, fragment]) => fragment.length), [596, 452, 596, 452, 528]);
    assertEquals(out.map(([, fragment]) => fragment[5]), [7, 7, 8, 8, 9]);
    for (const [, fragment] of out) other.receive("in", fragment);
    assertEquals(got.flat(), [...run.payload]);
    assertEquals(got.length, 3);
    assertEquals(other.drops(), []);
    end();
  }
});

Deno.test("a partial checksum is completed before a packet is fragmented", () => {
  const bytes = partial(udp({ ...V4, ...PORTS, payload: text(1200) }));
  bytes[6] = 0;
  const host = router({ mtu: 600, offload: ALL });
  const out = host.receive("left", identified(bytes, 7), { isPartial: true });
  const other = new Router([{ name: "in", addresses: ["10.2.0.9/24"] }]);
  const got: number[][] = [];
  receiver(other.stack.udp, 5000, got);
  for (const [, fragment] of out) other.receive("in", fragment);
  assertEquals([out.length, got.length, other.drops()], [3, 1, []]);
});

/** Binds a receiver, which keeps what it gets. */
function receiver(to: TestHost["stack"]["udp"], port: number, got: number[][], drop: Drop = 0) {
  const taker: UdpReceiver = {
    port,
    address: null,
    datagram({ packet, at, end }) {
      got.push([...packet.bytes.subarray(at, end)]);
      return drop;
    },
  };
  assert(to.bind(taker));
  return { end: () => to.unbind(taker) };
}

Deno.test("what has no transport goes nowhere", () => {
  const whole = { ...V4, ...PORTS, seq: 5, flags: ACK, payload: text(100) };
  const fragment = tcp(whole);
  fragment[6] = 0x20;
  const odd = tcp(whole);
  odd[9] = 99;
  const short = tcp(whole);
  short[32] = 0xf0;
  const cases: [Bytes, keyof typeof Drop][] = [
    [identified(fragment, 1), "IP_UNKNOWN_PROTOCOL"],
    [identified(odd, 1), "IP_UNKNOWN_PROTOCOL"],
    [identified(short.slice(0, 70), 1), "IP_TRUNCATED"],
  ];
  for (const left of [{ isPartial: true }, { segmentSize: 10 }]) {
    for (const [bytes, drop] of cases) {
      const host = router();
      assertEquals(host.receive("left", bytes, left), []);
      assertEquals(host.drops(), [`${drop} 1`]);
    }
  }
});

Deno.test("what waits for a neighbor waits whole, and is sent as its link takes it", () => {
  for (const offload of [undefined, ALL]) {
    const host = router({ mac: 1, addresses: ["10.2.0.1/24"], offload });
    host.poll();
    host.left.length = 0;
    const whole = { ...V4, ...PORTS, seq: 5, flags: ACK, payload: text(4000) };
    const left = { isPartial: true, segmentSize: 1460 };
    const asked = host.receive("left", partial(tcp(whole)), left);
    assertEquals(asked.length, 1, "an ARP request");
    const reply = asked[0]![1].slice();
    reply.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9]);
    reply.set([2, 2, 0, 0, 0, 0, 9, 10, 2, 0, 9, 2, 0, 0, 0, 0, 1, 10, 2, 0, 1], 21);
    const out = host.receive("right", reply).map(([, frame]) => frame.slice(14));
    if (offload === undefined) assertEquals(out, segmentsOf(after(whole), 1460));
    else assertEquals(out, [partial(tcp(after(whole)))]);
    if (offload !== undefined) assertEquals(host.left.at(-1), left);
  }
});

Deno.test("a run is received as the datagrams that it stands for", () => {
  for (const ends of [{}, { source: PEER6, destination: STACK6 }]) {
    const cases: [length: number, size: number, want: number[]][] = [
      [3000, 1400, [1400, 1400, 200]],
      [2800, 1400, [1400, 1400]],
      [5, 9, [5]],
      [3, 1, [1, 1, 1]],
      [0, 100, [0]],
      [40, 65535, [40]],
    ];
    for (const [length, segmentSize, want] of cases) {
      const host = new TestHost({ addresses: [STACK, STACK6], offload: ALL });
      const got: number[][] = [];
      receiver(host.stack.udp, 5000, got);
      const run = partial(udp({ ...ends, ...PORTS, payload: text(length) }));
      host.stack.poll(host.now);
      host.sent.length = 0;
      host.receive(run, { isPartial: true, isVerified: true, segmentSize });
      assertEquals(got.map((one) => one.length), want);
      assertEquals(got.flat(), [...text(length)]);
      assertEquals(host.stack.counters.udpReceived, want.length);
    }
  }
});

Deno.test("of a run that nobody takes one error is sent, and every datagram without room is counted", () => {
  const run = partial(udp({ ...PORTS, payload: text(1000) }));
  const left = { isPartial: true, isVerified: true, segmentSize: 300 };
  const alone = new TestHost();
  const [error, ...others] = alone.receive(run, left);
  assertEquals([error!.protocol, error!.payload[0], error!.payload[1]], [1, 3, 3]);
  assertEquals([others.length, alone.drops("UDP_NO_PORT")], [0, 1]);
  const full = new TestHost();
  receiver(full.stack.udp, 5000, [], Drop.UDP_QUEUE_FULL);
  full.receive(run, left);
  assertEquals([full.drops("UDP_QUEUE_FULL"), full.stack.counters.udpReceived], [4, 4]);
});

Deno.test("a checksum that a device vouches for is not computed again, a length is checked all the same", () => {
  const good = udp({ ...PORTS, payload: text(10) });
  good[26]! ^= 1; // the checksum
  const short = good.slice();
  short[25] = 7;
  const long = good.slice();
  long[25] = 19;
  const without = { ...PORTS, payload: text(10), checksum: false };
  const without6 = { ...without, source: PEER6, destination: STACK6 };
  const cases: [Bytes, boolean, keyof typeof Drop | null][] = [
    [good, true, null],
    [good, false, "UDP_BAD_CHECKSUM"],
    [short, true, "UDP_BAD_LENGTH"],
    [long, true, "UDP_BAD_LENGTH"],
    [udp(without), true, null],
    [udp(without6), true, "UDP_BAD_CHECKSUM"], // RFC 8200 §8.1
  ];
  for (const [bytes, isVerified, drop] of cases) {
    const host = new TestHost({ addresses: [STACK, STACK6] });
    const got: number[][] = [];
    receiver(host.stack.udp, 5000, got);
    host.stack.poll(host.now);
    host.sent.length = 0;
    host.receive(bytes, { isVerified });
    assertEquals(got.length, drop === null ? 1 : 0);
    if (drop !== null) assertEquals(host.drops(drop), 1);
  }
});

Deno.test("what came in fragments is verified, whatever their device vouches for", () => {
  const whole = udp({ ...PORTS, payload: text(100) });
  whole[26]! ^= 1;
  const host = new TestHost();
  for (const [at, end, word] of [[20, 76, 0x2000], [76, 128, 7]] as const) {
    const bytes = new Uint8Array(20 + end - at);
    bytes.set(whole.subarray(0, 20));
    bytes.set(whole.subarray(at, end), 20);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, bytes.length);
    view.setUint16(6, word);
    host.receive(identified(bytes, 9), { isVerified: true });
  }
  assertEquals(host.drops("UDP_BAD_CHECKSUM"), 1);
});

const OPTIONS = { ttl: 0, tos: 0, dontFragment: false };

/** Sends a run, and returns the lengths of its packets' payloads. */
function sendRun(host: TestHost, length: number, size: number, options = OPTIONS): number {
  return host.stack.udp.sendRun(STACK, 5000, PEER, 7, text(length), size, options, host.now);
}

Deno.test("a run leaves whole by a link that takes it, 64 datagrams at a time", () => {
  const cases: [length: number, size: number, want: [payload: number, size: number][]][] = [
    [3000, 1400, [[3000, 1400]]],
    [1400, 1400, [[1400, 0]]],
    [0, 1400, [[0, 0]]],
    [1401, 1400, [[1401, 1400]]],
    [100_000, 1000, [[64_000, 1000], [36_000, 1000]]],
    [64_001, 1000, [[64_000, 1000], [1, 0]]],
    [100_000, 1472, [[64_768, 1472], [35_232, 1472]]],
  ];
  for (const [length, size, want] of cases) {
    const host = new TestHost({ offload: ALL });
    assertEquals(sendRun(host, length, size), length);
    const sent = host.take();
    assertEquals(sent.map(({ payload }) => payload.length - 8), want.map(([payload]) => payload));
    assertEquals(
      host.left,
      want.map(([, segmentSize]) => ({ isPartial: true, segmentSize })),
    );
    assertEquals(sent.flatMap(({ payload }) => [...payload.subarray(8)]), [...text(length)]);
    assertEquals(host.stack.counters.udpSent, Math.ceil(length / size) || 1);
  }
});

Deno.test("a run is never longer than what links take, whatever its datagrams' size", () => {
  const host = new TestHost({ offload: ALL, addresses: [STACK, STACK6] });
  host.stack.poll(host.now);
  host.sent.length = 0;
  for (const [source, destination] of [[STACK, PEER], [STACK6, PEER6]] as const) {
    for (let size = 1; size < 1450; size += 7) {
      const payload = new Uint8Array(70_000);
      const { udp } = host.stack;
      const sent = udp.sendRun(source, 1, destination, 7, payload, size, OPTIONS, host.now);
      assertEquals(sent, payload.length);
      for (const bytes of host.sent.splice(0)) assert(bytes.length <= 65_535);
    }
  }
});

Deno.test("a run leaves as datagrams by a link that does not", () => {
  for (const offload of [undefined, TCP_ALONE]) {
    const host = new TestHost({ offload });
    assertEquals(sendRun(host, 3000, 1400), 3000);
    const packets = host.sent.slice();
    assert(packets.every(hasGoodChecksums));
    assertEquals(host.take().map(({ payload }) => payload.length - 8), [1400, 1400, 200]);
    assertEquals(host.stack.counters.udpSent, 3);
  }
});

Deno.test("datagrams of a run that are too big for the path are fragmented, each by itself", () => {
  const host = new TestHost({ offload: ALL });
  assertEquals(sendRun(host, 4000, 2000), 4000);
  const lengths = host.sent.map((bytes) => bytes.length);
  assertEquals(lengths, [1500, 548, 1500, 548]);
  assertEquals(host.left.map(({ isPartial }) => isPartial), [false, false, false, false]);
});

Deno.test("a run ends where the link has no more room", () => {
  const host = new TestHost();
  let calls = 0;
  Object.defineProperty(host, "up", { get: () => ++calls <= 6 });
  assertEquals(sendRun(host, 5000, 1000), 2000);
});

Deno.test("pieces of a run have identifications of their own", () => {
  const host = new TestHost({ offload: ALL });
  sendRun(host, 3000, 1000);
  sendRun(host, 100, 1000);
  const ids = host.sent.map((bytes) => new DataView(bytes.buffer).getUint16(4));
  assert(((ids[1]! - ids[0]!) & 0xffff) >= 3);
});

Deno.test("a super-segment for which the link has become too small is dropped", () => {
  for (const dontFragment of [true, false]) {
    const host = new TestHost({ offload: ALL, mtu: 1400 });
    host.stack.udp.outgoing.bytes.set(text(4000), 112);
    const { udp } = host.stack;
    const options = { ...OPTIONS, dontFragment };
    assertEquals(udp.sendOutgoing(STACK, 1, PEER, 7, 4000, options, 1373), false);
    assertEquals(host.drops("SEND_TOO_BIG"), 1);
    assertEquals(udp.sendOutgoing(STACK, 1, PEER, 7, 4000, options, 1372), true);
    assertEquals(host.left.length, 1);
  }
});

Deno.test("after a super-segment, the outgoing packet is one packet again", () => {
  for (const mtu of [1500, 600]) { // sent, and dropped
    const host = new TestHost({ offload: ALL, mtu });
    const { udp } = host.stack;
    assertEquals(udp.sendOutgoing(STACK, 1, PEER, 7, 3000, OPTIONS, 1000), mtu === 1500);
    const { isPartial, segmentSize, tail } = udp.outgoing;
    assertEquals([isPartial, segmentSize, tail.length], [false, 0, 0]);
  }
});

Deno.test("a run to oneself goes whole, and comes as datagrams; no checksum is made", () => {
  withSeed(5, (random) => {
    const host = new TestHost();
    const got: number[][] = [];
    receiver(host.stack.udp, 7, got);
    const payload = random.bytes(40_000);
    const { udp } = host.stack;
    assertEquals(udp.sendRun(STACK, 1, STACK, 7, payload, 999, OPTIONS, host.now), 40_000);
    host.stack.poll(host.now);
    assertEquals(got.length, 41);
    assertEquals(got.flat(), [...payload]);
    assertEquals(host.stack.counters.ipSent, 1);
    assertEquals(host.sent, []);
  });
});

Deno.test("a run of the largest datagrams to oneself goes one by one: no two fit into a packet", () => {
  for (const size of [65_487, 65_488, 65_507]) {
    const host = new TestHost();
    const got: number[][] = [];
    receiver(host.stack.udp, 7, got);
    const payload = new Uint8Array(2 * size + 1);
    const { udp } = host.stack;
    const sent = udp.sendRun(STACK, 1, STACK, 7, payload, size, OPTIONS, host.now);
    host.stack.poll(host.now);
    assertEquals([sent, got.map(({ length }) => length)], [payload.length, [size, size, 1]]);
  }
});

Deno.test("a group's datagram that comes back to its sender is as good as the one that went out", () => {
  const group = IpAddress.parse("239.1.2.3");
  for (const offload of [undefined, ALL]) {
    const host = new TestHost({ offload });
    const by = host.stack.ip.interfaces[1]!;
    host.stack.ip.join(by, group);
    host.stack.poll(host.now);
    host.sent.length = 0;
    const got: number[][] = [];
    receiver(host.stack.udp, 7, got);
    const options = { ...OPTIONS, loop: true };
    host.stack.udp.send(STACK, 9, group, 7, text(50), options);
    host.stack.poll(host.now);
    assertEquals(got, [[...text(50)]]);
    const out = host.sent.find((bytes) => bytes[9] === 17)!;
    assertEquals(hasGoodChecksums(out), offload === undefined);
    parseIpv4(out);
  }
});

Deno.test("whatever a device says of whatever packets, they cost a counter and nothing else", () => {
  withSeed(73, (random) => {
    const offloads = [undefined, TCP_ALONE, ALL];
    const routers = offloads.map((offload) => router({ offload }));
    const got: number[][] = [];
    for (const { stack } of routers) {
      receiver(stack.udp, 5000, got);
      stack.tcp.listen(null, 5000, 4, () => {});
    }
    const own4 = { ...V4, destination: IpAddress.parse("10.1.0.1") };
    const own6 = { ...V6, destination: IpAddress.parse("fd01::1") };
    for (let i = 0; i < 3000; i++) {
      const ends = random.pick([V4, V6, own4, own6]);
      const payload = random.bytes(random.pick([0, 1, 50, 600]));
      const flags = random.random() & 0xff;
      const whole = random.chance(0.5)
        ? tcp({ ...ends, ...PORTS, seq: random.random(), ack: random.random(), flags, payload })
        : udp({ ...ends, ...PORTS, payload });
      let bytes = random.chance(0.8) ? partial(whole) : whole;
      if (random.chance(0.5)) bytes[random.below(bytes.length)] = random.random();
      if (random.chance(0.2)) bytes = bytes.slice(0, random.below(bytes.length));
      // Else the header's checksum is all that is looked at.
      if (bytes.length >= 20 && bytes[0] === 0x45) bytes = identified(bytes, 1);
      const left = {
        isPartial: random.chance(0.7),
        isVerified: random.chance(0.7),
        segmentSize: random.pick([0, 1, 7, 100, 1460, 65_535]),
      };
      const host = random.pick(routers);
      for (const [, out] of host.receive("left", bytes, left)) assert(out.length <= 1500);
      host.left.length = 0;
      got.length = 0;
    }
    for (const { stack } of routers) assert(stack.counters.ipReceived > 900);
  });
});
