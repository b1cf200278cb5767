import { assert, assertEquals } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { DeviceError, systemError } from "../../ffi/errno.ts";
import { Status } from "../../ffi/thread_status.ts";
import { WakingReader } from "../../ffi/waking_reader.ts";
import {
  CASES,
  MTU,
  PACKET_SOCKET,
  PACKET_SOCKET_CASES,
  type ReaderCase,
  scripted,
} from "./reader_cases.ts";

/** A module for the thread, which has its own part of the script. */
function worker({ polls, ioctls }: ReaderCase): URL {
  const url = new URL("./scripted_worker.ts", import.meta.url);
  url.search = encodeURIComponent(JSON.stringify({ polls, ioctls, reads: [] }));
  return url;
}

/** Reads to the end, and checks what has come of it. */
async function check(descriptor: Descriptor, one: ReaderCase): Promise<void> {
  const { os = "linux", reads } = one;
  const libc = scripted(os, { polls: [], reads });
  const reader = await WakingReader.start(libc, descriptor, { worker: worker(one) });
  const lengths: number[] = [];
  let failure: Error | undefined;
  try {
    while (await reader.readable()) {
      reader.receive(64, ({ at, end }) => lengths.push(end - at));
    }
  } catch (error) {
    failure = error as Error;
  }
  assertEquals(libc.answers.read, [], "every read was made");
  assertEquals(lengths, one.packets);
  if (one.status === Status.STOPPED) assertEquals(failure, undefined);
  else if (one.errno === 0 || one.errno === undefined) assert(failure instanceof DeviceError);
  else {
    const { message } = systemError(os, one.errno, `read from ${descriptor.name}`);
    assert(failure?.message.startsWith(message), `${failure}`);
  }
  const counters = Object.entries(reader.counters())
    .filter(([name, count]) => name.startsWith("reader") && count !== 0);
  assertEquals(Object.fromEntries(counters), one.counters);
  await reader.stop();
}

for (const one of CASES) {
  const { kind = "file", prefix = 0 } = one;
  Deno.test(`WakingReader: ${one.rule}`, async () => {
    await check({ fd: 5, name: "tun0", mtu: MTU, kind, prefix }, one);
  });
}

for (const one of PACKET_SOCKET_CASES) {
  Deno.test(`WakingReader on a packet socket: ${one.rule}`, () => check(PACKET_SOCKET, one));
}

Deno.test("WakingReader.receive() comes back, however much comes that is no packet", async () => {
  const descriptor: Descriptor = { fd: 5, name: "tun0", mtu: MTU, kind: "file", prefix: 0 };
  const libc = scripted("linux", { polls: [], reads: new Array(1000).fill(MTU + 1) });
  const thread = worker({ ...CASES[0]!, polls: [1] });
  const reader = await WakingReader.start(libc, descriptor, { worker: thread });
  assertEquals(await reader.readable(), true);
  assertEquals(reader.receive(64, () => {}), 0);
  assertEquals(reader.counters().readerTruncated, 64);
  await reader.stop();
});
