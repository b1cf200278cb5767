import { assert, assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, sum } from "../../src/wire/checksum.ts";
import { ErrorKind } from "../../src/base/network.ts";
import { Drop } from "../../src/wire/drop.ts";
import { Packet } from "../../src/wire/packet.ts";
import { icmp, icmpError, ipv4, PEER, type Sent, STACK, udp } from "../packets.ts";
import { TestHost } from "../stack/host.ts";

/** Takes apart an ICMP message; its checksum must be right. */
function message({ payload }: Sent): { type: number; code: number; body: Uint8Array } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  assertEquals(finish(sum(view, 0, payload.length)), 0, "checksum");
  return { type: payload[0]!, code: payload[1]!, body: payload.slice(4) };
}

/** Identifier, sequence number and `length` bytes of data. */
function echoBody(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 4 + length }, (_, i) => i * 7);
}

Deno.test("an echo request of any size that the link takes is answered with all of its data (RFC 792)", () => {
  for (const mtu of [576, 1500, 9000, 65535]) {
    const host = new TestHost({ mtu });
    const most = mtu - 20 - 8;
    const sizes = mtu > 1500 ? [most - 1, most] : Array.from({ length: most + 1 }, (_, i) => i);
    for (const size of sizes) {
      const body = echoBody(size);
      const [reply, ...more] = host.receive(icmp(8, 0, body));
      assertEquals(more, []);
      assertEquals([reply!.source, reply!.destination], ["10.0.0.2", "10.0.0.1"]);
      assertEquals(message(reply!), { type: 0, code: 0, body });
    }
    assertEquals(host.stack.counters.icmpEchoReplies, sizes.length);
  }
});

Deno.test("an echo is answered from the address that was asked (RFC 1122 §3.2.2.6)", () => {
  const second = IpAddress.v4(10, 0, 0, 3);
  const host = new TestHost({ addresses: [STACK, second] });
  const request = icmp(8, 0, echoBody(10)).slice(20);
  const [reply] = host.receive(ipv4({ destination: second, protocol: 1, payload: request }));
  assertEquals(reply!.source, "10.0.0.3");
});

Deno.test("ICMP drops what is damaged, unknown or unasked for without an answer (RFC 1122 §3.2.2)", () => {
  const damaged = icmp(8, 0, echoBody(9));
  damaged[30]! ^= 1;
  const cases: [bytes: Uint8Array, drop: Parameters<TestHost["drops"]>[0]][] = [
    [ipv4({ protocol: 1, payload: new Uint8Array(7) }), "ICMP_TRUNCATED"],
    [damaged, "ICMP_BAD_CHECKSUM"],
    [icmp(42, 0, echoBody(9)), "ICMP_UNKNOWN_TYPE"],
    [icmp(5, 1, echoBody(9)), "ICMP_UNKNOWN_TYPE"],
    [icmpError(3, 14, new Uint8Array(28)), "ICMP_UNKNOWN_TYPE"],
    [icmp(0, 0, echoBody(9)), "ICMP_NOT_ASKED"],
  ];
  for (const [bytes, drop] of cases) {
    const host = new TestHost();
    assertEquals(host.receive(bytes), []);
    assertEquals(host.drops(drop), 1, drop);
  }
});

/** The beginning of a datagram of ours from port 5000 to port 53, as an error quotes it. */
function ourDatagram(length = 28): Uint8Array<ArrayBuffer> {
  return udp({
    source: STACK,
    destination: PEER,
    sourcePort: 5000,
    destinationPort: 53,
    payload: new Uint8Array(20),
  }).slice(0, length);
}

/** A host with a receiver at a port, and what that is told. */
function hostWithReceiver(port: number, address: IpAddress | null = null) {
  const host = new TestHost();
  const told: string[] = [];
  host.stack.udp.bind({
    address,
    port,
    datagram: () => Drop.NONE,
    error: ({ kind, local, localPort, remote, remotePort, mtu, length, from }) => {
      told.push(`${kind} ${local}:${localPort} ${remote}:${remotePort} ${mtu} ${length} ${from}`);
      return Drop.NONE;
    },
  });
  return { host, told };
}

