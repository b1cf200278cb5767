import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import {
  ExtensionChain,
  MAX_EXTENSION_HEADERS,
  MAX_IPV6_OPTIONS,
  REPORT,
  ROUTER_ALERT_HEADER,
  writeRouterAlert,
} from "../../src/wire/ipv6_extensions.ts";
import { IPV6_HEADER } from "../../src/wire/ipv6.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

const { HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS, UDP, TCP, ICMPV6 } = PROTOCOL;

/** Bytes in front of the IPv6 header, so that places and pointers differ. */
const HEADROOM = 5;

/** What the walk found, with places counted from the IPv6 header. */
interface Found {
  drop: string;
  protocol: number;
  at: number;
  namedAt: number;
}

function found(chain: ExtensionChain, drop: Drop): Found {
  return {
    drop: DROP_NAMES[drop]!,
    protocol: chain.protocol,
    at: chain.transportAt - HEADROOM,
    namedAt: chain.protocolPointer,
  };
}

/** Walks the headers `hex`, with bytes behind the end that would be headers too. */
function walk(nextHeader: number, hex: string, chain = new ExtensionChain()): Found {
  const bytes = bytesOf("ff".repeat(HEADROOM + IPV6_HEADER) + hex + "0600010400000000".repeat(3));
  const view = new DataView(bytes.buffer);
  const at = HEADROOM + IPV6_HEADER;
  return found(chain, chain.walk(view, at, nextHeader, bytes.length - 24));
}

/** The Parameter Problem that is owed for the headers `hex`, or none. */
function problem(nextHeader: number, hex: string): [report: number, code: number, at: number] {
  const chain = new ExtensionChain();
  walk(nextHeader, hex, chain);
  if (chain.report === REPORT.NEVER) return [REPORT.NEVER, 0, 0];
  return [chain.report, chain.problemCode, chain.problemPointer];
}

Deno.test("walk() goes through the headers up to the upper layer and tells where that was named", () => {
  const good = (protocol: number, at: number, namedAt: number): Found => {
    return { drop: "NONE", protocol, at, namedAt };
  };
  const cases: [what: string, nextHeader: number, hex: string, want: Found][] = [
    ["no extension headers", UDP, "", good(UDP, 40, 6)],
    ["no next header", PROTOCOL.NO_NEXT_HEADER, "abcd", good(59, 40, 6)],
    ["an unknown one", 253, "0000000000000000", good(253, 40, 6)],
    ["authentication, which we don't speak", 51, "0604000000000000", good(51, 40, 6)],
    ["hop-by-hop options", HOP_BY_HOP, "06 00 0104 00000000", good(TCP, 48, 40)],
    ["destination options", DESTINATION_OPTIONS, "11 00 0104 00000000", good(UDP, 48, 40)],
    ["longer ones", DESTINATION_OPTIONS, "11 01 1e0c" + "00".repeat(12), good(UDP, 56, 40)],
    ["a route of type 4 at its end", ROUTING, "3a 00 04 00 00000000", good(ICMPV6, 48, 40)],
    ["a fragment header", FRAGMENT, "11 00 0001 00000001 0102", good(FRAGMENT, 40, 6)],
    [
      "all in the recommended order",
      HOP_BY_HOP,
      "3c00010400000000 2b00010400000000 2c00000000000000 3c00000100000001 1100010400000000",
      good(FRAGMENT, 64, 56),
    ],
    [
      "another order, some of them twice",
      ROUTING,
      "2b00000000000000 3c00000000000000 3c00010400000000 0600010400000000",
      good(TCP, 72, 64),
    ],
  ];
  for (const [what, nextHeader, hex, want] of cases) {
    const chain = new ExtensionChain();
    assertEquals(walk(nextHeader, hex, chain), want, what);
    assertEquals(chain.report, REPORT.NEVER, what);
  }
});

