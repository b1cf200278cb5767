/**
 * What a stack in C on utun shows: ping, and nc on port 8080, with lost segments sent again, bytes in
 * hex, sixteen connections and more at once, and RST for closed ports. On TUN, utun's twin on Linux;
 * and on utun itself, through the library that stands in for Darwin's.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { compileDarwin } from "../darwin.ts";
import { denoArgs, liveTest, Namespace } from "../namespace.ts";
import { SOURCE } from "../program.ts";
import { Path } from "../relay.ts";
import { Running } from "../running.ts";
import { assertRefused, joinChat, pings } from "./session.ts";

const PORT = 8080;
const SIZES = [0, 1, 56, 1000, 1472];

/** Has 17 clients in the chat at once: the last one is as welcome as the first. */
async function seventeenChat(ns: Namespace): Promise<void> {
  await using clients = new AsyncDisposableStack();
  const all = await Promise.all(
    Array.from({ length: 17 }, async () => clients.use(await joinChat(ns, PORT))),
  );
  const others = all.map(({ stdout }) => Number(/; (\d+) others? (is|are) here/.exec(stdout)![1]));
  const last = all[others.indexOf(16)]!;
  assertEquals(others.sort((a, b) => a - b), Array.from({ length: 17 }, (_, i) => i));
  await last.type("hello from the 17th\n");
  for (const client of all) {
    if (client !== last) await client.waitFor(": hello from the 17th\n");
  }
}

liveTest("C on utun: ping, 17 connections to port 8080, RST for a closed port", [
  "ping",
  "nc",
], async () => {
  await using ns = await Namespace.create();
  await using serving = await SOURCE.serve(ns, "--hex");
  await pings(ns, ...SIZES);
  await seventeenChat(ns);
  await assertRefused(ns, 99);
  const { stdout } = serving.process;
  // Every packet is shown, its bytes in hex and as text.
  assertMatch(stdout, /^ +\d+\.\d{6} < 10\.0\.0\.1 → 10\.0\.0\.2 ICMP echo id \d+ seq 1 len 0\n/m);
  assertMatch(stdout, / > 10\.0\.0\.2:99 → 10\.0\.0\.1:\d+ TCP RST,ACK seq 0 ack 1 win 0 len 0\n/);
  assertMatch(
    stdout,
    / < 10\.0\.0\.1:\d+ → 10\.0\.0\.2:8080 TCP PSH,ACK .* len 20 .*\n +0000 {2}45 00 00 48 .*\n/,
  );
  assertMatch(
    stdout,
    /^ +0030 {2}.* 68 65 6c 6c 6f 20 66 72 6f 6d 20 74 {2}.{4}hello from t\n +0040 {2}.* {2}he 17th\.$/m,
  );
  await serving.stop();
});

liveTest("C on utun: nc on port 8080 while packets are lost, which are sent again", [
  "cc",
  "nc",
], async () => {
  await using path = await Path.create();
  await using serving = await SOURCE.serve(path.near, "--hex");
  await using ann = await joinChat(path.far, PORT);
  await using bob = await joinChat(path.far, PORT);
  // Every fifth packet of either direction.
  await path.set({ delay: 5, every: 5 });
  const lines = Array.from({ length: 8 }, (_, i) => `line ${i} of eight`);
  for (const line of lines) {
    await ann.type(`${line}\n`);
    await bob.waitFor(`: ${line}\n`);
    await bob.type(`thanks for ${line}\n`);
    await ann.waitFor(`: thanks for ${line}\n`);
  }
  const { lost } = await path.set({});
  assert(lost >= 5, `${lost} packets lost`);
  for (const client of [ann, bob]) {
    await client.closeInput();
    assertEquals((await client.end()).code, 0);
  }
  // Each line has arrived once and in order.
  assertEquals(bob.stdout.match(/line \d of eight/g), lines);
  await serving.stop();
  const { stdout } = serving.process;
  // A line that is lost is sent again: a second segment with the same sequence numbers.
  assertMatch(stdout, /^ +tcpRetransmitted +[1-9]/m);
  assertMatch(
    stdout,
    /( > 10\.0\.0\.2:8080 → 10\.9\.0\.2:\d+) TCP PSH,ACK (seq \d+) ack \d+ win \d+ (len \d+)[^]*\1 TCP PSH,ACK \2 .* \3 /,
  );
});

liveTest("C on utun: the same on utun, through a stand-in for Darwin's library", [
  "cc",
  "ping",
  "nc",
], async () => {
  await using darwin = await compileDarwin();
  await using ns = await Namespace.create();
  const program = new URL("../utun_stack.ts", import.meta.url);
  const args = [...await denoArgs(program), "1500", darwin.path];
  await using stack = new Running(ns, Deno.execPath(), args);
  await stack.waitFor("utun7 is up\n");
  await pings(ns, ...SIZES);
  await seventeenChat(ns);
  await assertRefused(ns, 99);
  await stack.closeInput();
  assertEquals([(await stack.end()).code, stack.stderr], [0, ""]);
});
