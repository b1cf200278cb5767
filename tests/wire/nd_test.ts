import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { parseMac } from "../../src/wire/mac.ts";
import {
  ADVERTISEMENT_FLAG,
  checkNd,
  NEIGHBOR_MESSAGE_LENGTH,
  NeighborMessage,
  REDIRECT_LENGTH,
  ROUTER_ADVERTISEMENT_LENGTH,
  ROUTER_SOLICITATION_LENGTH,
  RouterAdvertisement,
  writeNeighborAdvertisement,
  writeNeighborSolicitation,
  writeRedirect,
  writeRouterSolicitation,
} from "../../src/wire/nd.ts";
import {
  INFINITE_LIFETIME,
  MAX_PREFIXES,
  MAX_RDNSS,
  ND_OPTION,
  NdOptions,
  PREFIX_FLAG,
  writeLinkAddress,
  writeNdMtu,
  writePrefix,
  writeRdnss,
  writeRedirectedHeader,
} from "../../src/wire/nd_options.ts";
import { Packet } from "../../src/wire/packet.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

const MAC = parseMac("02:00:00:00:00:01");
const SOURCE_LINK = "0101020000000001";
const TARGET_LINK = "0201020000000001";
const UNICAST = "20010db8000000000000000000000001";
const LINK_LOCAL = "fe80 0000000000000000000000000001";
const GROUP = "ff020000000000000000000000000001";

/** Bytes in front of each message. */
const HEADROOM = 3;

interface Envelope {
  source?: string;
  destination?: string;
  hopLimit?: number;
}

function check(hex: string, envelope: Envelope = {}, options = new NdOptions()): string {
  const bytes = bytesOf("aa".repeat(HEADROOM) + hex);
  const packet = new Packet(bytes).place(0, bytes.length);
  packet.transportAt = HEADROOM;
  packet.ttl = envelope.hopLimit ?? 255;
  packet.source.load(IpAddress.parse(envelope.source ?? "fe80::1"));
  packet.destination.load(IpAddress.parse(envelope.destination ?? "fe80::2"));
  return DROP_NAMES[checkNd(packet, options)]!;
}

Deno.test("checkNd() believes what RFC 4861 §6.1, §7.1 and §8.1 believe", () => {
  const rs = "85000000 00000000";
  const ra = "86000000 40000708 00000000 00000000";
  const ns = `87000000 00000000 ${UNICAST}`;
  const na = `88000000 60000000 ${UNICAST}`;
  const redirect = `89000000 00000000 ${LINK_LOCAL} ${UNICAST}`;
  const anonymous = { source: "::" };
  const solicitedNode = "ff02::1:ff00:1";
  const cases: [what: string, hex: string, envelope: Envelope, good: boolean][] = [
    ["a router solicitation", rs, {}, true],
    ["with a hardware address", rs + SOURCE_LINK, {}, true],
    ["from the unspecified address", rs, anonymous, true],
    ["from there with a hardware address", rs + SOURCE_LINK, anonymous, false],
    ["a byte short", rs.slice(0, -2), {}, false],
    ["code 1", rs.replace("8500", "8501"), {}, false],
    ["forwarded", rs, { hopLimit: 254 }, false],

    ["a router advertisement", ra, {}, true],
    ["with options", ra + SOURCE_LINK + "0501000000000578", {}, true],
    ["from a global address", ra, { source: "2001:db8::1" }, false],
    ["from the unspecified address", ra, anonymous, false],
    ["a byte short", ra.slice(0, -2), {}, false],
    ["code 1", ra.replace("8600", "8601"), {}, false],
    ["forwarded", ra, { hopLimit: 64 }, false],

    ["a neighbor solicitation", ns, {}, true],
    ["to a group", ns + SOURCE_LINK, { destination: solicitedNode }, true],
    ["for a group", ns.replace(UNICAST, GROUP), {}, false],
    ["from the unspecified address", ns, { ...anonymous, destination: solicitedNode }, true],
    ["from there to a unicast address", ns, { ...anonymous, destination: "fe80::2" }, false],
    ["from there, upper bits set", ns, { ...anonymous, destination: "ff02::1:ff80:1" }, true],
    ["from there to a group beside", ns, { ...anonymous, destination: "ff02::1:fe00:1" }, false],
    ["from there to all nodes", ns, { ...anonymous, destination: "ff02::1" }, false],
    [
      "from there with a hardware address",
      ns + SOURCE_LINK,
      { ...anonymous, destination: solicitedNode },
      false,
    ],
    ["a byte short", ns.slice(0, -2), {}, false],
    ["code 1", ns.replace("8700", "8701"), {}, false],
    ["forwarded", ns, { hopLimit: 254 }, false],

    ["a neighbor advertisement", na, {}, true],
    ["with a hardware address", na + TARGET_LINK, {}, true],
    ["for a group", na.replace(UNICAST, GROUP), {}, false],
    ["solicited, but to a group", na, { destination: "ff02::1" }, false],
    ["unsolicited, to a group", na.replace("60", "20"), { destination: "ff02::1" }, true],
    ["a byte short", na.slice(0, -2), {}, false],
    ["code 255", na.replace("8800", "88ff"), {}, false],
    ["forwarded", na, { hopLimit: 0 }, false],

    ["a redirect", redirect, {}, true],
    ["with options", redirect + TARGET_LINK + "0402" + "00".repeat(14), {}, true],
    ["from a global address", redirect, { source: "2001:db8::1" }, false],
    ["of a group", redirect.replace(UNICAST, GROUP), {}, false],
    ["to the destination itself", redirect.replace(LINK_LOCAL, UNICAST), {}, true],
    [
      "to a global address of another host",
      redirect.replace(LINK_LOCAL, UNICAST.slice(0, -1) + "2"),
      {},
      false,
    ],
    ["a byte short", redirect.slice(0, -2), {}, false],
    ["code 1", redirect.replace("8900", "8901"), {}, false],
    ["forwarded", redirect, { hopLimit: 1 }, false],

    ["an echo request", "80000000 00000000", {}, false],
  ];
  for (const [what, hex, envelope, good] of cases) {
    assertEquals(check(hex, envelope), good ? "NONE" : "ND_BAD_MESSAGE", `${what}: ${hex}`);
  }
  for (const hex of [rs, ra, ns, na, redirect]) {
    assertEquals(check(hex + "7f00" + "00".repeat(6)), "ND_BAD_MESSAGE", `length 0: ${hex}`);
    assertEquals(check(hex + "7f02" + "00".repeat(6)), "ND_BAD_MESSAGE", `too long: ${hex}`);
    assertEquals(check(hex + "7f"), "ND_BAD_MESSAGE", `half an option: ${hex}`);
    assertEquals(check(hex + "7f02" + "00".repeat(14)), "NONE", `unknown: ${hex}`);
  }
});

