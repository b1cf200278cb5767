/**
 * What the trace says of each kind of packet and frame: bytes, and the line that they make.
 */

import { assert, assertEquals } from "@std/assert";
import { setColorEnabled } from "@std/fmt/colors";
import fc from "fast-check";
import type { Medium } from "../../src/phy/device.ts";
import { Tracer } from "../../src/phy/trace.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Packet } from "../../src/wire/packet.ts";
import { icmpError, ipv4, packetOf, PEER, STACK, tcp, udp } from "../packets.ts";
import { testSeed } from "../random.ts";
import { bytesOf } from "../wire/hex.ts";

setColorEnabled(false);

/** What a tracer says of one packet, without time and direction. */
function describe(packet: Packet, medium: Medium = "ip"): string {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  new Tracer({ hex: false, now: () => 0, print }).packet(">", packet, medium);
  assertEquals(lines.length, 1);
  return lines[0]!.slice("   0.000000 > ".length);
}

const ofPacket = (bytes: Uint8Array) => describe(packetOf(bytes));
const ofFrame = (hex: string) => describe(packetOf(bytesOf(hex)), "ethernet");

/** The packets of a corpus, by their titles; of equal ones the first. */
function corpus(file: string): Map<string, Uint8Array> {
  const text = Deno.readTextFileSync(new URL(`../corpus/${file}`, import.meta.url));
  const [_head, ...samples] = text.trim().split("\n\n");
  const packets = new Map<string, Uint8Array>();
  for (const sample of samples) {
    const [title = "", _fields, hex = ""] = sample.split("\n");
    const key = title.slice("# ".length).replaceAll(/ +/g, " ");
    if (!packets.has(key)) packets.set(key, bytesOf(hex));
  }
  return packets;
}

/** Compares the lines of samples whose titles begin so. */
function compare(packets: Map<string, Uint8Array>, cases: [title: string, want: string][]): void {
  for (const [title, want] of cases) {
    const found = [...packets].find(([key]) => key.startsWith(title));
    assert(found !== undefined, `The corpus has no "${title}"`);
    assertEquals(ofPacket(found[1]), want);
  }
}

Deno.test("what Linux kernels send over IPv4 has its line", () => {
  const [there, back] = ["10.9.0.1 → 10.9.0.2", "10.9.0.2 → 10.9.0.1"];
  compare(corpus("kernel_packets.txt"), [
    [
      "Echo (ping) request id=0x000f",
      `${there} ICMP echo id 15 seq 1 len 1472 [fragment at 0, id 0xe162, 1480 bytes, more]`,
    ],
    [
      "Fragmented IP protocol (proto=ICMP 1, off=1480, ID=e162)",
      `${there} fragment at 1480, protocol 1 [id 0xe162, 529 bytes]`,
    ],
    [
      "Echo (ping) request id=0x0010",
      `${there} ICMP echo id 16 seq 1 len 8 [record route 10.9.0.1 (8 left)]`,
    ],
    [
      "Echo (ping) reply id=0x0010",
      `${back} ICMP echo reply id 16 seq 1 len 8 [record route 10.9.0.1 10.9.0.2 10.9.0.2 (6 left)]`,
    ],
    [
      "Destination unreachable (Port unreachable)",
      `${back} ICMP unreachable port, about 10.9.0.1:33545 → 10.9.0.2:9 UDP [DSCP 48]`,
    ],
  ]);
});

