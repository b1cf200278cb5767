/**
 * IPv6 at a host: what is sent, and what of a received packet reaches the transports.
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { SendOptions } from "../../src/base/network.ts";
import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { Ipv6Header } from "../../src/wire/ipv6.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { bytesOf, oneInterface, packetOf } from "../packets.ts";
import { icmpv6, icmpv6Error } from "../packets6.ts";
import { Random } from "../random.ts";

const US = IpAddress.parse("fd00::2");
const PEER = IpAddress.parse("fd00::1");
const OPTIONS: SendOptions = { ttl: 0, tos: 0, dontFragment: true };

/** A stack with IPv6 on a point-to-point link that keeps what is sent. */
class Host {
  readonly sent: Uint8Array<ArrayBuffer>[] = [];
  readonly stack: Stack;

  constructor(mtu = 1500) {
    const link = {
      mtu,
      transmit: (packet: Parameters<typeof bytesOf>[0]) => this.sent.push(bytesOf(packet)) > 0,
    };
    this.stack = new Stack({ interfaces: oneInterface(link, [US]) }, new Random(1));
    this.stack.poll(1000);
    this.sent.length = 0; // that we listen to our solicited-node group
  }

  receive(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
    this.stack.receive(packetOf(bytes), 1000);
    this.stack.poll(1000);
    return this.sent.splice(0);
  }

  drops(): string[] {
    return this.stack.counters.entries().map(([name]) => name).filter((name) =>
      name.startsWith("drop.")
    );
  }

  /** Sends a message of `length` bytes that begins with two ports. */
  send(ports: number, length: number, options = OPTIONS, protocol: number = PROTOCOL.UDP): boolean {
    const { outgoing } = this.stack.ip;
    outgoing.view.setUint32(outgoing.messageAt, ports);
    outgoing.end = outgoing.messageAt + length;
    return this.stack.ip.send(US, PEER, protocol, options);
  }
}

/** An IPv6 packet from the peer. */
function ipv6(
  nextHeader: number,
  payload: Uint8Array,
  destination = US,
  source = PEER,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(40 + payload.length);
  const header = new Ipv6Header().bind(new DataView(bytes.buffer), 0);
  header.writeFirstWord(0, 0);
  header.payloadLength = payload.length;
  header.nextHeader = nextHeader;
  header.hopLimit = 64;
  bytes.set(source.toBytes(), 8);
  bytes.set(destination.toBytes(), 24);
  bytes.set(payload, 40);
  return bytes;
}

/** A message of `protocol` with the checksum at `checksumAt` made right. */
function summed(
  protocol: number,
  payload: number[],
  checksumAt: number,
  destination = US,
): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(payload);
  const view = new DataView(bytes.buffer);
  const pseudo = pseudoHeaderSum(PEER, destination, protocol, bytes.length);
  view.setUint16(checksumAt, finish(sum(view, 0, bytes.length, pseudo)));
  return bytes;
}

const ECHO = [128, 0, 0, 0, 0x12, 0x34, 0, 1, 7, 8, 9];
/** To port 9 from port 5. */
const DATAGRAM = [0, 5, 0, 9, 0, 11, 0, 0, 1, 2, 3];

Deno.test("IPv6 puts a header in front of what is sent (RFC 8200 §3)", () => {
  const host = new Host();
  host.send(0x0005_0009, 100, { ttl: 3, tos: 0xb9, dontFragment: true });
  const [bytes] = host.sent;
  const header = new Ipv6Header().bind(new DataView(bytes!.buffer), 0);
  assertEquals([header.version, header.trafficClass, header.payloadLength], [6, 0xb9, 100]);
  assertEquals([header.nextHeader, header.hopLimit, bytes!.length], [17, 3, 140]);
  assertEquals([...bytes!.subarray(8, 24)], [...US.toBytes()]);
  assertEquals([...bytes!.subarray(24, 40)], [...PEER.toBytes()]);
});

Deno.test("packets of a flow have one label, those of another flow another (RFC 6437 §3)", () => {
  const host = new Host();
  for (const ports of [0x0005_0009, 0x0005_0009, 0x0005_000a]) host.send(ports, 8);
  const labels = host.sent.map((bytes) =>
    new Ipv6Header().bind(new DataView(bytes.buffer), 0).flowLabel
  );
  assertEquals(labels[0], labels[1]);
  assertNotEquals(labels[0], labels[2]);
  assert(labels.every((label) => label !== 0));
});

Deno.test("what is too big goes in fragments, by the path's MTU (RFC 8200 §4.5, RFC 8201 §4)", () => {
  const host = new Host();
  assert(!host.send(0, 1461));
  assertEquals(host.drops(), ["drop.SEND_TOO_BIG"]);
  assert(host.send(0, 3000, { ...OPTIONS, dontFragment: false }));
  assertEquals(host.sent.splice(0).map((bytes) => bytes.length), [1496, 1496, 152]);
  assert(host.stack.ip.tooBig(PEER, 1280, 1500, 0));
  assert(host.send(0, 3000, { ...OPTIONS, dontFragment: false }));
  assertEquals(host.sent.splice(0).map((bytes) => bytes.length), [1280, 1280, 584]);
});

