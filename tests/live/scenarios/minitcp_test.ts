/**
 * What MiniTCP in C++ on a TUN interface of Linux shows: a chat and its client, HTTP, UDP, all
 * eleven states of TCP, the sliding window, segments that come out of order, two instances that talk
 * by way of the kernel, and the options of sockets.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { untilListening } from "../files.ts";
import { liveTest, Namespace } from "../namespace.ts";
import { SITE, SOURCE, STACK } from "../program.ts";
import { FAR, Path } from "../relay.ts";
import { Running } from "../running.ts";
import { assertGivesBack } from "../transfer.ts";
import { joinChat } from "./session.ts";

const SOCKET_OPTIONS = new URL("../inside/socket_options.ts", import.meta.url);
/** Where a second instance is. */
const SECOND = ["--address", "10.9.0.2", "--host-address", "10.9.0.1"];

/** A namespace whose kernel sends on what one instance has for the other. */
async function forwarding(): Promise<Namespace> {
  const ns = await Namespace.create();
  await ns.check("sh", ["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
  return ns;
}

liveTest("MiniTCP: chat server and client, two instances on two TUNs, and nc", ["nc"], async () => {
  await using ns = await forwarding();
  await using server = await SOURCE.start(ns, ["chat-server", "--port", "9000"]);
  await server.waitFor("A chat on port 9000");
  await using ann = await SOURCE.start(ns, ["chat", "--nick", "ann", STACK, "9000", ...SECOND]);
  await ann.waitFor("* You are called ann\n");
  await using bob = await joinChat(ns, 9000);
  await ann.type("hello from the other stack\n");
  await bob.waitFor("ann: hello from the other stack\n");
  await bob.type("hello from the kernel\n");
  await ann.waitFor(": hello from the kernel\n");
  await ann.type("/quit\n");
  assertEquals([(await ann.end()).code, ann.stderr], [0, ""]);
  await bob.waitFor("* ann has left\n");
  server.signal("SIGINT");
  assertEquals([(await server.end()).code, server.stderr], [0, ""]);
  assertMatch(server.stdout, /\* 10\.9\.0\.2:\d+ has joined\n/);
});

liveTest("MiniTCP: curl gets an answer by HTTP, and nc -u one by UDP", ["curl", "nc"], async () => {
  await using ns = await Namespace.create();
  await using serving = await SOURCE.serve(ns);
  const page = await ns.check("curl", ["-s", "--include", `${SITE}/`]);
  assertMatch(page, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nHello from 10\.0\.0\.2, /);
  await using client = new Running(ns, "nc", ["-u", STACK, "9000"]);
  for (const line of ["one datagram", "another one"]) assertEquals(await client.ask(line), line);
  await serving.stop();
});

/** The states that each connection has gone through, as a trace tells, in the order of their start. */
function livesOf(trace: string): string[] {
  const lives = new Map<string, string[]>();
  for (const [, key, from, to] of trace.matchAll(/^ *\S+ \* (.*) (\w+) → (\w+)$/gm)) {
    const life = lives.get(key!) ?? [from!];
    lives.set(key!, [...life, to!]);
  }
  return [...lives.values()].map((life) => life.join(" "));
}

/** Has a client of ours say hello to a kernel far away that gives it back; the client's trace. */
async function traceOfClient({ near, far }: Path): Promise<string> {
  await using _server = new Running(far, "socat", ["TCP-LISTEN:9000", "SYSTEM:cat; sleep 0.3"]);
  await untilListening(far, 9000);
  const hello = ["sh", "-c", 'echo hello | "$@"', "sh"];
  const outcome = await SOURCE.run(near, ["nc", "--trace", FAR, "9000"], hello);
  assertEquals([outcome.code, outcome.stdout], [0, "hello\n"]);
  return outcome.stderr;
}

liveTest("MiniTCP: all eleven states of TCP are in the trace, and TIME_WAIT is listed", [
  "cc",
  "nc",
  "socat",
  "ss",
], async () => {
  await using path = await Path.create();
  await path.set({ delay: 100 });
  const clientTrace = await traceOfClient(path);
  await using serving = await SOURCE.serve(path.near, "--trace");
  // The server closes last; then both at once: the client while daytime's FIN is still on its way.
  await path.far.check("nc", ["-N", STACK, "7"], { stdin: "hello\n" });
  await path.far.check("sh", ["-c", `sleep 0.3 | nc -N ${STACK} 13`]);
  await serving.process.waitFor(/CLOSING → TIME_WAIT/);
  await serving.stop();
  const { stdout } = serving.process;
  const lives = [...livesOf(clientTrace), ...livesOf(stdout)];
  assertEquals(lives, [
    "CLOSED SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
    "LISTEN SYN_RECEIVED ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
    "LISTEN SYN_RECEIVED ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT CLOSED",
  ]);
  assertEquals(new Set(lives.flatMap((life) => life.split(" "))).size, 11);
  assertMatch(stdout, /^ +10\.0\.0\.2:13 +10\.9\.0\.2:\d+ +TIME_WAIT\b/m);
});

liveTest("MiniTCP: the window slides, and segments out of order are put in order", [
  "cc",
  "nc",
  "curl",
], async () => {
  await using path = await Path.create();
  await using serving = await SOURCE.serve(path.near);
  await path.set({ delay: 10, reorder: 0.02, held: 5, seed: 1 });
  const length = 3_000_000;
  const start = performance.now();
  await assertGivesBack((options) => path.far.command("nc", ["-N", STACK, "7"], options), length);
  const took = performance.now() - start;
  const { reordered, lost } = await path.set({});
  // If each had to wait for its acknowledgement, more than 2,000 segments would take 40 s.
  assert(took < 10_000, `it took ${took} ms`);
  assert(reordered > 20 && lost === 0, `${reordered} held back, ${lost} lost`);
  const { tcpOutOfOrder } = await serving.counters();
  assert(Number(tcpOutOfOrder) > 0);
  await serving.stop();
});

liveTest("MiniTCP: SO_RCVTIMEO, SO_RCVBUF, SO_SNDBUF and SO_REUSEADDR", [], async () => {
  await using ns = await forwarding();
  const { code, stdout, stderr } = await ns.deno(SOCKET_OPTIONS);
  assertEquals([code, stderr], [0, ""]);
  const told = JSON.parse(stdout);
  const { took, ...timeout } = told.receiveTimeout;
  assertEquals(timeout, { error: "TimedOut", later: "hello" });
  assert(
    took >= 99 && took < 1000, // timers count whole milliseconds
    `it took ${took} ms`,
  );
  // What the one end takes without the other's reading it fits both buffers, and fills them nearly.
  const { taken, arrived, ...buffers } = told.buffers;
  assertEquals(buffers, { receive: 8192, offered: 8192, send: 4096 });
  assert(taken > 8192 + 4096 / 2 && taken <= 8192 + 4096, `${taken} bytes were taken`);
  assertEquals(arrived, taken);
  assertEquals(told.timeWait, {
    listen: "AddrInUse",
    connect: "AddrInUse",
    listenReusing: "listens",
    connectReusing: "ESTABLISHED",
  });
});
