import { assert, assertEquals } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";
import type { SendOptions } from "../../src/base/network.ts";
import type { Interface } from "../../src/net/interface.ts";
import { Ip } from "../../src/net/ip.ts";
import { PointToPoint } from "../../src/net/point_to_point.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { bytesOf, ipv4, packetOf, parseIpv4, PEER, type Sent, STACK } from "../packets.ts";
import { Random } from "../random.ts";

const SECOND = IpAddress.v4(10, 0, 0, 3);
const OPTIONS: SendOptions = { ttl: 64, tos: 0, dontFragment: true };

class TestLink {
  sent: Uint8Array<ArrayBuffer>[] = [];
  up = true;
  readonly counters = new Counters();
  readonly ip: Ip;
  readonly interface: Interface;

  constructor(readonly mtu = 1500, ttl?: number) {
    const link = {
      mtu,
      transmit: (packet: Parameters<typeof bytesOf>[0]) => {
        if (this.up) this.sent.push(bytesOf(packet));
        return this.up;
      },
    };
    this.ip = new Ip(this.counters, new Random(1), ttl);
    const layer = new PointToPoint(link, this.counters);
    this.interface = this.ip.addInterface("test0", link, () => layer);
    for (const address of [STACK, SECOND]) {
      this.ip.addAddress(this.interface, { address, prefixLength: 32 });
    }
    const prefix = IpAddress.v4(0, 0, 0, 0);
    this.ip.addRoute({ prefix, length: 0, gateway: null, interface: this.interface, metric: 0 });
  }

  /** Sends `length` bytes, each the number of its place. */
  send(length: number, options: SendOptions = OPTIONS): boolean {
    for (let i = 0; i < length; i++) this.ip.outgoing.bytes[this.ip.outgoing.messageAt + i] = i;
    this.ip.outgoing.end = this.ip.outgoing.messageAt + length;
    return this.ip.send(STACK, PEER, 17, options);
  }
}

/** A good packet, changed in some way; its checksum is made right unless that is what is wrong. */
function changed(change: (view: DataView) => void, keepChecksum = false): Uint8Array<ArrayBuffer> {
  const bytes = ipv4({ protocol: 17, payload: new Uint8Array(20) });
  const view = new DataView(bytes.buffer);
  change(view);
  if (!keepChecksum) {
    view.setUint16(10, 0);
    const header = Math.min((bytes[0]! & 15) * 4, bytes.length);
    let total = 0;
    for (let at = 0; at < header; at += 2) total += view.getUint16(at);
    view.setUint16(10, ~((total & 0xffff) + (total >>> 16)) & 0xffff);
  }
  return bytes;
}

const from = (source: IpAddress) => ipv4({ source, protocol: 17, payload: new Uint8Array(20) });
const to = (destination: IpAddress) =>
  ipv4({ destination, protocol: 17, payload: new Uint8Array(20) });

