/** UDP echo, as `nc` and `socat` see it. */

import { assertEquals } from "@std/assert";
import { randomFillSync } from "node:crypto";
import type { Namespace } from "../namespace.ts";
import { type Program, serveTest, STACK } from "../program.ts";
import { Running } from "../running.ts";

/** Sends one datagram with socat, and returns what comes back within a quarter of a second. */
async function ask(ns: Namespace, port: number, payload: string): Promise<string> {
  const args = ["-b", "65536", "-t", "0.25", "-", `UDP:${STACK}:${port}`];
  return await ns.check("socat", args, { stdin: payload });
}

/** Registers the tests. */
export function udpTests(program: Program): void {
  const needs = ["socat"];

  serveTest(
    program,
    "UDP echo answers on every port, and discard does not",
    { needs },
    async (ns) => {
      await Promise.all([7, 1, 12345, 65535].map(async (port) => {
        assertEquals(await ask(ns, port, `to ${port}`), `to ${port}`);
      }));
      assertEquals(await ask(ns, 9, "into the void"), "");
    },
  );

  serveTest(program, "UDP echo takes what the MTU allows", { needs }, async (ns) => {
    await Promise.all([1, 2, 999, 1471, 1472].map(async (length) => {
      const payload = randomFillSync(new Uint8Array(length)).toHex().slice(0, length);
      assertEquals(await ask(ns, 7, payload), payload);
    }));
  });

  serveTest(program, "UDP echo talks with nc", { needs: ["nc"] }, async (ns) => {
    await using client = new Running(ns, "nc", ["-u", STACK, "7"]);
    await client.type("one\n");
    await client.waitFor("one\n");
    await client.type("two\n");
    await client.waitFor("one\ntwo\n");
  });

  const args = ["--udp-reverse"];
  serveTest(program, "--udp-reverse turns the payload round", { needs, args }, async (ns) => {
    await Promise.all([
      (async () => assertEquals(await ask(ns, 7, "stressed"), "desserts"))(),
      (async () => assertEquals(await ask(ns, 4242, "drawer\n"), "\nreward"))(),
    ]);
  });
}
