/**
 * What readers do about what the system says, as tables.
 *
 * @module
 */

import type { Descriptor } from "../../ffi/descriptor.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { Os } from "../../ffi/libc.ts";
import { type ReaderCounter, Status } from "../../ffi/thread_status.ts";
import { type Answer, FakeLibc } from "./fake_libc.ts";

const IN = 1;
const ERR = 8;
const HUP = 0x10;
const NVAL = 0x20;
const AGAIN = { errno: "EAGAIN" };

/** What the system says. */
export interface Script {
  /** What each `poll` says of the device; after the last one the wake pipe is readable. */
  polls: (number | { errno: string })[];
  /** What each read returns; a list is what it reads. */
  reads: (Answer | number[])[];
  /** What each question after the interface's name and its flags is answered. */
  ioctls?: (Answer | "up" | "down")[];
}

/** What comes of it. */
export interface ReaderCase extends Script {
  rule: string;
  os?: Os;
  kind?: "file" | "socket";
  prefix?: 0 | 4;
  status: Status;
  errno?: number;
  /** Lengths of the packets that got through. */
  packets: number[];
  counters: Partial<Record<ReaderCounter, number>>;
  /** How long each `poll` was to wait, where it is told. */
  timeouts?: number[];
}

/** The MTU of the device of {@linkcode CASES}. */
export const MTU = 100;

/** A library that answers by a script. What is left of the script is what was not asked for. */
export function scripted(os: Os, { polls, reads, ioctls = [] }: Script): FakeLibc {
  const libc = new FakeLibc(os);
  const revents = polls.filter((poll) => typeof poll === "number");
  const bytes = reads.filter((read) => Array.isArray(read));
  const flags = ioctls.filter((answer) => typeof answer !== "object");
  libc.answers.poll = polls.map((poll) => typeof poll === "number" ? 1 : poll);
  libc.answers.read = libc.answers.recv = reads.map((read) =>
    Array.isArray(read) ? read.length : read
  );
  libc.answers.ioctl = ioctls.map((answer) => typeof answer === "string" ? 0 : answer);
  libc.fill = (name, buffer) => {
    if (name === "poll") {
      const [device] = revents;
      const words = new Uint16Array(buffer!.buffer);
      words[3] = device ?? 0;
      words[7] = revents.shift() === undefined ? IN : 0;
    } else if ((name === "read" || name === "recv") && bytes.length > 0) {
      buffer!.set(bytes.shift()!);
    } else if (name === "ioctl" && flags.shift() === "up") {
      buffer!.set([1], 16);
    }
  };
  return libc;
}

const { RUNNING: _, ...END } = Status;

/** Of devices of every kind. */
export const CASES: ReaderCase[] = [
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

/** A packet socket. */
export const PACKET_SOCKET: Descriptor = {
  fd: 5,
  name: "eth0",
  mtu: 1500,
  kind: "socket",
  prefix: 10,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 5),
  index: 3,
};

/** A header that tells nothing. */
const HEADER = new Array(10).fill(0);

/** Of that packet socket. */
export const PACKET_SOCKET_CASES: ReaderCase[] = [
  {
    rule: "what the kernel cannot describe is counted, and not the end",
    polls: [IN],
    reads: [{ errno: "EINVAL" }, [...HEADER, 1], AGAIN],
    status: Status.STOPPED,
    packets: [1],
    counters: { readerBatches: 1, readerUnsegmented: 1 },
    timeouts: [-1, -1],
  },
  {
    rule: "an interface that goes down is asked after until it is up again",
    polls: [ERR, 0, 0, IN],
    reads: [{ errno: "ENETDOWN" }, [...HEADER, 1], AGAIN],
    ioctls: [0, "down", 0, "up"],
    status: Status.STOPPED,
    packets: [1],
    counters: { readerBatches: 1, readerLinkDown: 1 },
    timeouts: [-1, 100, 100, -1, -1],
  },
  {
    rule: "an interface that vanishes while it is down is the end",
    polls: [ERR, 0, 0],
    reads: [{ errno: "ENETDOWN" }],
    ioctls: [0, "down", { errno: "ENODEV" }],
    status: Status.FAILED,
    errno: ERRNO.linux.ENODEV,
    packets: [],
    counters: { readerLinkDown: 1 },
    timeouts: [-1, 100, 100],
  },
  {
    rule: "so is one that vanishes after what came before it went down was read",
    polls: [IN | ERR, IN, 0],
    reads: [{ errno: "ENETDOWN" }, [...HEADER, 1], AGAIN],
    ioctls: [0, "down", { errno: "ENODEV" }],
    status: Status.FAILED,
    errno: ERRNO.linux.ENODEV,
    packets: [1],
    counters: { readerBatches: 1, readerLinkDown: 1 },
    timeouts: [-1, 100, 100],
  },
];
