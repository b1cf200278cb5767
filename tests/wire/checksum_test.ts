import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { viewOf } from "./hex.ts";

/** The definition: 16-bit words, added one by one with end-around carry. */
function slowSum(bytes: Uint8Array, initial: number): number {
  let total = BigInt(initial);
  for (let i = 0; i < bytes.length; i += 2) {
    total += BigInt((bytes[i]! << 8) | (bytes[i + 1] ?? 0));
  }
  while (total > 0xffffn) total = (total & 0xffffn) + (total >> 16n);
  return Number(total);
}

Deno.test("sum() adds up the example of RFC 1071 §3", () => {
  const view = viewOf("0001 f203 f4f5 f6f7");
  assertEquals(sum(view, 0, 8), 0xddf2);
  assertEquals(finish(sum(view, 0, 8)), 0x220d);
});

Deno.test("sum() handles odd lengths, carries, all-ones and all-zero", () => {
  const cases: [hex: string, initial: number, want: number][] = [
    ["", 0, 0],
    ["", 0xffff_ffff, 0xffff],
    ["", 0x1_0000, 1],
    ["ab", 0, 0xab00],
    ["ff", 0x0100, 0x0001],
    ["0001 02", 0, 0x0201],
    ["ffff 0001", 0, 0x0001],
    ["8000 8000", 0, 0x0001],
    ["ffff", 1, 0x0001],
    ["0000", 0, 0],
    ["00".repeat(64), 0, 0],
    ["ff".repeat(2), 0, 0xffff],
    ["ff".repeat(4), 0, 0xffff],
    ["ff".repeat(16), 0, 0xffff],
    ["ff".repeat(1500), 0, 0xffff],
    ["ff".repeat(1501), 0, 0xff00],
    ["ff".repeat(0x20000), 0xffff_ffff, 0xffff],
    ["ff".repeat(0x50003), 0, 0xff00],
    ["ffff 0000".repeat(0x18000), 0, 0xffff],
    ["0000 ffff".repeat(0x18000), 0, 0xffff],
  ];
  for (const [hex, initial, want] of cases) {
    const view = viewOf(hex);
    assertEquals(sum(view, 0, view.byteLength, initial), want, `${hex.slice(0, 20)} + ${initial}`);
  }
});

Deno.test("sum() equals the definition for any bytes, place and partial sum", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(7),
      fc.nat({ max: 0xffff_ffff }),
      (bytes, at, initial) => {
        const around = new Uint8Array(at + bytes.length + 8).fill(0xa5);
        around.set(bytes, at);
        const got = sum(new DataView(around.buffer), at, at + bytes.length, initial);
        assertEquals(got, slowSum(bytes, initial));
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("sum() equals the definition for long ranges", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 300_000 }),
      fc.nat(255),
      fc.nat(255),
      (length, first, step) => {
        const bytes = Uint8Array.from({ length }, (_, i) => first + step * i + (i >> 8));
        assertEquals(sum(new DataView(bytes.buffer), 0, length), slowSum(bytes, 0));
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("sum() of two parts is the sum of the whole when the first is of even length", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(50), (bytes, half) => {
    const view = new DataView(bytes.buffer);
    const middle = Math.min(2 * half, bytes.length & ~1);
    const parts = sum(view, middle, bytes.length, sum(view, 0, middle));
    assertEquals(parts, sum(view, 0, bytes.length));
  }));
});

Deno.test("a packet with its checksum in place sums up to all-ones", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 2, maxLength: 99 }), (bytes) => {
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0);
    view.setUint16(0, finish(sum(view, 0, bytes.length)));
    assertEquals(finish(sum(view, 0, bytes.length)), 0);
  }));
});

Deno.test("finish() folds before it complements", () => {
  const cases: [total: number, want: number][] = [
    [0, 0xffff],
    [0xffff, 0],
    [0x1_0000, 0xfffe],
    [0xffff_ffff, 0],
    [0xffff_0001, 0xfffe],
  ];
  for (const [total, want] of cases) assertEquals(finish(total), want, total.toString(16));
});

Deno.test("pseudoHeaderSum() equals the sum of the pseudo-header's bytes", () => {
  const cases: [source: string, destination: string, length: number, pseudoHeader: string][] = [
    ["10.0.0.1", "10.0.0.2", 11, "0a000001 0a000002 0011 000b"],
    ["255.255.255.255", "0.0.0.0", 65515, "ffffffff 00000000 0011 ffeb"],
    [
      "2001:db8::1",
      "fe80::ffff:2",
      70_000,
      "20010db8000000000000000000000001 fe8000000000000000000000ffff0002 00011170 00000011",
    ],
  ];
  for (const [source, destination, length, pseudoHeader] of cases) {
    const view = viewOf(pseudoHeader);
    const got = pseudoHeaderSum(
      IpAddress.parse(source),
      IpAddress.parse(destination),
      PROTOCOL.UDP,
      length,
    );
    assertEquals(finish(got), finish(sum(view, 0, view.byteLength)), `${source} ${destination}`);
  }
});