Deno.test("IP drops what is not a good packet for us, each for its reason (RFC 1122 §3.2.1)", () => {
  const cases: [what: string, bytes: Uint8Array, drop: Drop][] = [
    ["a good packet", changed(() => {}), Drop.NONE],
    ["to our second address", to(SECOND), Drop.NONE],
    ["don't fragment", changed((view) => view.setUint16(6, 0x4000)), Drop.NONE],
    ["the reserved bit", changed((view) => view.setUint16(6, 0x8000)), Drop.NONE],
    ["nothing", new Uint8Array(0), Drop.IP_TRUNCATED],
    ["19 bytes", changed(() => {}).slice(0, 19), Drop.IP_TRUNCATED],
    ["shorter than its length says", changed(() => {}).slice(0, 39), Drop.IP_TRUNCATED],
    ["version 5", changed((view) => view.setUint8(0, 0x55)), Drop.IP_BAD_VERSION],
    ["version 6", changed((view) => view.setUint8(0, 0x65)), Drop.IP_TRUNCATED],
    ["a header of 16 bytes", changed((view) => view.setUint8(0, 0x44)), Drop.IP_BAD_LENGTH],
    ["a length below the header's", changed((view) => view.setUint16(2, 19)), Drop.IP_BAD_LENGTH],
    ["a wrong checksum", changed((view) => view.setUint8(8, 63), true), Drop.IP_BAD_CHECKSUM],
    [
      "a first fragment that does not end with a multiple of 8 bytes",
      changed((view) => view.setUint16(6, 0x2000)),
      Drop.FRAGMENT_BAD_LENGTH,
    ],
    ["a last fragment", changed((view) => view.setUint16(6, 185)), Drop.TAKEN],
    ["to somebody else", to(IpAddress.v4(10, 0, 0, 4)), Drop.IP_NOT_FOR_US],
    ["to all", to(IpAddress.v4(255, 255, 255, 255)), Drop.NONE],
    ["to all hosts", to(IpAddress.v4(224, 0, 0, 1)), Drop.NONE],
    ["to a group that nobody joined", to(IpAddress.v4(224, 0, 0, 9)), Drop.IP_NOT_FOR_US],
    ["to 127.0.0.1, from outside", to(IpAddress.v4(127, 0, 0, 1)), Drop.IP_NOT_FOR_US],
    ["from ourselves: LAND", from(STACK), Drop.IP_BAD_SOURCE],
    ["from our second address", from(SECOND), Drop.IP_BAD_SOURCE],
    ["from 0.0.0.0", from(IpAddress.v4(0, 0, 0, 0)), Drop.IP_BAD_SOURCE],
    ["from 127.0.0.1", from(IpAddress.v4(127, 0, 0, 1)), Drop.IP_BAD_SOURCE],
    ["from a group", from(IpAddress.v4(239, 1, 2, 3)), Drop.IP_BAD_SOURCE],
    ["from all", from(IpAddress.v4(255, 255, 255, 255)), Drop.IP_BAD_SOURCE],
  ];
  for (const [what, bytes, drop] of cases) {
    const link = new TestLink();
    assertEquals(
      DROP_NAMES[link.ip.receive(packetOf(bytes), link.interface, 0)],
      DROP_NAMES[drop],
      what,
    );
  }
});

const UNKNOWN_OPTION = Uint8Array.of(0x5e, 8, 1, 2, 3, 4, 5, 6);

Deno.test("[MUST-50] IP lays a packet open, and skips options of any kind (RFC 9293 §3.9.2)", () => {
  const { ip, counters, interface: from } = new TestLink();
  const payload = Uint8Array.of(1, 2, 3);
  const bytes = ipv4({ protocol: 99, payload, ttl: 7, tos: 0xb9, options: UNKNOWN_OPTION });
  const padded = Uint8Array.of(...bytes, 0, 0, 0, 0); // a link may pad
  const packet = packetOf(padded);
  const { at } = packet;
  assertEquals(ip.receive(packet, from, 0), Drop.NONE);
  assertEquals(packet.source.toString(), "10.0.0.1");
  assertEquals(packet.destination.toString(), "10.0.0.2");
  assertEquals([packet.protocol, packet.ttl, packet.tos], [99, 7, 0xb9]);
  assertEquals([packet.transportAt, packet.end], [at + 28, at + 31]);
  assertEquals(counters.ipReceived, 1);
});

Deno.test("IP puts a header in front of what is sent", () => {
  const link = new TestLink();
  assertEquals(link.send(5), true);
  const sent = parseIpv4(link.sent[0]!);
  const wanted: Sent = {
    source: "10.0.0.2",
    destination: "10.0.0.1",
    protocol: 17,
    tos: 0,
    ttl: 64,
    dontFragment: true,
    payload: Uint8Array.of(0, 1, 2, 3, 4),
  };
  assertEquals({ ...sent, payload: new Uint8Array(sent.payload) }, wanted);
  assertEquals(link.counters.ipSent, 1);
});

Deno.test("[MUST-49] IP sends with the TTL, the service and the fragmentation asked for", () => {
  const link = new TestLink();
  link.send(5, { ttl: 3, tos: 0xb8, dontFragment: false });
  const [bytes] = link.sent;
  const { ttl, dontFragment } = parseIpv4(bytes!);
  assertEquals([ttl, bytes![1], dontFragment], [3, 0xb8, false]);
});

Deno.test("packets that may be fragmented differ in their identification (RFC 6864 §4.1)", () => {
  const link = new TestLink();
  for (let i = 0; i < 3; i++) link.send(5, { ...OPTIONS, dontFragment: false });
  const numbers = link.sent.map((bytes) => (bytes[4]! << 8) | bytes[5]!);
  assertEquals(new Set(numbers).size, 3);
});

