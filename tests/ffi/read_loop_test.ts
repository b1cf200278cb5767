import { assertEquals } from "@std/assert";
import { type Descriptor, largestReceived, slotHeadroom } from "../../ffi/descriptor.ts";
import { readLoop } from "../../ffi/read_loop.ts";
import { PacketRing } from "../../ffi/ring.ts";
import { READER_COUNTERS, ReaderCounter } from "../../ffi/thread_status.ts";
import type { Call } from "./fake_libc.ts";
import {
  CASES,
  MTU,
  PACKET_SOCKET,
  PACKET_SOCKET_CASES,
  type ReaderCase,
  scripted,
} from "./reader_cases.ts";

/** Runs the loop, and checks what has come of it. */
function check(descriptor: Descriptor, { os = "linux", ...rest }: ReaderCase): void {
  const { kind, prefix } = descriptor;
  const libc = scripted(os, rest);
  const largest = largestReceived(descriptor);
  const ring = new PacketRing({ slots: 128, mtu: largest, headroom: slotHeadroom(descriptor) });
  readLoop(libc, {
    kind: "posting",
    descriptor,
    wakeFd: 6,
    shape: ring.shape,
    memory: ring.memory,
  });
  assertEquals([ring.status, ring.errno], [rest.status, rest.errno ?? 0]);
  assertEquals(libc.answers.read, [], "every read was made");
  const lengths = [];
  for (let head = 0; head < ring.waiting(0); head++) lengths.push(ring.lengthOf(head));
  assertEquals(lengths, rest.packets);
  const counters = Object.fromEntries(
    READER_COUNTERS.map((name) => [name, ring.counts.of(ReaderCounter[name])])
      .filter(([, count]) => count !== 0),
  );
  assertEquals(counters, rest.counters);
  const reads = libc.calls.filter(([name]) => name === "read" || name === "recv");
  const room = largest + prefix + 1;
  const want: Call = kind === "file"
    ? ["read", 5, room]
    : ["recv", 5, room, os === "linux" ? 0x40 : 0x80];
  for (const call of reads) assertEquals(call, want);
  const polls = libc.calls.filter(([name]) => name === "poll");
  assertEquals(polls[0]!.slice(1, 3), ["05000000 01000000 06000000 01000000", 2]);
  assertEquals(
    polls.map((call) => call[3]),
    rest.timeouts ?? polls.map(() => -1),
  );
}

for (const one of CASES) {
  const { kind = "file", prefix = 0 } = one;
  Deno.test(`readLoop(): ${one.rule}`, () => {
    check({ fd: 5, name: "tun0", mtu: MTU, kind, prefix }, one);
  });
}

for (const one of PACKET_SOCKET_CASES) {
  Deno.test(`readLoop() on a packet socket: ${one.rule}`, () => check(PACKET_SOCKET, one));
}
