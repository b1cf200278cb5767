import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  MAX_SACK_BLOCKS,
  TCP_OPTION,
  TcpOptions,
  writeFastOpen,
  writeMss,
} from "../../src/wire/tcp_options.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

/** What was found, without what was not. */
function found(options: TcpOptions): Record<string, unknown> {
  const blocks = options.sackBlocks;
  return {
    ...(options.mss !== 0 && { mss: options.mss }),
    ...(options.windowScale !== -1 && { windowScale: options.windowScale }),
    ...(options.sackPermitted && { sackPermitted: true }),
    ...(options.timestamps && { timestamps: [options.timestampValue, options.timestampEcho] }),
    ...(blocks !== 0 && { sack: [...options.sackEdges.subarray(0, 2 * blocks)] }),
  };
}

/** Parses `hex`, with bytes behind it that would be options too. */
function parse(hex: string, options = new TcpOptions()): Record<string, unknown> {
  const bytes = bytesOf(hex + "0402");
  options.parse(new DataView(bytes.buffer), 0, bytes.length - 2);
  return found(options);
}

Deno.test("[MUST-68] parse() takes every kind but end-of-list and no-operation by its length (RFC 9293 §3.1)", () => {
  for (let kind = 2; kind < 256; kind++) {
    for (const length of [2, 3, 5, 30]) {
      if (kind === TCP_OPTION.MSS) continue; // would be read, or be read instead
      const text = kind.toString(16).padStart(2, "0") + length.toString(16).padStart(2, "0");
      const options = parse(`${text}${"ff".repeat(length - 2)} 020405b4`);
      assertEquals(options.mss, 1460, `kind ${kind} of ${length}`);
    }
  }
  assertEquals(parse("01 01 020405b4").mss, 1460);
  assertEquals(parse("01 00 020405b4"), {});
});

Deno.test("parse() reads each option", () => {
  const cases: [what: string, hex: string, want: Record<string, unknown>][] = [
    ["none", "", {}],
    ["MSS", "020405b4", { mss: 1460 }],
    ["largest MSS", "0204ffff", { mss: 65535 }],
    ["window scale", "030307", { windowScale: 7 }],
    ["window scale 0", "030300", { windowScale: 0 }],
    ["window scale 14", "03030e", { windowScale: 14 }],
    ["window scale above 14 counts as 14", "0303ff", { windowScale: 14 }],
    ["SACK-permitted", "0402", { sackPermitted: true }],
    ["timestamps", "080affffffff00000001", { timestamps: [0xffff_ffff, 1] }],
    ["timestamps of zero", "080a0000000000000000", { timestamps: [0, 0] }],
    ["one SACK block", "050a 00000001 80000000", { sack: [1, 0x8000_0000] }],
    [
      "four SACK blocks",
      "0522" + "0000000100000002".repeat(4),
      { sack: [1, 2, 1, 2, 1, 2, 1, 2] },
    ],
    ["no-operations", "0101010101", {}],
    ["end of the list", "00020405b4", {}],
    ["an option, then the end", "020405b400030307", { mss: 1460 }],
    [
      "a Linux SYN",
      "020405b4 0402 080a0000000500000000 01 030307",
      { mss: 1460, sackPermitted: true, timestamps: [5, 0], windowScale: 7 },
    ],
    [
      "a BSD SYN",
      "020405b4 01 030306 0101 080a0000000500000000 0402 0000",
      { mss: 1460, sackPermitted: true, timestamps: [5, 0], windowScale: 6 },
    ],
    ["the last one of two", "020405b4 02040218", { mss: 536 }],
  ];
  for (const [what, hex, want] of cases) assertEquals(parse(hex), want, what);
});

Deno.test("[MUST-6] parse() skips what it does not know (RFC 9293 §3.1)", () => {
  const cases: [what: string, hex: string][] = [
    ["an experiment", "fd04abcd"],
    ["a kind of length 2", "0602"],
    ["MD5", "1312" + "ff".repeat(16)],
    ["the longest", "fe24" + "00".repeat(34)],
  ];
  for (const [what, hex] of cases) {
    assertEquals(parse(`${hex}020405b4`), { mss: 1460 }, `${what} before`);
    assertEquals(parse(`020405b4${hex}`), { mss: 1460 }, `${what} behind`);
  }
});