Deno.test("what Linux kernels and radvd say to neighbors and groups has its line", () => {
  const own = "2001:db8:1::ff:fe00:1";
  const router = "2001:db8:1::1";
  const first = "[fragment at 0, id 0xb774ffa3, 1352 bytes, more]";
  compare(corpus("neighbor_packets.txt"), [
    [
      "Multicast Listener Report Message v2",
      ":: → ff02::16 ICMPv6 listener report: join ff02::1:ff00:9, join ff02::6a [router alert]",
    ],
    [
      "Neighbor Solicitation for fe80::ff:fe00:9",
      ":: → ff02::1:ff00:9 ICMPv6 neighbor solicitation: who has fe80::ff:fe00:9? probe",
    ],
    [
      "Neighbor Solicitation for 2001:db8:1::1 from",
      `${own} → ff02::1:ff00:1 ICMPv6 neighbor solicitation: who has ${router}? ` +
      "from 02:00:00:00:00:01",
    ],
    [
      "Neighbor Advertisement 2001:db8:1::1",
      `${router} → ${own} ICMPv6 neighbor advertisement: ${router} is at 02:00:00:00:00:02 ` +
      "<router, solicited, override>",
    ],
    [
      "Neighbor Advertisement fe80::ff:fe00:1",
      "fe80::ff:fe00:1 → fe80::ff:fe00:2 ICMPv6 neighbor advertisement: fe80::ff:fe00:1 is here " +
      "<solicited>",
    ],
    [
      "Router Solicitation from 02:00:00:00:00:09",
      "fe80::ff:fe00:9 → ff02::2 ICMPv6 router solicitation from 02:00:00:00:00:09",
    ],
    [
      "Router Advertisement",
      "fe80::ff:fe00:2 → fe80::ff:fe00:1 ICMPv6 router advertisement: lifetime 12 s <other>, " +
      "prefix 2001:db8:1::/64 <on-link, autonomous>, 2001:db8:5::/56 <on-link>, mtu 1400, " +
      "dns 2001:db8:1::53, 2001:db8:1::54",
    ],
    ["Redirect", `fe80::ff:fe00:2 → ${own} ICMPv6 redirect: 2001:db8:2::3 is on the link`],
    [
      "Redirect is at",
      `fe80::ff:fe00:2 → 2001:db8:2::3 ICMPv6 redirect: ${own} is on the link, ` +
      "at 02:00:00:00:00:01",
    ],
    ["Echo (ping) request id=0x002a", `${own} → ${router} ICMPv6 echo request id 42 seq 1 len 5`],
    [
      "Echo (ping) request id=0x002b",
      `${own} → ${router} ICMPv6 echo request id 43 seq 1 len 1344 ${first}`,
    ],
    [
      "IPv6 fragment (off=1352 more=n ident=0xb774ffa3",
      `${own} → ${router} fragment at 1352, protocol 58 [id 0xb774ffa3, 656 bytes]`,
    ],
    [
      "Echo (ping) request id=0x002e",
      `${own} → 2001:db8:2::4 ICMPv6 echo request id 46 seq 1 len 56 [hop limit 1]`,
    ],
    [
      "Destination Unreachable (no route",
      `${router} → ${own} ICMPv6 unreachable no route, about ${own} → 2001:db8:3::3 ICMPv6`,
    ],
    [
      "Destination Unreachable (Port",
      `${router} → ${own} ICMPv6 unreachable port, about [${own}]:54547 → [${router}]:9 UDP`,
    ],
    [
      "Time Exceeded",
      `${router} → ${own} ICMPv6 time exceeded in transit, about ${own} → 2001:db8:2::4 ICMPv6`,
    ],
    [
      "Packet Too Big",
      `${router} → ${own} ICMPv6 packet too big, mtu 1300, about ${own} → 2001:db8:6::1 ICMPv6`,
    ],
    [
      "Parameter Problem (unrecognized Next Header",
      `${router} → ${own} ICMPv6 parameter problem unrecognized next header at byte 6, ` +
      `about ${own} → ${router} protocol 253`,
    ],
    [
      "49611 → 9 Len=1",
      `[${own}]:49611 → [${router}]:9 UDP len 1 [destination options]`,
    ],
    [
      "Membership Report / Join group 239.1.2.3",
      "10.9.0.1 → 224.0.0.22 IGMP report: join 239.1.2.3 [DSCP 48, router alert]",
    ],
    [
      "Membership Report / Leave group 239.1.2.3",
      "10.9.0.1 → 224.0.0.22 IGMP report: leave 239.1.2.3 [DSCP 48, router alert]",
    ],
    [
      "Membership Report / Group 232.1.1.1, block",
      "10.9.0.1 → 224.0.0.22 IGMP report: BLOCK 232.1.1.1 {10.9.0.7} [DSCP 48, router alert]",
    ],
    [
      "Leave Group",
      "10.9.0.1 → 224.0.0.2 IGMP leave 239.1.2.4 [DSCP 48, router alert]",
    ],
    [
      "Membership Query",
      "10.9.0.9 → 224.0.0.1 IGMP query: which groups are you in? answer within 10 s " +
      "[DSCP 48, router alert]",
    ],
    [
      "Multicast Listener Query",
      "fe80::ff:fe00:9 → ff02::1 ICMPv6 listener query: which groups are you in? " +
      "answer within 10 s [router alert]",
    ],
    [
      "Multicast Listener Done",
      "fe80::ff:fe00:1 → ff02::2 ICMPv6 listener done: leave ff05::1235 [router alert]",
    ],
  ]);
});

