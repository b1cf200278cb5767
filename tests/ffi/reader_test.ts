import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { DeviceError } from "../../ffi/errno.ts";
import { PostingReader } from "../../ffi/posting_reader.ts";
import type { Libc } from "../../ffi/libc.ts";
import type { Reader, ReaderSystem } from "../../ffi/reader.ts";
import type { ReaderKind } from "../../ffi/reader_kind.ts";
import { WakingReader } from "../../ffi/waking_reader.ts";
import { LINK_HEADROOM, type Packet } from "../../src/wire/packet.ts";
import { SocketPair } from "./socketpair.ts";

const MTU = 1500;

function descriptor(pair: SocketPair, fields: Partial<Descriptor> = {}): Descriptor {
  return { fd: pair.fd, name: "pair0", mtu: MTU, kind: "socket", prefix: 0, ...fields };
}

/** Packet number `n`: its length and its bytes follow from `n`. */
function packet(n: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + (n * 37) % (MTU - 3));
  bytes.fill(n & 0xff);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

function assertPacket(got: Packet, n: number): void {
  const want = packet(n);
  assertEquals(got.end - got.at, want.length, `length of packet ${n}`);
  assertEquals(got.view.getUint32(got.at), n);
  for (let i = 4; i < want.length; i++) {
    if (got.bytes[got.at + i] !== want[i]) throw new Error(`Byte ${i} of packet ${n} is wrong`);
  }
}

/** How long a promise takes, in milliseconds. */
async function elapsed(promise: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await promise;
  return performance.now() - start;
}

interface Kind {
  name: ReaderKind;
  start(libc: Libc, descriptor: Descriptor, system?: ReaderSystem): Promise<Reader>;
}

const KINDS: Kind[] = [
  {
    name: "posting",
    start: PostingReader.start,
  },
  {
    name: "waking",
    start: WakingReader.start,
  },
];

/** Registers a test of every kind of reader. */
function readerTest(rule: string, fn: (start: Kind["start"]) => Promise<void>): void {
  for (const { name, start } of KINDS) {
    Deno.test(`${name} reader: ${rule}`, () => fn(start));
  }
}

for (const kind of ["socket", "file"] as const) {
  readerTest(`thousands of packets come in order, from a ${kind}`, async (start) => {
    using pair = new SocketPair("seqpacket", kind === "file");
    const reader = await start(pair.libc, descriptor(pair, { kind }));
    const total = 20_000;
    let sent = 0;
    let received = 0;
    while (received < total) {
      while (sent < total && pair.send(packet(sent))) sent++;
      if (received < sent) assertEquals(await reader.readable(), true);
      reader.receive(64, (got) => assertPacket(got, received++));
    }
    assertEquals(reader.counters().deviceReceived, total);
    assertEquals(reader.receive(64, () => {}), 0);
    await reader.stop();
  });
}

readerTest("utun's prefix is stripped, and there is headroom in front", async (start) => {
  using pair = new SocketPair("dgram");
  const reader = await start(pair.libc, descriptor(pair, { prefix: 4 }));
  pair.send(Uint8Array.of(0, 0, 0, 2, 0x45, 1, 2));
  assertEquals(await reader.readable(), true);
  const got: number[][] = [];
  reader.receive(64, ({ bytes, at, end }) => {
    assert(at >= LINK_HEADROOM);
    got.push([...bytes.subarray(at, end)]);
  });
  assertEquals(got, [[0x45, 1, 2]]);
  await reader.stop();
});