Deno.test("[RFC8201-01] a path's MTU never falls below 1280, whatever a router says (RFC 8201 §4)", () => {
  const host = new Host();
  for (const mtu of [0, 68, 1279]) assert(!host.stack.ip.tooBig(PEER, mtu, 1500, 0), `${mtu}`);
  assertEquals(host.stack.ip.maxMessage(PEER, 0), 1460);
  assert(host.stack.ip.tooBig(PEER, 1280, 1500, 0));
  assertEquals(host.stack.ip.maxMessage(PEER, 0), 1240);
});

Deno.test("an echo request is answered with all its data (RFC 4443 §4.2)", () => {
  const host = new Host();
  const [reply] = host.receive(ipv6(58, summed(58, ECHO, 2)));
  assertEquals(reply![40], 129);
  assertEquals([...reply!.subarray(44)], ECHO.slice(4));
  const view = new DataView(reply!.buffer);
  const pseudo = pseudoHeaderSum(US, PEER, 58, ECHO.length);
  assertEquals(finish(sum(view, 40, reply!.length, pseudo)), 0);
});

Deno.test("large echo replies go in fragments once a router has said so (RFC 8201 §4)", () => {
  const ask = (sequence: number, size: number) =>
    icmpv6(128, 0, Uint8Array.of(0, 1, 0, sequence, ...new Uint8Array(size)));
  const replies = (host: Host, ...request: Parameters<typeof ask>) =>
    host.receive(ask(...request)).map((bytes) => bytes.length);
  const host = new Host();
  const [reply] = host.receive(ask(1, 1400));
  assertEquals(reply!.length, 1448);
  assertEquals(host.receive(icmpv6Error(2, 0, reply!.slice(0, 1232), 1300)), []);
  assertEquals(replies(host, 2, 1400), [1296, 208]);
  assertEquals(host.stack.counters.icmpErrorsReceived, 1);

  const told: [what: string, error: (host: Host) => Uint8Array, drop: Drop][] = [
    ["that was never sent", () => icmpv6Error(2, 0, reply!, 1300), Drop.ICMP_UNMATCHED],
    [
      "with another number",
      (host) => icmpv6Error(2, 0, host.receive(ask(9, 1400))[0]!.with(47, 8), 1300),
      Drop.ICMP_UNMATCHED,
    ],
    [
      "that fits every path",
      (host) => icmpv6Error(2, 0, host.receive(ask(1, 1232))[0]!, 1279),
      Drop.ICMP_UNMATCHED,
    ],
    [
      "that is smaller than what it says",
      (host) => icmpv6Error(2, 0, host.receive(ask(1, 1400))[0]!, 1448),
      Drop.ICMP_BAD_MTU,
    ],
    [
      "of which it says something else",
      (host) => icmpv6Error(1, 0, host.receive(ask(1, 1400))[0]!),
      Drop.ICMP_UNMATCHED,
    ],
  ];
  for (const [what, error, drop] of told) {
    const host = new Host();
    host.receive(error(host));
    assertEquals(host.drops(), [`drop.${DROP_NAMES[drop]}`], what);
    assertEquals(replies(host, 2, 1400), [1448], what);
  }
});

Deno.test("an echo request to all nodes is answered from an address of ours (RFC 4443 §4.2)", () => {
  const host = new Host();
  const all = IpAddress.parse("ff02::1");
  const [reply] = host.receive(ipv6(58, summed(58, ECHO, 2, all), all));
  assertEquals([...reply!.subarray(8, 24)], [...US.toBytes()]);
});

Deno.test("extension headers are passed through to what they carry (RFC 8200 §4)", () => {
  const options = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0];
  const routing = (next: number) => [next, 0, 0, 0, 0, 0, 0, 0];
  const atomic = (next: number) => [next, 0, 0, 0, 0, 0, 0, 1];
  const cases: [what: string, first: number, headers: number[]][] = [
    ["hop-by-hop", 0, options(58)],
    ["destination options", 60, options(58)],
    ["a routing header with no segments left", 43, routing(58)],
    ["an atomic fragment", 44, atomic(58)],
    ["all of them", 0, [
      ...options(60),
      ...options(43),
      ...routing(44),
      ...atomic(60),
      ...options(58),
    ]],
  ];
  for (const [what, first, headers] of cases) {
    const host = new Host();
    const message = Uint8Array.of(...headers, ...summed(58, ECHO, 2));
    assertEquals(host.receive(ipv6(first, message)).map((reply) => reply[40]), [129], what);
  }
});