Deno.test("IP sends what fits the link, and counts what does not or what the link drops", () => {
  const link = new TestLink(576);
  assertEquals(link.ip.maxMessage(PEER, 0), 556);
  assertEquals(link.send(556), true);
  assertEquals(link.send(557), false);
  assertEquals(link.counters.drops[Drop.SEND_TOO_BIG], 1);
  link.up = false;
  assertEquals(link.send(5), false);
  assertEquals(link.counters.drops[Drop.SEND_DEVICE], 1);
  assertEquals([link.counters.ipSent, link.sent.length], [1, 1]);
});

Deno.test("IP sends from its first address, and to itself from the one that is spoken to (RFC 1122 §3.2.1.3)", () => {
  const { ip } = new TestLink();
  assert(ip.sourceFor(PEER)!.equals(STACK));
  assert(ip.sourceFor(STACK)!.equals(STACK));
  assert(ip.sourceFor(SECOND)!.equals(SECOND));
  assert(ip.sourceFor(IpAddress.v4(127, 0, 0, 1))!.isLoopback);
  assertEquals(ip.sourceFor(IpAddress.parse("2001:db8::1")), undefined);
});

Deno.test("[RFC1122-07] [RFC1122-09] what is sent without a TTL gets the default, which can be set (RFC 1122 §3.2.1.7)", () => {
  for (const [setting, want] of [[undefined, 64], [128, 128], [1, 1]]) {
    const link = new TestLink(1500, setting);
    link.send(5, { ...OPTIONS, ttl: 0 });
    assertEquals(parseIpv4(link.sent[0]!).ttl, want);
  }
});

Deno.test("[RFC1122-08] a packet is not dropped at its end for its TTL (RFC 1122 §3.2.1.7)", () => {
  for (const ttl of [0, 1]) {
    const link = new TestLink();
    const bytes = ipv4({ protocol: 17, payload: new Uint8Array(8), ttl });
    assertEquals(link.ip.receive(packetOf(bytes), link.interface, 0), Drop.NONE);
  }
});

Deno.test("[RFC1122-05] no packet leaves with a loopback address (RFC 1122 §3.2.1.3)", () => {
  const link = new TestLink();
  const loopback = IpAddress.v4(127, 0, 0, 1);
  link.ip.outgoing.end = link.ip.outgoing.messageAt + 8;
  assert(!link.ip.send(loopback, PEER, 17, OPTIONS));
  assertEquals(link.counters.drops[Drop.SEND_NO_ROUTE], 1);
  link.ip.outgoing.end = link.ip.outgoing.messageAt + 8;
  link.ip.send(loopback, loopback, 17, OPTIONS);
  assertEquals(link.sent, []);
});

Deno.test("[RFC1122-06] nothing is sent from an address that is not ours any more (RFC 1122 §3.2.1.3)", () => {
  const link = new TestLink();
  const from = (source: IpAddress) => {
    link.ip.outgoing.end = link.ip.outgoing.messageAt + 8;
    return link.ip.send(source, PEER, 17, OPTIONS);
  };
  assertEquals([STACK, SECOND].map(from), [true, true]);
  link.ip.removeAddress(link.interface, SECOND);
  assertEquals([STACK, SECOND].map(from), [true, false]);
  assertEquals(link.counters.drops[Drop.SEND_BAD_SOURCE], 1);
  link.ip.takeAll(17, true);
  link.ip.takeAll(17, false);
  assertEquals(from(SECOND), true, "what has stood in for others ends what it began");
});

Deno.test("[RFC1122-20] a host without a router reaches its neighbors and nobody else (RFC 1122 §3.3.1.1)", () => {
  const counters = new Counters();
  const ip = new Ip(counters, new Random(1));
  const link = { mtu: 1500, transmit: () => true };
  const lan = ip.addInterface("lan", link, () => new PointToPoint(link, counters));
  ip.addAddress(lan, { address: STACK, prefixLength: 24 });
  assert(ip.sourceFor(PEER)!.equals(STACK));
  assertEquals(ip.sourceFor(IpAddress.v4(10, 0, 1, 1)), undefined);
  const prefix = IpAddress.v4(0, 0, 0, 0);
  ip.addRoute({ prefix, length: 0, gateway: PEER, interface: lan, metric: 0 });
  assert(ip.sourceFor(IpAddress.v4(10, 0, 1, 1))!.equals(STACK));
});
