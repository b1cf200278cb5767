import { assert, assertEquals } from "@std/assert";
import { REASSEMBLY_BLOCK } from "../../src/net/datagram.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import { checkIpv4 } from "../../src/wire/ipv4.ts";
import { Drop } from "../../src/wire/drop.ts";
import { LINK_HEADROOM } from "../../src/wire/packet.ts";
import { PEER, STACK } from "../packets.ts";
import { withSeed } from "../random.ts";
import { Bench, type FragmentFields, IPV4, IPV6, text } from "./fragments.ts";
import { PEER6, STACK6 } from "../packets6.ts";

const { NONE, TAKEN, FRAGMENT_OVERLAP: OVERLAP, FRAGMENT_BAD_LENGTH: BAD_LENGTH } = Drop;
const FAMILIES = [IPV4, IPV6];

/** A fragment by its place and length; `M` if others follow; then other bytes than usual, if any. */
type Piece = [offset: number, length: number, more: "M" | "-", want: Drop, payload?: Uint8Array];

function fieldsOf([offset, length, more, , payload]: Piece): FragmentFields {
  return { offset, more: more === "M", payload: payload ?? text(offset, length) };
}

/** Sequences that lead to a datagram of 40 bytes. */
const GOOD: Record<string, Piece[]> = {
  "in order": [[0, 16, "M", TAKEN], [16, 16, "M", TAKEN], [32, 8, "-", NONE]],
  "backwards": [[32, 8, "-", TAKEN], [16, 16, "M", TAKEN], [0, 16, "M", NONE]],
  "the first last": [[16, 16, "M", TAKEN], [32, 8, "-", TAKEN], [0, 16, "M", NONE]],
  "the middle last": [[0, 16, "M", TAKEN], [32, 8, "-", TAKEN], [16, 16, "M", NONE]],
  "the first one twice": [[0, 16, "M", TAKEN], [0, 16, "M", TAKEN], [16, 24, "-", NONE]],
  "the last one twice": [[16, 24, "-", TAKEN], [16, 24, "-", TAKEN], [0, 16, "M", NONE]],
  "a middle one thrice": [
    [8, 16, "M", TAKEN],
    [8, 16, "M", TAKEN],
    [24, 16, "-", TAKEN],
    [8, 16, "M", TAKEN],
    [0, 8, "M", NONE],
  ],
  "a middle one twice, between its neighbours": [
    [0, 8, "M", TAKEN],
    [16, 8, "M", TAKEN],
    [8, 8, "M", TAKEN],
    [8, 8, "M", TAKEN],
    [24, 16, "-", NONE],
  ],
};

for (const family of FAMILIES) {
  for (const [name, pieces] of Object.entries(GOOD)) {
    Deno.test(`[RFC815-01] [RFC1122-21] ${family.name} fragments are put together: ${name}`, () => {
      const bench = new Bench();
      const results = pieces.map((piece) => bench.add(family.fragment(fieldsOf(piece))));
      assertEquals(results, pieces.map(([, , , want]) => want));
      assertEquals(bench.payload, text(0, 40));
      assertEquals(bench.reassembler.size, 0);
      assertEquals(bench.reassembler.memory, 0);
      assertEquals(bench.counters.ipFragmentsReceived, pieces.length);
      assertEquals(bench.counters.ipReassembled, 1);
      assertEquals(bench.reassembler.nextDeadline(), Infinity);
    });
  }
}

