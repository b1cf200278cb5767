/**
 * Every reason for which the core drops a packet, made to happen once; and what is counted.
 */

import { assertEquals } from "@std/assert";
import { Forwarder } from "../../src/net/forwarder.ts";
import { DEFAULT_NEIGHBOR_CONFIG } from "../../src/net/neighbors.ts";
import { DEFAULT_REASSEMBLY_CONFIG } from "../../src/net/reassembly.ts";
import type { Stack } from "../../src/stack/stack.ts";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { icmp, icmpError, ipv4, PEER, STACK, tcp, type TcpFields, udp } from "../packets.ts";
import { encodeOptions } from "../scripts/options.ts";
import { EthernetHost } from "./ethernet_host.ts";
import { TestHost } from "./host.ts";

const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];
const PORTS = { sourcePort: 40000, destinationPort: 80 };
const ALL = IpAddress.v4(224, 0, 0, 1);
const TEXT = Uint8Array.of(1, 2, 3);
const FAR = { destination: IpAddress.v4(10, 9, 0, 9), protocol: 17, payload: TEXT };
const OPTIONS = { protocol: 17, payload: TEXT };

/** A packet with one byte of it turned over. */
function damaged(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  bytes[at]! ^= 0xff;
  return bytes;
}

/** A timestamps option with this TSval, and TSecr 0. */
function timestamps(value: number): Uint8Array<ArrayBuffer> {
  return encodeOptions(["nop", "nop", `TS val ${value} ecr 0`], 0);
}

/**
 * Brings up a connection from the peer's port 40000 to port 80; the peer's next number is 101.
 *
 * @param options Those of the peer's segments.
 */
function connect(host: TestHost, options?: Uint8Array<ArrayBuffer>): Tcb {
  const listener = host.stack.tcp.listen(null, 80, 1, () => {});
  host.receive(tcp({ ...PORTS, seq: 100, flags: SYN, options }));
  const [tcb] = host.stack.tcp.connections();
  host.receive(tcp({ ...PORTS, seq: 101, ack: tcb!.snd.nxt, flags: ACK, options }));
  listener!.accept();
  return tcb!;
}

/** Hands over a segment on that connection. */
function segment(host: TestHost, fields: Partial<TcpFields>): void {
  const [tcb] = host.stack.tcp.connections();
  host.receive(tcp({ ...PORTS, seq: 101, ack: tcb!.snd.nxt, flags: ACK, ...fields }));
}

/** A datagram from a port of ours, as a router may quote it. */
function ourDatagram(port: number): Uint8Array<ArrayBuffer> {
  return udp({
    source: STACK,
    destination: PEER,
    sourcePort: port,
    destinationPort: 7,
    payload: TEXT,
  });
}

/** The segment with which a connection sends a byte, as a router may quote it. */
function ourSegment(host: TestHost, offset: number): Uint8Array<ArrayBuffer> {
  const tcb = connect(host);
  host.stack.tcp.send(tcb, TEXT.subarray(0, 1), host.now);
  return tcp({
    source: STACK,
    destination: PEER,
    sourcePort: PORTS.destinationPort,
    destinationPort: PORTS.sourcePort,
    seq: tcb.snd.una + offset,
    flags: ACK,
    payload: TEXT.subarray(0, 1),
  });
}

/** Makes the host a router to 10.9.0.0/24, by a link of 576 bytes, that checks sources. */
function route(host: TestHost): void {
  const { stack } = host;
  stack.ip.forwarder = new Forwarder(stack.ip, "strict");
  const addresses = [{ address: IpAddress.v4(10, 9, 0, 1), prefixLength: 24 }];
  stack.addInterface({ name: "test1", link: { mtu: 576, transmit: () => true }, addresses });
}

