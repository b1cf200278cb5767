import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { GroupQuery } from "../../src/wire/group_query.ts";
import {
  RECORD_TYPE,
  recordLength,
  REPORT_HEAD,
  writeRecord,
} from "../../src/wire/group_records.ts";
import { ICMPV6_TYPE } from "../../src/wire/icmpv6.ts";
import {
  checkIgmp,
  IGMP_LENGTH,
  IGMP_TYPE,
  writeIgmp,
  writeIgmpChecksum,
  writeIgmpReportHead,
} from "../../src/wire/igmp.ts";
import { MLD_LENGTH, writeMld, writeMldReportHead } from "../../src/wire/mld.ts";
import { hexOf, viewOf } from "./hex.ts";

/** Bytes in front of each message. */
const HEADROOM = 3;

interface Query {
  version: number;
  general: boolean;
  maxResponse: number;
  suppress?: true;
  robustness?: number;
  interval?: number;
  /** How many, and where in the message. */
  sources?: [count: number, at: number];
}

const query = new GroupQuery();

/** Parses `hex`, with bytes behind its end that would be sources too. */
function parse(protocol: "IGMP" | "MLD", hex: string): Query | string {
  const view = viewOf("aa".repeat(HEADROOM) + hex + "00".repeat(40));
  const end = view.byteLength - 40;
  const drop = protocol === "IGMP"
    ? query.parseIgmp(view, HEADROOM, end)
    : query.parseMld(view, HEADROOM, end);
  if (drop !== Drop.NONE) return DROP_NAMES[drop]!;
  return {
    version: query.version,
    general: query.isGeneral,
    maxResponse: query.maxResponse,
    ...(query.suppress && { suppress: true }),
    ...(query.robustness !== 0 && { robustness: query.robustness }),
    ...(query.interval !== 0 && { interval: query.interval }),
    ...(query.sources !== 0 && { sources: [query.sources, query.sourcesAt - HEADROOM] }),
  };
}

const GROUP4 = "e0010203";
const NONE6 = "00".repeat(16);
const GROUP6 = "ff020000000000000000000000010003";
const BAD = "GROUP_BAD_MESSAGE";

Deno.test("parseIgmp() reads queries of all versions (RFC 3376 §7.1)", () => {
  const rest = { robustness: 2, interval: 125 };
  const cases: [what: string, hex: string, want: Query | string][] = [
    ["version 1", "1100 0000 00000000", { version: 1, general: true, maxResponse: 10_000 }],
    ["version 2", "1164 0000 00000000", { version: 2, general: true, maxResponse: 10_000 }],
    ["of a group", `110a 0000 ${GROUP4}`, { version: 2, general: false, maxResponse: 1000 }],
    ["the longest time", `11ff 0000 ${GROUP4}`, {
      version: 2,
      general: false,
      maxResponse: 25_500,
    }],
    [
      "version 3",
      "1164 0000 00000000 027d0000",
      { version: 3, general: true, maxResponse: 10_000, ...rest },
    ],
    [
      "with sources",
      `1100 0000 ${GROUP4} 027d0002 0a000001 0a000002`,
      { version: 3, general: false, maxResponse: 0, ...rest, sources: [2, 12] },
    ],
    [
      "with the suppress bit and reserved ones",
      `1101 0000 ${GROUP4} ff000000`,
      { version: 3, general: false, maxResponse: 100, suppress: true, robustness: 7 },
    ],
    [
      "with bytes behind the sources",
      `1101 0000 ${GROUP4} 00000001 0a000001 abcd`,
      { version: 3, general: false, maxResponse: 100, sources: [1, 12] },
    ],
    ["nine bytes", "1164 0000 00000000 02", BAD],
    ["eleven bytes", "1164 0000 00000000 027d00", BAD],
    ["a source missing", `1164 0000 ${GROUP4} 027d0002 0a000001 0a0000`, BAD],
    ["65535 sources", `1164 0000 ${GROUP4} 027dffff 0a000001`, BAD],
    ["of a host", "1164 0000 0a000001", BAD],
    ["of everybody", "1164 0000 ffffffff", BAD],
  ];
  for (const [what, hex, want] of cases) assertEquals(parse("IGMP", hex), want, what);
});