Deno.test("an ICMP error says what is wrong, and with which packet", () => {
  const quoted = udp({
    source: STACK,
    destination: PEER,
    sourcePort: 1,
    destinationPort: 2,
    payload: new Uint8Array(8),
  });
  const about = "about 10.0.0.2:1 → 10.0.0.1:2 UDP";
  const cases: [type: number, code: number, quoted: Uint8Array, want: string][] = [
    [3, 1, quoted, `unreachable host, ${about}`],
    [3, 4, quoted, `fragmentation needed, mtu 1400, ${about}`],
    [3, 99, quoted, `unreachable code 99, ${about}`],
    [4, 0, quoted, `source quench, ${about}`],
    [5, 1, quoted, `redirect to 0.0.5.120 for host, ${about}`],
    [11, 0, quoted, `time exceeded in transit, ${about}`],
    [11, 1, quoted, `time exceeded in reassembly, ${about}`],
    [12, 0, quoted, `parameter problem at byte 0, ${about}`],
    [3, 3, quoted.subarray(0, 28), `unreachable port, ${about}`],
    [3, 3, quoted.subarray(0, 23), "unreachable port, about 10.0.0.2 → 10.0.0.1 UDP"],
    [3, 3, quoted.subarray(0, 19), "destination unreachable code 3"],
    [
      3,
      3,
      tcp({ sourcePort: 5, destinationPort: 6, seq: 1, flags: 2 }),
      "unreachable port, about 10.0.0.1:5 → 10.0.0.2:6 TCP",
    ],
    [
      11,
      0,
      ipv4({ protocol: 17, payload: new Uint8Array(8), flagsAndOffset: 1 }),
      "time exceeded in transit, about 10.0.0.1 → 10.0.0.2 UDP",
    ],
    [13, 0, new Uint8Array(12), "timestamp code 0"],
  ];
  for (const [type, code, packet, want] of cases) {
    const line = ofPacket(icmpError(type, code, packet, 1400));
    assertEquals(line, `10.0.0.1 → 10.0.0.2 ICMP ${want}`);
  }
});

Deno.test("hops, precedence, congestion and options are told where they are not as usual", () => {
  const payload = new Uint8Array(9);
  const rest = { protocol: 47, payload };
  const multicast = IpAddress.v4(224, 0, 0, 251);
  const [line, toGroup] = ["10.0.0.1 → 10.0.0.2 protocol 47, 9 bytes", "10.0.0.1 → 224.0.0.251"];
  const cases: [bytes: Uint8Array, want: string][] = [
    [ipv4({ ...rest, ttl: 255 }), line],
    [ipv4({ ...rest, ttl: 63 }), `${line} [ttl 63]`],
    [ipv4({ ...rest, ttl: 1 }), `${line} [ttl 1]`],
    [ipv4({ ...rest, ttl: 1, destination: multicast }), `${toGroup} protocol 47, 9 bytes`],
    [ipv4({ ...rest, tos: 1 }), `${line} [ECT(1)]`],
    [ipv4({ ...rest, tos: 2 }), `${line} [ECT(0)]`],
    [ipv4({ ...rest, tos: 0xbb }), `${line} [DSCP 46, CE]`],
    [ipv4({ ...rest, options: bytesOf("94040000") }), `${line} [router alert]`],
    [ipv4({ ...rest, options: bytesOf("01820300") }), `${line} [option 130]`],
    [
      ipv4({ ...rest, options: bytesOf("8307080a00000501") }),
      `${line} IP_SOURCE_ROUTE [loose source route 10.0.0.5 (0 left)]`,
    ],
    [ipv4({ ...rest, options: bytesOf("07ff0400") }), `${line} IP_BAD_OPTION`],
  ];
  for (const [bytes, want] of cases) assertEquals(ofPacket(bytes), want);
});

