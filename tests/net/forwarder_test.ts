/** What a router does with packets that are for others (RFC 1812 §5, RFC 8200, RFC 4443). */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop } from "../../src/wire/drop.ts";
import { checkIpv4, Ipv4Header } from "../../src/wire/ipv4.ts";
import { icmp, ipv4, type Ipv4Fields, parseIpv4, type Sent } from "../packets.ts";
import { type Random, withSeed } from "../random.ts";
import { bytesOf } from "../wire/hex.ts";
import { ipv6, type Out, type Port, Router } from "./router.ts";

const LEFT: Port = { name: "left", addresses: ["10.1.0.1/24", "fd01::1/64"] };
const RIGHT: Port = { name: "right", addresses: ["10.2.0.1/24", "fd02::1/64"] };
const A = IpAddress.parse("10.1.0.9");
const B = IpAddress.parse("10.2.0.9");
const TEXT = Uint8Array.from({ length: 40 }, (_, i) => i);

/** A router between two links with two ends each. */
function router(options: ConstructorParameters<typeof Router>[1] = {}, right = RIGHT): Router {
  return new Router([LEFT, right], options);
}

/** A packet from A to B, that may be fragmented. */
function toB(fields: Partial<Ipv4Fields> = {}): Uint8Array<ArrayBuffer> {
  return ipv4({
    source: A,
    destination: B,
    protocol: 17,
    payload: TEXT,
    flagsAndOffset: 0,
    ...fields,
  });
}

/** The same by IPv6. */
function toB6(fields: Partial<Parameters<typeof ipv6>[0]> = {}): Uint8Array<ArrayBuffer> {
  return ipv6({
    source: "fd01::9",
    destination: "fd02::9",
    nextHeader: 17,
    payload: TEXT,
    ...fields,
  });
}

/** An ICMP error that went out, taken apart: of either family. */
interface SentError {
  by: string;
  source: string;
  destination: string;
  type: number;
  code: number;
  rest: number;
  quoted: Uint8Array;
}

/** Takes apart the one error among what went out, whose checksum must be right. */
function error(out: readonly Out[]): SentError {
  assertEquals(out.length, 1);
  const [by, bytes] = out[0]!;
  const view = new DataView(bytes.buffer);
  const isVersion6 = bytes[0]! >>> 4 === 6;
  const at = isVersion6 ? 40 : 20;
  const address = (at6: number, at4: number) => {
    const scratch = IpAddress.scratch();
    return isVersion6 ? scratch.load16(view, at6) : scratch.load4(view, at4);
  };
  const source = address(8, 12).clone();
  const destination = address(24, 16).clone();
  const pseudo = isVersion6 ? pseudoHeaderSum(source, destination, 58, bytes.length - at) : 0;
  assertEquals(finish(sum(view, at, bytes.length, pseudo)), 0, "checksum");
  assertEquals(bytes[isVersion6 ? 6 : 9], isVersion6 ? 58 : 1);
  return {
    by,
    source: `${source}`,
    destination: `${destination}`,
    type: bytes[at]!,
    code: bytes[at + 1]!,
    rest: view.getUint32(at + 4),
    quoted: bytes.slice(at + 8),
  };
}

Deno.test("a packet goes on with a TTL of one less, and nothing else changed (RFC 1812 §5.3.1)", () => {
  const host = router();
  const sent = toB({ ttl: 64, tos: 0xb9, identification: 0x1234 });
  const out = host.receive("left", sent);
  const want = toB({ ttl: 63, tos: 0xb9, identification: 0x1234 });
  assertEquals(out, [["right", want]]);
  assertEquals(host.stack.counters.ipForwarded, 1);
  assertEquals(host.drops(), []);
  const back = ipv4({ source: B, destination: A, protocol: 6, payload: TEXT, ttl: 2 });
  const [[name, bytes]] = host.receive("right", back) as [Out];
  assertEquals([name, parseIpv4(bytes).ttl], ["left", 1]);
});

Deno.test("an IPv6 packet goes on with a hop limit of one less (RFC 8200 §3)", () => {
  const host = router();
  assertEquals(host.receive("left", toB6()), [["right", toB6({ hopLimit: 63 })]]);
  assertEquals(host.stack.counters.ipForwarded, 1);
});