Deno.test("parseMld() reads queries of both versions (RFC 3810 §8.1)", () => {
  const rest = { robustness: 2, interval: 125 };
  const cases: [what: string, hex: string, want: Query | string][] = [
    ["version 1", `82000000 2710 0000 ${NONE6}`, {
      version: 1,
      general: true,
      maxResponse: 10_000,
    }],
    ["of a group", `82000000 ffff 0000 ${GROUP6}`, {
      version: 1,
      general: false,
      maxResponse: 65_535,
    }],
    [
      "version 2",
      `82000000 2710 0000 ${NONE6} 027d0000`,
      { version: 2, general: true, maxResponse: 10_000, ...rest },
    ],
    [
      "with sources",
      `82000000 03e8 0000 ${GROUP6} 0a7d0002 ${"20".repeat(32)}`,
      { version: 2, general: false, maxResponse: 1000, suppress: true, ...rest, sources: [2, 28] },
    ],
    [
      "with bytes behind the sources",
      `82000000 0001 0000 ${GROUP6} 00000001 ${"20".repeat(16)} abcd`,
      { version: 2, general: false, maxResponse: 1, sources: [1, 28] },
    ],
    ["cut off", `82000000 2710 0000 ${NONE6.slice(2)}`, BAD],
    ["25 bytes", `82000000 2710 0000 ${NONE6} 02`, BAD],
    ["27 bytes", `82000000 2710 0000 ${NONE6} 027d00`, BAD],
    ["a byte of a source missing", `82000000 0001 0000 ${GROUP6} 00000001 ${"20".repeat(15)}`, BAD],
    ["65535 sources", `82000000 0001 0000 ${GROUP6} 0000ffff ${"20".repeat(16)}`, BAD],
    ["of a host", `82000000 0001 0000 ${GROUP6.replace("ff", "fe")}`, BAD],
    ["of a host, by its last bit", `82000000 0001 0000 ${"00".repeat(15)}01`, BAD],
  ];
  for (const [what, hex, want] of cases) assertEquals(parse("MLD", hex), want, what);
});

Deno.test("codes above the half are floating point numbers (RFC 3376 §4.1.1, RFC 3810 §5.1.3)", () => {
  const short: [code: number, want: number][] = [
    [0x00, 0],
    [0x7f, 127],
    [0x80, 128],
    [0x81, 136],
    [0x8f, 248],
    [0x90, 256],
    [0xab, (16 + 11) * 2 ** 5],
    [0xff, 31_744],
  ];
  for (const [code, want] of short) {
    const text = code.toString(16).padStart(2, "0");
    parse("IGMP", `11${text} 0000 00000000 02${text}0000`);
    assertEquals([query.maxResponse, query.interval], [want * 100, want], text);
    parse("MLD", `82000000 0001 0000 ${NONE6} 02${text}0000`);
    assertEquals(query.interval, want, text);
  }
  const long: [code: number, want: number][] = [
    [0, 0],
    [0x7fff, 32_767],
    [0x8000, 32_768],
    [0x8001, 32_776],
    [0x9000, 65_536],
    [0xffff, 8_387_584],
  ];
  for (const [code, want] of long) {
    const text = code.toString(16).padStart(4, "0");
    parse("MLD", `82000000 ${text} 0000 ${NONE6} 02000000`);
    assertEquals(query.maxResponse, want, text);
  }
});

Deno.test("a query of an old version forgets what a newer one said", () => {
  for (
    const [protocol, fresh, old] of [
      ["IGMP", `1164 0000 ${GROUP4} 0f7d0001 0a000001`, "1164 0000 00000000"],
      [
        "MLD",
        `82000000 2710 0000 ${GROUP6} 0f7d0001 ${"20".repeat(16)}`,
        `82000000 2710 0000 ${NONE6}`,
      ],
    ] as const
  ) {
    assertEquals((parse(protocol, fresh) as Query).robustness, 7);
    const version = protocol === "IGMP" ? 2 : 1;
    assertEquals(parse(protocol, old), { version, general: true, maxResponse: 10_000 });
  }
});