Deno.test("[RFC1122-16] errors are told to whom the quoted packet belongs, and never answered (RFC 1122 §3.2.2.1)", () => {
  const K = ErrorKind;
  const cases: [type: number, code: number, mtu: number, kind: ErrorKind][] = [
    [3, 0, 0, K.NETWORK_UNREACHABLE],
    [3, 1, 0, K.HOST_UNREACHABLE],
    [3, 2, 0, K.PROTOCOL_UNREACHABLE],
    [3, 3, 0, K.PORT_UNREACHABLE],
    [3, 5, 0, K.SOURCE_ROUTE_FAILED],
    [3, 6, 0, K.NETWORK_UNREACHABLE],
    [3, 7, 0, K.HOST_UNREACHABLE],
    [3, 9, 0, K.PROHIBITED],
    [3, 10, 0, K.PROHIBITED],
    [3, 13, 0, K.PROHIBITED],
    [11, 0, 0, K.TIME_EXCEEDED],
    [11, 1, 0, K.TIME_EXCEEDED],
    [12, 0, 0, K.PARAMETER_PROBLEM],
  ];
  for (const [type, code, mtu, kind] of cases) {
    for (const address of [null, STACK]) {
      const { host, told } = hostWithReceiver(5000, address);
      assertEquals(host.receive(icmpError(type, code, ourDatagram(), mtu)), []);
      assertEquals(told, [`${kind} 10.0.0.2:5000 10.0.0.1:53 ${mtu} 48 10.0.0.1`]);
      assertEquals(host.stack.counters.icmpErrorsReceived, 1);
    }
  }
});

/** An error about a datagram of 1000 bytes from port 5000 to port 53. */
function tooBig(mtu: number, { destination = PEER, length = 1028 } = {}): Uint8Array<ArrayBuffer> {
  const ports = { sourcePort: 5000, destinationPort: 53 };
  const sent = udp({ source: STACK, destination, ...ports, payload: new Uint8Array(length - 28) });
  return icmpError(3, 4, sent.slice(0, 28), mtu);
}

Deno.test("[RFC1191-01] that a datagram was too big is learned and told, if it was sent (RFC 1191 §3)", () => {
  const NOWHERE = IpAddress.v4(10, 0, 0, 9);
  const cases: [sent: number, error: Uint8Array, estimate: number, drop?: keyof typeof Drop][] = [
    [1000, tooBig(700), 700],
    [1000, tooBig(0), 1006], // a router that does not tell (RFC 1191 §5)
    [1000, tooBig(1028), 1500, "ICMP_BAD_MTU"],
    [1000, tooBig(67), 1500, "ICMP_BAD_MTU"],
    [1000, tooBig(700, { destination: NOWHERE }), 1500, "ICMP_UNMATCHED"],
    [100, tooBig(96), 1500, "ICMP_UNMATCHED"], // less than every host takes
    [-1, tooBig(700), 1500, "ICMP_UNMATCHED"],
  ];
  for (const [sent, error, estimate, drop] of cases) {
    const { host, told } = hostWithReceiver(5000);
    const { udp: udpOfStack, ip } = host.stack;
    if (sent >= 0) udpOfStack.send(STACK, 5000, PEER, 53, new Uint8Array(sent));
    host.receive(error);
    assertEquals(ip.maxMessage(PEER, host.now) + 20, estimate);
    assertEquals(told.length, drop === undefined ? 1 : 0);
    if (drop !== undefined) assertEquals(host.drops(drop), 1);
  }
});

Deno.test("of datagrams the last 256 large ones are remembered, and no more", () => {
  const { host, told } = hostWithReceiver(5000);
  const send = (port: number, count: number) => {
    for (let i = 0; i < count; i++) {
      host.stack.udp.send(STACK, 5000, PEER, port, new Uint8Array(1000));
    }
  };
  send(53, 1);
  send(54, 255);
  host.receive(tooBig(700));
  assertEquals(told.length, 1);
  send(54, 1);
  host.receive(tooBig(600));
  assertEquals([told.length, host.drops("ICMP_UNMATCHED")], [1, 1]);
});

Deno.test("an MTU counts in 'fragmentation needed' alone", () => {
  const { host, told } = hostWithReceiver(5000);
  host.stack.udp.send(STACK, 5000, PEER, 53, new Uint8Array(1000));
  for (const [type, code] of [[3, 4], [11, 0], [3, 1], [12, 0]] as const) {
    host.receive(icmpError(type, code, tooBig(0).slice(28), 900));
  }
  assertEquals(told.map((text) => text.split(" ")[3]), ["900", "0", "0", "0"]);
});