Deno.test("what the link has put behind a packet stays behind", () => {
  const host = router();
  const out = host.receive("left", Uint8Array.of(...toB(), 1, 2, 3));
  assertEquals(out, [["right", toB({ ttl: 63 })]]);
  const out6 = host.receive("left", Uint8Array.of(...toB6(), 1, 2, 3));
  assertEquals(out6, [["right", toB6({ hopLimit: 63 })]]);
});

Deno.test("the checksum after a hop is that of the header, whatever the header (RFC 1624 §3)", () => {
  const word = fc.integer({ min: 0, max: 0xffff });
  fc.assert(fc.property(
    fc.array(word, { minLength: 9, maxLength: 29 }),
    fc.integer({ min: 1, max: 255 }),
    (words, ttl) => {
      const length = (words.length + 1 & ~1) * 2;
      const view = new DataView(new ArrayBuffer(length));
      words.forEach((value, i) => view.setUint16(2 * i, value));
      const header = new Ipv4Header().bind(view, 0);
      header.headerLength = length;
      header.totalLength = length;
      header.ttl = ttl;
      header.writeChecksum();
      header.decrementTtl();
      const { checksum } = header;
      assertEquals(checkIpv4(view, 0, length), Drop.NONE);
      header.writeChecksum();
      assertEquals([header.ttl, checksum], [ttl - 1, header.checksum]);
    },
  ));
});

Deno.test("a checksum next to zero, or written as minus zero, comes out right (RFC 1624 §5)", () => {
  // The identification makes the checksum what the case wants.
  for (const wanted of [0x0000, 0x0001, 0x00ff, 0x0100, 0xfe00, 0xfeff, 0xff00, 0xfffe, 0xffff]) {
    const bytes = toB();
    const view = new DataView(bytes.buffer);
    view.setUint16(4, 0);
    view.setUint16(10, wanted);
    view.setUint16(4, finish(sum(view, 0, 20)));
    assertEquals(checkIpv4(view, 0, bytes.length), Drop.NONE);
    const [[, after]] = router().receive("left", bytes) as [Out];
    const header = new Ipv4Header().bind(new DataView(after.buffer), 0);
    const { checksum } = header;
    header.writeChecksum();
    assertEquals([header.ttl, checksum], [63, header.checksum], wanted.toString(16));
  }
});

Deno.test("who has used up the hops is told, from the interface that the answer leaves by (RFC 1812 §4.3.2.4, §5.3.1)", () => {
  for (const ttl of [0, 1]) {
    const host = router();
    const about = toB({ ttl });
    const { quoted, ...rest } = error(host.receive("left", about));
    assertEquals(rest, {
      by: "left",
      source: "10.1.0.1",
      destination: "10.1.0.9",
      type: 11,
      code: 0,
      rest: 0,
    });
    assertEquals(quoted, about);
    assertEquals(host.drops(), ["IP_TTL_EXPIRED 1"]);
  }
});

Deno.test("the same by IPv6 (RFC 4443 §3.3)", () => {
  for (const hopLimit of [0, 1]) {
    const host = router();
    const about = toB6({ hopLimit });
    const { quoted, ...rest } = error(host.receive("left", about));
    assertEquals(rest, {
      by: "left",
      source: "fd01::1",
      destination: "fd01::9",
      type: 3,
      code: 0,
      rest: 0,
    });
    assertEquals(quoted, about);
    assertEquals(host.drops(), ["IP_TTL_EXPIRED 1"]);
  }
});