Deno.test("NeighborMessage reads the flags of an advertisement (RFC 4861 §4.4)", () => {
  const cases: [flags: string, want: [boolean, boolean, boolean]][] = [
    ["80", [true, false, false]],
    ["40", [false, true, false]],
    ["20", [false, false, true]],
    ["e0", [true, true, true]],
    ["1f", [false, false, false]],
  ];
  for (const [flags, want] of cases) {
    const message = new NeighborMessage().bind(viewOf(`ff88000000 ${flags}000000 ${UNICAST}`), 1);
    assertEquals([message.isRouter, message.isSolicited, message.isOverride], want, flags);
  }
});

Deno.test("RouterAdvertisement reads and writes every field where RFC 4861 §4.2 puts it", () => {
  const view = viewOf("ff".repeat(ROUTER_ADVERTISEMENT_LENGTH + 2));
  const message = new RouterAdvertisement().bind(view, 1);
  const fields = {
    hopLimit: 64,
    managed: true,
    other: false,
    lifetime: 9000,
    reachableTime: 3_600_000,
    retransTimer: 0xffff_ffff,
  };
  message.write(fields);
  assertEquals(hexOf(view), "ff86000000408023280036ee80ffffffffff");
  assertEquals(
    {
      hopLimit: message.hopLimit,
      managed: message.isManaged,
      other: message.hasOther,
      lifetime: message.lifetime,
      reachableTime: message.reachableTime,
      retransTimer: message.retransTimer,
    },
    fields,
  );
  message.write({ ...fields, managed: false, other: true });
  assertEquals([message.isManaged, message.hasOther], [false, true]);
});

