/**
 * The Internet checksum beside its definition, at the size of a header, of a full segment and of
 * a super-segment: with vectors in the packet memory, and by the plain loop elsewhere.
 */

import { Room } from "../src/base/chunks.ts";
import { finish, sum } from "../src/wire/checksum.ts";
import { memory } from "../src/wire/memory.ts";

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

const arena = crypto.getRandomValues(new Uint8Array(65536));
const view = new DataView(arena.buffer);
const room = new Room(arena.length);
room.bytes.set(arena, room.at);

/** Takes the sums, so that nothing can be left out. */
export let sink = 0;

for (const size of [20, 1460, 65160]) {
  const group = `checksum of ${size} bytes`;
  Deno.bench("byte pairs", { group, baseline: true }, () => {
    sink ^= bytePairs(arena, AT, AT + size);
  });
  Deno.bench("sum(), plain", { group }, () => {
    sink ^= finish(sum(view, AT, AT + size));
  });
  Deno.bench("sum(), in the packet memory", { group }, () => {
    sink ^= finish(sum(memory.view, room.at + AT, room.at + AT + size));
  });
}