Deno.test("extension headers are named, and so is what is wrong with them", () => {
  const pair = "fd00::1 → fd00::2";
  /** A packet whose payload has this protocol number, and these bytes. */
  const ipv6 = (nextHeader: string, payload: string) => {
    const length = bytesOf(payload).length.toString(16).padStart(4, "0");
    const zeros = "00".repeat(13);
    return ofPacket(
      bytesOf(`60000000 ${length} ${nextHeader} 40 fd00${zeros}01 fd00${zeros}02 ${payload}`),
    );
  };
  const cases: [line: string, want: string][] = [
    [ipv6("3b", "0102"), `${pair} no next header, 2 bytes`],
    [ipv6("2b", "3b000000 00000000"), `${pair} no next header, 0 bytes [routing]`],
    [ipv6("2b", "3b000001 00000000"), `${pair} 48 bytes IPV6_BAD_ROUTING`],
    [ipv6("3c", "3b00c200 00000000"), `${pair} 48 bytes IPV6_BAD_OPTION`],
    [ipv6("3c", "3b01"), `${pair} 42 bytes IP_TRUNCATED`],
    [
      ipv6("2c", "3b000000 00000005 0102"),
      `${pair} no next header, 2 bytes [the only fragment, id 0x5, 2 bytes]`,
    ],
    [
      ipv6("3c", "2c000104 00000000 3b000008 00000005 01"),
      `${pair} fragment at 8, protocol 59 [id 0x5, 1 bytes, destination options]`,
    ],
    [
      ipv6("3a", "87000000 00000000"),
      `${pair} ICMPv6 neighbor solicitation ND_BAD_MESSAGE ICMP_BAD_CHECKSUM`,
    ],
  ];
  for (const [line, want] of cases) assertEquals(line, want);
});

const TO_ALL = "ffffffffffff 020000000001";
const TO_ONE = "020000000002 020000000001";
const ALL = "02:00:00:00:00:01 → broadcast";
const ONE = "02:00:00:00:00:01 → 02:00:00:00:00:02";

/** An ARP packet; MAC addresses end in 1 and 2, as the IPv4 addresses do. */
function arp(operation: number, senderIp: string, targetIp: string): string {
  return `0001 0800 06 04 000${operation} 020000000001 ${senderIp} 000000000000 ${targetIp}`;
}

Deno.test("ARP asks and answers in plain words (RFC 826, RFC 5227)", () => {
  const cases: [frame: string, want: string][] = [
    [
      `${TO_ALL} 0806 ${arp(1, "0a000001", "0a000002")}`,
      `${ALL} ARP who has 10.0.0.2? tell 10.0.0.1`,
    ],
    [
      `${TO_ONE} 0806 ${arp(2, "0a000001", "0a000002")}`,
      `${ONE} ARP 10.0.0.1 is at 02:00:00:00:00:01`,
    ],
    [`${TO_ALL} 0806 ${arp(1, "00000000", "0a000002")}`, `${ALL} ARP probe: who has 10.0.0.2?`],
    [
      `${TO_ALL} 0806 ${arp(1, "0a000001", "0a000001")}`,
      `${ALL} ARP announcement: 10.0.0.1 is at 02:00:00:00:00:01`,
    ],
    [
      `${TO_ALL} 0806 ${arp(3, "0a000001", "0a000002")}`,
      `${ALL} ARP operation 3, from 10.0.0.1 at 02:00:00:00:00:01`,
    ],
    [`${TO_ALL} 0806 0001 0800`, `${ALL} ARP 4 bytes ARP_TRUNCATED`],
    [`${TO_ALL} 0806 ${arp(0, "0a000001", "0a000002")}`, `${ALL} ARP 28 bytes ARP_BAD_FORMAT`],
  ];
  for (const [frame, want] of cases) assertEquals(ofFrame(frame), want);
});