Deno.test("[RFC8200-08] an unknown next header draws a parameter problem that points to it (RFC 8200 §4)", () => {
  const cases: [first: number, headers: number[], pointer: number][] = [
    [132, [], 6],
    [60, [132, 0, 1, 4, 0, 0, 0, 0], 40],
  ];
  for (const [first, headers, pointer] of cases) {
    const host = new Host();
    const packet = ipv6(first, Uint8Array.of(...headers, 1, 2, 3));
    const [error] = host.receive(packet);
    assertEquals([...error!.subarray(40, 42)], [4, 1]);
    assertEquals(new DataView(error!.buffer).getUint32(44), pointer);
    assertEquals([...error!.subarray(48)], [...packet]);
    assertEquals(host.drops(), ["drop.IP_UNKNOWN_PROTOCOL"]);
  }
});

Deno.test("a packet that carries nothing is no error (RFC 8200 §4.7)", () => {
  const host = new Host();
  assertEquals(host.receive(ipv6(59, Uint8Array.of(1, 2, 3))), []);
  assertEquals(host.drops(), []);
});

Deno.test("[RFC4443-02] [RFC1122-26] a datagram to nobody draws port unreachable (RFC 4443 §3.1)", () => {
  const host = new Host();
  const packet = ipv6(17, summed(17, DATAGRAM, 6));
  const [error] = host.receive(packet);
  assertEquals([...error!.subarray(40, 42)], [1, 4]);
  assertEquals([...error!.subarray(48)], [...packet]);
  const long = ipv6(
    17,
    summed(17, [0, 5, 0, 9, 1400 >> 8, 1400 & 255, 0, 0, ...new Array(1392).fill(1)], 6),
  );
  assertEquals(host.receive(long)[0]!.length, 1280);
});

Deno.test("[RFC8200-07] a datagram without a checksum is dropped (RFC 8200 §8.1)", () => {
  const host = new Host();
  host.stack.udp.bind({ address: null, port: 9, datagram: () => Drop.NONE });
  assertEquals(host.receive(ipv6(17, Uint8Array.from(DATAGRAM))), []);
  assertEquals(host.drops(), ["drop.UDP_BAD_CHECKSUM"]);
  host.receive(ipv6(17, summed(17, DATAGRAM, 6)));
  assertEquals(host.stack.counters.udpReceived, 1);
});

Deno.test("[RFC4443-01] no error is sent about errors, groups and unspecified sources (RFC 4443 §2.4)", () => {
  const all = IpAddress.parse("ff02::1");
  const none = IpAddress.parse("::");
  const cases: [what: string, packet: Uint8Array][] = [
    ["an error of unknown type", ipv6(58, summed(58, [100, 0, 0, 0, 0, 0, 0, 0], 2))],
    ["a datagram to a group", ipv6(17, summed(17, DATAGRAM, 6, all), all)],
    ["an unknown protocol to a group", ipv6(132, Uint8Array.of(1, 2), all)],
    ["from nobody", ipv6(132, Uint8Array.of(1, 2), US, none)],
  ];
  for (const [what, packet] of cases) assertEquals(new Host().receive(packet), [], what);
});

Deno.test("errors about options to groups are sent if the option says so (RFC 8200 §4.2)", () => {
  const all = IpAddress.parse("ff02::1");
  const cases: [option: number, answers: number][] = [[0x3e, 0], [0x7e, 0], [0xbe, 1], [0xfe, 0]];
  for (const [option, answers] of cases) {
    const payload = Uint8Array.of(59, 0, option, 4, 0, 0, 0, 0);
    assertEquals(new Host().receive(ipv6(60, payload, all)).length, answers, `${option}`);
    const expected = option >= 0x80 ? 1 : 0;
    assertEquals(new Host().receive(ipv6(60, payload)).length, expected, `${option} to us`);
  }
});

Deno.test("packets from and to where nobody can be are dropped", () => {
  const cases: [destination: string, source: string, drop: string][] = [
    ["fd00::2", "fd00::2", "drop.IP_BAD_SOURCE"],
    ["fd00::2", "ff02::1", "drop.IP_BAD_SOURCE"],
    ["fd00::2", "::1", "drop.IP_BAD_SOURCE"],
    ["fd00::2", "::", "drop.IP_BAD_SOURCE"],
    ["fd00::3", "fd00::1", "drop.IP_NOT_FOR_US"],
    ["::1", "fd00::1", "drop.IP_NOT_FOR_US"],
    ["ff02::2", "fd00::1", "drop.IP_NOT_FOR_US"],
  ];
  for (const [destination, source, drop] of cases) {
    const host = new Host();
    host.receive(
      ipv6(59, new Uint8Array(0), IpAddress.parse(destination), IpAddress.parse(source)),
    );
    assertEquals(host.drops(), [drop], `${source} to ${destination}`);
  }
});
