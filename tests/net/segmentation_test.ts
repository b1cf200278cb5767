/** What is left to a link, done in software: as Linux does it, and by RFC 9293 and RFC 768. */

import { assert, assertEquals } from "@std/assert";
import {
  completePacket,
  findTransport,
  isTakenBy,
  longestPiece,
  Segmenter,
} from "../../src/net/segmentation.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import { ACK, CWR, ECE, FIN, PSH } from "../../src/wire/tcp.ts";
import { bytesOf, tcp, type TcpFields, udp, type UdpFields } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";
import { withSeed } from "../random.ts";
import {
  datagramsOf,
  hasGoodChecksums,
  identified,
  leaving,
  type Left,
  partial,
  segmentsOf,
} from "../super_segments.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const V4 = {};
const V6 = { source: PEER6, destination: STACK6 };
const PORTS = { sourcePort: 4000, destinationPort: 5000 };

function text(length: number): Bytes {
  return Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);
}

/** Finishes a packet, and returns what was sent; writes in front of it, as links do. */
function finished(packet: Packet, ipAt = packet.at): Bytes[] {
  assertEquals(findTransport(packet, ipAt), Drop.NONE);
  const sent: Bytes[] = [];
  const isSent = new Segmenter().finish(packet, (piece) => {
    assert(piece.at >= LINK_HEADROOM);
    assertEquals([piece.isPartial, piece.segmentSize, piece.tail.length], [false, 0, 0]);
    sent.push(bytesOf(piece));
    piece.bytes.fill(0xee, piece.at - LINK_HEADROOM, piece.at);
    return true;
  }, ipAt);
  assert(isSent);
  return sent;
}

Deno.test("a partial checksum is completed to what its sender would have written", () => {
  const payloads = [new Uint8Array(0), text(1), text(1460), text(60_000)];
  for (const family of [V4, V6]) {
    for (const payload of payloads) {
      for (
        const bytes of [udp({ ...family, ...PORTS, payload }), segment({ ...family, payload })]
      ) {
        assertEquals(finished(leaving(partial(bytes), { isPartial: true })), [bytes]);
      }
    }
  }
});

Deno.test("[RFC768-01] a checksum that is completed to zero is sent as all-ones", () => {
  for (const family of [V4, V6]) {
    const whole = udp({ ...family, ...PORTS, payload: new Uint8Array(2) });
    // With the checksum as its text, the sum of all comes to all-ones.
    const zero = udp({ ...family, ...PORTS, payload: whole.slice(-4, -2) });
    const [got] = finished(leaving(partial(zero), { isPartial: true }));
    assertEquals(got!.slice(-4, -2), Uint8Array.of(0xff, 0xff));
    assert(hasGoodChecksums(got!));
  }
});

function segment(fields: Partial<TcpFields>): Bytes {
  return tcp({ ...PORTS, seq: 1000, ack: 7, flags: ACK, ...fields });
}

/** What each piece of a super-segment is, in short: its length, relative seq, flags. */
function outline(pieces: Bytes[], first: number): string[] {
  return pieces.map((bytes) => {
    const view = new DataView(bytes.buffer);
    const at = bytes[0]! >>> 4 === 4 ? 20 : 40;
    const flags = bytes[at + 13]!;
    const names = [[CWR, "C"], [ECE, "E"], [ACK, "."], [PSH, "P"], [FIN, "F"]] as const;
    const letters = names.map(([flag, letter]) => (flags & flag) !== 0 ? letter : "").join("");
    const seq = (view.getUint32(at + 4) - first) >>> 0;
    return `${bytes.length - at - (bytes[at + 12]! >>> 4) * 4}@${seq} ${letters}`;
  });
}