const MAKERS: Partial<Record<keyof typeof Drop, (host: TestHost) => void>> = {
  IP_TRUNCATED: (host) => host.receive(new Uint8Array(19)),
  IP_BAD_VERSION: (host) => host.receive(damaged(udp({ ...PORTS, payload: TEXT }), 0)),
  IP_BAD_LENGTH: (host) => host.receive(Uint8Array.of(0x41, ...new Uint8Array(30))),
  IP_BAD_CHECKSUM: (host) => host.receive(damaged(udp({ ...PORTS, payload: TEXT }), 8)),
  IP_BAD_SOURCE: (host) => host.receive(udp({ ...PORTS, source: STACK, payload: TEXT })),
  IP_BAD_OPTION: (host) => host.receive(ipv4({ ...OPTIONS, options: Uint8Array.of(7, 2, 0, 0) })),
  IP_SOURCE_ROUTE: (host) =>
    host.receive(ipv4({ ...OPTIONS, options: Uint8Array.of(131, 7, 4, 10, 0, 0, 9, 0) })),
  IP_NOT_FOR_US: (host) => host.receive(udp({ ...PORTS, destination: PEER, payload: TEXT })),
  IP_UNKNOWN_PROTOCOL: (host) => host.receive(ipv4({ protocol: 132, payload: TEXT })),
  IP_TTL_EXPIRED: (host) => (route(host), host.receive(ipv4({ ...FAR, ttl: 1 }))),
  IP_NO_ROUTE: (host) => (route(host), host.receive(ipv4({ ...FAR, destination: PEER }))),
  IP_REVERSE_PATH: (
    host,
  ) => (route(host), host.receive(ipv4({ ...FAR, source: IpAddress.v4(10, 9, 0, 8) }))),
  IP_TOO_BIG: (host) => (route(host), host.receive(ipv4({ ...FAR, payload: new Uint8Array(557) }))),
  ICMP_TRUNCATED: (host) => host.receive(ipv4({ protocol: 1, payload: TEXT })),
  ICMP_BAD_CHECKSUM: (host) => host.receive(damaged(icmp(8, 0, new Uint8Array(8)), 22)),
  ICMP_UNKNOWN_TYPE: (host) => host.receive(icmp(99, 0, new Uint8Array(8))),
  ICMP_NOT_ASKED: (host) => host.receive(icmp(0, 0, new Uint8Array(8))),
  ICMP_SOURCE_QUENCH: (host) => host.receive(icmpError(4, 0, ourDatagram(1))), // [MUST-55]
  ICMP_GROUP_ECHO: (host) =>
    host.receive(
      ipv4({ destination: ALL, protocol: 1, payload: icmp(8, 0, new Uint8Array(8)).slice(20) }),
    ),
  ICMP_BAD_QUOTE: (host) => host.receive(icmp(3, 1, new Uint8Array(4 + 28))),
  ICMP_UNMATCHED: (host) => host.receive(icmpError(3, 1, ourDatagram(1))),
  ICMP_BAD_SEQUENCE: (host) => host.receive(icmpError(3, 4, ourSegment(host, 1), 1000)),
  ICMP_BAD_MTU: (host) => host.receive(icmpError(3, 4, ourSegment(host, 0), 1000)),
  GROUP_BAD_MESSAGE: (host) =>
    host.receive(ipv4({ destination: ALL, protocol: 2, payload: TEXT, ttl: 1 })),
  UDP_TRUNCATED: (host) => host.receive(ipv4({ protocol: 17, payload: TEXT })),
  UDP_BAD_LENGTH: (host) => host.receive(ipv4({ protocol: 17, payload: new Uint8Array(8) })),
  UDP_BAD_CHECKSUM: (host) => host.receive(damaged(udp({ ...PORTS, payload: TEXT }), 29)),
  UDP_NO_PORT: (host) => host.receive(udp({ ...PORTS, payload: TEXT })),
  UDP_QUEUE_FULL: (host) => {
    host.stack.udp.bind({ address: null, port: 80, datagram: () => Drop.UDP_QUEUE_FULL });
    host.receive(udp({ ...PORTS, payload: TEXT }));
  },
  TCP_TRUNCATED: (host) => host.receive(ipv4({ protocol: 6, payload: new Uint8Array(19) })),
  TCP_BAD_OFFSET: (host) => host.receive(ipv4({ protocol: 6, payload: new Uint8Array(20) })),
  TCP_BAD_CHECKSUM: (host) => host.receive(damaged(tcp({ ...PORTS, seq: 1, flags: SYN }), 38)),
  TCP_NO_CONNECTION: (host) => host.receive(tcp({ ...PORTS, seq: 1, flags: SYN })),
  TCP_LISTEN_OVERFLOW: (host) => {
    host.stack.tcp.listen(null, 80, 0, () => {});
    host.receive(tcp({ ...PORTS, seq: 1, flags: SYN }));
  },
  TCP_OLD_TIMESTAMP: (host) => {
    connect(host, timestamps(1000));
    segment(host, { options: timestamps(999) });
  },
  TCP_NO_TIMESTAMP: (host) => (connect(host, timestamps(1000)), segment(host, {})),
  TCP_UNACCEPTABLE: (host) => (connect(host), segment(host, { seq: 50 })),
  TCP_BAD_ACK: (host) => segment(host, { ack: connect(host).snd.nxt + 1 }),
  TCP_BAD_RESET: (host) => (connect(host), segment(host, { seq: 102, flags: RST })),
  TCP_BAD_SYN: (host) => (connect(host), segment(host, { flags: SYN | ACK })),
  TCP_NO_ACK_BIT: (host) => (connect(host), segment(host, { flags: FIN })),
  TCP_NO_ROOM: (host) => (connect(host), segment(host, { payload: new Uint8Array(1460) })),
  TCP_AFTER_CLOSE: (host) => {
    host.stack.tcp.release(connect(host), host.now);
    segment(host, { payload: TEXT });
  },
  SEND_TOO_BIG: (host) => host.stack.udp.send(STACK, 7, PEER, 7, new Uint8Array(65_508)),
  SEND_DEVICE: (host) => {
    host.up = false;
    host.receive(icmp(8, 0, new Uint8Array(8)));
  },
};

