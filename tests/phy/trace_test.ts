import { assert, assertEquals } from "@std/assert";
import { setColorEnabled } from "@std/fmt/colors";
import { createStack, memoryPair } from "../../mod.ts";
import { hexDump, TraceDevice, Tracer } from "../../src/phy/trace.ts";
import { ACK, FIN, PSH, RST, SYN } from "../../src/wire/tcp.ts";
import { ipv4, packetOf, PEER, STACK, tcp, type TcpFields, udp } from "../packets.ts";
import { withSeed } from "../random.ts";
import { FAR, hear, NEAR, say, until } from "../stacks.ts";
import { leaving, type Left, partial } from "../super_segments.ts";

setColorEnabled(false);

/** A tracer whose clock the test sets, and the lines that it printed. */
function traced(hex = false) {
  const clock = { now: 5000 };
  const lines: string[] = [];
  const options = { hex, now: () => clock.now, print: (line: string) => lines.push(line) };
  return { clock, lines, tracer: new Tracer(options) };
}

/** What the tracer says of one packet, without time and direction. */
function describe(bytes: Uint8Array): string {
  const { tracer, lines } = traced();
  tracer.packet("<", packetOf(bytes));
  assertEquals(lines.length, 1);
  return lines[0]!.slice("   0.000000 < ".length);
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A segment from the peer to the stack's port 7, or back. */
const fromPeer = (fields: Omit<TcpFields, "sourcePort" | "destinationPort">) =>
  tcp({ sourcePort: 5000, destinationPort: 7, ...fields });
const fromStack = (fields: Omit<TcpFields, "sourcePort" | "destinationPort">) =>
  tcp({ source: STACK, destination: PEER, sourcePort: 7, destinationPort: 5000, ...fields });

Deno.test("a connection is shown with the numbers of its SYNs, and relative ones from there", () => {
  const { tracer, lines, clock } = traced();
  const mss = Uint8Array.of(2, 4, 0x05, 0xb4);
  const irs = 0xffff_fffe; // wraps within the connection
  const packets: ["<" | ">", Uint8Array][] = [
    ["<", fromPeer({ seq: irs, flags: SYN, options: mss, window: 1000 })],
    [">", fromStack({ seq: 300, ack: irs + 1, flags: SYN | ACK, options: mss })],
    ["<", fromPeer({ seq: irs + 1, ack: 301, flags: ACK })],
    ["<", fromPeer({ seq: irs + 1, ack: 301, flags: PSH | ACK, payload: bytesOf("hello") })],
    [">", fromStack({ seq: 301, ack: irs + 6, flags: ACK, window: 65530 })],
    ["<", fromPeer({ seq: irs + 6, ack: 301, flags: FIN | ACK })],
    [">", fromStack({ seq: 301, flags: RST })],
  ];
  for (const [direction, bytes] of packets) {
    tracer.packet(direction, packetOf(bytes));
    clock.now += 1.5;
  }
  assertEquals(lines, [
    "   0.000000 < 10.0.0.1:5000 → 10.0.0.2:7 TCP SYN seq 4294967294 win 1000 len 0 <mss 1460>",
    "   0.001500 > 10.0.0.2:7 → 10.0.0.1:5000 TCP SYN,ACK seq 300 ack 1 win 65535 len 0 <mss 1460>",
    "   0.003000 < 10.0.0.1:5000 → 10.0.0.2:7 TCP ACK seq 1 ack 1 win 65535 len 0",
    "   0.004500 < 10.0.0.1:5000 → 10.0.0.2:7 TCP PSH,ACK seq 1 ack 1 win 65535 len 5",
    "   0.006000 > 10.0.0.2:7 → 10.0.0.1:5000 TCP ACK seq 1 ack 6 win 65530 len 0",
    "   0.007500 < 10.0.0.1:5000 → 10.0.0.2:7 TCP FIN,ACK seq 6 ack 1 win 65535 len 0",
    "   0.009000 > 10.0.0.2:7 → 10.0.0.1:5000 TCP RST seq 1 win 65535 len 0",
  ]);
});

Deno.test("windows are shown in bytes, once both SYNs have said that they scale them (RFC 7323 §2.2)", () => {
  const scale = (shift: number) => Uint8Array.of(1, 3, 3, shift);
  const windows = (answer: Uint8Array | undefined) => {
    const { tracer, lines } = traced();
    tracer.packet("<", packetOf(fromPeer({ seq: 1, flags: SYN, options: scale(10), window: 100 })));
    const flags = SYN | ACK;
    tracer.packet(
      ">",
      packetOf(fromStack({ seq: 1, ack: 2, flags, options: answer, window: 100 })),
    );
    tracer.packet("<", packetOf(fromPeer({ seq: 2, ack: 2, flags: ACK, window: 100 })));
    tracer.packet(">", packetOf(fromStack({ seq: 2, ack: 2, flags: ACK, window: 100 })));
    return lines.map((line) => Number(/win (\d+)/.exec(line)![1]));
  };
  assertEquals(windows(scale(7)), [100, 100, 102_400, 12_800]);
  assertEquals(windows(undefined), [100, 100, 100, 100]);
});

Deno.test("relative numbers grow to 2^32, and are absolute where no SYN was seen", () => {
  const { tracer, lines } = traced();
  tracer.packet("<", packetOf(fromPeer({ seq: 1000, ack: 77, flags: ACK })));
  tracer.packet("<", packetOf(fromPeer({ seq: 1000, flags: SYN })));
  tracer.packet("<", packetOf(fromPeer({ seq: 3_000_001_000, ack: 77, flags: ACK })));
  const numbers = lines.map((line) => /seq .* win/.exec(line)![0]);
  assertEquals(numbers, ["seq 1000 ack 77 win", "seq 1000 win", "seq 3000000000 ack 77 win"]);
});

Deno.test("memory is bounded: after 4096 other SYNs, the first connection is forgotten", () => {
  const { tracer, lines } = traced();
  const segment = (port: number, flags: number, seq: number) =>
    packetOf(tcp({ sourcePort: port, destinationPort: 7, seq, ack: 9, flags }));
  tracer.packet("<", segment(1, SYN, 1000));
  for (let port = 2; port <= 4096; port++) tracer.packet("<", segment(port, SYN, 1000));
  tracer.packet("<", segment(1, ACK, 1001));
  assert(lines.at(-1)!.includes(" seq 1 "), lines.at(-1));
  tracer.packet("<", segment(4097, SYN, 1000));
  tracer.packet("<", segment(1, ACK, 1001));
  assert(lines.at(-1)!.includes(" seq 1001 "), lines.at(-1));
  tracer.packet("<", segment(2, ACK, 1001));
  assert(lines.at(-1)!.includes(" seq 1 "), lines.at(-1));
});

Deno.test("each kind of packet has its line", () => {
  const options = Uint8Array.of(
    ...[2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 3, 3, 7],
    ...[5, 10, 0, 0, 0, 10, 0, 0, 0, 20],
  );
  // Checksums by hand: 0800 + 0102 + 0003 = 0905, and its complement.
  const echo = Uint8Array.of(8, 0, 0xf6, 0xfa, 1, 2, 0, 3);
  const unreachable = Uint8Array.of(3, 3, 0xfc, 0xfc, 0, 0, 0, 0);
  const strange = Uint8Array.of(99, 1, 0x9c, 0xfe, 0, 0, 0, 0);
  const pair = "10.0.0.1 → 10.0.0.2";
  const ports = "10.0.0.1:5000 → 10.0.0.2:7";
  const cases: [bytes: Uint8Array, want: string][] = [
    [udp({ sourcePort: 5000, destinationPort: 7, payload: bytesOf("abc") }), `${ports} UDP len 3`],
    [ipv4({ protocol: 1, payload: echo }), `${pair} ICMP echo id 258 seq 3 len 0`],
    [ipv4({ protocol: 1, payload: unreachable }), `${pair} ICMP destination unreachable code 3`],
    [ipv4({ protocol: 1, payload: strange }), `${pair} ICMP type 99 code 1`],
    [ipv4({ protocol: 47, payload: new Uint8Array(9) }), `${pair} protocol 47, 9 bytes`],
    [
      ipv4({ protocol: 6, payload: new Uint8Array(30), flagsAndOffset: 0x2002 }),
      `${pair} fragment at 16, protocol 6 [id 0x1, 30 bytes, more]`,
    ],
    [
      fromPeer({ seq: 1, flags: SYN, options }),
      `${ports} TCP SYN seq 1 win 65535 len 0 <mss 1460, wscale 7, sackOK, TS 1 2, sack 10:20>`,
    ],
    [
      fromPeer({ seq: 1, flags: SYN, options: bytesOf("\x22\x06abcd") }),
      `${ports} TCP SYN seq 1 win 65535 len 0 <FO 61626364>`,
    ],
    [
      fromPeer({ seq: 1, flags: SYN, options: bytesOf("\x22\x02") }),
      `${ports} TCP SYN seq 1 win 65535 len 0 <FO>`,
    ],
    [fromPeer({ seq: 1, flags: 0 }), `${ports} TCP none seq 1 win 65535 len 0`],
    [
      Uint8Array.of(0x60, 0, 0, 0, 0, 0, 59, 1, ...new Uint8Array(32)),
      ":: → :: no next header, 0 bytes [hop limit 1]",
    ],
  ];
  for (const [bytes, want] of cases) assertEquals(describe(bytes), want);
});

Deno.test("a packet that will be dropped says why", () => {
  const change = (bytes: Uint8Array, at: number, value: number) => bytes.with(at, value);
  const segment = fromPeer({ seq: 1, flags: SYN });
  const datagram = udp({ sourcePort: 5000, destinationPort: 7, payload: bytesOf("abc") });
  const echo = ipv4({ protocol: 1, payload: Uint8Array.of(8, 0, 0, 0, 1, 2, 0, 3) });
  const cases: [bytes: Uint8Array, want: RegExp][] = [
    [new Uint8Array(0), /^0 bytes, IP_TRUNCATED$/],
    [segment.slice(0, 19), /^19 bytes, IP_TRUNCATED$/],
    [segment.slice(0, 39), /^39 bytes, IP_TRUNCATED$/],
    [change(segment, 0, 0x55), /^40 bytes, IP_BAD_VERSION$/],
    [change(segment, 0, 0x44), /^40 bytes, IP_BAD_LENGTH$/],
    [change(segment, 8, 1), /^40 bytes, IP_BAD_CHECKSUM$/],
    [change(segment, 36, 1), / TCP SYN .* TCP_BAD_CHECKSUM$/],
    [change(segment, 32, 0xf0), / TCP SYN .* TCP_BAD_OFFSET$/],
    [change(datagram, 28, 1), / UDP len 3 UDP_BAD_CHECKSUM$/],
    [change(datagram, 25, 4), / UDP len -4 UDP_BAD_LENGTH$/],
    [echo, / ICMP echo id 258 seq 3 len 0 ICMP_BAD_CHECKSUM$/],
  ];
  for (const [bytes, want] of cases) {
    const line = describe(bytes);
    assert(want.test(line), `${line} is not like ${want}`);
  }
});

Deno.test("no packet makes the tracer throw", () => {
  withSeed(20_000, (random) => {
    const { tracer, lines } = traced(true);
    const good = [
      fromPeer({
        seq: 1,
        flags: SYN,
        options: Uint8Array.of(2, 4, 5, 180, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
      }),
      udp({ sourcePort: 5000, destinationPort: 7, payload: bytesOf("abc") }),
      ipv4({ protocol: 1, payload: new Uint8Array(16) }),
    ];
    let headers = 0;
    for (let i = 0; i < 5000; i++) {
      let bytes = random.bytes(random.below(90));
      if (random.chance(0.8)) {
        // A good IP header, so that the rest is looked at.
        const payload = random.pick(good).slice(20);
        for (let n = random.below(8); n > 0; n--) {
          payload[random.below(payload.length)] = random.random() & 0xff;
        }
        const protocol = random.pick([1, 6, 17, 99]);
        bytes = ipv4({ protocol, payload: payload.slice(0, random.below(payload.length + 1)) });
        headers++;
      }
      tracer.packet(random.pick(["<", ">"]), packetOf(bytes));
    }
    assertEquals(lines.filter((line) => line.includes(" → ")).length, headers);
  });
});

Deno.test("hexDump() shows sixteen bytes a line, and what of them is text", () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i + 0x1c);
  assertEquals([...hexDump(bytes, 2, 37)], [
    "            0000  1e 1f 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d  .. !\"#$%&'()*+,-",
    "            0010  2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d  ./0123456789:;<=",
    "            0020  3e 3f 40                                         >?@",
  ]);
  assertEquals([...hexDump(Uint8Array.of(0x7e, 0x7f, 0x80), 0, 3)], [
    "            0000  7e 7f 80                                         ~..",
  ]);
  assertEquals([...hexDump(bytes, 5, 5)], []);
});

