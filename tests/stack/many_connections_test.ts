/**
 * What many connections cost, counted: nothing here depends on how fast the machine is.
 */

import { assert, assertEquals } from "@std/assert";
import { Crowd } from "../../bench/crowd.ts";
import { importMapFlags } from "../../tools/std.ts";
import { withSeed } from "../random.ts";

/** Most memory of an idle connection in bytes: 2 KiB beyond its control block, which is in the table. */
const MOST_MEMORY = 2048 + 768;

Deno.test("an idle connection takes less than 2 KiB of memory beyond its control block", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      ...await importMapFlags(),
      "tests/stack/idle_memory.ts",
    ],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { fresh, used } = JSON.parse(new TextDecoder().decode(stdout));
  assert(fresh > 1000 && fresh < MOST_MEMORY, `${fresh} bytes before anything was sent`);
  assert(used > 1000 && used < MOST_MEMORY, `${used} bytes after something was sent`);
});

Deno.test("20,000 connections are opened, used and closed, and nothing is left of them", () => {
  withSeed(1, (random) => {
    const crowd = new Crowd(() => random.random());
    const { client, server } = crowd;
    const count = 20_000;
    crowd.open(count);
    assertEquals([client.tcp.connectionCount, server.tcp.connectionCount], [count, count]);
    assertEquals([client.nextDeadline(), server.nextDeadline()], [Infinity, Infinity]);
    crowd.useAll();
    assertEquals([client.nextDeadline(), server.nextDeadline()], [Infinity, Infinity]);
    crowd.close();
    assertEquals([client.tcp.connectionCount, server.tcp.connectionCount], [count, 0]);
    crowd.pass(2 * client.tcp.config.msl);
    assertEquals([client.tcp.connectionCount, client.nextDeadline()], [0, Infinity]);
    assertEquals([client.counters.tcpRetransmitted, server.counters.tcpRetransmitted], [0, 0]);
  });
});

Deno.test("timers of very many connections that expire at once are served in several polls", () => {
  withSeed(1, (random) => {
    const crowd = new Crowd(() => random.random());
    const { client } = crowd;
    const count = 3000;
    crowd.open(count);
    crowd.keepAlive({ idle: 1000, interval: 1000, count: 3 }, 0);
    const at = crowd.now + 1000;
    const probes: number[] = [];
    while (client.nextDeadline() <= at) {
      const before = client.counters.tcpKeepAliveProbes;
      client.poll(at);
      probes.push(client.counters.tcpKeepAliveProbes - before);
    }
    assertEquals(probes, [1024, 1024, count - 2048]);
  });
});
