import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { AddressTexts } from "../../src/socket/address_texts.ts";
import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { oneInterface, STACK } from "../packets.ts";

const link = { mtu: 1500, transmit: () => true };

function stackOf(): Stack {
  return new Stack({ interfaces: oneInterface(link, [STACK]) }, { random: () => 1 });
}

Deno.test("addresses and their texts are told as ever, and from memory the next time", () => {
  const { ip } = stackOf();
  const texts = new AddressTexts(ip);
  for (const text of ["10.0.0.1", "255.255.255.255", "fd00::1", "::", "0.0.0.0"]) {
    const address = IpAddress.parse(text);
    assertEquals(texts.format(address), text);
    assertEquals(texts.format(address.clone()), text);
    assertEquals(texts.parse(text).equals(address), true);
    assertStrictEquals(texts.parse(text), texts.parse(text));
  }
  const name = ip.interfaces[1]!.name;
  const zoned = IpAddress.parse("fe80::1").withZone(2);
  assertEquals(texts.format(zoned), `fe80::1%${name}`);
  assertEquals(texts.format(zoned), `fe80::1%${name}`);
  assertStrictEquals(texts.parse(`fe80::1%${name}`), texts.parse(`fe80::1%${name}`));
});

Deno.test("what is no address is none the second time either", () => {
  const texts = new AddressTexts(stackOf().ip);
  for (let i = 0; i < 2; i++) assertThrows(() => texts.parse("10.0.0.256"), TypeError);
});

Deno.test("a text without a zone is read anew: another interface leaves a choice", () => {
  const stack = stackOf();
  const texts = new AddressTexts(stack.ip);
  assertEquals(texts.parse("fe80::1").zone, 2);
  assertNotStrictEquals(texts.parse("fe80::1"), texts.parse("fe80::1"));
  stack.addInterface({ name: "other0", link, addresses: [] });
  assertThrows(() => texts.parse("fe80::1"), TypeError, "Say on which interface fe80::1 is");
});

Deno.test("many addresses at a time are told apart", () => {
  const texts = new AddressTexts(stackOf().ip);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++) {
      const text = `10.1.${i >> 8}.${i & 255}`;
      assertEquals(texts.format(texts.parse(text)), text);
    }
  }
});
