import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Hop, NetworkStack, TracerouteOptions } from "../../mod.ts";
import {
  errorFrom,
  ERRORS,
  HOST,
  routed,
  ROUTERS,
  type Script,
  withNetwork,
} from "./scripted_network.ts";
import { FAR, isPending, pairTest, settles } from "../stacks.ts";

async function trace(
  stack: NetworkStack,
  host: string,
  options: TracerouteOptions = {},
): Promise<Hop[]> {
  return await settles(Array.fromAsync(stack.traceroute(host, { timeout: 30, ...options })));
}

/** Each hop in a line: its number, who has answered what, and whether that is the host. */
function lines(hops: Hop[]): string[] {
  return hops.map(({ hop, replies, reached }) => {
    const said = replies.map((reply) => reply === null ? "*" : `${reply.address} ${reply.kind}`);
    return [hop, ...new Set(said), ...reached ? ["reached"] : []].join(" ");
  });
}

for (const family of [4, 6] as const) {
  const host = HOST[family];
  const routers = ROUTERS[family];
  const errors = ERRORS[family];

  for (const method of ["udp", "icmp"] as const) {
    const found = [
      ...routers.map((router, i) => `${i + 1} ${router} time-exceeded`),
      `4 ${host} ${method === "udp" ? "port-unreachable" : "reply"} reached`,
    ];

    Deno.test(`traceroute() finds the way by ${method} (IPv${family})`, async () => {
      await withNetwork(routed(family), async (stack, sent) => {
        const hops = await trace(stack, host, { method });
        assertEquals(lines(hops), found);
        assertEquals(sent.map(({ ttl }) => ttl), [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
        for (const { replies } of hops) {
          assertEquals(replies.length, 3);
          for (const reply of replies) assert(reply!.time >= 0 && reply!.time < 5000);
        }
        assertEquals(stack.core.echo.receivers.size, 0);
      });
    });

    Deno.test(`routers that say nothing leave a gap, by ${method} (IPv${family})`, async () => {
      const script: Script = (sent, bytes) => sent.ttl === 2 ? null : routed(family)(sent, bytes);
      await withNetwork(script, async (stack) => {
        assertEquals(lines(await trace(stack, host, { method })), found.with(1, "2 *"));
      });
    });

    Deno.test(`a trace ends where a router says that nothing gets farther, by ${method} (IPv${family})`, async () => {
      for (const name of ["network", "host", "closed"] as const) {
        const script: Script = (sent, bytes) =>
          sent.ttl < 3 ? routed(family)(sent, bytes) : errorFrom(routers[1], bytes, errors[name]);
        await withNetwork(script, async (stack) => {
          const [, , last, ...more] = await trace(stack, host, { method });
          assertEquals([last!.reached, more], [false, []]);
          assertEquals(last!.replies.map((reply) => reply?.address), Array(3).fill(routers[1]));
        });
      }
    });
  }

  Deno.test(`the first hop, the last and the number of queries can be chosen (IPv${family})`, async () => {
    await withNetwork(routed(family), async (stack, sent) => {
      const hops = await trace(stack, host, { firstHop: 2, maxHops: 3, queries: 1 });
      assertEquals(lines(hops), [`2 ${routers[1]} time-exceeded`, `3 ${routers[2]} time-exceeded`]);
      assertEquals(sent.map(({ ttl }) => ttl), [2, 3]);
    });
  });
}

Deno.test("UDP probes go to one port after the other, from a port that cannot be guessed", async () => {
  await withNetwork(routed(4), async (stack, sent) => {
    await trace(stack, HOST[4], { queries: 2, size: 10 });
    await trace(stack, HOST[4], { queries: 1, port: 100 });
    const port = (at: number) => sent.map(({ payload }) => payload[at]! << 8 | payload[at + 1]!);
    const from33434 = Array.from({ length: 8 }, (_, i) => 33434 + i);
    assertEquals(port(2), [...from33434, 100, 101, 102, 103]);
    assertEquals(new Set(port(0)).size, 2);
    assertEquals(sent.map(({ payload }) => payload.length), [
      ...Array(8).fill(18),
      ...Array(4).fill(40),
    ]);
  });
});

Deno.test("answers to what was not sent, or by others, are not taken for the host's", async () => {
  const lies: ((bytes: Uint8Array) => void)[] = [
    (bytes) => bytes[23]! ^= 0x80, // a port that no probe went to
    (bytes) => bytes[21]! ^= 1, // another port of ours
    (bytes) => bytes[19]! ^= 1, // to another host
  ];
  for (const lie of lies) {
    const script: Script = (_, bytes) => {
      const quoted = bytes.slice();
      lie(quoted);
      return errorFrom(HOST[4], quoted, ERRORS[4].port);
    };
    await withNetwork(script, async (stack) => {
      assertEquals(lines(await trace(stack, HOST[4], { maxHops: 2 })), ["1 *", "2 *"]);
      assertEquals(stack.counters()["drop.ICMP_UNMATCHED"], 6);
    });
  }
  // A router that claims that a port of its own is closed is an end, but not the host.
  const script: Script = (_, bytes) => errorFrom(ROUTERS[4][0], bytes, ERRORS[4].port);
  await withNetwork(script, async (stack) => {
    assertEquals(lines(await trace(stack, HOST[4])), [`1 ${ROUTERS[4][0]} port-unreachable`]);
  });
});

pairTest(
  "a host that takes the datagrams of a trace, and answers, is reached",
  async ({ near, far }) => {
    const server = far.listenDatagram({ port: 33434 });
    const serving = (async () => {
      for await (const [bytes, from] of server) await server.send(bytes, from);
    })();
    const [hop, ...more] = await trace(near, FAR, { queries: 1 });
    assertEquals([lines([hop!]), more], [[`1 ${FAR} reply reached`], []]);
    server.close();
    await settles(serving);
  },
);

pairTest("traceroute() says what is wrong", async ({ near }) => {
  const cases: [options: TracerouteOptions, want: new (message: string) => Error][] = [
    [{ firstHop: 0 }, RangeError],
    [{ maxHops: 256 }, RangeError],
    [{ firstHop: 3, maxHops: 2 }, RangeError],
    [{ queries: 0 }, RangeError],
    [{ queries: 11 }, RangeError],
    [{ timeout: 0 }, RangeError],
    [{ port: 0 }, RangeError],
    [{ port: 65500 }, RangeError],
    [{ size: -1 }, RangeError],
    [{ method: "tcp" as "udp" }, RangeError],
    [{ source: "10.0.0.77" }, Deno.errors.AddrNotAvailable],
    [{ method: "icmp", source: "10.0.0.77" }, Deno.errors.AddrNotAvailable],
    [{ family: 6 }, Deno.errors.NotFound],
  ];
  for (const [options, want] of cases) {
    await assertRejects(() => trace(near, FAR, options), want);
  }
  await assertRejects(() => trace(near, "fd09::1"), Deno.errors.NetworkUnreachable);
  assertEquals(near.core.counters.ipSent, 0);
});

pairTest("a trace ends when its signal says so, or the stack is closed", async ({ near, far }) => {
  const controller = new AbortController();
  const { signal } = controller;
  const start = (stack: NetworkStack, signal?: AbortSignal) =>
    stack.traceroute("10.0.0.99", { timeout: 60_000, signal }).next();
  const [aborted, closed] = [start(near, signal), start(far)];
  assert(await isPending(Promise.race([aborted, closed])));
  controller.abort(new Error("enough"));
  await assertRejects(() => settles(aborted), Error, "enough");
  await Promise.all([
    assertRejects(() => settles(closed), Deno.errors.BadResource, "The stack is closed"),
    far.close(),
  ]);
});
