import { assertEquals } from "@std/assert";
import { finishPacket, Offload } from "../../ffi/virtio.ts";
import { finish, sum } from "../../src/wire/checksum.ts";

const AT = 12; // the header's 10 bytes, and 2 of something else

/** A packet with a header in front; the checksum of `[start, end)` is at `start + offset`. */
function packet(
  fields: { flags?: number; type?: number; start?: number; offset?: number; bytes: number[] },
): DataView {
  const { flags = 0, type = 0, start = 0, offset = 0, bytes } = fields;
  const view = new DataView(new ArrayBuffer(AT + bytes.length + 2));
  view.setUint8(AT - 10, flags);
  view.setUint8(AT - 9, type);
  view.setUint16(AT - 4, start, true);
  view.setUint16(AT - 2, offset, true);
  new Uint8Array(view.buffer).set(bytes, AT);
  new Uint8Array(view.buffer).fill(0xaa, AT + bytes.length);
  return view;
}

Deno.test("finishPacket() completes the checksum that the sender has begun", () => {
  // Two bytes of another header; the sum of the pseudo-header, 0x1234; an odd number of bytes.
  const bytes = [9, 9, 1, 2, 0x12, 0x34, 5, 6, 7];
  const view = packet({ flags: 1, start: 2, offset: 2, bytes });
  assertEquals(finishPacket(view, AT, AT + 9), Offload.CHECKSUM);
  const checksum = view.getUint16(AT + 4);
  assertEquals(checksum, 0xffff - (0x0102 + 0x1234 + 0x0506 + 0x0700));
  // In place of the begun sum, the pseudo-header has to be added when it is checked.
  assertEquals(finish(sum(view, AT + 2, AT + 9, 0x1234)), 0);
  assertEquals(view.getUint8(AT + 9), 0xaa, "what is behind the packet is none of it");
});

Deno.test("finishPacket() never writes a checksum of zero, which means none to UDP", () => {
  const view = packet({ flags: 1, start: 0, offset: 0, bytes: [0xff, 0xff, 0, 0] });
  assertEquals(finishPacket(view, AT, AT + 4), Offload.CHECKSUM);
  assertEquals(view.getUint16(AT), 0xffff);
});

Deno.test("finishPacket() leaves alone what is complete, or broken", () => {
  const bytes = [1, 2, 3, 4];
  const cases: Parameters<typeof packet>[0][] = [
    { flags: 0, start: 0, offset: 2, bytes },
    { flags: 2, start: 0, offset: 2, bytes }, // the network card has checked it
    { flags: 1, start: 0, offset: 3, bytes },
    { flags: 1, start: 0xffff, offset: 0xffff, bytes },
  ];
  for (const fields of cases) {
    const view = packet(fields);
    assertEquals(finishPacket(view, AT, AT + 4), Offload.NONE);
    assertEquals([...new Uint8Array(view.buffer, AT, 4)], bytes);
  }
});

Deno.test("finishPacket() passes long TCP segments, and nothing else that should be cut up", () => {
  const cases: [type: number, want: Offload][] = [
    [0, Offload.NONE],
    [1, Offload.NONE],
    [4, Offload.NONE],
    [0x81, Offload.NONE],
    [0x84, Offload.NONE],
    [3, Offload.UNSEGMENTED],
    [5, Offload.UNSEGMENTED],
    [0x7f, Offload.UNSEGMENTED],
  ];
  for (const [type, want] of cases) {
    assertEquals(finishPacket(packet({ type, bytes: [1, 2] }), AT, AT + 2), want, `${type}`);
  }
});