Deno.test("the other messages are written as checkNd() believes them, and nothing else is", () => {
  const target = IpAddress.parse("fe80::1");
  const destination = IpAddress.parse("2001:db8::1");
  const flags = ADVERTISEMENT_FLAG.SOLICITED | ADVERTISEMENT_FLAG.OVERRIDE;
  const cases: [length: number, write: (view: DataView) => void, want: string][] = [
    [ROUTER_SOLICITATION_LENGTH, (v) => writeRouterSolicitation(v, 1), "8500000000000000"],
    [
      NEIGHBOR_MESSAGE_LENGTH,
      (v) => writeNeighborSolicitation(v, 1, destination),
      `8700000000000000${UNICAST}`,
    ],
    [
      NEIGHBOR_MESSAGE_LENGTH,
      (v) => writeNeighborAdvertisement(v, 1, destination, flags),
      `8800000060000000${UNICAST}`,
    ],
    [
      REDIRECT_LENGTH,
      (v) => writeRedirect(v, 1, target, destination),
      `8900000000000000${LINK_LOCAL.replace(" ", "")}${UNICAST}`,
    ],
  ];
  for (const [length, write, want] of cases) {
    const view = viewOf("ff".repeat(length + 2));
    write(view);
    assertEquals(hexOf(view), `ff${want}ff`);
    assertEquals(check(want), "NONE", want);
  }
});

/** What was found, without what was not. */
function found(options: NdOptions): Record<string, unknown> {
  const { prefixes, servers } = options;
  const list = (count: number, at: (i: number) => unknown) =>
    Array.from({ length: count }, (_, i) => at(i));
  return {
    ...(options.sourceLinkAddressAt !== -1 && { source: options.sourceLinkAddressAt }),
    ...(options.targetLinkAddressAt !== -1 && { target: options.targetLinkAddressAt }),
    ...(options.mtu !== 0 && { mtu: options.mtu }),
    ...(options.redirectedAt !== -1 && {
      redirected: [options.redirectedAt, options.redirectedEnd],
    }),
    ...(prefixes !== 0 && {
      prefixes: list(prefixes, (i) => [
        options.prefixAt[i],
        options.prefixLength[i],
        options.prefixFlags[i],
        options.validLifetime[i],
        options.preferredLifetime[i],
      ]),
    }),
    ...(servers !== 0 && {
      servers: list(servers, (i) => [options.serverAt[i], options.serverLifetime[i]]),
    }),
  };
}

function parse(hex: string, options = new NdOptions()): Record<string, unknown> {
  const view = viewOf(hex);
  assert(options.parse(view, 0, view.byteLength), hex);
  return found(options);
}

const PREFIX = `0304 40 c0 00278d00 00093a80 00000000 20010db8${"00".repeat(12)}`;

Deno.test("NdOptions reads each option", () => {
  const cases: [what: string, hex: string, want: Record<string, unknown>][] = [
    ["none", "", {}],
    ["source", SOURCE_LINK, { source: 2 }],
    ["target", TARGET_LINK, { target: 2 }],
    ["both", TARGET_LINK + SOURCE_LINK, { source: 10, target: 2 }],
    ["MTU", "0501 0000 000005dc", { mtu: 1500 }],
    ["the greatest MTU", "0501 0000 ffffffff", { mtu: 0xffff_ffff }],
    ["a prefix", PREFIX, { prefixes: [[16, 64, 0xc0, 2_592_000, 604_800]] }],
    [
      "two prefixes",
      PREFIX + PREFIX.replace("40 c0", "00 00"),
      { prefixes: [[16, 64, 0xc0, 2_592_000, 604_800], [48, 0, 0, 2_592_000, 604_800]] },
    ],
    ["a redirected header", "0403 000000000000" + "60".repeat(16), { redirected: [8, 24] }],
    ["an empty one", "0401 000000000000", { redirected: [8, 8] }],
    ["a DNS server", `1903 0000 00000258 ${UNICAST}`, { servers: [[8, 600]] }],
    [
      "two, and one that is gone",
      `1905 0000 00000258 ${UNICAST} ${UNICAST} 1903 0000 00000000 ${UNICAST}`,
      { servers: [[8, 600], [24, 600], [48, 0]] },
    ],
    ["unknown ones", `0e01 000000000000 ${SOURCE_LINK} ff01 000000000000`, { source: 10 }],
  ];
  for (const [what, hex, want] of cases) assertEquals(parse(hex), want, what);
});

Deno.test("NdOptions skips known options of a wrong length and values that cannot be", () => {
  const cases: [what: string, hex: string][] = [
    ["a source of two units", "0102" + "02".repeat(14)],
    ["a target of two units", "0202" + "02".repeat(14)],
    ["a group as source", "0101 333300000001"],
    ["everybody as target", "0201 ffffffffffff"],
    ["an MTU of two units", "0502" + "00".repeat(14)],
    ["a prefix of three units", "0303" + "00".repeat(22)],
    ["a prefix of five units", "0305" + "00".repeat(38)],
    ["a prefix of 129 bits", PREFIX.replace("40 c0", "81 c0")],
    ["servers of one unit", "1901 0000 00000258"],
    ["servers of two units", "1902 0000 00000258" + "00".repeat(8)],
    ["servers of four units", "1904 0000 00000258" + "00".repeat(24)],
  ];
  for (const [what, hex] of cases) {
    assertEquals(parse(hex), {}, what);
    assertEquals(parse(hex + "0501 0000 00000578"), { mtu: 1400 }, `${what}, then MTU`);
  }
});

