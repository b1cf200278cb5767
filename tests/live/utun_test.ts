/**
 * The whole utun code with the whole stack on it: unmodified tools talk to its services, through the
 * library that stands in for Darwin's.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { randomFillSync } from "node:crypto";
import { compileDarwin } from "./darwin.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { Running } from "./running.ts";
import { assertGivesBack } from "./transfer.ts";

const UTUN_STACK = new URL("./utun_stack.ts", import.meta.url);
const NAME = "utun7";
const STACK = "10.0.0.2";
const MIB = 1024 * 1024;

/** Registers a test of `utun_stack.ts`, running in a namespace of its own. */
function utunTest(
  name: string,
  options: { needs: string[]; mtu?: number },
  fn: (ns: Namespace, stack: Running) => Promise<void>,
): void {
  const { needs, mtu = 1500 } = options;
  liveTest(`utun with the stack: ${name}`, ["cc", ...needs], async () => {
    await using darwin = await compileDarwin();
    await using ns = await Namespace.create();
    const args = [...await denoArgs(UTUN_STACK), `${mtu}`, darwin.path];
    await using stack = new Running(ns, Deno.execPath(), args);
    await stack.waitFor(`${NAME} is up\n`);
    await fn(ns, stack);
  });
}

/**
 * Ends the stack, and checks that it does so in order, within a second and without its interface,
 * and that the device has taken and sent every packet whole.
 *
 * @returns All its counters; those of the stack that are zero are missing.
 */
async function end(ns: Namespace, stack: Running): Promise<Record<string, number>> {
  await stack.closeInput();
  const { code, took } = await stack.end();
  assertEquals(stack.stderr, "");
  assertEquals(code, 0);
  assert(took < 1000, `it took ${took} ms`);
  const links = await ns.check("ip", ["link"]);
  assert(!links.includes(NAME), `${NAME} is gone`);
  const counters = JSON.parse(stack.stdout.trimEnd().split("\n").at(-1)!);
  const { deviceSendBusy, deviceSendNoBuffers, deviceSendFailed, deviceSendTooBig } = counters;
  assertEquals([deviceSendBusy, deviceSendNoBuffers, deviceSendFailed, deviceSendTooBig], [
    0,
    0,
    0,
    0,
  ]);
  assertEquals(counters.readerTruncated, 0);
  return counters;
}

async function ping(ns: Namespace, count: number, size: number): Promise<void> {
  const sizes = ["-M", "do", "-s", `${size}`];
  const text = await ns.check("ping", [
    "-c",
    `${count}`,
    "-i",
    "0.01",
    "-w",
    "10",
    ...sizes,
    STACK,
  ]);
  assertMatch(text, new RegExp(`${count} received, 0% packet loss`));
}

/** Runs a program that gives back what it is given, in 20 seconds at most. */
async function transfer(ns: Namespace, length: number, ...command: string[]): Promise<void> {
  const [program, ...args] = command;
  const signal = AbortSignal.timeout(20_000);
  await assertGivesBack((options) => ns.command(program!, args, { ...options, signal }), length);
}

for (const mtu of [1500, 9000]) {
  const options = { needs: ["ping", "nc"], mtu };

  utunTest(`ping and echo fill an MTU of ${mtu}`, options, async (ns, stack) => {
    const sizes = [0, 1, 56, 555, mtu - 29, mtu - 28];
    for (const size of sizes) await ping(ns, 5, size);
    await transfer(ns, 8 * MIB, "nc", "-N", STACK, "7");
    const counters = await end(ns, stack);
    assertEquals(counters.icmpEchoReplies, 5 * sizes.length);
    assertEquals(counters.tcpBytesReceived, 8 * MIB);
    assertEquals(counters.tcpConnectionsClosed, 1);
  });
}

utunTest("four transfers at once come back as sent", { needs: ["nc"] }, async (ns, stack) => {
  const one = () => transfer(ns, 2 * MIB, "nc", "-N", STACK, "7");
  await Promise.all(Array.from({ length: 4 }, one));
  const { tcpPassiveOpens, tcpResetsSent } = await end(ns, stack);
  assertEquals(tcpPassiveOpens, 4);
  assertEquals(tcpResetsSent, undefined);
});

utunTest("curl gets a page, and posts 2 MiB", { needs: ["curl"] }, async (ns, stack) => {
  const curl = ["--silent", "--fail", "--noproxy", "*"];
  const page = await ns.check("curl", [...curl, `http://${STACK}:8080/`]);
  assertMatch(page, /^Hello from 10\.0\.0\.2, /);
  const post = ["--data-binary", "@-", `http://${STACK}:8080/echo`];
  await transfer(ns, 2 * MIB, "curl", ...curl, ...post);
  await end(ns, stack);
});

utunTest("UDP echo takes what the MTU allows", { needs: ["socat"] }, async (ns, stack) => {
  const lengths = [1, 2, 999, 1472];
  await Promise.all(lengths.map(async (length) => {
    const stdin = randomFillSync(new Uint8Array(length)).toHex().slice(0, length);
    const args = ["-b", "65536", "-t", "0.25", "-", `UDP:${STACK}:7`];
    assertEquals(await ns.check("socat", args, { stdin }), stdin);
  }));
  assertEquals((await end(ns, stack)).udpReceived, lengths.length);
});

utunTest("a closed port refuses at once", { needs: ["nc"] }, async (ns, stack) => {
  const { code, stderr } = await ns.run("nc", ["-v", "-w", "2", STACK, "99"], { timeout: 1000 });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Connection refused");
  assertEquals((await end(ns, stack)).tcpResetsSent, 1);
});

utunTest("its end is a FIN for who is connected", { needs: ["socat"] }, async (ns, stack) => {
  // socat tells a RST from a FIN.
  await using client = new Running(ns, "socat", ["-d", "-", `TCP:${STACK}:7`]);
  await client.type("hi\n");
  await client.waitFor("hi\n");
  await end(ns, stack);
  assertEquals((await client.end()).code, 0);
  assertEquals(client.stderr, "");
});

utunTest("an interface that vanishes ends it", { needs: ["nc"] }, async (ns, stack) => {
  // With somebody connected, whose service must end too.
  await using client = new Running(ns, "nc", [STACK, "7"]);
  await client.type("hi\n");
  await client.waitFor("hi\n");
  await ns.check("ip", ["link", "delete", NAME]);
  const { code, took } = await stack.end();
  assertEquals(code, 1);
  assert(took < 2000, `it took ${took} ms`);
  assertMatch(stack.stderr, /^\w+: Cannot read from utun7 .*the interface has vanished[^\n]*\n$/);
});
