import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import {
  ETHER_TYPE,
  ETHERNET_HEADER,
  EthernetHeader,
  storeEtherType,
} from "../../src/wire/ethernet.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

const MACS = "020000000002 020000000001";

Deno.test("EthernetHeader finds what a frame carries, behind tags that tell only a priority", () => {
  const cases: [what: string, hex: string, want: Drop, etherType?: number, payload?: string][] = [
    ["IPv4", MACS + "0800 4500", Drop.NONE, ETHER_TYPE.IPV4, "4500"],
    ["ARP", MACS + "0806 0001", Drop.NONE, ETHER_TYPE.ARP, "0001"],
    ["IPv6", MACS + "86dd 6000", Drop.NONE, ETHER_TYPE.IPV6, "6000"],
    ["nothing behind the header", MACS + "0800", Drop.NONE, ETHER_TYPE.IPV4, ""],
    ["a frame of IEEE 802.2", MACS + "0026 4242", Drop.NONE, 0x26, "4242"],
    ["a priority", MACS + "8100 e000 0800 45", Drop.NONE, ETHER_TYPE.IPV4, "45"],
    ["a priority, may be dropped", MACS + "8100 3000 86dd 60", Drop.NONE, ETHER_TYPE.IPV6, "60"],
    ["two", MACS + "88a8 0000 8100 2000 0800 45", Drop.NONE, ETHER_TYPE.IPV4, "45"],
    ["three", MACS + "88a8 0000 8100 0000 8100 0000 0800", Drop.ETHERNET_UNKNOWN_TYPE],
    ["another virtual LAN", MACS + "8100 0005 0800 45", Drop.ETHERNET_NOT_FOR_US],
    ["another virtual LAN of 4094", MACS + "8100 effe 0800 45", Drop.ETHERNET_NOT_FOR_US],
    ["a provider's virtual LAN", MACS + "88a8 0001 8100 0000 0800", Drop.ETHERNET_NOT_FOR_US],
    ["half a tag", MACS + "8100 0000 08", Drop.ETHERNET_TRUNCATED],
    ["no tag", MACS + "8100", Drop.ETHERNET_TRUNCATED],
    ["half a second tag", MACS + "88a8 0000 8100 0000 08", Drop.ETHERNET_TRUNCATED],
    ["half a header", MACS + "08", Drop.ETHERNET_TRUNCATED],
    ["nothing", "", Drop.ETHERNET_TRUNCATED],
  ];
  const header = new EthernetHeader();
  for (const [what, hex, want, etherType, payload] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const got = header.read(new DataView(bytes.buffer), 3, bytes.length);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
    if (want !== Drop.NONE) continue;
    assertEquals(header.etherType, etherType, what);
    assertEquals(bytes.subarray(header.payloadAt).toHex(), payload, what);
  }
});

Deno.test("storeEtherType() writes the type and nothing else", () => {
  const view = viewOf("ff".repeat(ETHERNET_HEADER + 2));
  storeEtherType(ETHER_TYPE.IPV6, view, 1);
  assertEquals(hexOf(view), "ff".repeat(13) + "86dd" + "ff");
});

Deno.test("EthernetHeader reads whatever the bytes are, and never beyond the end", () => {
  const header = new EthernetHeader();
  const tag = fc.constantFrom("8100", "88a8", "0000", "0800", "0001", "86dd").map(bytesOf);
  const frame = fc.tuple(fc.uint8Array({ maxLength: 12 }), fc.array(tag, { maxLength: 8 }))
    .map(([start, tags]) => Uint8Array.from([...start, ...tags.flatMap((bytes) => [...bytes])]));
  fc.assert(fc.property(frame, fc.nat(3), (bytes, at) => {
    const end = Math.max(at, bytes.length);
    const got = header.read(new DataView(bytes.buffer), at, end);
    assert(DROP_NAMES[got] !== undefined);
    if (got === Drop.NONE) assert(header.payloadAt <= end);
  }));
});
