import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  createStack,
  type EchoResult,
  type IcmpReport,
  memoryPair,
  memorySwitch,
} from "../../mod.ts";
import {
  echoReply,
  errorFrom,
  ERRORS,
  HOST,
  routed,
  ROUTERS,
  withNetwork,
} from "./scripted_network.ts";
import { bytesOf, parseIp } from "../packets.ts";
import { FAR, isPending, NEAR, pairTest, pause, settles } from "../stacks.ts";

for (const family of [4, 6] as const) {
  const host = HOST[family];

  Deno.test(`ping() fails at once when a router reports an error (IPv${family})`, async () => {
    const errors = ERRORS[family];
    const { NetworkUnreachable, ConnectionRefused } = Deno.errors;
    const cases: [
      error: readonly [number, number],
      kind: IcmpReport["kind"],
      want: new (message: string) => Error,
      message: string,
    ][] = [
      [errors.ttl, "time-exceeded", NetworkUnreachable, `${host} is too far away`],
      [errors.network, "network-unreachable", NetworkUnreachable, `The network of ${host}`],
      [errors.host, "host-unreachable", NetworkUnreachable, `The host ${host} can't be reached`],
      [errors.port, "port-unreachable", ConnectionRefused, `at ${host}`],
      [errors.closed, "prohibited", NetworkUnreachable, `The way to ${host} is closed`],
    ];
    const router = ROUTERS[family][1];
    for (const [error, kind, want, message] of cases) {
      await withNetwork((_, bytes) => errorFrom(router, bytes, error), async (stack) => {
        const failed = await assertRejects(
          () => settles(stack.ping(host, { timeout: 60_000 })),
          want,
          message,
        ) as Error;
        assert(failed.message.endsWith(`, says ${router}`), failed.message);
        assertEquals(failed.cause, { kind, from: router, mtu: 0, isOwn: false });
        assertEquals(stack.core.echo.receivers.size, 0);
      });
    }
  });

  Deno.test(`a ping with don't-fragment learns what the path takes (IPv${family})`, async () => {
    const script = (mtu: number) => (sent: Parameters<typeof echoReply>[0], bytes: Uint8Array) =>
      bytes.length > mtu
        ? errorFrom(ROUTERS[family][0], bytes, ERRORS[family].tooBig, mtu)
        : echoReply(sent);
    await withNetwork(script(1300), async (stack) => {
      const dontFragment = true;
      const headers = family === 4 ? 28 : 48;
      await assertRejects(
        () => stack.ping(host, { size: 1400, dontFragment }),
        RangeError,
        `The packet was too big for the way to ${host}, which takes 1300 bytes, says`,
      );
      await assertRejects(
        () => stack.ping(host, { size: 1400, dontFragment }),
        RangeError,
        `An echo request in one piece carries 0 to ${1300 - headers} bytes: got 1400`,
      );
      assert(await stack.ping(host, { size: 1300 - headers, dontFragment }) >= 0);
    });
  });

  Deno.test(`errors about other echo requests are not believed (IPv${family})`, async () => {
    const at = family === 4 ? 20 : 40;
    const lies: ((bytes: Uint8Array) => void)[] = [
      (bytes) => bytes[at + 5]! ^= 1, // another identifier
      (bytes) => bytes[at + 7]! ^= 1, // another number
      (bytes) => bytes[at - 1]! ^= 1, // to another host
      (bytes) => bytes[at]! ^= 1, // no request
    ];
    for (const lie of lies) {
      const script = (_: unknown, bytes: Uint8Array) => {
        const quoted = bytes.slice();
        lie(quoted);
        return errorFrom(ROUTERS[family][0], quoted, ERRORS[family].host);
      };
      await withNetwork(script, async (stack) => {
        const pinging = stack.ping(host, { timeout: 60 });
        assert(await isPending(pinging));
        await assertRejects(() => pinging, Deno.errors.TimedOut);
        assertEquals(stack.counters()["drop.ICMP_UNMATCHED"], 1);
      });
    }
  });

  Deno.test(`pings() tells what becomes of each request (IPv${family})`, async () => {
    let count = 0;
    const router = ROUTERS[family][0];
    const script: Parameters<typeof withNetwork>[0] = (sent, bytes) =>
      [echoReply(sent), errorFrom(router, bytes, ERRORS[family].host), null][count++ % 3]!;
    await withNetwork(script, async (stack, sent) => {
      const results: EchoResult[] = [];
      const options = { count: 6, interval: 1, timeout: 20, size: 100 };
      for await (const result of stack.pings(host, options)) results.push(result);
      results.sort((a, b) => a.sequence - b.sequence);
      assertEquals(results.map(({ sequence }) => sequence), [1, 2, 3, 4, 5, 6]);
      const kinds = ["reply", "error", "timeout"];
      assertEquals(results.map(({ kind }) => kind), [...kinds, ...kinds]);
      for (const result of results) {
        if (result.kind === "timeout") continue;
        assert(result.time >= 0 && result.time < 5000, `${result.time} ms`);
        if (result.kind === "error") assertEquals(result.report.from, router);
        else assertEquals([result.from, result.bytes, result.ttl], [host, 108, 64]);
      }
      const identifiers = new Set(sent.map(({ payload }) => `${payload[4]} ${payload[5]}`));
      assertEquals(identifiers.size, 1);
    });
  });
}

