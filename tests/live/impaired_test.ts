/** A long, slow and unreliable line between the kernel's TCP and ours: every byte arrives. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { DEFAULT_TCP_CONFIG } from "../../src/tcp/config.ts";
import { CONGESTION_NAMES, type CongestionName } from "../../src/tcp/congestion/registry.ts";
import type { End } from "./end.ts";
import { liveTest } from "./namespace.ts";
import { FAR, type Impairments, type LineCounts, Path } from "./relay.ts";

const MBIT = 1e6 / 8;
/** 100 Mbit/s, 20 ms there and back, and a queue as long as the line. */
const LINE: Impairments = { delay: 10, rate: 100, queue: 0.02 * 100 * MBIT, seed: 1 };
/** Patience with one transfer, in milliseconds. */
const LONG = 60_000;

/** Sends random bytes from one end to the other, and compares what arrives by SHA-256. */
async function assertArrives(from: End, to: End, length: number): Promise<void> {
  const [received, sent] = await Promise.all([
    to.receive(LONG),
    from.send(to, length, LONG),
  ]);
  assertEquals(received.bytes, length);
  assertEquals(received.hash, sent.hash);
}

interface Case {
  readonly what: string;
  readonly line: Impairments;
  /** How many bytes go either way. */
  readonly length: number;
  /** Congestion controls of the side that sends. */
  readonly ours: readonly CongestionName[];
  readonly kernels: readonly string[];
  /** What the line has to have done at least once, in each transfer. */
  readonly happens?: keyof LineCounts;
}

const DEFAULT = DEFAULT_TCP_CONFIG.congestion;
const KERNELS = ["bbr", "cubic", "reno"];

const CASES: Case[] = [
  { what: "without loss", line: {}, length: 15e6, ours: CONGESTION_NAMES, kernels: KERNELS },
  {
    what: "with 0.1 % lost",
    line: { loss: 0.001 },
    length: 10e6,
    ours: [DEFAULT, "bbr"],
    kernels: ["bbr"],
    happens: "lost",
  },
  {
    what: "with 0.5 % lost",
    line: { loss: 0.005 },
    length: 4e6,
    ours: CONGESTION_NAMES,
    kernels: KERNELS,
    happens: "lost",
  },
  {
    what: "with 2 % lost",
    line: { loss: 0.02 },
    length: 2e6,
    ours: [DEFAULT, "bbr"],
    kernels: ["bbr"],
    happens: "lost",
  },
  {
    what: "with 5 % lost",
    line: { loss: 0.05 },
    length: 1e6,
    ours: [DEFAULT, "bbr"],
    kernels: ["bbr"],
    happens: "lost",
  },
  {
    what: "with bursts of 10 lost",
    line: { loss: 0.004, burst: 10 },
    length: 3e6,
    ours: [DEFAULT, "bbr"],
    kernels: ["bbr"],
    happens: "lost",
  },
  {
    what: "with 3 % late by 5 ms",
    line: { reorder: 0.03, held: 5 },
    length: 15e6,
    ours: [DEFAULT, "bbr"],
    kernels: ["bbr"],
    happens: "reordered",
  },
  {
    what: "with 1 % coming twice",
    line: { duplicate: 0.01 },
    length: 10e6,
    ours: [DEFAULT],
    kernels: ["bbr"],
    happens: "duplicated",
  },
];

for (const { what, line, length, ours, kernels, happens } of CASES) {
  liveTest(`all arrives both ways between the kernel and us ${what}`, ["cc"], async () => {
    await using path = await Path.create();
    await using far = await path.farKernel();
    const settings = { ...LINE, ...line };
    const check = async (from: End, to: End) => {
      await path.set(settings);
      await assertArrives(from, to, length);
      const counts = await path.set(settings);
      assertEquals(counts.failed, 0);
      if (happens !== undefined) assert(counts[happens] > 0, JSON.stringify(counts));
    };
    for (const [index, congestion] of ours.entries()) {
      await using stack = await path.stack(index, { congestion });
      await check(stack, far);
    }
    await using stack = await path.stack(ours.length);
    const offered = await path.kernelCongestions();
    for (const name of kernels.filter((name) => offered.includes(name))) {
      await path.setKernelCongestion(name);
      await check(far, stack);
    }
  });
}

liveTest("the line between the kernel and us does as it is told", ["cc", "ping"], async () => {
  await using path = await Path.create();
  await path.set({ delay: 10, every: 4, duplicate: 1 });
  const text = await path.near.check("ping", ["-c", "6", "-i", "0.05", "-W", "1", FAR]);
  const { packets, lost, duplicated } = await path.set({});
  // Each way, the fourth packet is lost, and the third and the others are doubled.
  assertMatch(text, /6 packets transmitted/);
  assert(lost >= 2 && lost <= packets / 3, `${lost} of ${packets} lost`);
  assertEquals(duplicated, packets - lost);
  const [, least = "0"] = /= ([\d.]+)\//.exec(text)!;
  // The mean also tells of neighbors that had to be asked for, and of a busy machine.
  assert(Number(least) >= 20 && Number(least) < 25, text);
});
