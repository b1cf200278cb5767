/** The library in a program of one's own, on the real network stack of a namespace. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { interfaces, SOURCE, STACK, untilUp } from "./program.ts";
import { Running } from "./running.ts";

const ROOT = new URL("../../", import.meta.url);
const CONNECT_ACROSS = new URL("./inside/connect_across.ts", import.meta.url);

/** The README's example that holds `mark`. */
async function readmeExample(mark: string): Promise<string> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!);
  return examples.find((code) => code.includes(mark))!;
}

/** Runs an example in a namespace, until `body` is done with it. */
async function withExample(
  mark: string,
  body: (ns: Namespace, program: Running) => Promise<void>,
): Promise<void> {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const example = (await readmeExample(mark)).replaceAll(
      /(?<=from )"\.\/mod\.ts"/g,
      JSON.stringify(new URL("mod.ts", ROOT)),
    );
    await Deno.writeTextFile(script, example);
    const args = await denoArgs(new URL(`file://${script}`));
    if (!example.includes('from "express"')) args.splice(1, 0, "--check"); // it has no types

    await using ns = await Namespace.create();
    await using program = new Running(ns, Deno.execPath(), args);
    await untilUp(ns, "tun0", program);
    await body(ns, program);
    program.signal("SIGINT");
    await program.end();
    assertEquals(await interfaces(ns), ["lo"]);
  } finally {
    await Deno.remove(script);
  }
}

liveTest("the README's example echoes, and says what it does not do", ["nc", "socat"], async () => {
  await withExample("listen({ port: 7 })", async (ns) => {
    const stdin = "line\n".repeat(50_000);
    assertEquals(await ns.check("nc", ["-N", STACK, "7"], { stdin }), stdin);
    const tcp = await ns.run("nc", ["-v", "-w", "2", STACK, "8"]);
    assertStringIncludes(tcp.stderr, "Connection refused");

    // Nobody takes datagrams: the sender is told so by ICMP.
    const start = performance.now();
    const udp = await ns.run("socat", ["-t", "3", "-", `UDP:${STACK}:7`], { stdin: "hi" });
    assertMatch(udp.stderr, /Connection refused/);
    assertEquals(udp.code, 1);
    assert(performance.now() - start < 2000, "it is told at once");

    // Who goes away in the middle leaves the others alone.
    await ns.run("socat", ["-u", "-", `TCP:${STACK}:7,linger=0`], { stdin });
    assertEquals(await ns.check("nc", ["-N", STACK, "7"], { stdin }), stdin);
  });
});

liveTest("the README's Express application answers by both families", ["curl"], async () => {
  await withExample("express()", async (ns) => {
    for (const host of [STACK, "[fd00::2]"]) {
      assertEquals(await ns.check("curl", ["-gsS", "--retry", "3", `http://${host}/`]), "hello");
    }
  });
});

liveTest("the README's transparent listener tells which host was meant", ["nc"], async () => {
  await withExample("any: true", async (ns) => {
    await ns.check("ip", ["route", "add", "192.0.2.0/24", "dev", "tun0"]);
    for (const [host, port] of [["192.0.2.77", "4242"], ["192.0.2.1", "25"], [STACK, "80"]]) {
      const said = await ns.check("nc", ["-w", "3", host!, port!]);
      assertEquals(said, `You meant ${host} port ${port}\n`);
    }
  });
});

liveTest("two stacks talk by way of the kernel that forwards between them", [], async () => {
  await using ns = await Namespace.create();
  await ns.check("sh", ["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
  await using serving = await SOURCE.serve(ns, "--trace");
  const { code, stdout, stderr } = await ns.deno(CONNECT_ACROSS, [
    ...["10.9.0.2", "10.9.0.1"],
    ...[STACK, "7", `${3_000_000}`],
  ]);
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const { roundTrip, ...rest } = JSON.parse(stdout);
  assert(roundTrip > 0 && roundTrip < 1000, `${roundTrip} ms`);
  assertEquals(rest, { echoed: 3_000_000, differences: 0 });
  assertMatch(serving.process.stdout, /< 10\.9\.0\.2:\d+ → 10\.0\.0\.2:7 TCP SYN /);
  assertEquals(await interfaces(ns), ["lo", "tun0"]);
  await serving.stop();
});