Deno.test("walk() doesn't take headers that reach beyond the end", () => {
  const cases: [what: string, nextHeader: number, hex: string][] = [
    ["none at all", DESTINATION_OPTIONS, ""],
    ["seven bytes", HOP_BY_HOP, "06000104000000"],
    ["a length beyond the end", ROUTING, "0601000000000000"],
    ["the greatest length", DESTINATION_OPTIONS, "06ff010400000000"],
    ["half a fragment header", FRAGMENT, "06000001"],
    ["a second one", HOP_BY_HOP, "3c00010400000000 0601010400000000"],
  ];
  for (const [what, nextHeader, hex] of cases) {
    assertEquals(walk(nextHeader, hex).drop, "IP_TRUNCATED", what);
    assertEquals(problem(nextHeader, hex), [REPORT.NEVER, 0, 0], what);
  }
});

Deno.test("[RFC8200-01] an unknown option is acted on by the two high bits of its type", () => {
  const none: [number, number, number] = [REPORT.NEVER, 0, 0];
  for (const header of [HOP_BY_HOP, DESTINATION_OPTIONS]) {
    for (let low = 0; low < 64; low++) {
      const hex = (high: number) => {
        const type = (high | low).toString(16).padStart(2, "0");
        return `11 01 050200000000 ${type}02abcd 01020000`;
      };
      if (low > 1 && low !== 5) {
        assertEquals(walk(header, hex(0)).drop, "NONE", `skip ${low}`);
        assertEquals(problem(header, hex(0)), none);
      }
      assertEquals(walk(header, hex(0x40)).drop, "IPV6_BAD_OPTION", `discard ${low}`);
      assertEquals(problem(header, hex(0x40)), none);
      assertEquals(walk(header, hex(0x80)).drop, "IPV6_BAD_OPTION", `report ${low}`);
      assertEquals(problem(header, hex(0x80)), [REPORT.ALWAYS, 2, 48]);
      assertEquals(walk(header, hex(0xc0)).drop, "IPV6_BAD_OPTION", `report to one ${low}`);
      assertEquals(problem(header, hex(0xc0)), [REPORT.UNLESS_MULTICAST, 2, 48]);
    }
  }
});

Deno.test("options are taken in order: the first bad one counts (RFC 8200 §4.2)", () => {
  const hex = "1101 8200 c200 4200 0000 0104 00000000";
  assertEquals(problem(DESTINATION_OPTIONS, hex), [REPORT.ALWAYS, 2, 42]);
});

Deno.test("[RFC8200-02] a route that goes on is a parameter problem of code 0, whatever its type; one at its end is skipped", () => {
  for (let type = 0; type < 256; type++) {
    const hex = (left: string) => `1100${type.toString(16).padStart(2, "0")}${left}00000000`;
    assertEquals(walk(ROUTING, hex("00")).drop, "NONE", `type ${type}`);
    for (const left of ["01", "ff"]) {
      assertEquals(walk(ROUTING, hex(left)).drop, "IPV6_BAD_ROUTING", `type ${type}`);
      assertEquals(problem(ROUTING, hex(left)), [REPORT.UNLESS_MULTICAST, 0, 42]);
    }
  }
  const behind = "2b00010400000000 1100000100000000";
  assertEquals(problem(DESTINATION_OPTIONS, behind), [REPORT.UNLESS_MULTICAST, 0, 50]);
});

Deno.test("hop-by-hop options elsewhere than behind the IPv6 header are an unrecognized next header (RFC 8200 §4)", () => {
  const cases: [what: string, nextHeader: number, hex: string, pointer: number][] = [
    ["twice", HOP_BY_HOP, "0000010400000000 1100010400000000", 40],
    ["behind destination options", DESTINATION_OPTIONS, "0000010400000000 1100010400000000", 40],
    ["third", ROUTING, "3c00000000000000 0000010400000000 1100010400000000", 48],
  ];
  for (const [what, nextHeader, hex, pointer] of cases) {
    assertEquals(walk(nextHeader, hex).drop, "IP_UNKNOWN_PROTOCOL", what);
    assertEquals(problem(nextHeader, hex), [REPORT.UNLESS_MULTICAST, 1, pointer], what);
  }
});