Deno.test("posting reader: a full ring is counted, holds the sender back, and loses nothing", async () => {
  using pair = new SocketPair("seqpacket");
  const reader = await PostingReader.start(pair.libc, descriptor(pair), { budget: 1544 * 8 });
  const total = 2000;
  let sent = 0;
  // Nobody receives: first the ring fills up, then the socket.
  const deadline = performance.now() + 10_000;
  while (reader.counters().readerRingFull === 0) {
    if (pair.send(packet(sent))) sent++;
    else await new Promise((resolve) => setTimeout(resolve));
    assert(performance.now() < deadline, "the ring never fills up");
  }
  while (pair.send(packet(sent))) sent++;
  assert(sent > 8 && sent < total);
  let received = 0;
  while (received < total) {
    while (sent < total && pair.send(packet(sent))) sent++;
    if (received < sent) assertEquals(await reader.readable(), true);
    reader.receive(3, (got) => assertPacket(got, received++));
  }
  assert(reader.counters().readerRingFull! > 0);
  await reader.stop();
});

readerTest(
  "stop() ends a thread that waits in poll at once, and a pending readable()",
  async (start) => {
    using pair = new SocketPair("dgram");
    const reader = await start(pair.libc, descriptor(pair));
    const readable = reader.readable();
    const took = await elapsed(reader.stop());
    assert(took < 500, `took ${took} ms`);
    assertEquals(await readable, false);
    assertEquals(await reader.readable(), false);
    await reader.stop();
  },
);

Deno.test("posting reader: stop() ends a thread that waits for room; what is left is not handed over", async () => {
  using pair = new SocketPair("seqpacket");
  const reader = await PostingReader.start(pair.libc, descriptor(pair), { budget: 1 });
  for (let n = 0; n < 10; n++) pair.send(packet(n));
  while (reader.counters().readerRingFull === 0) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  const took = await elapsed(reader.stop());
  assert(took < 500, `took ${took} ms`);
  assertEquals(reader.receive(64, () => {}), 0);
  assertEquals(await reader.readable(), false);
});

readerTest(
  "readable() rejects once the other side is gone and its packets are taken",
  async (start) => {
    using pair = new SocketPair("seqpacket");
    const reader = await start(pair.libc, descriptor(pair));
    for (let n = 0; n < 3; n++) assert(pair.send(packet(n)));
    pair.close(pair.peer);
    let received = 0;
    while (received < 3) {
      assertEquals(await reader.readable(), true);
      reader.receive(1, (got) => assertPacket(got, received++));
    }
    const vanished = "Cannot read from pair0: the interface has vanished";
    const drain = async () => {
      while (await reader.readable()) assertEquals(reader.receive(64, () => {}), 0);
    };
    await assertRejects(drain, DeviceError, vanished);
    await assertRejects(() => reader.readable(), DeviceError, vanished);
    await reader.stop();
    assertEquals(await reader.readable(), false);
  },
);

readerTest("a handler that throws doesn't get the same packet again", async (start) => {
  using pair = new SocketPair("seqpacket");
  const reader = await start(pair.libc, descriptor(pair));
  for (let n = 0; n < 2; n++) assert(pair.send(packet(n)));
  await reader.readable();
  const fail = () => {
    throw new Error("No");
  };
  assertThrows(() => reader.receive(64, fail), Error, "No");
  await reader.readable();
  assertEquals(reader.receive(64, (got) => assertPacket(got, 1)), 1);
  await reader.stop();
});

readerTest("a thread whose module cannot be loaded is a clear error", async (start) => {
  using pair = new SocketPair("dgram");
  await assertRejects(
    () =>
      start(pair.libc, descriptor(pair), {
        worker: new URL("./no_such_module.ts", import.meta.url),
      }),
    DeviceError,
    "Cannot start the reader's thread: ",
  );
});

readerTest("a thread that cannot open the library is a clear error", async (start) => {
  using pair = new SocketPair("dgram");
  const libc = { ...pair.libc, source: { ...pair.libc.source, path: "no_such_library.so" } };
  await assertRejects(
    () => start(libc, descriptor(pair)),
    DeviceError,
    "no_such_library.so",
  );
});

readerTest("readable() rejects when the thread dies", async (start) => {
  using pair = new SocketPair("dgram");
  const reader = await start(pair.libc, descriptor(pair), {
    worker: new URL("./dying_worker.ts", import.meta.url),
  });
  await assertRejects(() => reader.readable(), DeviceError, "Killed by the test");
  await reader.stop();
});