Deno.test("a super-segment becomes segments: FIN and PSH on the last alone, CWR on the first", () => {
  const cases: [length: number, size: number, flags: number, want: string[]][] = [
    [4000, 1460, ACK | PSH, ["1460@0 .", "1460@1460 .", "1080@2920 .P"]],
    [2920, 1460, ACK | FIN | PSH, ["1460@0 .", "1460@1460 .PF"]],
    [1460, 1460, ACK | FIN, ["1460@0 .F"]],
    [100, 1460, ACK | CWR | PSH, ["100@0 C.P"]],
    [25, 10, ACK | CWR | ECE, ["10@0 CE.", "10@10 E.", "5@20 E."]],
    [3, 1, ACK | PSH, ["1@0 .", "1@1 .", "1@2 .P"]],
    [0, 1460, ACK, ["0@0 ."]],
  ];
  for (const family of [V4, V6]) {
    for (const [length, segmentSize, flags, want] of cases) {
      const seq = 0xffff_ff00; // wraps
      const whole: TcpFields = { ...family, ...PORTS, seq, ack: 1, flags, payload: text(length) };
      for (const isPartial of [true, false]) {
        const bytes = isPartial ? partial(tcp(whole)) : tcp(whole);
        const got = finished(leaving(bytes, { isPartial, segmentSize }));
        assertEquals(outline(got, seq), want);
        assertEquals(got, segmentsOf(whole, segmentSize));
      }
    }
  }
});

Deno.test("a run becomes datagrams, the last maybe shorter", () => {
  const cases: [length: number, size: number, want: number[]][] = [
    [3000, 1400, [1400, 1400, 200]],
    [2800, 1400, [1400, 1400]],
    [7, 1, [1, 1, 1, 1, 1, 1, 1]],
    [5, 9, [5]],
  ];
  for (const family of [V4, V6]) {
    for (const [length, segmentSize, want] of cases) {
      const run: UdpFields = { ...family, ...PORTS, payload: text(length) };
      const got = finished(leaving(partial(udp(run)), { isPartial: true, segmentSize }));
      assertEquals(got, datagramsOf(run, segmentSize));
      const header = family === V4 ? 28 : 48;
      assertEquals(got.map((bytes) => bytes.length - header), want);
    }
  }
});

Deno.test("any super-segment's segments are good, and hold its text", () => {
  withSeed(71, (random) => {
    for (let i = 0; i < 300; i++) {
      const family = random.pick([V4, V6]);
      const options = random.bytes(random.below(11) * 4);
      const payload = random.bytes(random.pick([3, 700, 5000, 65_000]) - random.below(3));
      const segmentSize = random.between(Math.ceil(payload.length / 50), payload.length + 5);
      const isTcp = random.chance(0.6);
      const seq = random.random();
      const flags = random.random() & (FIN | PSH | ACK | ECE | CWR);
      const fields = { ...family, sourcePort: random.below(65536), destinationPort: 9, payload };
      const bytes = isTcp ? tcp({ ...fields, seq, flags, options }) : udp(fields);
      const id = random.below(65536);
      const isPartial = random.chance(0.5);
      const sent = identified(isPartial ? partial(bytes) : bytes, id);
      const got = finished(leaving(sent, { isPartial, segmentSize }));
      const headers = bytes.length - payload.length;
      let at = 0;
      for (const [n, piece] of got.entries()) {
        assert(hasGoodChecksums(piece));
        assertEquals(piece.subarray(headers), payload.subarray(at, at + segmentSize));
        at += piece.length - headers;
        const view = new DataView(piece.buffer);
        if (family === V4) assertEquals(view.getUint16(2), piece.length);
        else assertEquals(view.getUint16(4), piece.length - 40);
        if (family === V4) assertEquals(view.getUint16(4), (id + n) & 0xffff);
      }
      assertEquals(at, payload.length);
    }
  });
});

Deno.test("text in two pieces of a ring is gathered before it is cut", () => {
  const payload = text(5000);
  const whole: TcpFields = { ...PORTS, seq: 5, ack: 6, flags: ACK | PSH, payload };
  for (const segmentSize of [0, 1460]) {
    const packet = leaving(partial(tcp(whole)), { isPartial: true, segmentSize });
    packet.bytes.fill(0, packet.at + 40);
    const ring = new Uint8Array(6000);
    ring.set(payload.subarray(0, 2000), 4000);
    ring.set(payload.subarray(2000), 0);
    Object.assign(packet.tail, {
      bytes: ring,
      at: 4000,
      length: 2000,
      restAt: 0,
      restLength: 3000,
    });
    assertEquals(finished(packet), segmentsOf(whole, segmentSize || payload.length));
  }
});

