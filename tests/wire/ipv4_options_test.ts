import { assertEquals } from "@std/assert";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { Ipv4Options } from "../../src/wire/ipv4_options.ts";
import { viewOf } from "./hex.ts";

const NONE = Drop.NONE;
const BAD = Drop.IP_BAD_OPTION;

Deno.test("[RFC1122-10] check() finds what is wrong with options, and where (RFC 791 §3.1)", () => {
  const cases: [what: string, hex: string, drop: Drop, problemAt?: number][] = [
    ["an unknown option", "5e080102030405060000 0000", NONE],
    ["a router alert", "94040000", NONE],
    ["anything behind the end", "00070101", NONE],
    ["a length of 1", "01 5e010000 000000", BAD, 21],
    ["no room for a length", "010101 5e", BAD, 23],
    ["a length beyond the header", "5e050000", BAD, 20],
    ["a loose source route", "8307040a000001 00", Drop.IP_SOURCE_ROUTE, 20],
    ["a strict one", "01 8907040a000001", Drop.IP_SOURCE_ROUTE, 21],

    ["record route with room", "07070400000000 00", NONE],
    ["a full one", "0707080a000001 00", NONE],
    ["one that never had room", "070304 00", NONE],
    ["one without a pointer", "01 0702 00", BAD, 22],
    ["one whose pointer is too low", "07070300000000 00", BAD, 22],
    ["one with room for half an address", "0709080a0000010000 000000", BAD, 22],
    ["two of them", "07070400000000 07070400000000 0000", BAD, 27],

    ["a timestamp with room", "4408050000000000", NONE],
    ["a full one", "44080900 00000001", NONE],
    ["a full one that 15 hosts found full", "440809f0 00000001", BAD, 23],
    ["one without flags", "01 440305 00000000", BAD, 22],
    ["one whose pointer is too low", "4408040000000000", BAD, 22],
    ["one with room for half a time", "440a0900 00000001 0000 0000", BAD, 22],
    ["one with room for a time but not for an address", "44080501 00000000", BAD, 22],
    ["one with room for both", "440c0501 00000000 00000000", NONE],
    ["a full one with addresses", "440c0d01 0a000001 00000001", NONE],
    ["chosen addresses, room for half a pair", "44080503 0a000001", BAD, 22],
    ["chosen addresses, full: nobody counts that", "440c0df3 0a000001 00000001", NONE],
    ["an unknown flag", "4408050200000000", BAD, 23],
    ["two of them", "4404050044040500", BAD, 24],
  ];
  const options = new Ipv4Options();
  for (const [what, hex, drop, problemAt] of cases) {
    const view = viewOf("aa".repeat(3 + 20) + hex.replaceAll(" ", ""));
    const found = options.check(view, 3, 3 + 20, view.byteLength);
    assertEquals(DROP_NAMES[found], DROP_NAMES[drop], what);
    if (problemAt !== undefined) assertEquals(options.problemAt, problemAt, what);
  }
});
