import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { Digest } from "../../src/base/digest.ts";
import { Random } from "../random.ts";

Deno.test("a digest is SHA-256, whatever came before it (FIPS 180-4)", () => {
  const digest = new Digest();
  const random = new Random(1);
  for (let length = 0; length < 200; length++) {
    const input = random.bytes(length);
    const want = new Uint8Array(createHash("sha256").update(input).digest());
    const { buffer, byteOffset } = digest.of(input);
    assertEquals(new Uint8Array(buffer, byteOffset, 32), want, `${length} bytes`);
  }
});

Deno.test("digests don't share their memory", () => {
  const [one, other] = [new Digest(), new Digest()];
  const first = one.of(Uint8Array.of(1)).getUint32(0);
  other.of(Uint8Array.of(2));
  assertEquals(one.of(Uint8Array.of(1)).getUint32(0), first);
});