Deno.test("extension headers and options are in every piece", () => {
  const payload = text(3000);
  const options = Uint8Array.of(1, 1, 1, 0);
  const inner = partial(tcp({ ...PORTS, seq: 5, ack: 6, flags: ACK, payload }));
  const bytes4 = new Uint8Array(inner.length + 4);
  bytes4.set(inner.subarray(0, 20));
  bytes4.set(options, 20);
  bytes4.set(inner.subarray(20), 24);
  bytes4[0] = 0x46;
  const inner6 = partial(tcp({ ...V6, ...PORTS, seq: 5, ack: 6, flags: ACK, payload }));
  const bytes6 = new Uint8Array(inner6.length + 24);
  bytes6.set(inner6.subarray(0, 40));
  bytes6[6] = 0;
  bytes6.set([60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12], 40);
  bytes6.set(inner6.subarray(40), 64);
  for (const [bytes, header] of [[bytes4, 24], [bytes6, 64]] as const) {
    const got = finished(leaving(bytes, { isPartial: true, segmentSize: 1000 }));
    assertEquals(got.map(({ length }) => length - header - 20), [1000, 1000, 1000]);
    for (const [i, piece] of got.entries()) {
      const extra = header === 24 ? 20 : 40;
      assertEquals(piece.subarray(extra, header), bytes.subarray(extra, header));
      assertEquals(piece.subarray(header + 20), payload.subarray(1000 * i, 1000 * i + 1000));
      // As it would be without them, the packet is good.
      const plain = new Uint8Array(piece.length - header + extra);
      plain.set(piece.subarray(0, extra));
      plain.set(piece.subarray(header), extra);
      plain[extra === 20 ? 0 : 6] = extra === 20 ? 0x45 : 6;
      assert(hasGoodChecksums(identified(plain, i)));
    }
  }
});

Deno.test("frames are cut with their headers", () => {
  const whole: TcpFields = { ...PORTS, seq: 5, ack: 6, flags: ACK, payload: text(2500) };
  const header = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0);
  const frame = Uint8Array.of(...header, ...partial(tcp(whole)));
  const packet = leaving(frame, { isPartial: true, segmentSize: 1000 });
  const got = finished(packet, packet.at + 14);
  assertEquals(got, segmentsOf(whole, 1000).map((bytes) => Uint8Array.of(...header, ...bytes)));
});

Deno.test("once a segment is dropped, those behind it are not sent", () => {
  const bytes = partial(segment({ payload: text(5000) }));
  const packet = leaving(bytes, { isPartial: true, segmentSize: 1000 });
  assertEquals(findTransport(packet), Drop.NONE);
  let calls = 0;
  assert(!new Segmenter().finish(packet, () => ++calls < 3));
  assertEquals(calls, 3);
});

Deno.test("a link takes what it says it does", () => {
  const tcpPacket = segment({ payload: text(100) });
  const udpPacket = udp({ ...PORTS, payload: text(100) });
  const cases: [bytes: Bytes, left: Left, without: boolean, noUdp: boolean][] = [
    [tcpPacket, {}, true, true],
    [tcpPacket, { isVerified: true }, true, true],
    [tcpPacket, { isPartial: true }, false, true],
    [tcpPacket, { isPartial: true, segmentSize: 50 }, false, true],
    [udpPacket, { isPartial: true }, false, true],
    [udpPacket, { isPartial: true, segmentSize: 50 }, false, false],
  ];
  for (const [bytes, left, without, noUdp] of cases) {
    const packet = leaving(bytes, left);
    assertEquals(findTransport(packet), Drop.NONE);
    assertEquals(isTakenBy(packet, undefined), without);
    assertEquals(isTakenBy(packet, { udp: false }), noUdp);
    assertEquals(isTakenBy(packet, { udp: true }), true);
  }
  const wholeRun = leaving(udpPacket, { segmentSize: 50 });
  findTransport(wholeRun);
  assertEquals(isTakenBy(wholeRun, { udp: true }), false);
  const withTail = leaving(tcpPacket, {});
  findTransport(withTail);
  withTail.tail.length = 1;
  assertEquals(isTakenBy(withTail, undefined), false);
  assertEquals(isTakenBy(withTail, { udp: false }), true);
});