Deno.test("an option that reaches beyond its header is an erroneous field (RFC 4443 §3.4)", () => {
  const cases: [what: string, hex: string, pointer: number][] = [
    ["by a byte", "1100 1e05 00000000", 43],
    ["padding", "1100 0105 00000000", 43],
    ["by 255", "1100 01ff 00000000", 43],
    ["without a length", "1100 0103 000000 1e", 47],
    ["router alert", "1100 0102 0000 0502", 47],
  ];
  for (const [what, hex, pointer] of cases) {
    assertEquals(walk(HOP_BY_HOP, hex).drop, "IPV6_BAD_OPTION", what);
    assertEquals(problem(HOP_BY_HOP, hex), [REPORT.UNLESS_MULTICAST, 0, pointer], what);
  }
});

Deno.test("there are limits to headers, options and padding (RFC 8504 §5.3)", () => {
  const headers = (count: number) => "3c00010400000000".repeat(count - 1) + "1100010400000000";
  assertEquals(walk(DESTINATION_OPTIONS, headers(MAX_EXTENSION_HEADERS)).drop, "NONE");
  assertEquals(
    walk(DESTINATION_OPTIONS, headers(MAX_EXTENSION_HEADERS + 1)).drop,
    "IPV6_LONG_CHAIN",
  );
  const options = (count: number) => "1102" + "1e00".repeat(count) + "0000".repeat(11 - count);
  assertEquals(walk(HOP_BY_HOP, options(MAX_IPV6_OPTIONS)).drop, "NONE");
  assertEquals(walk(HOP_BY_HOP, options(MAX_IPV6_OPTIONS + 1)).drop, "IPV6_LONG_CHAIN");
  const padding: [what: string, hex: string, want: string][] = [
    ["7 bytes of PadN", "1101 1e05 0000000000 0105 0000000000", "NONE"],
    ["8 bytes of PadN", "1101 1e04 00000000 0106 000000000000", "IPV6_LONG_CHAIN"],
    ["7 bytes of Pad1", "1101 1e05 0000000000 00000000000000", "NONE"],
    ["8 bytes of Pad1", "1101 1e04 00000000 0000000000000000", "IPV6_LONG_CHAIN"],
    ["7 bytes of both", "1101 1e05 0000000000 00 0104 00000000", "NONE"],
    ["8 bytes of both", "1101 1e04 00000000 00 0105 0000000000", "IPV6_LONG_CHAIN"],
    ["an option between", "1101 0102 0000 1e00 0104 00000000 0000", "IPV6_LONG_CHAIN"],
    ["an option between runs", "1101 0103 000000 1e00 0105 0000000000", "NONE"],
  ];
  for (const [what, hex, want] of padding) {
    assertEquals(walk(DESTINATION_OPTIONS, hex).drop, want, what);
  }
});

Deno.test("a router alert counts among hop-by-hop options only (RFC 2711 §2.1)", () => {
  const cases: [what: string, nextHeader: number, hex: string, want: boolean][] = [
    ["MLD's", HOP_BY_HOP, "3a00 05020000 0100", true],
    ["RSVP's", HOP_BY_HOP, "3a00 05020001 0100", true],
    ["of a wrong length", HOP_BY_HOP, "3a00 0503000000 00", false],
    ["none", HOP_BY_HOP, "3a00 010400000000", false],
    ["a destination option", DESTINATION_OPTIONS, "3a00 05020000 0100", false],
  ];
  const chain = new ExtensionChain();
  for (const [what, nextHeader, hex, want] of cases) {
    assertEquals(walk(nextHeader, hex, chain).drop, "NONE", what);
    assertEquals(chain.routerAlert, want, what);
  }
});

