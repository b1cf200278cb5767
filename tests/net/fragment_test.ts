import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Emit, Fragmenter } from "../../src/net/fragment.ts";
import { checkIpv4, Ipv4Header } from "../../src/wire/ipv4.ts";
import { checkIpv6, FragmentHeader, Ipv6Header } from "../../src/wire/ipv6.ts";
import { Drop } from "../../src/wire/drop.ts";
import { LINK_HEADROOM, Packet, TRANSPORT_HEADROOM } from "../../src/wire/packet.ts";
import { bytesOf, ipv4 } from "../packets.ts";
import { Random } from "../random.ts";
import { Bench, IPV4, IPV6, text } from "./fragments.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** An IPv4 packet whose payload stands where transports build theirs. */
function outgoing(bytes: Uint8Array, headerLength: number): Packet {
  const at = TRANSPORT_HEADROOM - headerLength;
  const packet = new Packet(new Uint8Array(at + bytes.length));
  packet.bytes.set(bytes, at);
  packet.transportAt = TRANSPORT_HEADROOM;
  return packet.place(at, packet.bytes.length);
}

/** Collects fragments, and writes over the room that belongs to the link, as links do. */
function collect(list: Bytes[]): Emit {
  return (packet) => {
    assert(packet.at >= LINK_HEADROOM);
    list.push(bytesOf(packet));
    packet.bytes.fill(0xee, packet.at - LINK_HEADROOM, packet.at);
    return true;
  };
}

function split4(bytes: Bytes, mtu: number): Bytes[] {
  const fragments: Bytes[] = [];
  assert(new Fragmenter().split4(outgoing(bytes, (bytes[0]! & 15) * 4), mtu, collect(fragments)));
  return fragments;
}

/** @param repeated Length of the headers that every fragment has. */
function split6(bytes: Uint8Array, repeated: number, identification: number, mtu: number): Bytes[] {
  const fragments: Bytes[] = [];
  const packet = outgoing(bytes, repeated);
  assert(new Fragmenter().split6(packet, identification, mtu, collect(fragments)));
  return fragments;
}

/** Gives fragments to a reassembler in any order, some twice; returns what becomes whole first. */
function reassemble(fragments: Bytes[], seed: number): Bytes | null {
  const random = new Random(seed);
  const arriving = fragments.flatMap((one) => random.chance(0.2) ? [one, one] : [one]);
  for (let i = arriving.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [arriving[i], arriving[j]] = [arriving[j]!, arriving[i]!];
  }
  const bench = new Bench();
  for (const one of arriving) {
    const drop = bench.add(one);
    if (drop === Drop.NONE) return bench.whole;
    assertEquals(drop, Drop.TAKEN);
  }
  return null;
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer);
}

const BYTES = text(0, 65535);
/** Sizes and MTUs at their edges too. */
const ANY_MTU4 = fc.oneof(
  fc.constantFrom(68, 69, 75, 76, 576, 1500),
  fc.integer({ min: 68, max: 9000 }),
);
const ANY_MTU6 = fc.oneof(fc.constantFrom(1280, 1281, 1500), fc.integer({ min: 1280, max: 9000 }));
const ANY_LENGTH = fc.oneof(
  fc.constantFrom(0, 1, 48, 49, 1480, 1481, 65507),
  fc.integer({ min: 0, max: 65507 }),
  fc.integer({ min: 0, max: 3000 }),
);

Deno.test("[RFC791-02] [RFC1122-23] [RFC815-01] IPv4 packets of any size come back whole through any MTU", () => {
  fc.assert(
    fc.property(ANY_LENGTH, ANY_MTU4, fc.nat(), (length, mtu, seed) => {
      const payload = BYTES.subarray(0, length);
      const packet = ipv4({ protocol: 17, payload, identification: 9, flagsAndOffset: 0 });
      const fragments = split4(packet, mtu);
      let offset = 0;
      for (const [i, fragment] of fragments.entries()) {
        const header = new Ipv4Header().bind(viewOf(fragment), 0);
        assertEquals(checkIpv4(viewOf(fragment), 0, fragment.length), Drop.NONE);
        assertEquals(header.totalLength, fragment.length);
        assert(fragment.length <= mtu);
        assertEquals(header.fragmentOffset, offset);
        assertEquals(header.moreFragments, i < fragments.length - 1);
        if (header.moreFragments) assert(fragment.length > mtu - 8, "as large as may be");
        offset += fragment.length - 20;
      }
      assertEquals(offset, length);
      if (fragments.length === 1) assertEquals(fragments[0], packet);
      else assertEquals(reassemble(fragments, seed), packet);
    }),
    { numRuns: 150 },
  );
});