Deno.test("the longest piece counts, with its headers", () => {
  const cases: [payload: number, options: number, size: number, want: number][] = [
    [4000, 0, 0, 4040],
    [4000, 0, 1460, 1500],
    [4000, 12, 1448, 1500],
    [100, 0, 1460, 140],
  ];
  for (const [length, options, segmentSize, want] of cases) {
    const bytes = segment({ payload: text(length), options: new Uint8Array(options) });
    const packet = leaving(bytes, { segmentSize });
    assertEquals(findTransport(packet), Drop.NONE);
    assertEquals(longestPiece(packet), want);
  }
});

Deno.test("what has no transport that could be repeated is refused", () => {
  const good4 = segment({ payload: text(50) });
  const good6 = segment({ ...V6, payload: text(50) });
  const changed = (bytes: Bytes, ...changes: [at: number, value: number][]) => {
    const copy = bytes.slice();
    for (const [at, value] of changes) copy[at] = value;
    return copy;
  };
  const chain = new Uint8Array(40 + 640);
  chain.set(good6.subarray(0, 40));
  chain[6] = 60;
  chain.set([6, 70], 40);
  chain[40 + 568 + 12] = 0x50;
  const cases: [bytes: Bytes, want: Drop][] = [
    [good4, Drop.NONE],
    [good4.slice(0, 19), Drop.IP_TRUNCATED],
    [good6.slice(0, 39), Drop.IP_TRUNCATED],
    [changed(good4, [0, 0x55]), Drop.IP_BAD_VERSION],
    [changed(good4, [0, 0x44]), Drop.IP_BAD_LENGTH],
    [good4.slice(0, 39), Drop.TCP_TRUNCATED],
    [changed(good4, [32, 0x40]), Drop.TCP_BAD_OFFSET],
    [changed(good4, [32, 0xf0]).slice(0, 60), Drop.TCP_BAD_OFFSET],
    [udp({ ...PORTS, payload: text(9) }).slice(0, 27), Drop.UDP_TRUNCATED],
    [changed(good4, [9, 1]), Drop.IP_UNKNOWN_PROTOCOL],
    [changed(good4, [6, 0x20]), Drop.IP_UNKNOWN_PROTOCOL], // a first fragment
    [changed(good4, [7, 9]), Drop.IP_UNKNOWN_PROTOCOL], // a later one
    [changed(good6, [6, 44]), Drop.IP_UNKNOWN_PROTOCOL],
    [changed(good6, [6, 0], [40, 6], [41, 255]), Drop.TCP_TRUNCATED],
    [changed(good6, [6, 0], [40, 0], [41, 7]), Drop.IP_TRUNCATED],
    [chain, Drop.IPV6_LONG_CHAIN],
  ];
  for (const [i, [bytes, want]] of cases.entries()) {
    assertEquals(DROP_NAMES[findTransport(leaving(bytes, {}))], DROP_NAMES[want], `case ${i}`);
  }
});

Deno.test("any bytes are found to be something, and none beyond their end are read", () => {
  withSeed(72, (random) => {
    for (let i = 0; i < 20_000; i++) {
      const bytes = random.bytes(random.below(90));
      if (bytes.length > 40) {
        bytes[0] = random.pick([0x45, 0x46, 0x60]);
        if (random.chance(0.7)) bytes[6] = random.pick([0, 6, 17, 43, 60]);
        if (random.chance(0.7)) bytes[9] = random.pick([6, 17]);
      }
      const memory = bytes.slice();
      const packet = new Packet(memory).place(0, memory.length);
      packet.isPartial = true;
      if (findTransport(packet) === Drop.NONE) completePacket(packet);
    }
  });
});