Deno.test("writeRouterAlert() writes what walk() reads", () => {
  const view = viewOf("ff".repeat(ROUTER_ALERT_HEADER + 2));
  writeRouterAlert(view, 1, ICMPV6);
  assertEquals(hexOf(view), "ff3a00050200000100ff");
  const chain = new ExtensionChain();
  const written = hexOf(view).slice(2, -2);
  assertEquals(walk(HOP_BY_HOP, written, chain), {
    drop: "NONE",
    protocol: ICMPV6,
    at: 48,
    namedAt: 40,
  });
  assertEquals(chain.routerAlert, true);
});

Deno.test("resume() goes on behind a fragment header, with the limits of the whole chain", () => {
  const resume = (nextHeader: number, hex: string): [Found, ExtensionChain] => {
    const bytes = bytesOf("ff".repeat(HEADROOM + IPV6_HEADER) + hex);
    const view = new DataView(bytes.buffer);
    const chain = new ExtensionChain();
    chain.walk(view, HEADROOM + IPV6_HEADER, nextHeader, bytes.length);
    assertEquals(chain.protocol, FRAGMENT);
    return [found(chain, chain.resume(view, bytes.length)), chain];
  };
  const [udp] = resume(FRAGMENT, "1100000000000001");
  assertEquals(udp, { drop: "NONE", protocol: UDP, at: 48, namedAt: 40 });
  const [behind] = resume(HOP_BY_HOP, "2c00010400000000 3c00000000000001 0600010400000000");
  assertEquals(behind, { drop: "NONE", protocol: TCP, at: 64, namedAt: 56 });
  const [cut] = resume(FRAGMENT, "3c00000100000001 0601010400000000");
  assertEquals(cut.drop, "IP_TRUNCATED");
  const [misplaced, chain] = resume(FRAGMENT, "0000000000000001 0600010400000000");
  assertEquals(misplaced.drop, "IP_UNKNOWN_PROTOCOL");
  assertEquals([chain.problemCode, chain.problemPointer], [1, 40]);
  const chainOf = (headers: number) =>
    "3c00000000000001" + "3c00010400000000".repeat(headers - 2) + "1100010400000000";
  assertEquals(resume(FRAGMENT, chainOf(MAX_EXTENSION_HEADERS))[0].drop, "NONE");
  assertEquals(resume(FRAGMENT, chainOf(MAX_EXTENSION_HEADERS + 1))[0].drop, "IPV6_LONG_CHAIN");
});

Deno.test("walk() forgets the packet before", () => {
  const chain = new ExtensionChain();
  walk(HOP_BY_HOP, "3c00 05020000 0100" + "1100 c204 00010000", chain);
  assertEquals([chain.routerAlert, chain.report], [true, REPORT.UNLESS_MULTICAST]);
  walk(UDP, "", chain);
  assertEquals([chain.routerAlert, chain.report], [false, REPORT.NEVER]);
});

Deno.test("walk() ends without an exception whatever the bytes are, and reads none beyond the end", () => {
  const kinds = fc.constantFrom(HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS);
  const anyByte = fc.oneof(fc.nat(6), fc.nat(255), kinds, fc.constant(0));
  const chain = new ExtensionChain();
  fc.assert(
    fc.property(fc.array(anyByte, { maxLength: 96 }), kinds, (octets, nextHeader) => {
      // A read beyond the end of this view would throw.
      const exact = Uint8Array.from([...new Array(IPV6_HEADER).fill(0), ...octets]);
      const view = new DataView(exact.buffer);
      let drop = chain.walk(view, IPV6_HEADER, nextHeader, exact.length);
      for (;;) {
        assert(chain.transportAt <= exact.length);
        assert(chain.protocolPointer < exact.length);
        if (chain.report !== REPORT.NEVER) assert(chain.problemPointer < exact.length);
        assert(drop !== Drop.NONE || chain.report === REPORT.NEVER);
        if (drop !== Drop.NONE || chain.protocol !== FRAGMENT) break;
        drop = chain.resume(view, exact.length);
      }
    }),
    { numRuns: 5000 },
  );
});