Deno.test("an error is dropped if what it quotes is not from us, damaged, too short, or of nobody", () => {
  const change = (at: number, ...bytes: number[]) => {
    const quoted = ourDatagram();
    quoted.set(bytes, at);
    return quoted;
  };
  const cases: [what: string, quoted: Uint8Array, drop: keyof typeof Drop][] = [
    ["nothing", new Uint8Array(0), "ICMP_BAD_QUOTE"],
    ["one byte too little", ourDatagram(27), "ICMP_BAD_QUOTE"],
    ["options that reach behind the end", change(0, 0x46), "ICMP_BAD_QUOTE"],
    ["a header shorter than any", change(0, 0x44), "ICMP_BAD_QUOTE"],
    ["IPv6", change(0, 0x65), "ICMP_BAD_QUOTE"],
    ["a length without a transport header", change(2, 0, 27), "ICMP_BAD_QUOTE"],
    ["a later fragment", change(6, 0, 1), "ICMP_BAD_QUOTE"],
    ["another host's packet", change(12, 10, 0, 0, 9), "ICMP_BAD_QUOTE"],
    ["a protocol that we do not speak", change(9, 132), "ICMP_UNMATCHED"],
    ["an ICMP message that asks for nothing", change(9, 1), "ICMP_UNMATCHED"],
    ["a port that nobody has", change(20, 0, 9), "ICMP_UNMATCHED"],
    ["a segment of no connection", change(9, 6), "ICMP_UNMATCHED"],
  ];
  for (const [what, quoted, drop] of cases) {
    const { host, told } = hostWithReceiver(5000);
    assertEquals(host.receive(icmpError(3, 1, quoted)), []);
    assertEquals(told, [], what);
    assertEquals(host.drops(drop), 1, what);
    assertEquals(host.stack.counters.icmpErrorsReceived, 0, what);
  }
});

Deno.test("a quote that ends early is read no further than to its end, though that is the memory's", () => {
  for (let length = 0; length < 28; length++) {
    const { host, told } = hostWithReceiver(5000);
    const bytes = icmpError(3, 1, ourDatagram(length));
    host.stack.receive(new Packet(bytes).place(0, bytes.length), host.now);
    assertEquals([told, host.drops("ICMP_BAD_QUOTE")], [[], 1], `${length}`);
  }
});

Deno.test("[RFC1122-23] what may be fragmented can be as large as IP takes, whatever link and path do", () => {
  const { ip, udp: udpOfStack, echo } = new TestHost().stack;
  assert(ip.tooBig(PEER, 1000, 1500, 0));
  assertEquals([ip.maxMessage(PEER, 0), ip.maxLinkMessage(PEER)], [980, 1480]);
  assertEquals([udpOfStack.maxPayload(PEER), echo.maxData(PEER)], [65_507, 65_507]);
});

Deno.test("a quote may have IP options, and a receiver no interest in errors", () => {
  const { host, told } = hostWithReceiver(5000);
  const quoted = ipv4({
    source: STACK,
    destination: PEER,
    protocol: 17,
    options: new Uint8Array(8).fill(1),
    payload: ourDatagram().slice(20),
  });
  host.receive(icmpError(3, 3, quoted));
  assertEquals(told, ["3 10.0.0.2:5000 10.0.0.1:53 0 36 10.0.0.1"]);
  const other = new TestHost();
  other.stack.udp.bind({ address: null, port: 5000, datagram: () => Drop.NONE });
  other.receive(icmpError(3, 3, quoted));
  assertEquals(other.stack.counters.icmpErrorsReceived, 1);
});

Deno.test("errors are sent so many at once and so many a second, and the rest is counted (RFC 1812 §4.3.2.8)", () => {
  const host = new TestHost({ icmp: { errorRate: 10, errorBurst: 3 } });
  const bytes = udp({ sourcePort: 5000, destinationPort: 9, payload: Uint8Array.of(1) });
  const sent = (count: number) => {
    let errors = 0;
    for (let i = 0; i < count; i++) errors += host.receive(bytes).length;
    return errors;
  };
  assertEquals(sent(10), 3);
  host.now += 99;
  assertEquals(sent(10), 0);
  host.now += 1;
  assertEquals(sent(10), 1);
  host.now += 3_600_000;
  assertEquals(sent(10), 3);
  const { counters } = host.stack;
  assertEquals([counters.icmpErrorsSent, counters.icmpErrorsLimited], [7, 33]);
});

Deno.test("a datagram that nobody takes is answered with port unreachable, which quotes it (RFC 1122 §3.2.2.1)", () => {
  for (const size of [0, 1, 100, 519, 520, 521, 1472]) {
    const host = new TestHost();
    const bytes = udp({ sourcePort: 5000, destinationPort: 9, payload: echoBody(size).slice(4) });
    const [error, ...more] = host.receive(bytes);
    assertEquals(more, []);
    assertEquals(error!.destination, PEER.toString());
    const { type, code, body } = message(error!);
    assertEquals([type, code], [3, 3]);
    // 576 bytes at most with the IP header of 20 and the ICMP header of 8 (RFC 1812 §4.3.2.3)
    assertEquals(body.slice(4), bytes.slice(0, 548));
    assertEquals([...body.slice(0, 4)], [0, 0, 0, 0]);
    assertEquals(host.stack.counters.icmpErrorsSent, 1);
    assertEquals(host.drops("UDP_NO_PORT"), 1);
  }
});