/** What no packet can bring about yet, and why. */
const NOT_REACHED: Partial<Record<keyof typeof Drop, string>> = {
  TCP_BROADCAST: "IP drops what is for no address of the stack's own before TCP sees it",
};

/** What makes the peer known, so that answers to it need not wait. */
const KNOWN = ["[to all] arp request 10.0.0.2 tell 10.0.0.1", "ip6 ns fd00::2 at m1"];

/** What takes an Ethernet, or IPv6. */
const FRAME_MAKERS: Partial<Record<keyof typeof Drop, (host: EthernetHost) => void>> = {
  ETHERNET_TRUNCATED: (host) => host.receiveBytes(new Uint8Array(13)),
  ETHERNET_NOT_FOR_US: (host) => host.receive("[to m3] ip echo 1"),
  ETHERNET_UNKNOWN_TYPE: (host) => host.receive("ether 0x88cc 00"),
  ARP_TRUNCATED: (host) => host.receive("ether 0x0806 0001080006040001"),
  ARP_BAD_FORMAT: (host) => host.receive(`ether 0x0806 000608000604${"00".repeat(22)}`),
  ARP_NOT_FOR_US: (host) => host.receive("[to all] arp request 10.0.0.3 tell 10.0.0.1"),
  NEIGHBOR_QUEUE_FULL: (host) => {
    for (let i = 0; i <= DEFAULT_NEIGHBOR_CONFIG.maxWaiting; i++) host.send("10.0.0.9", 1);
  },
  NEIGHBOR_UNREACHABLE: (host) => (host.send("10.0.0.9", 1), host.pass(10_000)),
  IPV6_LONG_CHAIN: (host) =>
    host.receive(...KNOWN, `ip6 ${"ext 60 00010400000000 ".repeat(40)} echo 1`),
  IPV6_BAD_OPTION: (host) => host.receive(...KNOWN, "ip6 ext 60 005e0400000000 echo 1"),
  IPV6_BAD_ROUTING: (host) => host.receive(...KNOWN, "ip6 ext 43 00fe0100000000 echo 1"),
  FRAGMENT_BAD_LENGTH: (host) => host.receive(...KNOWN, "ip6 frag 0:9 mf udp 1 > 2 20"),
  FRAGMENT_OVERLAP: (host) =>
    host.receive("ip frag 0:16 mf udp 1 > 2 90", "ip frag 8:24 mf udp 1 > 2 90"),
  FRAGMENT_TIMEOUT: (host) => (host.receive("ip frag 8:16 mf udp 1 > 2 90"), host.pass(60_000)),
  FRAGMENT_NO_ROOM: (host) => {
    for (let id = 0; id <= DEFAULT_REASSEMBLY_CONFIG.datagramsPerSender; id++) {
      host.receive(`ip id ${id} frag 8:16 mf udp 1 > 2 90`);
    }
  },
  FRAGMENT_BAD_ECN: (host) =>
    host.receive("ip tos 3 frag 0:16 mf udp 1 > 2 20", "ip frag 16:28 udp 1 > 2 20"),
  ND_BAD_MESSAGE: (host) => host.receive("ip6 ttl 254 ns fd00::2 at m1"),
  ND_NOT_FOR_US: (host) => host.receive("ip6 ns fd00::3 at m1"),
  SEND_NO_ROUTE: (host) => host.send("192.0.2.1", 1),
  SEND_BAD_SOURCE: (host) => host.stack.udp.send(FAR.destination, 5, PEER, 9, TEXT),
  SEND_LOOPBACK_FULL: (host) => {
    for (let sent = 0; sent <= 4 * 2 ** 20; sent += 65_535) host.send("10.0.0.2", 65_507);
  },
};

