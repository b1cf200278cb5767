import { assertEquals } from "@std/assert";
import { type Descriptor, largestReceived, slotHeadroom } from "../../ffi/descriptor.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { readLoop } from "../../ffi/read_loop.ts";
import { PacketRing } from "../../ffi/ring.ts";
import { READER_COUNTERS, ReaderCounter, Status } from "../../ffi/thread_status.ts";
import { type Answer, FakeLibc } from "./fake_libc.ts";

const IN = 1;
const ERR = 8;
const AGAIN = { errno: "EAGAIN" };
const DESCRIPTOR: Descriptor = {
  fd: 5,
  name: "eth0",
  mtu: 1500,
  kind: "socket",
  prefix: 10,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 5),
  index: 3,
};

interface Case {
  rule: string;
  /** What each `poll` says of the socket; after the last one the wake pipe is readable. */
  polls: number[];
  /** What each read returns; a list is a `virtio_net_hdr` and a frame. */
  reads: (Answer | number[])[];
  /** What each question after the interface's name and its flags is answered. */
  ioctls?: (Answer | "up" | "down")[];
  status: Status;
  errno?: number;
  /** The packets that got through. */
  packets: number[][];
  counters: Partial<Record<ReaderCounter, number>>;
  /** How long each `poll` was to wait. */
  timeouts: number[];
}

/** A header that tells nothing. */
const HEADER = new Array(10).fill(0);

const CASES: Case[] = [
  {
    rule: "what the kernel cannot describe is counted, and not the end",
    polls: [IN],
    reads: [{ errno: "EINVAL" }, [...HEADER, 1], AGAIN],
    status: Status.STOPPED,
    packets: [[1]],
    counters: { readerBatches: 1, readerUnsegmented: 1 },
    timeouts: [-1, -1],
  },
  {
    rule: "an interface that goes down is asked after until it is up again",
    polls: [ERR, 0, 0, IN],
    reads: [{ errno: "ENETDOWN" }, [...HEADER, 1], AGAIN],
    ioctls: [0, "down", 0, "up"],
    status: Status.STOPPED,
    packets: [[1]],
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
];

for (const { rule, ...rest } of CASES) {
  Deno.test(`readLoop() on a packet socket: ${rule}`, () => {
    const libc = new FakeLibc("linux");
    const polls = [...rest.polls];
    const reads = [...rest.reads];
    const ioctls = [...rest.ioctls ?? []];
    libc.answers.poll = polls.map(() => 1);
    libc.answers.recv = reads.map((read) => Array.isArray(read) ? read.length : read);
    libc.answers.ioctl = ioctls.map((answer) => typeof answer === "string" ? 0 : answer);
    libc.fill = (name, buffer) => {
      if (name === "poll") {
        const revents = new Uint16Array(buffer!.buffer);
        revents[3] = polls[0] ?? 0;
        revents[7] = polls.shift() === undefined ? IN : 0;
      } else if (name === "recv") {
        while (!Array.isArray(reads[0])) reads.shift();
        buffer!.set(reads.shift() as number[]);
      } else if (name === "ioctl") {
        if (ioctls.shift() === "up") buffer!.set([1], 16);
      }
    };
    const mtu = largestReceived(DESCRIPTOR);
    const ring = new PacketRing({ slots: 8, mtu, headroom: slotHeadroom(DESCRIPTOR) });
    readLoop(libc, {
      kind: "posting",
      descriptor: DESCRIPTOR,
      wakeFd: 6,
      shape: ring.shape,
      memory: ring.memory,
    });
    assertEquals([ring.status, ring.errno], [rest.status, rest.errno ?? 0]);
    const packets = [];
    for (let head = 0; head < ring.waiting(0); head++) {
      const at = ring.packetAt(head);
      packets.push([...ring.bytes.subarray(at, at + ring.lengthOf(head))]);
    }
    assertEquals(packets, rest.packets);
    const counters = Object.fromEntries(
      READER_COUNTERS.map((name) => [name, ring.counts.of(ReaderCounter[name])])
        .filter(([, count]) => count !== 0),
    );
    assertEquals(counters, rest.counters);
    const waits = libc.calls.filter(([name]) => name === "poll").map((call) => call[3]);
    assertEquals(waits, rest.timeouts);
  });
}