Deno.test("echo requests are what the options say", async () => {
  await withNetwork(routed(4), async (stack, sent) => {
    const pattern = Uint8Array.of(1, 2, 3);
    const options = { ttl: 9, tos: 0x20, size: 7, pattern, dontFragment: true };
    await stack.ping(HOST[4], options);
    const { ttl, tos, dontFragment, payload } = sent[0]!;
    assertEquals([ttl, tos, dontFragment], [9, 0x20, true]);
    assertEquals([...payload.subarray(8)], [1, 2, 3, 1, 2, 3, 1]);
    await stack.ping(HOST[4], { size: 8 });
    await stack.ping(HOST[4], { size: 8 });
    const [, one, other] = sent;
    assertEquals([one!.ttl, one!.dontFragment], [64, false]);
    assert(one!.payload.subarray(8).some((byte, i) => byte !== other!.payload[8 + i]));
  });
});

Deno.test("a ping leaves from the address that it is told to", async () => {
  const [device, other] = memoryPair();
  await using stack = createStack({ device, address: [NEAR, "10.0.0.5"] });
  for (const [source, want] of [[undefined, NEAR], ["10.0.0.5", "10.0.0.5"]] as const) {
    await assertRejects(() => stack.ping(FAR, { source, timeout: 1 }), Deno.errors.TimedOut);
    other.receive(1, (packet) => assertEquals(parseIp(bytesOf(packet)).source, want));
  }
});

pairTest("ping() says what is wrong with its options", async ({ near }) => {
  const cases: [options: Parameters<typeof near.pings>[1], want: new (m: string) => Error][] = [
    [{ ttl: 0 }, RangeError],
    [{ ttl: 256 }, RangeError],
    [{ tos: 256 }, RangeError],
    [{ timeout: -1 }, RangeError],
    [{ pattern: new Uint8Array(0) }, RangeError],
    [{ size: 1473, dontFragment: true }, RangeError],
    [{ source: "10.0.0.77" }, Deno.errors.AddrNotAvailable],
    [{ source: "fd00::1" }, TypeError],
    [{ source: "here" }, TypeError],
    [{ family: 6 }, Deno.errors.NotFound],
  ];
  for (const [options, want] of cases) {
    await assertRejects(() => settles(near.ping(FAR, options)), want);
  }
  for (const options of [{ count: 0 }, { interval: -1 }]) {
    await assertRejects(() => settles(near.pings(FAR, options).next()), RangeError);
  }
  assertEquals([near.core.echo.receivers.size, near.core.counters.ipSent], [0, 0]);
});

pairTest(
  "a ping ends when its signal says so, before, while and after it waits",
  async ({ near }) => {
    const nowhere = "10.0.0.99";
    const early = AbortSignal.abort(new Error("too early"));
    await assertRejects(() => near.ping(nowhere, { signal: early }), Error, "too early");
    const controller = new AbortController();
    const { signal } = controller;
    const pinging = near.ping(nowhere, { signal, timeout: 60_000 });
    assert(await isPending(pinging));
    controller.abort(new Error("enough"));
    await assertRejects(() => settles(pinging), Error, "enough");
    const another = new AbortController();
    const pings = near.pings(FAR, { signal: another.signal, interval: 60_000 });
    assertEquals((await settles(pings.next())).value.kind, "reply");
    another.abort(new Error("no more"));
    await assertRejects(() => settles(pings.next()), Error, "no more");
    assertEquals(near.core.echo.receivers.size, 0);
  },
);

pairTest("who stops taking the results of pings() stops the pings", async ({ near, far }) => {
  for await (const { sequence } of near.pings(FAR, { interval: 1 })) if (sequence === 3) break;
  const { icmpEchoReplies } = far.core.counters;
  await pause(20);
  assertEquals(far.core.counters.icmpEchoReplies, icmpEchoReplies);
  assertEquals(near.core.echo.receivers.size, 0);
});

Deno.test("a neighbor that does not answer makes a ping fail, and nobody but the stack says so", async () => {
  const hub = memorySwitch();
  await using stack = createStack({ device: hub.connect(), address: `${NEAR}/24` });
  const error = await assertRejects(
    () => settles(stack.ping(FAR, { timeout: 60_000, size: 4000 })),
    Deno.errors.NetworkUnreachable,
  ) as Error;
  assertEquals(error.message, `The host ${FAR} can't be reached`);
  assertEquals(error.cause, { kind: "host-unreachable", from: NEAR, mtu: 0, isOwn: true });
});