Deno.test("parse() skips a known option of a wrong length", () => {
  const cases: [what: string, hex: string][] = [
    ["MSS of 2", "0202"],
    ["MSS of 3", "020305"],
    ["MSS of 5", "020505b400"],
    ["window scale of 2", "0302"],
    ["window scale of 4", "03040707"],
    ["SACK-permitted of 3", "040300"],
    ["SACK without blocks", "0502"],
    ["SACK with half a block", "050600000001"],
    ["SACK with one and a half", "050e" + "00".repeat(12)],
    ["SACK with five blocks", "052a" + "00".repeat(40)],
    ["timestamps of 6", "080600000001"],
    ["timestamps of 11", "080b" + "00".repeat(9)],
  ];
  for (const [what, hex] of cases) {
    assertEquals(parse(hex), {}, what);
    assertEquals(parse(`${hex}fd02020405b4`), { mss: 1460 }, `${what}, then MSS`);
  }
});

Deno.test("[MUST-7] parse() stops at a length that leads nowhere (RFC 9293 §3.1)", () => {
  const kinds = [...Object.values(TCP_OPTION).filter((kind) => kind > TCP_OPTION.NOP), 99, 255];
  for (const kind of kinds) {
    const byte = kind.toString(16).padStart(2, "0");
    const cases: [what: string, hex: string][] = [
      ["length 0", `${byte}00`],
      ["length 1", `${byte}01`],
      ["no length", byte],
      ["one byte past the end", `${byte}04ff`],
      ["length 255", `${byte}ff`],
    ];
    for (const [what, hex] of cases) {
      assertEquals(parse(`020405b4${hex}`), { mss: 1460 }, `kind ${kind}, ${what}`);
    }
    for (const length of ["00", "01", "ff"]) {
      assertEquals(parse(`${byte}${length}020405b4`), {}, `kind ${kind}, length ${length}`);
    }
  }
});

Deno.test("parse() forgets the segment before", () => {
  const options = new TcpOptions();
  parse("020405b4 030307 0402 080a0000000500000006 050a0000000100000002", options);
  assertEquals(Object.keys(found(options)).length, 5);
  assertEquals(parse("", options), {});
  assertEquals([options.timestampValue, options.timestampEcho], [0, 0]);
});

Deno.test("parse() ends without an exception whatever the bytes are, and reads no others", () => {
  const options = new TcpOptions();
  const anyByte = fc.oneof(fc.nat(10), fc.nat(255));
  fc.assert(
    fc.property(fc.array(anyByte, { maxLength: 44 }), fc.nat(4), (octets, at) => {
      const exact = new DataView(Uint8Array.from(octets).buffer);
      options.parse(exact, Math.min(at, octets.length), octets.length);
      assert(options.windowScale >= -1 && options.windowScale <= 14);
      assert(options.sackBlocks >= 0 && options.sackBlocks <= MAX_SACK_BLOCKS);
      const alone = found(options);
      options.parse(
        new DataView(Uint8Array.from([...octets, 2, 4, 5, 180]).buffer),
        Math.min(at, octets.length),
        octets.length,
      );
      assertEquals(found(options), alone);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("writeMss() writes what parse() reads", () => {
  for (const mss of [1, 536, 1460, 65535]) {
    const view = viewOf("ff".repeat(6));
    assertEquals(writeMss(view, 1, mss), 4);
    assertEquals(hexOf(view), `ff0204${mss.toString(16).padStart(4, "0")}ff`);
    const options = new TcpOptions();
    options.parse(view, 1, 5);
    assertEquals(found(options), { mss });
  }
});

Deno.test("a Fast Open option is a request or a cookie of 4 to 16 bytes, an even number (RFC 7413 §4.1.1)", () => {
  const options = new TcpOptions();
  for (let length = 0; length <= 18; length++) {
    const cookie = Uint8Array.from({ length }, (_, i) => i + 1);
    const view = new DataView(Uint8Array.of(34, 2 + length, ...cookie).buffer);
    options.parse(view, 0, view.byteLength);
    const isLegal = length === 0 || (length >= 4 && length <= 16 && length % 2 === 0);
    assertEquals(options.fastOpenLength, isLegal ? length : -1, `${length}`);
    if (isLegal) assertEquals(options.fastOpenCookie.subarray(0, length), cookie);
    if (!isLegal) continue;
    const written = new DataView(new ArrayBuffer(20));
    const end = writeFastOpen(written, 0, cookie);
    assertEquals(end % 4, 0);
    options.parse(written, 0, end);
    assertEquals(options.fastOpenLength, length);
    assertEquals(options.fastOpenCookie.subarray(0, length), cookie);
  }
  options.parse(new DataView(new ArrayBuffer(0)), 0, 0);
  assertEquals(options.fastOpenLength, -1);
});
