import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import {
  BROADCAST_MAC,
  formatMac,
  isGroupMac,
  isIpMulticastMac,
  isMacAt,
  MAC_LENGTH,
  parseMac,
  randomMac,
  storeMac,
  storeMulticastMac,
} from "../../src/wire/mac.ts";
import { Random } from "../random.ts";

Deno.test("parseMac() reads six bytes in hexadecimal, with : or - between them", () => {
  const want = Uint8Array.of(0x02, 0x00, 0x5e, 0x10, 0xab, 0xff);
  for (const text of ["02:00:5e:10:ab:ff", "02-00-5E-10-AB-FF", "02:00:5E:10:aB:Ff"]) {
    assertEquals(parseMac(text), want);
    assertEquals(formatMac(parseMac(text)), "02:00:5e:10:ab:ff");
  }
});

Deno.test("parseMac() takes nothing else", () => {
  const cases = [
    "",
    "02:00:5e:10:ab",
    "02:00:5e:10:ab:ff:01",
    "02:00:5e-10:ab:ff",
    "2:0:5e:10:ab:ff",
    "02005e10abff",
    "02:00:5e:10:ab:fg",
    " 02:00:5e:10:ab:ff",
    "02:00:5e:10:ab:ff\n",
  ];
  for (const text of cases) assertThrows(() => parseMac(text), TypeError, "Not a hardware address");
});

Deno.test("formatMac() is read back by parseMac(), wherever the address stands", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: MAC_LENGTH, maxLength: MAC_LENGTH }),
    fc.nat(5),
    (mac, at) => {
      const memory = new Uint8Array(20).fill(0xee);
      storeMac(mac, memory, at);
      assertEquals(parseMac(formatMac(memory, at)), mac);
      assertEquals(isMacAt(mac, memory, at), true);
      memory[at + 5]! ^= 1;
      assertEquals(isMacAt(mac, memory, at), false);
    },
  ));
});

Deno.test("the lowest bit of the first byte tells a group from a host", () => {
  assertEquals(isGroupMac(BROADCAST_MAC), true);
  assertEquals(isGroupMac(parseMac("01:00:5e:00:00:01")), true);
  assertEquals(isGroupMac(parseMac("33:33:00:00:00:01")), true);
  assertEquals(isGroupMac(parseMac("02:ff:ff:ff:ff:ff")), false);
  assertEquals(isGroupMac(Uint8Array.of(0, 1), 1), true);
});

Deno.test("groups of IPv4 and IPv6 have the addresses of RFC 1112 §6.4 and RFC 2464 §7", () => {
  const cases: [group: string, mac: string][] = [
    ["224.0.0.1", "01:00:5e:00:00:01"],
    ["224.0.0.251", "01:00:5e:00:00:fb"],
    ["239.129.2.3", "01:00:5e:01:02:03"],
    ["239.255.255.255", "01:00:5e:7f:ff:ff"],
    ["224.128.0.1", "01:00:5e:00:00:01"], // 32 groups share each
    ["ff02::1", "33:33:00:00:00:01"],
    ["ff02::1:ff12:3456", "33:33:ff:12:34:56"],
    ["ff0e::dead:beef", "33:33:de:ad:be:ef"],
  ];
  for (const [group, mac] of cases) {
    const memory = new Uint8Array(12).fill(0xee);
    storeMulticastMac(IpAddress.parse(group), new DataView(memory.buffer), 3);
    assertEquals(formatMac(memory, 3), mac, group);
    assertEquals(isIpMulticastMac(memory, 3), true, group);
    assertEquals([...memory.subarray(0, 3), ...memory.subarray(9)], Array(6).fill(0xee), group);
  }
});

Deno.test("isIpMulticastMac() is false for other groups and for hosts", () => {
  const others = [
    "ff:ff:ff:ff:ff:ff",
    "01:80:c2:00:00:00", // spanning tree
    "01:00:5e:80:00:01", // MPLS
    "01:00:0c:cc:cc:cc",
    "02:00:5e:00:00:01",
    "33:34:00:00:00:01",
  ];
  for (const text of others) assertEquals(isIpMulticastMac(parseMac(text)), false, text);
});

Deno.test("randomMac() makes addresses of single hosts, administered locally", () => {
  const random = new Random(1);
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    const mac = randomMac(() => random.random());
    assertEquals(mac[0]! & 3, 2);
    seen.add(formatMac(mac));
  }
  assertEquals(seen.size, 1000);
});