Deno.test("with hex, the bytes of each packet follow its line", () => {
  const { tracer, lines } = traced(true);
  const bytes = udp({ sourcePort: 5000, destinationPort: 7, payload: bytesOf("abc") });
  tracer.packet("<", packetOf(bytes));
  assertEquals(lines.slice(1), [...hexDump(bytes, 0, bytes.length)]);
});

Deno.test("TraceDevice shows packets and states of a stack, and is else the device", async () => {
  const { tracer, lines } = traced();
  const [device, peer] = memoryPair({ mtu: 600 });
  const shown = new TraceDevice(device, tracer);
  assertEquals([shown.name, shown.mtu, shown.capabilities.medium], ["memory0", 600, "ip"]);
  const far = createStack({ device: shown, address: FAR });
  const near = createStack({ device: peer, address: NEAR });
  far.observer = tracer.state;
  const listener = far.listen({ port: 7 });
  const conn = await near.connect({ hostname: FAR, port: 7, localPort: 5000 });
  await say(conn, "hello");
  const accepted = await listener.accept();
  assertEquals(await hear(accepted, 5), "hello");
  accepted.abort();
  await until(() => near.core.tcp.connectionCount === 0, "the reset has come");
  const ends = "10.0.0.2:7 - 10.0.0.1:5000";
  const said = lines.map((line) =>
    line.slice(12).replace(/ seq.*/, "").replace("10.0.0.1:5000 → 10.0.0.2:7", "in")
      .replace("10.0.0.2:7 → 10.0.0.1:5000", "out")
  );
  assertEquals(said, [
    "< in TCP SYN",
    `* ${ends} LISTEN → SYN_RECEIVED`,
    "> out TCP SYN,ACK",
    "< in TCP ACK",
    `* ${ends} SYN_RECEIVED → ESTABLISHED`,
    "< in TCP PSH,ACK",
    "> out TCP RST,ACK",
    `* ${ends} ESTABLISHED → CLOSED`,
  ]);
  await Promise.all([near.close(), far.close()]);
  assertEquals(shown.counters(), device.counters());
  assertEquals(await device.readable(), false, "it is closed");
});