Deno.test("checkIgmp() takes messages of eight bytes and more with a good checksum", () => {
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a query", "1164 ee9b 00000000", Drop.NONE],
    ["a query of version 3", "1164 ec1e 00000000 027d0000", Drop.NONE],
    ["a bit flipped", "1165 ee9b 00000000", Drop.GROUP_BAD_MESSAGE],
    ["no checksum", "1164 0000 00000000", Drop.GROUP_BAD_MESSAGE],
    ["seven bytes", "1164 ee9b 000000", Drop.GROUP_BAD_MESSAGE],
    ["nothing", "", Drop.GROUP_BAD_MESSAGE],
  ];
  for (const [what, hex, want] of cases) {
    const view = viewOf("aa".repeat(HEADROOM) + hex);
    const got = checkIgmp(view, HEADROOM, view.byteLength);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("writeIgmp() writes reports and leaves of versions 1 and 2 with their checksums", () => {
  const group = IpAddress.parse("224.1.2.3");
  const cases: [type: Parameters<typeof writeIgmp>[2], want: string][] = [
    [IGMP_TYPE.V1_REPORT, `12000bfb${GROUP4}`],
    [IGMP_TYPE.V2_REPORT, `160007fb${GROUP4}`],
    [IGMP_TYPE.V2_LEAVE, `170006fb${GROUP4}`],
  ];
  for (const [type, want] of cases) {
    const view = viewOf("ff".repeat(IGMP_LENGTH + 2));
    assertEquals(writeIgmp(view, 1, type, group), IGMP_LENGTH);
    assertEquals(hexOf(view), `ff${want}ff`);
  }
});

Deno.test("a report of IGMPv3 is a head and records, under one checksum (RFC 3376 §4.2)", () => {
  const group = IpAddress.parse("224.1.2.3");
  const sources = ["10.0.0.1", "10.0.0.2"].map((text) => IpAddress.parse(text));
  const length = REPORT_HEAD + recordLength(group, 0) + recordLength(group, 2);
  const view = viewOf("ff".repeat(length + 2));
  let at = 1;
  at += writeIgmpReportHead(view, at, 2);
  at += writeRecord(view, at, RECORD_TYPE.CHANGE_TO_EXCLUDE, group);
  at += writeRecord(view, at, RECORD_TYPE.ALLOW_NEW_SOURCES, group, sources);
  assertEquals(at, length + 1);
  writeIgmpChecksum(view, 1, at);
  assertEquals(checkIgmp(view, 1, at), Drop.NONE);
  const records = `04000000${GROUP4}05000002${GROUP4}0a0000010a000002`;
  assertEquals(hexOf(view).replace(/^(ff2200)..../, "$1****"), `ff2200****00000002${records}ff`);
});

Deno.test("writeMld() writes reports and dones of version 1 but for the checksum", () => {
  const group = IpAddress.parse("ff02::1:3");
  for (const type of [ICMPV6_TYPE.LISTENER_REPORT, ICMPV6_TYPE.LISTENER_DONE] as const) {
    const view = viewOf("ff".repeat(MLD_LENGTH + 2));
    assertEquals(writeMld(view, 1, type, group), MLD_LENGTH);
    assertEquals(hexOf(view), `ff${type.toString(16)}00000000000000${GROUP6}ff`);
  }
});

Deno.test("a report of MLDv2 is a head and records (RFC 3810 §5.2)", () => {
  const group = IpAddress.parse("ff02::1:3");
  const source = IpAddress.parse("fe80::1");
  const length = REPORT_HEAD + recordLength(group, 0) + recordLength(group, 1);
  const view = viewOf("ff".repeat(length + 2));
  let at = 1;
  at += writeMldReportHead(view, at, 2);
  at += writeRecord(view, at, RECORD_TYPE.CHANGE_TO_INCLUDE, group);
  at += writeRecord(view, at, RECORD_TYPE.BLOCK_OLD_SOURCES, group, [source]);
  assertEquals(at, length + 1);
  const records = `03000000${GROUP6}06000001${GROUP6}fe80${"00".repeat(13)}01`;
  assertEquals(hexOf(view), `ff8f00000000000002${records}ff`);
});

Deno.test("GroupQuery answers whatever the bytes are, and reads none beyond the end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 70 }), fc.nat(3), (bytes, count) => {
      // A read beyond the end of this view would throw.
      const view = new DataView(bytes.buffer);
      view.setUint32(4, 0);
      for (const [at, width] of [[10, 4], [26, 16]] as const) {
        if (bytes.length >= at + 2) view.setUint16(at, count);
        if (width === 16 && bytes.length >= 24) bytes.fill(0, 8, 24);
        const drop = width === 4
          ? query.parseIgmp(view, 0, bytes.length)
          : query.parseMld(view, 0, bytes.length);
        if (drop !== Drop.NONE || query.sources === 0) continue;
        assert(query.sourcesAt + width * query.sources <= bytes.length);
      }
    }),
    { numRuns: 5000 },
  );
});