Deno.test("[RFC791-02] IPv4 fragments that are too big for the next link in turn come back whole", () => {
  fc.assert(
    fc.property(ANY_LENGTH, ANY_MTU4, ANY_MTU4, ANY_MTU4, fc.nat(), (length, a, b, c, seed) => {
      const payload = BYTES.subarray(0, Math.min(length, 65503));
      const options = Uint8Array.of(148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0); // router alert, record route
      const packet = ipv4({ protocol: 17, payload, flagsAndOffset: 0, options });
      const fragments = [a, b, c].reduce(
        (pieces: Bytes[], mtu) => pieces.flatMap((piece) => split4(piece, mtu)),
        [packet],
      );
      for (const fragment of fragments) {
        assert(fragment.length <= Math.min(a, b, c));
        assertEquals(checkIpv4(viewOf(fragment), 0, fragment.length), Drop.NONE);
      }
      if (fragments.length === 1) assertEquals(fragments[0], packet);
      else assertEquals(reassemble(fragments, seed), packet);
    }),
    { numRuns: 100 },
  );
});

Deno.test("[RFC8200-05] [RFC8200-06] IPv6 packets of any size come back whole through any MTU", () => {
  const extensions = Uint8Array.of(17, 0, 5, 2, 0, 0, 1, 0); // router alert
  fc.assert(
    fc.property(ANY_LENGTH, ANY_MTU6, fc.boolean(), fc.nat(), (length, mtu, extended, seed) => {
      const whole = IPV6.fragment({ offset: 0, more: false, payload: BYTES.subarray(0, length) });
      const repeated = extended ? 48 : 40;
      if (extended) {
        whole.set(extensions, 40);
        whole[6] = 0;
      } else {
        whole.copyWithin(40, 48);
        whole[6] = 17;
      }
      const packet = whole.slice(0, repeated + length);
      viewOf(packet).setUint16(4, packet.length - 40);
      const fragments = split6(packet, repeated, 0xfedc_ba98, mtu);
      let offset = 0;
      for (const [i, fragment] of fragments.entries()) {
        const view = viewOf(fragment);
        assertEquals(checkIpv6(view, 0, fragment.length), Drop.NONE);
        assertEquals(new Ipv6Header().bind(view, 0).payloadLength, fragment.length - 40);
        assertEquals(fragment[extended ? 40 : 6], 44);
        const header = new FragmentHeader().bind(view, repeated);
        assertEquals(header.nextHeader, 17);
        assertEquals(header.identification, 0xfedc_ba98);
        assertEquals(header.offset, offset);
        assertEquals(header.more, i < fragments.length - 1);
        assert(fragment.length <= mtu);
        if (header.more) assert(fragment.length > mtu - 8, "as large as may be");
        offset += fragment.length - repeated - 8;
      }
      assertEquals(offset, length);
      assertEquals(reassemble(fragments, seed), packet);
    }),
    { numRuns: 100 },
  );
});

/** The header of an IPv4 fragment in front of its piece. */
function optionsOf(fragment: Bytes): number[] {
  return [...fragment.subarray(20, (fragment[0]! & 15) * 4)];
}