/** Sequences that contradict themselves: the last piece shows it. */
const CONFLICTS: Record<string, Piece[]> = {
  "a teardrop: one lies within another": [[0, 40, "M", TAKEN], [24, 8, "M", OVERLAP]],
  "a teardrop whose last lies within the first": [[0, 40, "M", TAKEN], [24, 4, "-", OVERLAP]],
  "one begins within another": [[0, 16, "M", TAKEN], [8, 16, "M", OVERLAP]],
  "one ends within another": [[8, 16, "M", TAKEN], [0, 16, "M", OVERLAP]],
  "one is around another": [[8, 8, "M", TAKEN], [0, 32, "M", OVERLAP]],
  "one starts as another, and is longer": [[0, 8, "M", TAKEN], [0, 16, "M", OVERLAP]],
  "one starts as another, and is shorter": [[0, 16, "M", TAKEN], [0, 8, "M", OVERLAP]],
  "one ends as another, and is longer": [[8, 8, "M", TAKEN], [0, 16, "M", OVERLAP]],
  "one ends as another, and is shorter": [[0, 16, "M", TAKEN], [8, 8, "M", OVERLAP]],
  "one is just two others": [[0, 8, "M", TAKEN], [8, 8, "M", TAKEN], [0, 16, "M", OVERLAP]],
  "one fills a gap, and more": [[0, 8, "M", TAKEN], [16, 8, "M", TAKEN], [8, 16, "M", OVERLAP]],
  "one has other bytes than before": [
    [0, 16, "M", TAKEN],
    [0, 16, "M", OVERLAP, text(8, 16)],
  ],
  "one has another last byte than before": [
    [8, 11, "-", TAKEN],
    [8, 11, "-", OVERLAP, Uint8Array.of(...text(8, 10), 0)],
  ],
  "the last one comes before the end of another": [[16, 8, "M", TAKEN], [8, 8, "-", OVERLAP]],
  "two last ones, the second further": [[8, 8, "-", TAKEN], [16, 8, "-", OVERLAP]],
  "two last ones, the second nearer": [[16, 8, "-", TAKEN], [8, 8, "-", OVERLAP]],
  "two last ones, of different length": [[16, 7, "-", TAKEN], [16, 6, "-", OVERLAP]],
  "one goes beyond the end": [[8, 8, "-", TAKEN], [16, 8, "M", OVERLAP]],
  "one before the last reaches beyond the end": [[8, 4, "-", TAKEN], [0, 16, "M", OVERLAP]],
  "the last one comes again as not the last": [[8, 8, "-", TAKEN], [8, 8, "M", OVERLAP]],
  "one comes again as the last": [[8, 8, "M", TAKEN], [8, 8, "-", OVERLAP]],
};

for (const family of FAMILIES) {
  for (const [name, pieces] of Object.entries(CONFLICTS)) {
    Deno.test(`[RFC8200-05] ${family.name} fragments that conflict cost the datagram: ${name}`, () => {
      const bench = new Bench();
      const results = pieces.map((piece) => bench.add(family.fragment(fieldsOf(piece))));
      assertEquals(results, pieces.map(([, , , want]) => want));
      // Nothing is kept of it but that it is spoiled, so a whole set comes too late.
      assertEquals(bench.reassembler.memory, REASSEMBLY_BLOCK);
      for (const piece of GOOD["in order"]!) {
        assertEquals(bench.add(family.fragment(fieldsOf(piece)), 59_999), OVERLAP);
      }
      // Its time over, nobody is told, and the identification may be used again.
      bench.reassembler.poll(60_000);
      assertEquals(bench.timedOut, []);
      assertEquals(bench.counters.drops[Drop.FRAGMENT_TIMEOUT], 0);
      assertEquals(bench.reassembler.size, 0);
      for (const piece of GOOD["in order"]!) {
        assertEquals(bench.add(family.fragment(fieldsOf(piece)), 60_000), piece[3]);
      }
      assertEquals(bench.payload, text(0, 40));
    });
  }
}