Deno.test("NdOptions keeps as many prefixes and servers as it has room for", () => {
  const options = new NdOptions();
  parse(PREFIX.repeat(MAX_PREFIXES + 3), options);
  assertEquals(options.prefixes, MAX_PREFIXES);
  parse(`1903 0000 00000258 ${UNICAST}`.repeat(MAX_RDNSS + 2), options);
  assertEquals(options.servers, MAX_RDNSS);
  parse(`190b 0000 00000258 ${UNICAST.repeat(5)}`, options);
  assertEquals([options.servers, options.serverAt[MAX_RDNSS - 1]], [MAX_RDNSS, 40]);
});

Deno.test("NdOptions takes the first one of a kind, and forgets the message before", () => {
  const options = new NdOptions();
  const twice = SOURCE_LINK.repeat(2) + TARGET_LINK.repeat(2) + "05010000000005dc0501000000000500" +
    "04010000000000000401000000000000";
  assertEquals(parse(twice, options), { source: 2, target: 18, mtu: 1500, redirected: [56, 56] });
  parse(PREFIX + `1903 0000 00000258 ${UNICAST}`, options);
  assertEquals(parse("", options), {});
});

Deno.test("options are written as NdOptions reads them, and nothing else is", () => {
  const address = IpAddress.parse("2001:db8::1");
  const prefix = {
    prefix: IpAddress.parse("2001:db8::"),
    length: 64,
    flags: PREFIX_FLAG.ON_LINK | PREFIX_FLAG.AUTONOMOUS,
    validLifetime: INFINITE_LIFETIME,
    preferredLifetime: 604_800,
  };
  const cases: [write: (view: DataView) => number, want: string][] = [
    [(v) => writeLinkAddress(v, 1, ND_OPTION.SOURCE_LINK_ADDRESS, MAC), SOURCE_LINK],
    [(v) => writeLinkAddress(v, 1, ND_OPTION.TARGET_LINK_ADDRESS, MAC), TARGET_LINK],
    [(v) => writeNdMtu(v, 1, 1400), "0501000000000578"],
    [(v) => writePrefix(v, 1, prefix), PREFIX.replace("00278d00", "ffffffff")],
    [(v) => writeRdnss(v, 1, [address, address], 600), `1905000000000258${UNICAST}${UNICAST}`],
    [(v) => writeRedirectedHeader(v, 1, 16), "0403000000000000"],
  ];
  for (const [write, want] of cases) {
    const bytes = want.replaceAll(" ", "");
    const view = viewOf("ff".repeat(bytes.length / 2 + 2));
    assertEquals(write(view), bytes.length / 2);
    assertEquals(hexOf(view), `ff${bytes}ff`);
  }
});

Deno.test("NdOptions and checkNd() answer whatever the bytes are, and read none beyond the end", () => {
  const types = fc.constantFrom(133, 134, 135, 136, 137, 128);
  const optionByte = fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 25), fc.nat(5), fc.nat(255));
  const message = fc.tuple(types, fc.array(optionByte, { minLength: 8, maxLength: 120 }));
  const options = new NdOptions();
  fc.assert(
    fc.property(message, ([type, octets]) => {
      // A read beyond the end of this view would throw.
      const bytes = Uint8Array.from(octets);
      bytes[0] = type;
      bytes[1] = 0;
      const packet = new Packet(bytes).place(0, bytes.length);
      packet.ttl = 255;
      packet.source.load(IpAddress.parse("fe80::1"));
      packet.destination.load(IpAddress.parse("fe80::2"));
      if (checkNd(packet, options) !== Drop.NONE) return;
      const places = [options.sourceLinkAddressAt + 6, options.targetLinkAddressAt + 6];
      for (let i = 0; i < options.prefixes; i++) places.push(options.prefixAt[i]! + 16);
      for (let i = 0; i < options.servers; i++) places.push(options.serverAt[i]! + 16);
      for (const end of [...places, options.redirectedEnd]) assert(end <= bytes.length);
    }),
    { numRuns: 5000 },
  );
});
