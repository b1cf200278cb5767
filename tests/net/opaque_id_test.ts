import { assertEquals } from "@std/assert";
import { isReserved, OpaqueIds } from "../../src/net/opaque_id.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { parseMac } from "../../src/wire/mac.ts";
import { bytesOf } from "../wire/hex.ts";

const SECRET = new Uint8Array(16).map((_, i) => i);
const PREFIX = IpAddress.parse("2001:db8:1:2::");
const MAC = parseMac("02:00:00:00:00:05");

Deno.test("an identifier is a keyed hash of prefix, counter and interface (RFC 7217 §5)", async () => {
  const key = await crypto.subtle.importKey(
    "raw",
    SECRET,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const ids = new OpaqueIds(SECRET);
  for (const [mac, counter] of [[MAC, 0], [MAC, 3], [null, 0]] as const) {
    const input = bytesOf(
      `20010db800010002 0${counter} ${mac === null ? "" : mac.toHex()} 6c616e30`,
    );
    const digest = new Uint8Array(await crypto.subtle.sign("HMAC", key, input));
    const address = ids.address(PREFIX, { name: "lan0", mac }, counter);
    assertEquals(address.toBytes().toHex(), "20010db800010002" + digest.toHex().slice(0, 16));
  }
});

Deno.test("the secret is copied: to overwrite it changes nothing", () => {
  const secret = SECRET.slice();
  const ids = new OpaqueIds(secret);
  const address = () => `${ids.address(PREFIX, { name: "lan0", mac: null }, 0)}`;
  const before = address();
  secret.fill(0);
  assertEquals(address(), before);
});

Deno.test("identifiers that have a meaning already are not used (RFC 5453 §3)", () => {
  const cases: [id: string, want: boolean][] = [
    ["0000000000000000", true],
    ["0000000000000001", false],
    ["02005efffe000000", true],
    ["02005efffeffffff", true],
    ["02005effff000000", false],
    ["fdffffffffffff80", true],
    ["fdffffffffffffff", true],
    ["fdffffffffffff7f", false],
  ];
  for (const [id, want] of cases) assertEquals(isReserved(bytesOf(id)), want, id);
});
