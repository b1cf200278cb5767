/**
 * What a stack in Python on utun shows: ping, a chat of nc on port 8000, UDP that answers reversed,
 * RST for connections that nobody knows, and packets printed for people to read.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { liveTest, Namespace } from "../namespace.ts";
import { SOURCE, STACK } from "../program.ts";
import { Running } from "../running.ts";
import { assertRefused, joinChat, pings } from "./session.ts";

const PORT = 8000;

liveTest("Python on utun: ping, and two chat with nc on port 8000", ["ping", "nc"], async () => {
  await using ns = await Namespace.create();
  await using server = await SOURCE.start(ns, ["chat-server", "--port", `${PORT}`]);
  await server.waitFor("A chat on port 8000");
  await pings(ns, 56, 1400);
  await using ann = await joinChat(ns, PORT);
  await using bob = await joinChat(ns, PORT);
  await ann.type("hello, Bob\n");
  await bob.waitFor(/^10\.0\.0\.1:\d+: hello, Bob\n/m);
  await bob.type("hello, Ann\n");
  await ann.waitFor(/^10\.0\.0\.1:\d+: hello, Ann\n/m);
  await bob.closeInput();
  await ann.waitFor(/^\* 10\.0\.0\.1:\d+ has left\n/m);
  assertEquals((await bob.end()).code, 0);
  server.signal("SIGINT");
  assertEquals([(await server.end()).code, server.stderr], [0, ""]);
});

liveTest("Python on utun: UDP answers reversed, and all packets are printed", [
  "ping",
  "nc",
], async () => {
  await using ns = await Namespace.create();
  await using serving = await SOURCE.serve(ns, "--udp-reverse", "--trace");
  await pings(ns, 56);
  await using client = new Running(ns, "nc", ["-u", STACK, "9000"]);
  for (const [text, back] of [["stressed", "desserts"], ["drawer", "reward"]]) {
    await client.type(text!);
    await client.waitFor(back!);
  }
  await assertRefused(ns, 99);
  await serving.stop();
  for (
    const line of [
      "< 10.0.0.1 → 10.0.0.2 ICMP echo id \\d+ seq 1 len 56",
      "> 10.0.0.2 → 10.0.0.1 ICMP echo reply id \\d+ seq 1 len 56",
      "< 10.0.0.1:\\d+ → 10.0.0.2:9000 UDP len 8",
      "> 10.0.0.2:9000 → 10.0.0.1:\\d+ UDP len 8",
      "< 10.0.0.1:\\d+ → 10.0.0.2:99 TCP SYN seq \\d+ win \\d+ len 0 <mss 1460.*>",
      "> 10.0.0.2:99 → 10.0.0.1:\\d+ TCP RST,ACK seq 0 ack 1 win 0 len 0",
    ]
  ) assertMatch(serving.process.stdout, new RegExp(`^ +\\d+\\.\\d{6} ${line}$`, "m"));
});

liveTest("Python on utun: RST for a connection of which a new start knows nothing", [
  "nc",
], async () => {
  await using ns = await Namespace.create();
  await using client = await (async () => {
    await using first = await SOURCE.serve(ns);
    const client = new Running(ns, "nc", [STACK, "7"]);
    await client.type("before\n");
    await client.waitFor("before\n");
    first.process.signal("SIGKILL");
    await first.process.end();
    return client;
  })();
  await using second = await SOURCE.serve(ns, "--trace");
  await client.type("after\n");
  await client.end();
  assertEquals(client.stdout, "before\n");
  await second.stop();
  const { stdout } = second.process;
  assert(!stdout.includes("SYN_RECEIVED"));
  assertMatch(stdout, / > 10\.0\.0\.2:7 → 10\.0\.0\.1:\d+ TCP RST seq \d+ win 0 len 0\n/);
});