Deno.test("a frame is shown with its addresses, its tags, and what it carries", () => {
  const echo = udp({ sourcePort: 5, destinationPort: 7, payload: bytesOf("616263") }).toHex();
  const line = "10.0.0.1:5 → 10.0.0.2:7 UDP len 3";
  const cases: [frame: string, want: string][] = [
    [`${TO_ONE} 0800 ${echo}`, `${ONE} ${line}`],
    [`${TO_ONE} 0800 ${echo} 00000000`, `${ONE} ${line}`],
    [`${TO_ONE} 8100 6000 0800 ${echo}`, `${ONE} vlan 0 ${line}`],
    [`${TO_ONE} 8100 6007 0800 ${echo}`, `${ONE} vlan 7 ${line} ETHERNET_NOT_FOR_US`],
    [
      `${TO_ONE} 88a8 0003 8100 0004 0800 ${echo}`,
      `${ONE} vlan 3 vlan 4 ${line} ETHERNET_NOT_FOR_US`,
    ],
    [`${TO_ONE} 8100 60`, `${ONE} type 0x8100, 1 bytes ETHERNET_TRUNCATED`],
    [`${TO_ONE} 86dd 6000`, `${ONE} 2 bytes, IP_TRUNCATED`],
    [`${TO_ONE} 0800`, `${ONE} 0 bytes, IP_TRUNCATED`],
    [`${TO_ONE} 88cc 0207`, `${ONE} type 0x88cc, 2 bytes`],
    [`${TO_ONE} 0026 4242`, `${ONE} 802.3 frame, 2 bytes`],
    [`${TO_ONE} 08`, "13 bytes, ETHERNET_TRUNCATED"],
    ["", "0 bytes, ETHERNET_TRUNCATED"],
  ];
  for (const [frame, want] of cases) assertEquals(ofFrame(frame), want);
});

Deno.test("DHCP is shown by type, address, server and lease (RFC 2131)", () => {
  const messages = corpus("dhcp_messages.txt");
  const line = (title: string, sourcePort: number, destinationPort: number) => {
    const payload = [...messages].find(([key]) => key.startsWith(title))![1];
    return ofPacket(udp({ sourcePort, destinationPort, payload })).replace(/^.* UDP len \d+ /, "");
  };
  const cases: [line: string, want: RegExp][] = [
    [line("DHCP Discover", 68, 67), /^DHCP discover xid 0x[0-9a-f]+$/],
    [line("DHCP Offer", 67, 68), /^DHCP offer 10\.9\.0\.\d+ server 10\.9\.0\.1 lease \d+ s xid 0x/],
    [line("DHCP Request", 68, 67), /^DHCP request 10\.9\.0\.\d+ server 10\.9\.0\.1 xid 0x/],
    [line("DHCP ACK", 67, 68), /^DHCP ack 10\.9\.0\.\d+ server 10\.9\.0\.1 lease \d+ s xid 0x/],
  ];
  for (const [text, want] of cases) assert(want.test(text), `${text} is not like ${want}`);
  const bad = udp({ sourcePort: 68, destinationPort: 67, payload: new Uint8Array(300) });
  assertEquals(ofPacket(bad), "10.0.0.1:68 → 10.0.0.2:67 UDP len 300");
});

const EXAMPLE = "07 6578616d706c65 03 6f7267 00";

Deno.test("DNS is shown as question and answer (RFC 1035)", () => {
  const question = `0001 0100 0001 0000 0000 0000 ${EXAMPLE} 0001 0001`;
  /** A response with so many answers, which are these. */
  const response = (flags: string, count: number, answers: string) =>
    `0001 ${flags} 0001 000${count} 0000 0000 ${EXAMPLE} 0001 0001 ${answers}`;
  const a = (address: string) => `c00c 0001 0001 00000e10 0004 ${address}`;
  const alias = "c00c 0005 0001 00000e10 0006 03777777 c00c";
  const cases: [message: string, want: string][] = [
    [question, " DNS A? example.org"],
    [response("8180", 1, a("c0000201")), " DNS A example.org 192.0.2.1"],
    [
      response("8180", 5, [1, 2, 3, 4, 5].map((n) => a(`c000020${n}`)).join("")),
      " DNS A example.org 192.0.2.1, 192.0.2.2, 192.0.2.3, 2 more",
    ],
    [response("8180", 1, alias), " DNS A example.org CNAME www.example.org"],
    [response("8180", 0, ""), " DNS A example.org no answer"],
    [response("8183", 0, ""), " DNS NXDOMAIN A example.org"],
    [response("8380", 0, ""), " DNS A example.org no answer, truncated"],
    [response("8180", 2, "c00c 0001"), " DNS A example.org 2 more"],
    ["0001 0100 0001 0000 0000 0000 05 1b5b326a2e 00 001c 0001", " DNS AAAA? \\027[2j\\046"],
    ["0001 0100 0001 0000 0000 0000 00 0002 0001", " DNS NS? ."],
    ["0001 0100 0001 0000 0000 0000 c00c 0001 0001", ""],
    ["0001 0100 0001 0000 0000 0000 0141 c00c 0001 0001", ""],
    ["0001 0100 0001 0000 0000 0000 41", ""],
    ["0001 0100 0001", ""],
  ];
  for (const [message, want] of cases) {
    const payload = bytesOf(message);
    const line = ofPacket(udp({ sourcePort: 5000, destinationPort: 53, payload }));
    assertEquals(line, `10.0.0.1:5000 → 10.0.0.2:53 UDP len ${payload.length}${want}`);
  }
});