Deno.test("the longest prefix tells the way, and each answer its own (RFC 1812 §5.2.4.3)", () => {
  const host = new Router([LEFT, RIGHT, { name: "far", addresses: ["10.3.0.1/24", "fd03::1/64"] }])
    .route("10.0.0.0/8", "right", "10.2.0.2")
    .route("10.9.0.0/16", "far", "10.3.0.2")
    .route("10.9.9.0/24", "right", "10.2.0.3")
    .route("fd00::/8", "far", "fd03::2");
  const cases: [destination: string, want: string][] = [
    ["10.2.0.9", "right"],
    ["10.3.0.9", "far"],
    ["10.8.0.1", "right"],
    ["10.9.8.1", "far"],
    ["10.9.9.1", "right"],
    ["fd02::7", "right"],
    ["fd08::7", "far"],
  ];
  for (let round = 0; round < 3; round++) {
    for (const [destination, want] of cases) {
      const bytes = destination.includes(":")
        ? toB6({ destination })
        : toB({ destination: IpAddress.parse(destination) });
      assertEquals(host.receive("left", bytes).map(([name]) => name), [want], destination);
    }
  }
  // A new route counts from the next packet on.
  host.route("10.9.8.0/24", "right", "10.2.0.4");
  const again = host.receive("left", toB({ destination: IpAddress.parse("10.9.8.1") }));
  assertEquals(again.map(([name]) => name), ["right"]);
});

Deno.test("where no route leads the network is unreachable (RFC 1812 §5.2.7.1, RFC 4443 §3.1)", () => {
  const host = router();
  const about = toB({ destination: IpAddress.parse("192.0.2.1") });
  const { by, type, code, quoted } = error(host.receive("left", about));
  assertEquals([by, type, code], ["left", 3, 0]);
  assertEquals(quoted, about);
  const six = error(host.receive("left", toB6({ destination: "2001:db8::1" })));
  assertEquals([six.by, six.type, six.code], ["left", 1, 0]);
  assertEquals(host.drops(), ["IP_NO_ROUTE 2"]);
});

Deno.test("a link that is too small for IPv6 is no way for it (RFC 8200 §5)", () => {
  const host = router({}, { name: "right", addresses: ["10.2.0.1/24"], mtu: 1000 })
    .route("fd02::/64", "right");
  const { type, code } = error(host.receive("left", toB6()));
  assertEquals([type, code], [1, 0]);
});

Deno.test("packets are neither sent from nor to what is no host's, or means one link alone (RFC 1812 §5.3.7)", () => {
  const host = router().route("0.0.0.0/0", "right", "10.2.0.2").route("::/0", "right", "fd02::2");
  const never = ["0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.9", "239.1.1.1", "240.0.0.1"];
  never.push("255.255.255.255", "::", "::1", "fe80::9", "ff02::9", "ff0e::9", "::ffff:10.2.0.9");
  for (const text of never) {
    const isVersion6 = text.includes(":");
    const address = IpAddress.parse(text);
    const to = isVersion6 ? toB6({ destination: text }) : toB({ destination: address });
    const from = isVersion6 ? toB6({ source: text }) : toB({ source: address });
    const unsent = [["to", to], ["from", from]] as const;
    for (const [what, bytes] of unsent) {
      const out = host.receive("left", bytes);
      assert(!out.some(([name]) => name === "right"), `${what} ${text}`);
      if (text !== "fe80::9") assertEquals(out, [], `${what} ${text}`);
    }
  }
  assertEquals(host.stack.counters.ipForwarded, 0);
  assertEquals(host.stack.counters.icmpErrorsSent, 1);
});

Deno.test("who sends from a link-local address is told that it reaches no further (RFC 4443 §3.1, RFC 4007 §9)", () => {
  const host = router();
  const about = toB6({ source: "fe80::9" });
  const { by, type, code, destination, quoted } = error(host.receive("left", about));
  assertEquals([by, type, code, destination], ["left", 1, 2, "fe80::9"]);
  assertEquals(quoted, about);
});

/** A frame from a host on the left to the router's hardware address, or to `to`. */
function frame(bytes: Uint8Array, to = [2, 0, 0, 0, 0, 1]): Uint8Array<ArrayBuffer> {
  const type = bytes[0]! >>> 4 === 6 ? [0x86, 0xdd] : [8, 0];
  return Uint8Array.of(...to, 2, 0, 0, 0, 0, 9, ...type, ...bytes);
}

const LEFT_LAN: Port = { name: "left", addresses: ["10.1.0.1/24"], mac: 1 };
const RIGHT_LAN: Port = { name: "right", addresses: ["10.2.0.1/24"], mac: 2 };

