import { assertEquals } from "@std/assert";
import { Delivery } from "../../ffi/delivery.ts";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { Counts, READER_COUNTERS } from "../../ffi/thread_status.ts";

const DESCRIPTOR: Descriptor = {
  fd: 5,
  name: "eth0",
  mtu: 1500,
  kind: "socket",
  prefix: 10,
};

/** A header with flags, a `gso_type`, where the checksum starts and where it is from there. */
function header(flags: number, type = 0, start = 0, offset = 0): number[] {
  return [flags, type, 0, 0, 0, 0, start, 0, offset, 0];
}

Deno.test("what a packet's sender has left to a network card is done before it is handed over", () => {
  const cases: [rule: string, bytes: number[], packet: number[] | null, counter?: string][] = [
    ["nothing is left", [...header(0), 1, 2, 3], [1, 2, 3]],
    [
      "a checksum",
      [...header(1, 0, 1, 1), 7, 8, 0, 1, 9],
      [7, 8, 0xf6, 0xf6, 9],
      "readerChecksums",
    ],
    ["a TCP segment of IPv4 may be long", [...header(0, 1), 1], [1]],
    ["a TCP segment of IPv6 may be long", [...header(0, 4), 1], [1]],
    ["a run of datagrams cannot be used", [...header(0, 5), 1], null, "readerUnsegmented"],
  ];
  for (const [rule, bytes, want, counter] of cases) {
    const counts = new Counts();
    const delivery = new Delivery(Uint8Array.from(bytes), DESCRIPTOR, counts);
    let got: number[] | null = null;
    delivery.hand(10, bytes.length - 10, ({ bytes, at, end }) => got = [...bytes.slice(at, end)]);
    assertEquals(got, want, rule);
    const counted = READER_COUNTERS.filter((_, i) => counts.of(i) > 0);
    assertEquals(counted, counter === undefined ? [] : [counter] as typeof counted, rule);
    assertEquals(delivery.counters(), {
      deviceReceived: want === null ? 0 : 1,
      deviceReceivedBytes: want?.length ?? 0,
    });
  }
});