Deno.test("[RFC791-02] [RFC8200-04] a fragment of a length that cannot be is dropped, and no other", () => {
  // The IPv4 limit includes the header: 65,515 bytes of payload behind one of 20 bytes.
  const cases: [pieces: Piece, IPv4: Drop, IPv6: Drop][] = [
    [[0, 7, "M", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[8, 1, "M", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[0, 1001, "M", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[8, 0, "M", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[8, 0, "-", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[65528, 0, "-", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[65512, 3, "-", TAKEN], TAKEN, TAKEN],
    [[65512, 4, "-", TAKEN], BAD_LENGTH, TAKEN],
    [[65528, 7, "-", TAKEN], BAD_LENGTH, TAKEN],
    [[65528, 8, "-", TAKEN], BAD_LENGTH, BAD_LENGTH],
    [[65528, 1472, "-", TAKEN], BAD_LENGTH, BAD_LENGTH], // ping of death
    [[65528, 1472, "M", TAKEN], BAD_LENGTH, BAD_LENGTH],
  ];
  for (const [piece, ...wants] of cases) {
    FAMILIES.forEach((family, i) => {
      const bench = new Bench();
      const name = `${family.name} ${piece}`;
      assertEquals(bench.add(family.fragment(fieldsOf(piece))), wants[i], name);
      if (wants[i] !== BAD_LENGTH) return;
      assertEquals(bench.reassembler.size, 0, name);
      for (const good of GOOD["in order"]!) {
        assertEquals(bench.add(family.fragment(fieldsOf(good))), good[3], name);
      }
    });
  }
});

Deno.test("[RFC791-02] what would be too long with the first fragment's options is dropped once it is whole", () => {
  const bench = new Bench();
  const options = new Uint8Array(40).fill(1);
  const last = { offset: 65480, more: false, payload: text(65480, 16) };
  assertEquals(bench.add(IPV4.fragment(last)), TAKEN);
  for (let offset = 8; offset < 65480; offset += 65472 / 4) {
    const payload = text(offset, 65472 / 4);
    assertEquals(bench.add(IPV4.fragment({ offset, more: true, payload })), TAKEN);
  }
  const first = { offset: 0, more: true, payload: text(0, 8), options };
  assertEquals(bench.add(IPV4.fragment(first)), BAD_LENGTH);
  assertEquals(bench.reassembler.size, 0);
  assertEquals(bench.reassembler.memory, 0);
  assertEquals(bench.counters.ipReassembled, 0);
});

Deno.test("[RFC791-02] an IPv4 datagram has the header of its first fragment, made that of a whole one", () => {
  const bench = new Bench();
  const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0); // record route
  const fields = { identification: 0x1234, protocol: 6 };
  bench.add(
    IPV4.fragment({ ...fields, offset: 16, more: false, payload: text(16, 5), ttl: 3, tos: 0x20 }),
    0,
    true,
  );
  const first = { ...fields, offset: 0, more: true, payload: text(0, 16), ttl: 9, tos: 0xb8 };
  assertEquals(bench.add(IPV4.fragment({ ...first, options })), NONE);
  const { whole } = bench.reassembler;
  assertEquals(
    bench.whole,
    IPV4.fragment({ ...first, more: false, payload: text(0, 21), options }),
  );
  assertEquals(checkIpv4(whole.view, whole.at, whole.end), NONE);
  assert(whole.at >= LINK_HEADROOM);
  assertEquals(whole.transportAt, whole.at + 28);
  assertEquals([whole.protocol, whole.ttl, whole.tos], [6, 9, 0xb8]);
  assert(whole.source.equals(PEER) && whole.destination.equals(STACK));
  assert(whole.isGroup, "one fragment was sent to more than one host");
});

/** Hop-by-hop options of 8 bytes, destination options of 16; each names what follows. */
const EXTENSIONS = Uint8Array.of(...[60, 0, 1, 4, 0, 0, 0, 0], ...[44, 1, 30, 12], ...text(0, 12));

Deno.test("[RFC8200-05] an IPv6 datagram has the headers of its first fragment, without that of fragments", () => {
  for (const extensions of [undefined, EXTENSIONS]) {
    const bench = new Bench();
    const shape = { extensions, extension: 0 };
    const last = { offset: 16, more: false, payload: text(16, 5), ttl: 3, protocol: 59 };
    bench.add(IPV6.fragment(last));
    const first = { offset: 0, more: true, payload: text(0, 16), ttl: 9, tos: 0xb8, protocol: 6 };
    assertEquals(bench.add(IPV6.fragment({ ...first, ...shape })), NONE);
    const { whole } = bench.reassembler;
    const length = extensions?.length ?? 0;
    const want = IPV6.fragment({ ...first, ...shape, payload: text(0, 21) });
    want.copyWithin(40 + length, 48 + length);
    want[extensions === undefined ? 6 : 48] = 6;
    want[5] = 21 + length;
    assertEquals(bench.whole, want.subarray(0, want.length - 8));
    assert(whole.at >= LINK_HEADROOM);
    assertEquals(whole.transportAt, whole.at + 40 + length);
    assertEquals([whole.protocol, whole.ttl, whole.tos], [6, 9, 0xb8]);
    assert(whole.source.equals(PEER6) && whole.destination.equals(STACK6));
    assert(!whole.isGroup);
  }
});

Deno.test("[RFC8200-06] a packet of 1500 bytes in fragments is accepted, and the largest there is", () => {
  for (const family of FAMILIES) {
    for (const length of [1500 - 40, family === IPV4 ? 65515 : 65535]) {
      const bench = new Bench();
      const half = (length >>> 4) << 3;
      const parts = [[0, half], [half, length - half]] as const;
      const [first, last] = parts.map(([offset, count]) =>
        bench.add(family.fragment({ offset, more: offset === 0, payload: text(offset, count) }))
      );
      assertEquals([first, last], [TAKEN, NONE], `${family.name} ${length}`);
      assertEquals(bench.payload, text(0, length));
    }
  }
});

Deno.test("IPv6 packets with a fragment header though they are whole stand on their own (RFC 6946)", () => {
  const bench = new Bench();
  assertEquals(
    bench.add(IPV6.fragment({ offset: 0, more: true, payload: text(0, 16) })),
    TAKEN,
  );
  for (const length of [0, 5, 1232]) {
    const payload = text(3, length);
    assertEquals(bench.add(IPV6.fragment({ offset: 0, more: false, payload })), NONE);
    assertEquals(bench.payload, payload);
    assertEquals(bench.reassembler.size, 1);
  }
  const extended = { offset: 0, more: false, payload: text(0, 9), extensions: EXTENSIONS };
  assertEquals(bench.add(IPV6.fragment({ ...extended, extension: 0, tos: 3 }), 0, true), NONE);
  assertEquals(bench.whole.length, 40 + EXTENSIONS.length + 9);
  assertEquals(bench.whole.subarray(40, 49), Uint8Array.of(...EXTENSIONS.subarray(0, 8), 17));
  assertEquals([bench.reassembler.whole.tos, bench.reassembler.whole.isGroup], [3, true]);
  // The others do not notice.
  assertEquals(
    bench.add(IPV6.fragment({ offset: 16, more: false, payload: text(16, 24) })),
    NONE,
  );
  assertEquals(bench.payload, text(0, 40));
});

Deno.test("more headers in front of a first fragment than there is room for are too long a chain", () => {
  const cases: [headers: number, want: Drop][] = [[464, TAKEN], [472, Drop.IPV6_LONG_CHAIN]];
  for (const [length, want] of cases) {
    // Routing headers without segments left, 232 bytes and what is left: their data is not looked at.
    const extensions = new Uint8Array(length);
    extensions.set([43, 28, 0, 0]);
    extensions.set([44, (length - 232) / 8 - 1, 0, 0], 232);
    const bench = new Bench();
    const first = { offset: 0, more: true, payload: text(0, 8), extensions, extension: 43 };
    assertEquals(bench.add(IPV6.fragment(first)), want);
    if (want !== TAKEN) continue;
    const last = { offset: 8, more: false, payload: text(8, 8) };
    assertEquals(bench.add(IPV6.fragment(last)), NONE);
    assertEquals(bench.whole.length, 40 + length + 16);
  }
});

Deno.test("[RFC791-02] fragments belong together by addresses, identification, and protocol in IPv4", () => {
  for (const family of FAMILIES) {
    const base = { identification: 7, protocol: 17 };
    const others: [fields: Partial<FragmentFields>, together: boolean][] = [
      [{ identification: 8 }, false],
      [{ protocol: 6 }, family === IPV6],
      [{ source: family.sender(1) }, false],
      [{ destination: family.sender(1) }, false],
      [{ ttl: 1 }, true],
      [{ tos: 4 }, true],
    ];
    for (const [other, together] of others) {
      const bench = new Bench();
      bench.add(family.fragment({ ...base, offset: 0, more: true, payload: text(0, 8) }));
      const last = { ...base, ...other, offset: 8, more: false, payload: text(8, 8) };
      const want = together ? NONE : TAKEN;
      assertEquals(bench.add(family.fragment(last)), want, `${family.name} ${Object.keys(other)}`);
    }
  }
});

Deno.test("IPv6 identifications have 32 bits", () => {
  const bench = new Bench();
  const first = { offset: 0, more: true, payload: text(0, 8) };
  const last = { offset: 8, more: false, payload: text(8, 8) };
  bench.add(IPV6.fragment({ ...first, identification: 0xffff_0001 }));
  assertEquals(bench.add(IPV6.fragment({ ...last, identification: 0xfffe_0001 })), TAKEN);
  assertEquals(bench.add(IPV6.fragment({ ...last, identification: 0xffff_0001 })), NONE);
});

Deno.test("a congestion mark on any fragment is one on the whole, unless one is not ECN-capable (RFC 3168 §5.3)", () => {
  const [NOT_ECT, ECT1, ECT0, CE] = [0, 1, 2, 3];
  const cases: [first: number, middle: number, last: number, want: number | null][] = [
    [NOT_ECT, NOT_ECT, NOT_ECT, NOT_ECT],
    [ECT0, ECT0, ECT0, ECT0],
    [ECT1, ECT1, ECT1, ECT1],
    [CE, CE, CE, CE],
    [ECT0, CE, ECT0, CE],
    [ECT0, ECT0, CE, CE],
    [CE, ECT0, ECT0, CE],
    [ECT1, CE, ECT1, CE],
    [ECT1, CE, ECT0, CE],
    [NOT_ECT, CE, NOT_ECT, null],
    [CE, NOT_ECT, CE, null],
    [ECT0, CE, NOT_ECT, null],
    [NOT_ECT, NOT_ECT, CE, null],
  ];
  for (const family of FAMILIES) {
    for (const [first, middle, last, want] of cases) {
      const bench = new Bench();
      const tos = (ecn: number) => 0xb8 | ecn;
      const name = `${family.name} ${[first, middle, last]}`;
      bench.add(family.fragment({ offset: 0, more: true, payload: text(0, 8), tos: tos(first) }));
      bench.add(
        family.fragment({ offset: 16, more: false, payload: text(16, 8), tos: tos(last) }),
      );
      const drop = bench.add(
        family.fragment({ offset: 8, more: true, payload: text(8, 8), tos: tos(middle) }),
      );
      assertEquals(drop, want === null ? Drop.FRAGMENT_BAD_ECN : NONE, name);
      assertEquals(bench.reassembler.size, 0, name);
      assertEquals(bench.counters.ipReassembled, want === null ? 0 : 1, name);
      if (want === null) continue;
      const { whole } = bench.reassembler;
      assertEquals(whole.tos, tos(want), name);
      const written = family === IPV4
        ? whole.bytes[whole.at + 1]
        : (whole.view.getUint16(whole.at) >>> 4) & 0xff;
      assertEquals(written, tos(want), name);
      if (family === IPV4) assertEquals(checkIpv4(whole.view, whole.at, whole.end), NONE, name);
    }
  }
});

Deno.test("[RFC1122-22] [RFC8200-03] what is not whole 60 s after its first arrival is thrown away, once", () => {
  for (const family of FAMILIES) {
    const bench = new Bench();
    const { reassembler, counters } = bench;
    bench.add(family.fragment({ offset: 8, more: true, payload: text(8, 8) }), 1000);
    bench.add(family.fragment({ offset: 24, more: false, payload: text(24, 8) }), 60_999);
    assertEquals(reassembler.nextDeadline(), 61_000); // others do not put it off
    reassembler.poll(60_999);
    assertEquals(reassembler.size, 1);
    reassembler.poll(61_000);
    assertEquals([reassembler.size, reassembler.memory], [0, 0]);
    assertEquals(reassembler.nextDeadline(), Infinity);
    assertEquals(counters.drops[Drop.FRAGMENT_TIMEOUT], 1);
    assertEquals(bench.timedOut, [], "nobody is told without the first fragment");
    // What comes now is another datagram.
    bench.add(family.fragment({ offset: 0, more: true, payload: text(0, 8) }), 61_000);
    assertEquals(
      bench.add(family.fragment({ offset: 16, more: true, payload: text(16, 8) }), 61_000),
      TAKEN,
    );
    assertEquals(reassembler.nextDeadline(), 121_000);
  }
});

Deno.test("[RFC1122-22] [RFC8200-03] with the first fragment there, it is told of as it came, up to 1280 bytes", () => {
  for (const family of FAMILIES) {
    for (const length of [8, 1232, 1480, 65480]) {
      const bench = new Bench();
      const options = new Uint8Array(8).fill(1);
      const shape = {
        options,
        extensions: EXTENSIONS,
        extension: 0,
        ttl: 5,
        tos: 0xb9,
        protocol: 6,
      };
      const first = family.fragment({ offset: 0, more: true, payload: text(0, length), ...shape });
      bench.add(
        family.fragment({ offset: 65488, more: false, payload: text(0, 8), protocol: 6 }),
        5,
      );
      bench.add(first, 10);
      bench.reassembler.poll(60_005);
      assertEquals(bench.timedOut, [[first.slice(0, 1280), 60_005]]);
      assertEquals(bench.counters.drops[Drop.FRAGMENT_TIMEOUT], 1);
      const { whole } = bench.reassembler;
      assert(whole.source.equals(family === IPV4 ? PEER : PEER6));
      assert(whole.destination.equals(family === IPV4 ? STACK : STACK6));
      assertEquals([whole.ttl, whole.tos, whole.protocol], [5, 0xb9, 6]);
      assert(whole.at >= LINK_HEADROOM);
    }
  }
});

Deno.test("a fragment that comes when the time is over meets no old ones, polled or not", () => {
  const bench = new Bench();
  const first = IPV4.fragment({ offset: 0, more: true, payload: text(0, 8) });
  bench.add(first, 0);
  const last = IPV4.fragment({ offset: 8, more: false, payload: text(8, 8) });
  assertEquals(bench.add(last, 60_000), TAKEN);
  assertEquals(bench.timedOut, [[first, 60_000]]);
  assertEquals(bench.reassembler.size, 1);
});

Deno.test("the times of many datagrams run out one after the other", () => {
  const bench = new Bench();
  const add = (identification: number, now: number) =>
    bench.add(
      IPV4.fragment({ identification, offset: 0, more: true, payload: text(0, 8) }),
      now,
    );
  for (let i = 0; i < 10; i++) add(i, 100 * i);
  assertEquals(
    bench.add(
      IPV4.fragment({ identification: 4, offset: 8, more: false, payload: text(8, 8) }),
      900,
    ),
    NONE,
  );
  const seen: number[] = [];
  for (;;) {
    const due = bench.reassembler.nextDeadline();
    if (due === Infinity) break;
    bench.reassembler.poll(due);
    seen.push(due);
  }
  assertEquals(seen, [0, 1, 2, 3, 5, 6, 7, 8, 9].map((i) => 60_000 + 100 * i));
  assertEquals(bench.timedOut.map(([bytes]) => bytes[5]), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
});

Deno.test("memory grows with what comes, not with what is announced: the rose attack", () => {
  // A first fragment, and one at the far end: the hole between them takes nothing.
  for (const family of FAMILIES) {
    const bench = new Bench();
    bench.add(family.fragment({ offset: 0, more: true, payload: text(0, 32) }));
    assertEquals(bench.reassembler.memory, 2 * REASSEMBLY_BLOCK);
    bench.add(family.fragment({ offset: 65480, more: false, payload: text(0, 8) }));
    assertEquals(bench.reassembler.memory, 3 * REASSEMBLY_BLOCK);
    // The last fragment again and again, as in its second edition, takes nothing more.
    for (let i = 0; i < 1000; i++) {
      bench.add(family.fragment({ offset: 65480, more: false, payload: text(0, 8) }));
    }
    assertEquals(bench.reassembler.memory, 3 * REASSEMBLY_BLOCK);
  }
});

Deno.test("a datagram in the smallest possible fragments becomes whole", () => {
  const bench = new Bench();
  const offsets = Array.from({ length: 8189 }, (_, i) => 8 * i);
  for (const offset of offsets.filter((offset) => offset % 16 === 0).reverse()) {
    const payload = text(offset, offset === 65504 ? 3 : 8);
    assertEquals(bench.add(IPV4.fragment({ offset, more: offset !== 65504, payload })), TAKEN);
  }
  let last: Drop = TAKEN;
  for (const offset of offsets.filter((offset) => offset % 16 !== 0)) {
    assertEquals(last, TAKEN);
    last = bench.add(IPV4.fragment({ offset, more: true, payload: text(offset, 8) }));
  }
  assertEquals(last, NONE);
  assertEquals(bench.payload, text(0, 65507));
});

/** A first fragment that nothing follows. */
function lure(family: typeof IPV4, source: IpAddress, identification: number, length = 8) {
  return family.fragment({
    source,
    identification,
    offset: 0,
    more: true,
    payload: text(0, length),
  });
}

Deno.test("a flood of first fragments from one sender pushes out that sender's own alone", () => {
  for (const family of FAMILIES) {
    const bench = new Bench();
    const others = [1, 2, 3].map((i) => lure(family, family.sender(i), 1));
    for (const other of others) assertEquals(bench.add(other), TAKEN);
    for (let i = 0; i < 5000; i++) {
      assertEquals(bench.add(lure(family, family.sender(0), i)), TAKEN);
      assert(bench.reassembler.size <= 3 + 16);
    }
    assertEquals(bench.counters.drops[Drop.FRAGMENT_NO_ROOM], 5000 - 16);
    for (const i of [1, 2, 3]) {
      const rest = { offset: 8, more: false, payload: text(8, 8), identification: 1 };
      assertEquals(bench.add(family.fragment({ ...rest, source: family.sender(i) })), NONE);
    }
    // Of the flood, the newest are there.
    for (let i = 5000 - 16; i < 5000; i++) {
      const rest = { offset: 8, more: false, payload: text(8, 8), identification: i };
      assertEquals(bench.add(family.fragment({ ...rest, source: family.sender(0) })), NONE, `${i}`);
    }
  }
});

Deno.test("senders who have all they may have push out nobody else's", () => {
  const bench = new Bench({ datagramsPerSender: 4, memoryPerSender: 20 * REASSEMBLY_BLOCK });
  const [older, newer] = [IPV4.sender(1), IPV4.sender(2)];
  const finish = (source: IpAddress, identification: number, offset: number) =>
    bench.add(
      IPV4.fragment({ source, identification, offset, more: false, payload: text(offset, 8) }),
    );
  for (let i = 0; i < 4; i++) bench.add(lure(IPV4, older, i));
  for (let i = 0; i < 5; i++) bench.add(lure(IPV4, newer, i));
  for (let i = 0; i < 4; i++) assertEquals(finish(older, i, 8), NONE);
  // The same by bytes.
  for (let i = 0; i < 2; i++) bench.add(lure(IPV4, older, i, 16_000));
  for (let i = 0; i < 3; i++) bench.add(lure(IPV4, newer, i, 16_000));
  for (let i = 0; i < 2; i++) assertEquals(finish(older, i, 16_000), NONE);
});

Deno.test("a datagram leaves nothing behind for the next", () => {
  for (const family of FAMILIES) {
    const bench = new Bench();
    const add = (offset: number, length: number, more: boolean, tos: number, isGroup = false) =>
      bench.add(
        family.fragment({ offset, more, payload: text(offset, length), tos }),
        0,
        isGroup,
      );
    // Short pieces, marked, sent to a group.
    for (let offset = 64; offset >= 8; offset -= 8) add(offset, 8, offset < 64, 3, true);
    assertEquals(add(0, 8, true, 3, true), NONE);
    assertEquals([bench.reassembler.whole.tos, bench.reassembler.whole.isGroup], [3, true]);
    // Long ones, repeated, unmarked, sent to us.
    assertEquals(add(0, 40, true, 0), TAKEN);
    assertEquals(add(0, 40, true, 0), TAKEN);
    assertEquals(add(40, 8, false, 0), NONE);
    assertEquals([bench.reassembler.whole.tos, bench.reassembler.whole.isGroup], [0, false]);
    assertEquals(bench.payload, text(0, 48));
  }
});

Deno.test("whatever comes, the limits hold, and 60 s later nothing is left", () => {
  withSeed(1, (random) => {
    const config = {
      memory: 100 * REASSEMBLY_BLOCK,
      memoryPerSender: 50 * REASSEMBLY_BLOCK,
      datagrams: 12,
      datagramsPerSender: 5,
    };
    const bench = new Bench(config);
    const { reassembler, counters } = bench;
    let now = 0;
    for (let i = 0; i < 20_000; i++) {
      const family = random.pick(FAMILIES);
      const offset = 8 * random.below(random.pick([4, 4, 8192]));
      const length = random.pick([8, 16, random.below(100), random.below(9000)]);
      bench.add(
        family.fragment({
          source: family.sender(random.below(6)),
          identification: random.below(8),
          tos: random.below(4),
          offset,
          more: random.chance(0.8),
          payload: text(offset, Math.min(length, family === IPV4 ? 65515 : 65487)),
        }),
        now += random.below(200),
      );
      assert(reassembler.memory <= config.memory);
      assert(reassembler.size <= config.datagrams);
      assert(reassembler.senders <= reassembler.size);
    }
    assert(counters.ipReassembled > 100, `${counters.ipReassembled}`);
    reassembler.poll(now + 60_000);
    assertEquals([reassembler.size, reassembler.senders, reassembler.memory], [0, 0, 0]);
    assertEquals(reassembler.nextDeadline(), Infinity);
  });
});

Deno.test("a flood from many senders takes 256 places, and the oldest go first", () => {
  for (const family of FAMILIES) {
    const bench = new Bench();
    for (let i = 0; i < 3000; i++) {
      assertEquals(bench.add(lure(family, family.sender(i), 1)), TAKEN);
      assert(bench.reassembler.size <= 256);
      assert(bench.reassembler.memory <= 4 << 20);
    }
    assertEquals(bench.reassembler.size, 256);
    assertEquals(bench.counters.drops[Drop.FRAGMENT_NO_ROOM], 3000 - 256);
    // One whose fragments come close together gets through in the middle of it.
    const rest = { identification: 1, offset: 8, more: false, payload: text(8, 8) };
    assertEquals(bench.add(family.fragment({ ...rest, source: family.sender(3000 - 256) })), NONE);
  }
});

Deno.test("places short, the sender with the most datagrams gives one up, however large others are", () => {
  const bench = new Bench({ datagrams: 20, datagramsPerSender: 16 });
  // One large datagram of an honest sender, the oldest of all.
  bench.add(lure(IPV4, IPV4.sender(1), 1, 60_000));
  for (let i = 0; i < 16; i++) bench.add(lure(IPV4, IPV4.sender(2), i));
  for (let i = 10; i < 20; i++) bench.add(lure(IPV4, IPV4.sender(i), 1));
  assertEquals(bench.reassembler.size, 20);
  const rest = { identification: 1, offset: 60_000, more: false, payload: text(60_000, 8) };
  assertEquals(bench.add(IPV4.fragment({ ...rest, source: IPV4.sender(1) })), NONE);
});

Deno.test("a flood of bytes is held within the limits, and those who send less get through", () => {
  for (const family of FAMILIES) {
    const bench = new Bench();
    const offsets = Array.from({ length: 44 }, (_, i) => 1480 * i);
    const ROUNDS = 6;
    let delivered = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (const offset of offsets) {
        const payload = text(offset, 1480);
        // Eight senders fill all they can get, with datagrams that lack the last fragment …
        for (let i = 0; i < 64; i++) {
          const source = family.sender(i >>> 3);
          const identification = 8 * round + (i & 7);
          bench.add(family.fragment({ source, identification, offset, more: true, payload }));
        }
        // … while an honest one sends a datagram of the same size piece by piece, between theirs.
        const honest = { source: family.sender(99), identification: round, offset, payload };
        const more = offset !== offsets.at(-1);
        if (bench.add(family.fragment({ ...honest, more })) === NONE) delivered++;
        assert(bench.reassembler.memory <= 4 << 20);
      }
    }
    assertEquals(delivered, ROUNDS, family.name);
    assert(bench.reassembler.memory > 3 << 20, "the flood was none");
    assert(bench.counters.drops[Drop.FRAGMENT_NO_ROOM]! > 0);
  }
});

Deno.test("a sender's memory is bounded: the oldest of its datagrams goes for the newest", () => {
  const memoryPerSender = 20 * REASSEMBLY_BLOCK;
  const bench = new Bench({ memoryPerSender });
  for (let i = 0; i < 15; i++) {
    assertEquals(bench.add(lure(IPV4, PEER, i, 16_000)), TAKEN);
    assert(bench.reassembler.memory <= memoryPerSender);
  }
  assertEquals(bench.reassembler.size, 2); // of 8 blocks and one for the maps each
  const rest = { offset: 16_000, more: false, payload: text(16_000, 8) };
  assertEquals(bench.add(IPV4.fragment({ ...rest, identification: 14 })), NONE);
  assertEquals(bench.payload, text(0, 16_008));
});

Deno.test("a datagram larger than the memory for one sender, or for all, is dropped itself", () => {
  for (const limits of [{ memory: 10 * REASSEMBLY_BLOCK }, { memoryPerSender: 20_480 }]) {
    const bench = new Bench(limits);
    assertEquals(bench.add(lure(IPV4, PEER, 1, 16_000)), TAKEN);
    const next = { identification: 1, offset: 16_000, more: true, payload: text(16_000, 8000) };
    assertEquals(bench.add(IPV4.fragment(next)), Drop.FRAGMENT_NO_ROOM);
    assertEquals([bench.reassembler.size, bench.reassembler.memory], [0, 0]);
  }
});