/** Announces the neighbor B on the right, with the hardware address that ends with 7. */
function introduce(host: Router, address = B): void {
  const arp = bytesOf("0001 0800 06 04 0002 020000000007 00000000 020000000002 0a020001");
  arp.set(address.toBytes(), 14);
  const head = bytesOf("020000000002 020000000007 0806");
  host.receive("right", Uint8Array.of(...head, ...arp));
  assertEquals(host.drops(), []);
}

Deno.test("a frame for all on a link is not forwarded, though its packet is for one (RFC 1812 §5.3.4)", () => {
  const host = new Router([LEFT_LAN, RIGHT_LAN]);
  host.poll(10_000);
  const out = host.receive("left", frame(toB(), Array(6).fill(0xff)));
  const multicast = host.receive("left", frame(toB(), [1, 0, 0x5e, 0, 0, 9]));
  assertEquals([out, multicast], [[], []]);
  assertEquals(host.drops(), ["IP_NOT_FOR_US 2"]);
});

Deno.test("directed broadcasts stay outside (RFC 2644 §3)", () => {
  const host = new Router([LEFT_LAN, RIGHT_LAN]);
  host.poll(10_000);
  const out = host.receive("left", frame(toB({ destination: IpAddress.parse("10.2.0.255") })));
  assertEquals(out, []);
  assertEquals(host.drops(), ["IP_NOT_FOR_US 1"]);
});

Deno.test("[RFC1122-04] nothing is answered to all hosts of another link of ours (RFC 1122 §3.2.1.3)", () => {
  const host = new Router([LEFT_LAN, RIGHT_LAN]);
  host.poll(10_000);
  const echo = icmp(
    8,
    0,
    new Uint8Array(4),
    IpAddress.parse("10.1.0.1"),
    IpAddress.parse("10.2.0.255"),
  );
  assertEquals(host.receive("left", frame(echo)), []);
  assertEquals(host.drops(), ["IP_BAD_SOURCE 1"]);
});

Deno.test("a next hop that does not answer is unreachable, after three requests (RFC 1812 §5.2.7.1)", () => {
  const host = new Router([LEFT, RIGHT_LAN]);
  host.poll(10_000);
  const about = toB();
  const request = host.receive("left", about);
  assertEquals(request.map(([name, bytes]) => [name, bytes[12], bytes[13]]), [["right", 8, 6]]);
  const out = host.poll(5000);
  const { by, type, code, quoted } = error(out.filter(([name]) => name === "left"));
  assertEquals([by, type, code], ["left", 3, 1]);
  // RFC 1812 §4.3.2.3: what was changed before the error came up need not be undone.
  assertEquals(quoted, toB({ ttl: 63 }));
  assertEquals(host.drops(), ["NEIGHBOR_UNREACHABLE 1"]);
});

Deno.test("of fragments that wait for a silent neighbor the first alone is reported (RFC 1812 §4.3.2.7)", () => {
  const host = new Router([LEFT, RIGHT_LAN]);
  host.poll(10_000);
  host.receive("left", toB({ flagsAndOffset: 0x2000 }));
  host.receive("left", toB({ flagsAndOffset: 5 }));
  const errors = host.poll(5000).filter(([name]) => name === "left");
  assertEquals(error(errors).quoted.length, 60);
});

Deno.test("by Ethernet a packet goes to the neighbor or to the router, with a new header (RFC 894)", () => {
  const host = new Router([LEFT, RIGHT_LAN]).route("10.9.0.0/16", "right", "10.2.0.9");
  host.poll(10_000);
  host.receive("left", toB());
  introduce(host);
  const head = bytesOf("020000000007 020000000002 0800");
  for (const destination of [B, IpAddress.parse("10.9.0.3")]) {
    const out = host.receive("left", toB({ destination }));
    assertEquals(out, [["right", Uint8Array.of(...head, ...toB({ destination, ttl: 63 }))]]);
  }
});