function dropsOf(stack: Stack): [name: string, count: number][] {
  return stack.counters.entries().filter(([name]) => name.startsWith("drop."));
}

for (const [name, make] of Object.entries(FRAME_MAKERS)) {
  Deno.test(`${name} counts one frame or packet, and no other reason does`, () => {
    const host = new EthernetHost();
    make(host);
    assertEquals(dropsOf(host.stack), [[`drop.${name}`, 1]]);
  });
}

for (const [name, make] of Object.entries(MAKERS)) {
  Deno.test(`${name} counts one packet, and no other reason does`, () => {
    const host = new TestHost({ tcp: { receiveBuffer: 1000 } });
    make(host);
    assertEquals(dropsOf(host.stack), [[`drop.${name}`, 1]]);
  });
}

Deno.test("every reason to drop a packet has a test, or cannot be reached", () => {
  const known = [MAKERS, FRAME_MAKERS, NOT_REACHED].flatMap((reasons) => Object.keys(reasons));
  const reasons = DROP_NAMES.filter((name) => name !== "NONE" && name !== "TAKEN");
  assertEquals(known.sort(), reasons.sort());
});

Deno.test("each packet received is delivered or dropped, once", () => {
  const host = new TestHost();
  const { counters } = host.stack;
  let datagrams = 0;
  host.stack.udp.bind({ address: null, port: 7, datagram: () => (datagrams++, Drop.NONE) });
  const packets = [
    udp({ sourcePort: 1, destinationPort: 7, payload: TEXT }),
    udp({ sourcePort: 1, destinationPort: 8, payload: TEXT }),
    icmp(8, 0, new Uint8Array(8)),
    icmp(3, 1, new Uint8Array(32)),
    icmpError(3, 3, ourDatagram(7)),
    icmp(77, 1, new Uint8Array(32)),
    ipv4({ protocol: 99, payload: TEXT }),
    new Uint8Array(3),
    udp({ source: IpAddress.v4(0, 0, 0, 0), sourcePort: 1, destinationPort: 7, payload: TEXT }),
  ];
  packets.forEach((bytes) => host.receive(bytes));
  const delivered = datagrams + counters.icmpEchoReplies + counters.icmpErrorsReceived;
  const dropped = counters.drops.reduce((sum, count) => sum + count, 0);
  assertEquals(counters.ipReceived, packets.length);
  assertEquals(delivered + dropped, packets.length);
});

Deno.test("[MUST-3] a segment with any bit of it wrong is dropped, and not answered (RFC 9293 §3.1)", () => {
  const good = tcp({ ...PORTS, seq: 1, flags: SYN, payload: TEXT });
  for (let bit = 20 * 8; bit < good.length * 8; bit++) {
    const host = new TestHost();
    const bad = good.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    host.receive(bad);
    const { drops } = host.stack.counters;
    assertEquals(drops[Drop.TCP_BAD_CHECKSUM]! + drops[Drop.TCP_BAD_OFFSET]!, 1, `bit ${bit}`);
    assertEquals(host.take(), [], `bit ${bit}`);
  }
});

Deno.test("an opened connection is not disturbed by packets that are dropped", () => {
  const host = new TestHost();
  const tcb = host.stack.tcp.open(PEER, 80, null, 0, NO_USER, host.now) as Tcb;
  host.take();
  for (const [name, make] of Object.entries(MAKERS)) {
    if (name.startsWith("IP_") || name.startsWith("UDP_")) make(host);
  }
  const { iss, nxt } = tcb.snd;
  host.take();
  host.receive(
    tcp({ sourcePort: 80, destinationPort: tcb.localPort, seq: 9, ack: nxt, flags: SYN | ACK }),
  );
  assertEquals([tcb.snd.una, tcb.rcv.nxt], [(iss + 1) >>> 0, 10]);
});