/** Frames and packets that are right at the start, so that what comes behind is looked at. */
const HEADS = [
  "",
  `${TO_ONE} 0800`,
  `${TO_ONE} 86dd`,
  `${TO_ALL} 0806 0001 0800 06 04`,
  `${TO_ONE} 8100 0001 86dd`,
];

Deno.test("no bytes make the tracer throw, or read beyond the end, or print a command", () => {
  const samples = [
    ...corpus("kernel_packets.txt").values(),
    ...corpus("neighbor_packets.txt").values(),
    udp({
      sourcePort: 53,
      destinationPort: 5,
      payload: bytesOf(`0001 8180 0001 0001 0000 0000 ${EXAMPLE} 0001 0001`),
    }),
    ...[...corpus("dhcp_messages.txt").values()].map((payload) =>
      udp({ sourcePort: 67, destinationPort: 68, payload })
    ),
  ];
  const damage = fc.array(fc.tuple(fc.nat(1600), fc.nat(255)), { maxLength: 6 });
  const damaged = fc.tuple(fc.constantFrom(...samples), damage, fc.nat(1600)).map(
    ([sample, changes, length]) => {
      const bytes = sample.slice();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      if (bytes[0]! >>> 4 === 4) repair(bytes);
      return length < 800 ? bytes.subarray(0, Math.min(length, bytes.length)) : bytes;
    },
  );
  const any = fc.oneof(fc.uint8Array({ maxLength: 120 }), damaged);
  const media = fc.constantFrom<Medium>("ip", "ethernet");
  const property = fc.property(any, fc.constantFrom(...HEADS), media, (bytes, head, medium) => {
    const start = bytesOf(medium === "ip" ? "" : head);
    const whole = Uint8Array.of(...start, ...bytes);
    // Here every byte beyond the end is beyond the memory, where reading throws.
    const alone = new Packet(whole).place(0, whole.length);
    const line = describe(alone, medium);
    assertEquals(line, describe(packetOf(whole), medium));
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x1f\x7f-\x9f]/.test(line), JSON.stringify(line));
  });
  fc.assert(property, { seed: testSeed(4711), numRuns: 3000 });
});

Deno.test("packets that end anywhere, with lengths that agree, are read to their end and no further", () => {
  const dns = bytesOf(
    `0001 8180 0001 0002 0000 0000 ${EXAMPLE} 0001 0001 c00c 0005 0001 00000e10 0006 03777777 c00c`,
  );
  const dhcp = [...corpus("dhcp_messages.txt").values()];
  const messages = [
    ...dhcp.map((payload) => udp({ sourcePort: 67, destinationPort: 68, payload })),
    udp({ sourcePort: 53, destinationPort: 5, payload: dns }),
    ...corpus("neighbor_packets.txt").values(),
    ...corpus("kernel_packets.txt").values(),
  ];
  for (const message of messages) {
    const isV4 = message[0]! >>> 4 === 4;
    // Without any payload, hop-by-hop options would mean a jumbogram.
    const shortest = isV4 ? (message[0]! & 0x0f) * 4 : 41;
    for (let length = shortest; length < Math.min(message.length, 700); length++) {
      const bytes = message.slice(0, length);
      new DataView(bytes.buffer).setUint16(isV4 ? 2 : 4, isV4 ? length : length - 40);
      if (isV4) repair(bytes);
      assert(describe(new Packet(bytes).place(0, length)).includes(" → "));
    }
  }
});

/** Makes the checksum of an IPv4 header right, so that what it carries is looked at. */
function repair(bytes: Uint8Array): void {
  const length = (bytes[0]! & 0x0f) * 4;
  if (length < 20 || length > bytes.length) return;
  let sum = 0;
  for (let at = 0; at < length; at += 2) {
    if (at !== 10) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes[10] = (~sum >>> 8) & 0xff;
  bytes[11] = ~sum & 0xff;
}