Deno.test("on an Ethernet what came by a link may leave by it, and no redirect is sent", () => {
  const host = new Router([RIGHT_LAN]).route("10.9.0.0/16", "right", "10.2.0.9");
  host.poll(10_000);
  const about = toB({
    source: IpAddress.parse("10.2.0.5"),
    destination: IpAddress.parse("10.9.0.3"),
  });
  const bytes = frame(about, [2, 0, 0, 0, 0, 2]);
  host.receive("right", bytes);
  introduce(host);
  const out = host.receive("right", bytes);
  assertEquals(out.map(([name, sent]) => [name, sent[5], sent[22]]), [["right", 7, 63]]);
});

Deno.test("on a link with two ends nothing goes back where it came from (RFC 4443 §3.1)", () => {
  const host = router();
  const four = error(host.receive("left", toB({ destination: IpAddress.parse("10.1.0.77") })));
  assertEquals([four.by, four.type, four.code], ["left", 3, 0]);
  const six = error(host.receive("left", toB6({ destination: "fd01::77" })));
  assertEquals([six.by, six.type, six.code], ["left", 1, 3]);
  assertEquals(host.drops(), ["IP_NO_ROUTE 2"]);
});

Deno.test("the router's addresses are its own on every interface (RFC 1812 §5.2.3)", () => {
  const host = router();
  const body = Uint8Array.of(0, 1, 0, 2, 3, 4);
  for (const text of ["10.1.0.1", "10.2.0.1"]) {
    const destination = IpAddress.parse(text);
    const request = ipv4({
      source: A,
      destination,
      protocol: 1,
      payload: icmp(8, 0, body).slice(20),
    });
    const [[name, reply]] = host.receive("left", request) as [Out];
    const { source, payload } = parseIpv4(reply);
    assertEquals([name, source, payload[0]], ["left", text, 0]);
  }
  assertEquals(host.stack.counters.ipForwarded, 0);
});

Deno.test("a packet to an address that is still being checked is nobody's (RFC 4862 §5.4)", () => {
  const host = new Router([LEFT, RIGHT_LAN]);
  const address = IpAddress.parse("10.2.0.77");
  host.stack.ip.addAddress(host.port("right"), { address, prefixLength: 24, state: 0 });
  host.poll(10_000);
  assertEquals(host.receive("left", toB({ destination: address })), []);
  assertEquals(host.drops(), ["IP_NOT_FOR_US 1"]);
});

const SMALL: Port = { name: "right", addresses: RIGHT.addresses, mtu: 1300 };

Deno.test("too big for the next link, and not to be split: its MTU is told (RFC 1191 §4)", () => {
  const host = router({}, SMALL);
  const fits = toB({ payload: new Uint8Array(1280), flagsAndOffset: 0x4000 });
  assertEquals(host.receive("left", fits).length, 1);
  const about = toB({ payload: new Uint8Array(1281), flagsAndOffset: 0x4000 });
  const { by, type, code, rest, quoted } = error(host.receive("left", about));
  assertEquals([by, type, code, rest], ["left", 3, 4, 1300]);
  assertEquals(quoted, about.slice(0, 548));
  assertEquals(host.drops(), ["IP_TOO_BIG 1"]);
});

Deno.test("IPv6 is never split on its way: its sender is told the MTU (RFC 8200 §5, RFC 4443 §3.2)", () => {
  const host = router({}, SMALL);
  assertEquals(host.receive("left", toB6({ payload: new Uint8Array(1260) })).length, 1);
  const about = toB6({ payload: new Uint8Array(1261) });
  const { by, type, code, rest, quoted } = error(host.receive("left", about));
  assertEquals([by, type, code, rest], ["left", 2, 0, 1300]);
  assertEquals(quoted, about.slice(0, 1232));
  assertEquals(host.drops(), ["IP_TOO_BIG 1"]);
});

/** The payload of fragments, put together by their offsets; headers and flags are checked. */
function join(fragments: Sent[], raw: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    fragments.reduce((length, { payload }) => length + payload.length, 0),
  );
  fragments.forEach(({ payload }, i) => {
    const word = new DataView(raw[i]!.buffer, raw[i]!.byteOffset).getUint16(6);
    assertEquals((word & 0x2000) !== 0, i < fragments.length - 1, "more fragments");
    whole.set(payload, (word & 0x1fff) * 8);
  });
  return whole;
}

