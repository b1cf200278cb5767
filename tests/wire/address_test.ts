import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import { sum } from "../../src/wire/checksum.ts";

Deno.test("parse() reads an address and toString() writes its one canonical form", () => {
  const cases: [text: string, canonical: string, bytes: string][] = [
    ["0.0.0.0", "0.0.0.0", "00000000"],
    ["10.0.0.2", "10.0.0.2", "0a000002"],
    ["255.255.255.255", "255.255.255.255", "ffffffff"],
    ["127.1.20.200", "127.1.20.200", "7f0114c8"],
    ["::", "::", "00000000000000000000000000000000"],
    ["::1", "::1", "00000000000000000000000000000001"],
    ["1::", "1::", "00010000000000000000000000000000"],
    ["0:0:0:0:0:0:0:1", "::1", "00000000000000000000000000000001"],
    // RFC 5952 §1 and §2.1: one address, many forms, leading zeros
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:db8::1:0:0:1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:0db8::1:0:0:1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:db8:0:0:1::1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    // §4.2.1: shorten as much as possible
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1", "20010db8000000000000000000020001"],
    // §4.2.2: "::" does not stand for one group alone
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
    // §4.2.3: the longest run, and the first one of two equal ones
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1", "20010000000000010000000000000001"],
    ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4", "00010000000000020003000000000004"],
    ["0:0:1:2:3:4:0:0", "::1:2:3:4:0:0", "00000000000100020003000400000000"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::", "00010002000300040005000600000000"],
    // §4.3: lower case
    ["2001:DB8::AAAA:1", "2001:db8::aaaa:1", "20010db80000000000000000aaaa0001"],
    // §5: IPv4-mapped addresses keep the dots; others lose them
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4", "00000000000000000000ffff01020304"],
    ["::FFFF:102:304", "::ffff:1.2.3.4", "00000000000000000000ffff01020304"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221", "0064ff9b0000000000000000c0000221"],
    ["::1.2.3.4", "::102:304", "00000000000000000000000001020304"],
    ["1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a", "0001000200030004000500060708090a"],
  ];
  for (const [text, canonical, hex] of cases) {
    const address = IpAddress.parse(text);
    assertEquals(address.toString(), canonical, text);
    assertEquals(address.toBytes().toHex(), hex, text);
    assertEquals(address.family, text.includes(":") ? 6 : 4, text);
    assertEquals(address.length, hex.length / 2, text);
    assert(address.equals(IpAddress.parse(canonical)), text);
    assert(address.equals(IpAddress.fromBytes(Uint8Array.fromHex(hex))), text);
  }
});

Deno.test("parse() says what is wrong with a bad address", () => {
  const cases: [text: string, why: string][] = [
    ["", "expected 4 numbers with dots between them"],
    ["localhost", "expected 4 numbers with dots between them"],
    ["1.2.3", "expected 4 numbers with dots between them"],
    ["1.2.3.4.5", "expected 4 numbers with dots between them"],
    ["10.0.0.0/8", `"0/8" is not a decimal number`],
    ["1.2.3.", `"" is not a decimal number`],
    ["1.2.3.-4", `"-4" is not a decimal number`],
    ["1.2.3.0x4", `"0x4" is not a decimal number`],
    [" 1.2.3.4", `" 1" is not a decimal number`],
    ["1.2.3.٤", `"٤" is not a decimal number`],
    ["1.2.3.256", "256 is above 255"],
    ["1.2.3.99999999999999999999", "99999999999999999999 is above 255"],
    ["1.2.3.04", "04 has a leading zero"],
    ["1.2.3.00", "00 has a leading zero"],
    [":", "a group is empty"],
    [":::", "a group is empty"],
    ["1:", "a group is empty"],
    [":1:2:3:4:5:6:7", "a group is empty"],
    ["1::2::3", `"::" may stand once only`],
    ["1:2:3", "expected 8 groups, found 3"],
    ["1:2:3:4:5:6:7:8:9", "expected 8 groups, found 9"],
    ["1:2:3:4::5:6:7:8", `"::" stands for a group at least, and 8 others are too many`],
    ["1:2:3:4:5:6:7:1.2.3.4", "expected 8 groups, found 9"],
    ["12345::", `"12345" is not a group of one to four hexadecimal digits`],
    ["g::", `"g" is not a group of one to four hexadecimal digits`],
    ["fe80::1%eth0", `"eth0" is not the number of an interface`],
    ["fe80::1%", `"" is not the number of an interface`],
    ["2001:db8::1%1", "only addresses of one link have a zone"],
    ["10.0.0.1%1", "only addresses of one link have a zone"],
    ["1.2.3.4::", `"1.2.3.4" is not a group of one to four hexadecimal digits`],
    ["::1.2.3.4:5", `"1.2.3.4" is not a group of one to four hexadecimal digits`],
    ["::ffff:1.2.3.256", "256 is above 255"],
    ["::1.2.3", "expected 4 numbers with dots between them"],
  ];
  for (const [text, why] of cases) {
    const error = assertThrows(() => IpAddress.parse(text), TypeError);
    assertEquals(error.message, `Not an IP address: "${text}": ${why}`);
  }
});

Deno.test("fromBytes() takes 4 or 16 bytes only", () => {
  for (const length of [0, 3, 5, 15, 17]) {
    assertThrows(
      () => IpAddress.fromBytes(new Uint8Array(length)),
      TypeError,
      `An IP address has 4 or 16 bytes, not ${length}`,
    );
  }
});

Deno.test("any address survives text and bytes", () => {
  const length = fc.constantFrom(4, 16);
  const anyBytes = length.chain((n) =>
    fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: n, maxLength: n })
  );
  fc.assert(fc.property(anyBytes, (octets) => {
    const address = IpAddress.fromBytes(Uint8Array.from(octets));
    assert(IpAddress.parse(address.toString()).equals(address), address.toString());
    assertEquals([...address.toBytes()], octets);
    const view = new DataView(Uint8Array.from(octets).buffer);
    const scratch = IpAddress.scratch();
    const loaded = octets.length === 4 ? scratch.load4(view, 0) : scratch.load16(view, 0);
    assert(loaded.equals(address));
    assertEquals(loaded.hash(7), address.hash(7));
    assertEquals(address.sum() % 0xffff, sum(view, 0, octets.length) % 0xffff);
  }));
});

