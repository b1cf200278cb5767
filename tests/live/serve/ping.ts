/** What `ping` sees. */

import { assertMatch } from "@std/assert";
import type { Namespace } from "../namespace.ts";
import { type Program, serveTest, STACK } from "../program.ts";

async function ping(ns: Namespace, count: number, ...args: string[]): Promise<void> {
  const text = await ns.check("ping", ["-c", `${count}`, "-w", "20", "-M", "do", ...args, STACK]);
  assertMatch(text, new RegExp(`${count} received, 0% packet loss`));
}

/** Registers the tests. */
export function pingTests(program: Program): void {
  const needs = ["ping"];

  serveTest(program, "ping gets an answer at every size the MTU allows", { needs }, async (ns) => {
    for (const size of [0, 1, 7, 56, 555, 1471, 1472]) {
      await ping(ns, 4, "-i", "0.01", "-s", `${size}`);
    }
    await ping(ns, 500, "-i", "0.002", "-q");
  });

  for (const mtu of [68, 576, 9000, 65535]) {
    const args = ["--mtu", `${mtu}`];
    serveTest(program, `ping fills an MTU of ${mtu}`, { needs, args }, async (ns) => {
      await ping(ns, 4, "-i", "0.01", "-s", `${Math.min(mtu - 28, 65507)}`);
    });
  }
}