Deno.test("too big for the next link, and free to be split: it goes on in fragments (RFC 1812 §5.2.6)", () => {
  for (const mtu of [68, 576, 1300]) {
    for (const [ethernet, head] of [[undefined, 0], [2, 14]] as const) {
      const host = router({}, { name: "right", addresses: ["10.2.0.1/24"], mtu, mac: ethernet });
      if (ethernet !== undefined) {
        host.poll(10_000);
        host.receive("left", toB());
        introduce(host);
      }
      const payload = Uint8Array.from({ length: 1480 }, (_, i) => i * 7);
      const out = host.receive("left", toB({ payload, ttl: 9, identification: 77 }));
      const raw = out.map(([, bytes]) => bytes.subarray(head));
      const fragments = raw.map((bytes) => parseIpv4(bytes));
      for (const [i, { ttl, source, destination }] of fragments.entries()) {
        assertEquals([ttl, source, destination], [8, "10.1.0.9", "10.2.0.9"]);
        assert(raw[i]!.length <= mtu);
        assertEquals([raw[i]![4], raw[i]![5]], [0, 77]);
      }
      assertEquals(join(fragments, raw), payload);
      assertEquals(host.stack.counters.ipFragmentsSent, fragments.length);
    }
  }
});

Deno.test("record route and timestamp hold the router, in the first fragment and in whole packets (RFC 1812 §5.2.4.1)", () => {
  const options = bytesOf("07 0b 04 00000000 00000000 00");
  const host = router({}, { ...SMALL, addresses: ["10.2.0.1/24"] });
  const [[, whole]] = host.receive("left", toB({ options })) as [Out];
  assertEquals(parseIpv4(whole).options, bytesOf("07 0b 08 0a020001 00000000 00"));
  const [[, first], [, second]] = host.receive(
    "left",
    toB({ options, payload: new Uint8Array(1400) }),
  ) as [
    Out,
    Out,
  ];
  assertEquals(parseIpv4(first).options, bytesOf("07 0b 08 0a020001 00000000 00"));
  assertEquals(parseIpv4(second).options, undefined);
  const alert = bytesOf("94040000");
  const [[, alerted]] = host.receive("left", toB({ options: alert })) as [Out];
  assertEquals(parseIpv4(alerted).options, alert);
});

Deno.test("a packet that tells its own way is refused, not forwarded (RFC 7126 §4.3)", () => {
  const host = router();
  const { by, type, code } = error(
    host.receive("left", toB({ options: bytesOf("83070400000000 00") })),
  );
  assertEquals([by, type, code], ["left", 3, 5]);
  assertEquals(host.drops(), ["IP_SOURCE_ROUTE 1"]);
});

Deno.test("sources are checked as strictly as one says (RFC 3704 §2.2, §2.4)", () => {
  const wrong = IpAddress.parse("10.2.0.5"); // a neighbor on the right
  const nowhere = IpAddress.parse("192.0.2.5");
  const cases: [check: "strict" | "loose" | false, source: IpAddress, passes: boolean][] = [
    ["strict", A, true],
    ["strict", wrong, false],
    ["strict", nowhere, false],
    ["loose", A, true],
    ["loose", wrong, true],
    ["loose", nowhere, false],
    [false, wrong, true],
    [false, nowhere, true],
  ];
  for (const [reversePathCheck, source, passes] of cases) {
    const host = router({ reversePathCheck });
    const out = host.receive("left", toB({ source }));
    assertEquals(out.length, passes ? 1 : 0, `${reversePathCheck} ${source}`);
    assertEquals(host.drops(), passes ? [] : ["IP_REVERSE_PATH 1"]);
  }
  const six = router({ reversePathCheck: "strict" });
  assertEquals(six.receive("left", toB6({ source: "fd02::5" })), []);
  assertEquals(six.count(Drop.IP_REVERSE_PATH), 1);
});

