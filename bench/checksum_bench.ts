/**
 * The Internet checksum beside its definition, at the size of a header, of a full segment and of
 * the largest packet.
 */

import { finish, sum } from "../src/wire/checksum.ts";

/** RFC 1071 word by word, each word from two bytes. */
function bytePairs(bytes: Uint8Array, at: number, end: number): number {
  let total = 0;
  for (; at + 1 < end; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) total += bytes[at]! << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** Where packets start, so that nothing is aligned better than on the packet path. */
const AT = 80;

const bytes = crypto.getRandomValues(new Uint8Array(65536));
const arena = new Uint8Array(AT + bytes.length);
arena.set(bytes, AT);
const view = new DataView(arena.buffer);

for (const size of [20, 1460, 65536]) {
  const group = `checksum of ${size} bytes`;
  Deno.bench("byte pairs", { group, baseline: true }, () => {
    bytePairs(arena, AT, AT + size);
  });
  Deno.bench("sum()", { group }, () => {
    finish(sum(view, AT, AT + size));
  });
}