Deno.test("options go into all fragments or the first alone, as their copied flag says (RFC 791 §3.1)", () => {
  const route = [7, 7, 4, 0, 0, 0, 0]; // record route: not copied
  const alert = [148, 4, 0, 0]; // router alert: copied
  const stream = [136, 4, 1, 2]; // stream identifier: copied
  const [end, nop] = [0, 1];
  const cases: [options: number[], later: number[]][] = [
    [[], []],
    [alert, alert],
    [[...route, end], []],
    [[...alert, ...route, end], alert],
    [[...route, nop, ...alert], alert],
    [[nop, nop, ...stream, nop, nop, ...alert], [...stream, ...alert]],
    [[nop, nop, nop, nop], []],
    [[148, 3, 0, nop], [148, 3, 0, end]], // padded anew
    [[148, 3, 0, 136, 3, 0, end, end], [148, 3, 0, 136, 3, 0, end, end]],
    [[...alert, end, ...stream.slice(1)], alert], // nothing counts behind the end
    // What is no option, and all that is behind it, goes with the first only.
    [[...alert, 130, 5, 0, 0], alert],
    [[...alert, 130, 0, 0, 0], alert],
    [[...alert, 130, 1, 148, 4], alert],
    [[...alert, nop, nop, nop, 130], alert],
  ];
  for (const [options, later] of cases) {
    const packet = ipv4({
      protocol: 17,
      payload: text(0, 300),
      flagsAndOffset: 0,
      options: Uint8Array.from(options),
    });
    const fragments = split4(packet, 100);
    assert(fragments.length > 2);
    assertEquals(fragments.map(optionsOf), [options, ...fragments.slice(1).map(() => later)]);
    for (const fragment of fragments) {
      assertEquals(checkIpv4(viewOf(fragment), 0, fragment.length), Drop.NONE);
    }
    assertEquals(reassemble(fragments, 1), packet);
  }
});

Deno.test("a fragment that is split keeps its place, and more-fragments where it had it", () => {
  const cases: [more: boolean, want: [offset: number, more: boolean][]][] = [
    [true, [[800, true], [848, true], [896, true]]],
    [false, [[800, true], [848, true], [896, false]]],
  ];
  for (const [more, want] of cases) {
    const fragment = IPV4.fragment({ offset: 800, more, payload: text(800, 112), ttl: 3, tos: 9 });
    const fragments = split4(fragment, 70);
    const header = new Ipv4Header();
    const seen = fragments.map((one) => {
      header.bind(viewOf(one), 0);
      assertEquals([header.ttl, header.tos, header.identification], [3, 9, 7]);
      return [header.fragmentOffset, header.moreFragments];
    });
    assertEquals(seen, want);
  }
});

Deno.test("a packet that fits the MTU goes out as it is, and with one byte more as two", () => {
  const packet = (length: number) => {
    return ipv4({ protocol: 17, payload: text(0, length), flagsAndOffset: 0 });
  };
  assertEquals(split4(packet(1480), 1500), [packet(1480)]);
  assertEquals(split4(packet(1481), 1500).map((one) => one.length), [1500, 21]);
  assertEquals(split4(packet(1481), 1499).map((one) => one.length), [1492, 29]);
  // In IPv6 even one that fits gets a fragment header. The last piece need be no multiple of 8.
  const packet6 = (length: number) =>
    IPV6.fragment({ offset: 0, more: false, payload: text(0, length) }).subarray(0, 40 + length);
  const lengths = (length: number, mtu: number) =>
    split6(packet6(length), 40, 1, mtu).map((one) => one.length);
  assertEquals(lengths(1239, 1287), [1287]);
  assertEquals(lengths(1240, 1287), [1280, 56]);
});

Deno.test("once a fragment cannot be sent, the rest is not", () => {
  for (const failing of [1, 2, 3]) {
    let sent = 0;
    const emit = () => ++sent < failing;
    const packet4 = ipv4({ protocol: 17, payload: text(0, 4000), flagsAndOffset: 0 });
    assertEquals(new Fragmenter().split4(outgoing(packet4, 20), 1500, emit), false);
    assertEquals(sent, failing);
    sent = 0;
    const packet6 = IPV6.fragment({ offset: 0, more: false, payload: text(0, 4000) });
    assertEquals(new Fragmenter().split6(outgoing(packet6, 40), 1, 1500, emit), false);
    assertEquals(sent, failing);
  }
});