Deno.test("[RFC4443-01] no error is sent about errors, later fragments, or too often (RFC 1812 §4.3.2.7, §4.3.2.8)", () => {
  const icmpError = Uint8Array.of(11, 0, 0xf4, 0xff, 0, 0, 0, 0);
  const silent: [what: string, bytes: Uint8Array][] = [
    ["an error", toB({ ttl: 1, protocol: 1, payload: icmpError })],
    ["a later fragment", toB({ ttl: 1, flagsAndOffset: 5 })],
    ["an ICMPv6 error", toB6({ hopLimit: 1, nextHeader: 58, payload: Uint8Array.of(1, 0, 0, 0) })],
    [
      "an ICMPv6 error behind options",
      toB6({ hopLimit: 1, nextHeader: 60, payload: bytesOf("3a00010400000000 01000000") }),
    ],
  ];
  for (const [what, bytes] of silent) {
    const host = router();
    assertEquals(host.receive("left", bytes), [], what);
    assertEquals(host.drops(), ["IP_TTL_EXPIRED 1"], what);
  }
  const host = router({ icmp: { errorRate: 1, errorBurst: 3 } });
  for (let i = 0; i < 10; i++) host.receive("left", toB({ ttl: 1 }));
  const { icmpErrorsSent, icmpErrorsLimited } = host.stack.counters;
  assertEquals([icmpErrorsSent, icmpErrorsLimited], [3, 7]);
});

Deno.test("a host forwards nothing (RFC 1122 §3.3.1.1)", () => {
  const host = router({ forward: false });
  assertEquals(host.receive("left", toB()), []);
  assertEquals(host.receive("left", toB6()), []);
  assertEquals(host.drops(), ["IP_NOT_FOR_US 2"]);
});

Deno.test("a router that sends for itself in between forwards the same way", () => {
  const host = router();
  for (let i = 0; i < 3; i++) {
    assertEquals(host.receive("left", toB()).map(([name]) => name), ["right"]);
    host.stack.udp.send(IpAddress.parse("10.1.0.1"), 7, A, 7, TEXT);
    assertEquals(host.poll().map(([name]) => name), ["left"]);
    host.stack.udp.send(IpAddress.parse("10.2.0.1"), 7, B, 7, TEXT);
    assertEquals(host.poll().map(([name]) => name), ["right"]);
  }
});

const LEFT_LAN6: Port = { name: "left", addresses: ["fd01::1/64"], mac: 1 };

/** A message of neighbor discovery to the router from the neighbor fd01::9 on the left. */
function discovery(body: string, source = "fd01::9"): Uint8Array<ArrayBuffer> {
  const payload = bytesOf(body);
  const view = new DataView(payload.buffer);
  const [from, to] = [IpAddress.parse(source), IpAddress.parse("fd01::1")];
  view.setUint16(
    2,
    finish(sum(view, 0, payload.length, pseudoHeaderSum(from, to, 58, payload.length))),
  );
  const fields = { source, destination: "fd01::1", nextHeader: 58, payload, hopLimit: 255 };
  return frame(ipv6(fields));
}

Deno.test("a router says that it is one, and a host that it is none (RFC 4861 §4.4)", () => {
  for (const [forward, flags] of [[true, 0xe0], [false, 0x60]] as const) {
    const host = new Router([LEFT_LAN6], { forward });
    host.poll(10_000);
    const solicitation = `87000000 00000000 ${"fd01" + "0".repeat(27) + "1"} 0101 020000000009`;
    const out = host.receive("left", discovery(solicitation));
    assertEquals(out.map(([, bytes]) => [bytes[54], bytes[58]]), [[136, flags]]);
  }
});

Deno.test("a router does not follow redirects (RFC 4861 §8.2)", () => {
  for (const [forward, drops] of [[true, ["ND_NOT_FOR_US 1"]], [false, []]] as const) {
    const host = new Router([LEFT_LAN6], { forward }).route("::/0", "left", "fe80::9%2");
    host.poll(10_000);
    const address = (first: string, last: string) => first + "0".repeat(32 - 5) + last;
    const redirect = `89000000 00000000 ${address("fe80", "8")} ${address("fd05", "5")}`;
    assertEquals(host.receive("left", discovery(redirect, "fe80::9")), []);
    assertEquals(host.drops(), [...drops]);
  }
});

