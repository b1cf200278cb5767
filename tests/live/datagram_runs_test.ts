/** Runs of datagrams between a kernel and our stack: Linux's UDP_SEGMENT, and what it makes of ours. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { pattern } from "../stacks.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { Running } from "./running.ts";

const DATAGRAM_RUNS = new URL("./inside/datagram_runs.ts", import.meta.url);
const SIZE = 50_000;

/** Sends what it reads as one run of datagrams of 1200 bytes, and prints what comes back. */
const KERNEL = `
import json, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(10)
UDP_SEGMENT = 103
s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1200)
data = sys.stdin.buffer.read()
s.sendto(data, (sys.argv[1], 7))
got = []
while sum(map(len, got)) < len(data): got.append(s.recv(65535))
print(json.dumps([[len(one) for one in got], b"".join(got) == data]))
`;

/** Lengths of datagrams that are full, but maybe for the last. */
function lengths(size: number): number[] {
  return Array.from({ length: Math.ceil(SIZE / size) }, (_, i) => Math.min(size, SIZE - i * size));
}

liveTest("runs of datagrams pass whole between a kernel and our stack", ["python3"], async () => {
  await using ns = await Namespace.create();
  const args = [...await denoArgs(DATAGRAM_RUNS), `${SIZE}`];
  await using stack = new Running(ns, Deno.execPath(), args);
  await stack.waitFor("ready\n");
  // As text: it is what the standard input of a program is given as.
  const stdin = pattern(SIZE).map((byte) => 32 + byte % 90);
  for (const address of ["10.0.0.2", "fd00::2"]) {
    const input = new TextDecoder().decode(stdin);
    const said = await ns.check("python3", ["-c", KERNEL, address], { stdin: input });
    assertEquals(JSON.parse(said), [lengths(1100), true]);
  }
  await stack.closeInput();
  assertEquals([(await stack.end()).code, stack.stderr], [0, ""]);
  const [, four, six, counters] = stack.stdout.trimEnd().split("\n");
  for (const line of [four, six]) {
    assertEquals(JSON.parse(line!), { lengths: lengths(1200), sent: SIZE });
  }
  const { takesRuns, deviceSuperSegmentsReceived, deviceSuperSegmentsSent, udpReceived, ...rest } =
    JSON.parse(counters!);
  assertEquals(udpReceived, 2 * lengths(1200).length);
  assertEquals(Object.keys(rest).filter((name) => /CHECKSUM|LENGTH|FULL/.test(name)), []);
  if (!takesRuns) return; // before Linux 6.2
  assertGreater(deviceSuperSegmentsReceived, 0);
  assertEquals(deviceSuperSegmentsSent, 2);
  assert(rest.deviceSent < 20, `${rest.deviceSent} packets`);
});