Deno.test("an IPv4 address differs from the IPv6 address that maps it", () => {
  const v4 = IpAddress.parse("1.2.3.4");
  const mapped = IpAddress.parse("::ffff:1.2.3.4");
  assertFalse(v4.equals(mapped));
  assertFalse(mapped.equals(v4));
  assert(v4.equals(IpAddress.v4(1, 2, 3, 4)));
});

Deno.test("a zone tells apart the link-local addresses of two links (RFC 4007 §6)", () => {
  const bare = IpAddress.parse("fe80::1");
  const zoned = IpAddress.parse("fe80::1%3");
  assertEquals([bare.zone, zoned.zone, zoned.toString()], [0, 3, "fe80::1%3"]);
  assertFalse(zoned.equals(bare));
  assert(zoned.withZone(0).equals(bare));
  assert(zoned.clone().equals(zoned));
  assert(IpAddress.parse("fe80::1%eth0", (name) => name.length - 1).equals(zoned));
  assertEquals(IpAddress.parse("ff02::1").clone().scope(2).toString(), "ff02::1%2");
  assertEquals(IpAddress.parse("ff05::1").clone().scope(2).zone, 0);
  assertEquals(IpAddress.parse("2001:db8::1").clone().scope(2).zone, 0);
});

Deno.test("commonPrefix() counts leading bits, and isIn() compares them", () => {
  const cases: [a: string, b: string, bits: number][] = [
    ["10.0.0.1", "10.0.0.1", 32],
    ["10.0.0.1", "10.0.0.2", 30],
    ["10.0.0.1", "138.0.0.1", 0],
    ["10.0.0.1", "::ffff:10.0.0.1", 0],
    ["2001:db8::1", "2001:db8::1", 128],
    ["2001:db8::1", "2001:db8::2", 126],
    ["2001:db8::", "2001:db8:0:0:8000::", 64],
    ["2001:db8::", "2001:db8:0:1::", 63],
    ["2001:db8::", "2001:db9::", 31],
  ];
  for (const [a, b, bits] of cases) {
    const [one, other] = [IpAddress.parse(a), IpAddress.parse(b)];
    assertEquals([one.commonPrefix(other), other.commonPrefix(one)], [bits, bits], `${a} ${b}`);
    if (one.family !== other.family) continue;
    assert(one.isIn(other, bits));
    assertEquals(one.isIn(other, bits + 1), false);
  }
  assertFalse(IpAddress.parse("10.0.0.1").isIn(IpAddress.parse("::"), 0));
});

Deno.test("a clone stays when its scratch address moves on", () => {
  const view = new DataView(Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2).buffer);
  const scratch = IpAddress.scratch().load4(view, 0);
  const kept = scratch.clone();
  scratch.load4(view, 4);
  assertEquals([kept.toString(), scratch.toString()], ["10.0.0.1", "10.0.0.2"]);
});

Deno.test("an address knows what it is for", () => {
  const cases: [text: string, kinds: string][] = [
    ["0.0.0.0", "unspecified"],
    ["::", "unspecified"],
    ["::ffff:0.0.0.0", ""],
    ["127.0.0.1", "loopback"],
    ["127.255.255.255", "loopback"],
    ["128.0.0.1", ""],
    ["::1", "loopback"],
    ["::2", ""],
    ["223.255.255.255", ""],
    ["224.0.0.0", "multicast"],
    ["239.255.255.255", "multicast"],
    ["240.0.0.1", ""],
    ["ff02::1", "multicast"],
    ["fe80::1", ""],
    ["255.255.255.255", "broadcast"],
    ["255.255.255.254", ""],
    ["10.0.0.1", ""],
  ];
  for (const [text, kinds] of cases) {
    const address = IpAddress.parse(text);
    const found = [
      address.isUnspecified && "unspecified",
      address.isLoopback && "loopback",
      address.isMulticast && "multicast",
      address.isBroadcast && "broadcast",
    ];
    assertEquals(found.filter(Boolean).join(" "), kinds, text);
  }
});