Deno.test("routers hear what is sent to all routers of a link (RFC 4291 §2.8, RFC 1112 §4)", () => {
  const body = Uint8Array.of(0, 1, 0, 2, 3, 4);
  for (const forward of [true, false]) {
    const host = router({ forward });
    const groups = [IpAddress.parse("224.0.0.2"), IpAddress.parse("ff02::2")];
    assertEquals(groups.map((group) => host.port("left").isInGroup(group)), [forward, forward]);
    const echo = Uint8Array.of(128, 0, 0, 0, ...body);
    const view = new DataView(echo.buffer);
    const pseudo = pseudoHeaderSum(IpAddress.parse("fd01::9"), groups[1]!, 58, echo.length);
    view.setUint16(2, finish(sum(view, 0, echo.length, pseudo)));
    const out = host.receive(
      "left",
      toB6({ destination: "ff02::2", nextHeader: 58, payload: echo }),
    );
    assertEquals(out.map(([, bytes]) => bytes[40]), forward ? [129] : []);
  }
});

/** Ends of packets, such as a router forwards and others. */
const GOOD = [["10.1.0.9", "10.2.0.9"], ["fd01::9", "fd02::9"]] as const;
const BAD = [
  ["10.2.0.1", "192.0.2.1", "127.0.0.1", "224.0.0.5", "0.0.0.0"],
  ["fd02::1", "2001:db8::1", "::1", "ff02::5", "::", "fe80::9"],
] as const;
/** Types of options, and small numbers: parts of options that are nearly good. */
const OPTION_BYTES = [0, 1, 7, 68, 148, 4, 8, 11];

/** A packet that may be good. */
function anyPacket(random: Random): Uint8Array<ArrayBuffer> {
  const family = random.below(2);
  const end = () => random.pick<string>((random.chance(0.8) ? GOOD : BAD)[family]!);
  const [source, destination] = [end(), end()];
  const payload = random.bytes(random.below(random.chance(0.1) ? 1460 : 30));
  const nextHeader = random.pick([1, 6, 17, 58, 0, 43, 44, 60]);
  const ttl = random.below(4);
  if (family === 1) return ipv6({ source, destination, nextHeader, payload, hopLimit: ttl });
  return ipv4({
    source: IpAddress.parse(source),
    destination: IpAddress.parse(destination),
    protocol: nextHeader,
    payload,
    options: new Uint8Array(random.chance(0.2) ? 4 * random.below(11) : 0)
      .map(() => random.pick(OPTION_BYTES)),
    ttl,
    flagsAndOffset: random.chance(0.5) ? 0 : random.below(0x10000),
  });
}

Deno.test("whatever comes, a router sends good packets alone, that fit, and counts each", () => {
  withSeed(1, (random) => {
    const icmp = { errorRate: Infinity };
    const host = router({ reversePathCheck: "loose", icmp }, SMALL);
    const { counters } = host.stack;
    for (let i = 0; i < 20_000; i++) {
      const bytes = anyPacket(random);
      if (random.chance(0.1)) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      const { ipForwarded, ipSent, ipFragmentsSent, groupReportsSent } = counters;
      const out = host.receive(random.pick(["left", "right"]), bytes);
      const onward = counters.ipForwarded - ipForwarded;
      const reports = counters.groupReportsSent - groupReportsSent; // which receive() leaves out
      assertEquals(out.length, onward + counters.ipSent - ipSent - reports);
      assert(onward <= 1 || counters.ipFragmentsSent - ipFragmentsSent === onward);
      for (const [name, packet] of out) {
        assert(packet.length <= (name === "left" ? 1500 : 1300));
        const view = new DataView(packet.buffer);
        if (packet[0]! >>> 4 === 4) assertEquals(checkIpv4(view, 0, packet.length), Drop.NONE);
        else assertEquals(view.getUint16(4), packet.length - 40);
      }
    }
    assert(counters.ipForwarded > 1000, `${counters.ipForwarded} were forwarded`);
  });
});
