import { assertEquals } from "@std/assert";
import { ERRNO } from "../../ffi/errno.ts";
import type { Os } from "../../ffi/libc.ts";
import { readLoop } from "../../ffi/read_loop.ts";
import { PacketRing } from "../../ffi/ring.ts";
import { READER_COUNTERS, ReaderCounter, Status } from "../../ffi/thread_status.ts";
import { type Answer, type Call, FakeLibc } from "./fake_libc.ts";

const IN = 1;
const ERR = 8;
const HUP = 0x10;
const NVAL = 0x20;
const AGAIN = { errno: "EAGAIN" };

interface Case {
  rule: string;
  os?: Os;
  kind?: "file" | "socket";
  prefix?: 0 | 4;
  /** What each `poll` says of the device; after the last one the wake pipe is readable. */
  polls: (number | { errno: string })[];
  /** What each read returns. */
  reads: Answer[];
  status: Status;
  errno?: number;
  /** Lengths of the packets that got through. */
  packets: number[];
  counters: Partial<Record<ReaderCounter, number>>;
}

const MTU = 100;
const { RUNNING: _, ...END } = Status;

const CASES: Case[] = [
  {
    rule: "the wake pipe ends it",
    polls: [],
    reads: [],
    status: END.STOPPED,
    packets: [],
    counters: {},
  },
  {
    rule: "a drain goes on until EAGAIN and is published once",
    polls: [IN],
    reads: [20, 100, 1, AGAIN],
    status: END.STOPPED,
    packets: [20, 100, 1],
    counters: { readerBatches: 1 },
  },
  {
    rule: "a batch ends after 64, and poll is asked again",
    polls: [IN, IN],
    reads: [...new Array(70).fill(20), AGAIN],
    status: END.STOPPED,
    packets: new Array(70).fill(20),
    counters: { readerBatches: 2 },
  },
  {
    rule: "a signal in poll is counted",
    polls: [{ errno: "EINTR" }, IN],
    reads: [20, AGAIN],
    status: END.STOPPED,
    packets: [20],
    counters: { readerInterrupted: 1, readerBatches: 1 },
  },
  {
    rule: "a signal in a read is counted, and the read repeated",
    polls: [IN],
    reads: [20, { errno: "EINTR" }, 30, AGAIN],
    status: END.STOPPED,
    packets: [20, 30],
    counters: { readerInterrupted: 1, readerBatches: 1 },
  },
  {
    rule: "ENOBUFS is counted and not fatal",
    os: "darwin",
    kind: "socket",
    polls: [IN, IN],
    reads: [20, { errno: "ENOBUFS" }, 30, AGAIN],
    status: END.STOPPED,
    packets: [20, 30],
    counters: { readerNoBuffers: 1, readerBatches: 2 },
  },
  {
    rule: "a packet longer than the MTU is dropped and counted",
    polls: [IN],
    reads: [101, 100, AGAIN],
    status: END.STOPPED,
    packets: [100],
    counters: { readerTruncated: 1, readerBatches: 1 },
  },
  {
    rule: "utun's prefix is no part of a packet's length",
    os: "darwin",
    kind: "socket",
    prefix: 4,
    polls: [IN],
    reads: [104, 105, 5, 4, 3, AGAIN],
    status: END.STOPPED,
    packets: [100, 1],
    counters: { readerTruncated: 1, readerEmpty: 2, readerBatches: 1 },
  },
  {
    rule: "EAGAIN straight after poll is nothing special",
    polls: [IN, IN],
    reads: [AGAIN, 20, AGAIN],
    status: END.STOPPED,
    packets: [20],
    counters: { readerBatches: 1 },
  },
  {
    rule: "EBADFD is the end: the interface was deleted",
    polls: [IN | ERR],
    reads: [20, { errno: "EBADFD" }],
    status: END.FAILED,
    errno: ERRNO.linux.EBADFD,
    packets: [20],
    counters: { readerBatches: 1 },
  },
  {
    rule: "EIO is the end",
    polls: [IN],
    reads: [{ errno: "EIO" }],
    status: END.FAILED,
    errno: ERRNO.linux.EIO,
    packets: [],
    counters: {},
  },
  {
    rule: "ENXIO is the end",
    os: "darwin",
    kind: "socket",
    polls: [IN],
    reads: [{ errno: "ENXIO" }],
    status: END.FAILED,
    errno: ERRNO.darwin.ENXIO,
    packets: [],
    counters: {},
  },
  {
    rule: "a read of nothing is the end",
    kind: "socket",
    polls: [IN],
    reads: [20, 0],
    status: END.FAILED,
    errno: 0,
    packets: [20],
    counters: { readerBatches: 1 },
  },
  {
    rule: "an error of poll with nothing to read is the end",
    polls: [ERR],
    reads: [AGAIN],
    status: END.FAILED,
    errno: 0,
    packets: [],
    counters: {},
  },
  {
    rule: "what was sent before a hang-up is read first",
    polls: [IN | HUP, HUP],
    reads: [20, 30, AGAIN, AGAIN],
    status: END.FAILED,
    errno: 0,
    packets: [20, 30],
    counters: { readerBatches: 1 },
  },
  {
    rule: "a descriptor that is none is the end",
    polls: [NVAL],
    reads: [],
    status: END.FAILED,
    errno: ERRNO.linux.EBADF,
    packets: [],
    counters: {},
  },
  {
    rule: "a failure of poll is the end",
    polls: [{ errno: "EFAULT" }],
    reads: [],
    status: END.FAILED,
    errno: ERRNO.linux.EFAULT,
    packets: [],
    counters: {},
  },
];

for (const { rule, os = "linux", kind = "file", prefix = 0, ...rest } of CASES) {
  Deno.test(`readLoop(): ${rule}`, () => {
    const libc = new FakeLibc(os);
    const polls = [...rest.polls];
    const reads = [...rest.reads];
    libc.answers.poll = polls.map((poll) => typeof poll === "number" ? 1 : poll);
    libc.answers.read = libc.answers.recv = reads;
    libc.fill = (name, fds) => {
      if (name !== "poll") return;
      const revents = new Uint16Array(fds!.buffer);
      while (typeof polls[0] === "object") polls.shift();
      const device = polls.shift() as number | undefined;
      revents[3] = device ?? 0;
      revents[7] = device === undefined ? IN : 0;
    };
    const ring = new PacketRing({ slots: 128, mtu: MTU });
    readLoop(libc, {
      kind: "posting",
      descriptor: { fd: 5, name: "tun0", mtu: MTU, kind, prefix },
      wakeFd: 6,
      shape: ring.shape,
      memory: ring.memory,
    });
    assertEquals([ring.status, ring.errno], [rest.status, rest.errno ?? 0]);
    assertEquals(reads, [], "every read was made");
    const lengths = [];
    for (let head = 0; head < ring.waiting(0); head++) lengths.push(ring.lengthOf(head));
    assertEquals(lengths, rest.packets);
    const counters = Object.fromEntries(
      READER_COUNTERS.map((name) => [name, ring.counts.of(ReaderCounter[name])])
        .filter(([, count]) => count !== 0),
    );
    assertEquals(counters, rest.counters);
    const calls = libc.calls.filter(([name]) => name !== "poll");
    const room = MTU + prefix + 1;
    const want: Call = kind === "file"
      ? ["read", 5, room]
      : ["recv", 5, room, os === "linux" ? 0x40 : 0x80];
    for (const call of calls) assertEquals(call, want);
    assertEquals(libc.calls[0], [
      "poll",
      "05000000 01000000 06000000 01000000",
      2,
      -1,
    ]);
  });
}