Deno.test("what is left to the link is no mistake, and a super-segment says what it is", () => {
  const segment = fromStack({ seq: 1, flags: ACK, payload: new Uint8Array(3000) });
  const datagram = udp({ sourcePort: 5000, destinationPort: 7, payload: new Uint8Array(3000) });
  const frame = (bytes: Uint8Array) => Uint8Array.of(...new Uint8Array(12), 8, 0, ...bytes);
  const tcpLine = "10.0.0.2:7 → 10.0.0.1:5000 TCP ACK seq 1 ack 0 win 65535 len 3000";
  const udpLine = "10.0.0.1:5000 → 10.0.0.2:7 UDP len 3000";
  const wrong = " TCP_BAD_CHECKSUM";
  const cases: [bytes: Uint8Array<ArrayBuffer>, left: Left, want: string][] = [
    [segment, {}, tcpLine],
    [partial(segment), {}, tcpLine + wrong],
    [partial(segment), { isPartial: true }, tcpLine],
    [
      partial(segment),
      { isPartial: true, segmentSize: 1460 },
      tcpLine + " [to be cut into pieces of 1460]",
    ],
    [
      partial(datagram),
      { isPartial: true, segmentSize: 99 },
      udpLine + " [to be cut into pieces of 99]",
    ],
  ];
  for (const [bytes, left, want] of cases) {
    for (const medium of ["ip", "ethernet"] as const) {
      const { tracer, lines } = traced();
      tracer.packet("<", leaving(medium === "ip" ? bytes : frame(bytes), left), medium);
      assertEquals(lines[0]!.slice(lines[0]!.indexOf("10.0.0")), want);
    }
  }
});
