import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  ArpHeader,
  checkArp,
} from "../../src/wire/arp.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { ETHER_TYPE, ETHERNET_HEADER, EthernetHeader } from "../../src/wire/ethernet.ts";
import { formatMac } from "../../src/wire/mac.ts";
import { bytesOf, hexOf, viewOf } from "./hex.ts";

/**
 * Frames that a Linux kernel and arping of iputils sent over a pair of veth interfaces, beside what
 * tshark reads in them.
 */
const CAPTURED: [what: string, hex: string, fields: string][] = [
  [
    "who has 10.9.0.2, by arping",
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a090001 ffffffffffff 0a090002",
    "1 02:00:00:00:00:01 10.9.0.1 ff:ff:ff:ff:ff:ff 10.9.0.2",
  ],
  [
    "10.9.0.2 is at, by the kernel",
    "020000000001 020000000002 0806 0001 0800 06 04 0002 020000000002 0a090002 020000000001 0a090001",
    "2 02:00:00:00:00:02 10.9.0.2 02:00:00:00:00:01 10.9.0.1",
  ],
  [
    "a probe, by arping -D",
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 00000000 ffffffffffff 0a090009",
    "1 02:00:00:00:00:01 0.0.0.0 ff:ff:ff:ff:ff:ff 10.9.0.9",
  ],
  [
    "an announcement, by arping -U",
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a090001 ffffffffffff 0a090001",
    "1 02:00:00:00:00:01 10.9.0.1 ff:ff:ff:ff:ff:ff 10.9.0.1",
  ],
  [
    "an announcement as a reply, by arping -A",
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0002 020000000001 0a090001 020000000001 0a090001",
    "2 02:00:00:00:00:01 10.9.0.1 02:00:00:00:00:01 10.9.0.1",
  ],
  [
    "who has 10.9.0.2, by the kernel",
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a090001 000000000000 0a090002",
    "1 02:00:00:00:00:01 10.9.0.1 00:00:00:00:00:00 10.9.0.2",
  ],
];

const GOOD = "0001 0800 06 04 0001 020000000001 0a090001 000000000000 0a090002";

Deno.test("ARP packets of others are read as tshark reads them", () => {
  const ethernet = new EthernetHeader();
  const arp = new ArpHeader();
  for (const [what, hex, fields] of CAPTURED) {
    const bytes = bytesOf(hex);
    const view = new DataView(bytes.buffer);
    assertEquals(ethernet.read(view, 0, bytes.length), Drop.NONE, what);
    assertEquals(ethernet.etherType, ETHER_TYPE.ARP, what);
    const at = ethernet.payloadAt;
    assertEquals(at, ETHERNET_HEADER, what);
    assertEquals(DROP_NAMES[checkArp(bytes, view, at, bytes.length)], "NONE", what);
    const address = (offset: number) => IpAddress.scratch().load4(view, at + offset).toString();
    const got = [
      arp.bind(view, at).operation,
      formatMac(bytes, at + ARP_SENDER_MAC),
      address(ARP_SENDER_IP),
      formatMac(bytes, at + ARP_TARGET_MAC),
      address(ARP_TARGET_IP),
    ];
    assertEquals(got.join(" "), fields, what);
  }
});

Deno.test("[RFC826-02] checkArp() finds each thing that can be wrong", () => {
  const cases: [what: string, hex: string, want: Drop][] = [
    ["a request", GOOD, Drop.NONE],
    ["padding behind it", GOOD + "00".repeat(18), Drop.NONE],
    ["an operation that nobody knows", GOOD.replace("04 0001", "04 0009"), Drop.NONE],
    ["the last byte cut off", GOOD.slice(0, -2), Drop.ARP_TRUNCATED],
    ["nothing", "", Drop.ARP_TRUNCATED],
    ["hardware of another type", "0006" + GOOD.slice(4), Drop.ARP_BAD_FORMAT],
    ["another protocol", GOOD.replace("0800", "86dd"), Drop.ARP_BAD_FORMAT],
    ["longer hardware addresses", GOOD.replace("06 04", "08 04"), Drop.ARP_BAD_FORMAT],
    ["longer protocol addresses", GOOD.replace("06 04", "06 10"), Drop.ARP_BAD_FORMAT],
    ["reserved operation 0", GOOD.replace("04 0001", "04 0000"), Drop.ARP_BAD_FORMAT],
    ["reserved operation 65535", GOOD.replace("04 0001", "04 ffff"), Drop.ARP_BAD_FORMAT],
    ["everybody as sender", GOOD.replace("020000000001", "ffffffffffff"), Drop.ARP_BAD_FORMAT],
    ["a group as sender", GOOD.replace("020000000001", "01005e000001"), Drop.ARP_BAD_FORMAT],
  ];
  for (const [what, hex, want] of cases) {
    const bytes = bytesOf("aaaaaa" + hex);
    const got = checkArp(bytes, new DataView(bytes.buffer), 3, bytes.length);
    assertEquals(DROP_NAMES[got], DROP_NAMES[want], what);
  }
});

Deno.test("ArpHeader writes what tells the format, and the operation, and nothing else", () => {
  const view = viewOf("ff".repeat(ARP_LENGTH + 1));
  const arp = new ArpHeader().bind(view, 1);
  arp.writeFormat();
  arp.operation = ARP_OPERATION.REPLY;
  assertEquals(hexOf(view), "ff" + "0001080006040002" + "ff".repeat(20));
});

Deno.test("checkArp() answers whatever the bytes are", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(10), (bytes, at) => {
    bytesOf("0001080006040001").forEach((byte, i) => {
      if (at + i < bytes.length) bytes[at + i] = byte;
    });
    const end = Math.max(at, bytes.length);
    const got = checkArp(bytes, new DataView(bytes.buffer), at, end);
    assert(DROP_NAMES[got] !== undefined);
  }));
});