Deno.test("a quote ends with the packet, not with the link's padding behind it", () => {
  const host = new TestHost();
  const bytes = udp({ sourcePort: 5000, destinationPort: 9, payload: Uint8Array.of(1, 2, 3) });
  const [error] = host.receive(Uint8Array.of(...bytes, 9, 9, 9, 9));
  assertEquals(message(error!).body.slice(4), bytes);
});

Deno.test("a protocol that nobody speaks is answered with protocol unreachable (RFC 1122 §3.2.2.1)", () => {
  const host = new TestHost();
  const bytes = ipv4({ protocol: 132, payload: new Uint8Array(30) });
  const [error] = host.receive(bytes);
  const { type, code, body } = message(error!);
  assertEquals([type, code], [3, 2]);
  assertEquals(body.slice(4), bytes);
  assertEquals(host.drops("IP_UNKNOWN_PROTOCOL"), 1);
});

Deno.test("an echo request of ours finds its answer by the identifier (RFC 792)", () => {
  const host = new TestHost();
  const { echo } = host.stack;
  const got: [sequence: number, data: number[]][] = [];
  echo.receivers.set(0x0102, {
    echoReply: (sequence, packet, at, end) =>
      got.push([sequence, [...packet.bytes.subarray(at, end)]]),
    hasAsked: () => false,
    echoError: () => {},
  });
  assert(echo.send(STACK, PEER, 0x0102, 7, Uint8Array.of(1, 2, 3)));
  const [request] = host.take();
  assertEquals(message(request!), { type: 8, code: 0, body: Uint8Array.of(1, 2, 0, 7, 1, 2, 3) });
  host.receive(icmp(0, 0, Uint8Array.of(1, 2, 0, 7, 1, 2, 3)));
  assertEquals(got, [[7, [1, 2, 3]]]);
});

Deno.test("errors about echo requests find whoever has asked, of what was asked (RFC 1122 §3.2.2)", () => {
  const request = (type: number, identifier: number, sequence: number, destination = PEER) =>
    ipv4({
      source: STACK,
      destination,
      protocol: 1,
      payload: Uint8Array.of(type, 0, 0, 0, 0, identifier, 0, sequence, ...new Uint8Array(1000)),
    }).slice(0, 28);
  const cases: [what: string, bytes: Uint8Array, want: string | keyof typeof Drop][] = [
    ["ours", icmpError(11, 0, request(8, 3, 7)), "7 TIME_EXCEEDED 0"],
    ["too big", icmpError(3, 4, request(8, 3, 7), 900), "7 TOO_BIG 900"],
    ["too big, but not", icmpError(3, 4, request(8, 3, 7), 1400), "ICMP_BAD_MTU"],
    ["a reply of ours", icmpError(11, 0, request(0, 3, 7)), "ICMP_UNMATCHED"],
    ["another identifier", icmpError(11, 0, request(8, 4, 7)), "ICMP_UNMATCHED"],
    ["another number", icmpError(11, 0, request(8, 3, 8)), "ICMP_UNMATCHED"],
    ["to another", icmpError(11, 0, request(8, 3, 7, IpAddress.v4(10, 0, 0, 9))), "ICMP_UNMATCHED"],
  ];
  const names = Object.keys(ErrorKind);
  for (const [what, bytes, want] of cases) {
    const host = new TestHost();
    const told: string[] = [];
    host.stack.echo.receivers.set(3, {
      echoReply: () => {},
      hasAsked: (sequence, destination) => sequence === 7 && destination.equals(PEER),
      echoError: (sequence, { kind, mtu }) => told.push(`${sequence} ${names[kind]} ${mtu}`),
    });
    host.receive(bytes);
    if (want in Drop) assertEquals([told, host.drops(want as keyof typeof Drop)], [[], 1], what);
    else assertEquals(told, [want], what);
    const { stack: { ip }, now } = host;
    assertEquals(ip.maxMessage(PEER, now), want.includes("TOO_BIG") ? 880 : 1480, what);
  }
});

Deno.test("an echo request holds as much as IP takes, and not more", () => {
  const host = new TestHost({ mtu: 65_535 });
  const { echo } = host.stack;
  assertEquals(echo.maxData(PEER), 65_507);
  assert(echo.send(STACK, PEER, 1, 1, new Uint8Array(65_507)));
  assert(!echo.send(STACK, PEER, 1, 1, new Uint8Array(65_508)));
  assertEquals(host.drops("SEND_TOO_BIG"), 1);
});
