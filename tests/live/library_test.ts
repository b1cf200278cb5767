/** The library in a program of one's own, on the real network stack of a namespace. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { interfaces, SOURCE, STACK, untilUp } from "./program.ts";
import { Running } from "./running.ts";

const ROOT = new URL("../../", import.meta.url);
const CONNECT_ACROSS = new URL("./inside/connect_across.ts", import.meta.url);

/** The README's example of the library's use. */
async function readmeExample(): Promise<string> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  return /```ts\n([^`]*createStack[^`]*)```/.exec(readme)![1]!;
}

liveTest("the README's example echoes, and says what it does not do", ["nc", "socat"], async () => {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const example = (await readmeExample()).replace(
      /(?<=from )"\S+"/,
      JSON.stringify(new URL("mod.ts", ROOT)),
    );
    await Deno.writeTextFile(script, example);
    const args = await denoArgs(new URL(`file://${script}`));
    args.splice(1, 0, "--check");

    await using ns = await Namespace.create();
    await using program = new Running(ns, Deno.execPath(), args);
    await untilUp(ns, "tun0", program);
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
    program.signal("SIGINT");
    await program.end();
    assertEquals(await interfaces(ns), ["lo"]);
  } finally {
    await Deno.remove(script);
  }
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
