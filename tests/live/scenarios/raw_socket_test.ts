/**
 * What tutorials build on a raw socket: a TCP echo server on port 7, by a packet socket on an
 * Ethernet that the kernel uses too, and nothing of the kernel's is disturbed.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { until } from "../../stacks.ts";
import { liveTest, Namespace } from "../namespace.ts";
import { type Counters, type Serving, SITE, SOURCE, STACK } from "../program.ts";
import { Running } from "../running.ts";
import { assertGivesBack } from "../transfer.ts";
import { assertRefused } from "./session.ts";

/** The kernel's address on the interface that it shares with the stack. */
const KERNEL = "10.0.0.9";
const INTERFACE = "eth0";

/** The two ends of a cable: here runs the stack beside the kernel, there is a client's kernel. */
interface Cable {
  here: Namespace;
  there: Namespace;
  serving: Serving;
}

/** A session with the stack on one end of a cable. */
function session(
  name: string,
  programs: string[],
  args: string[],
  body: (cable: Cable) => Promise<void>,
): void {
  liveTest(`raw socket echo server: ${name}`, ["nc", ...programs], async () => {
    await using here = await Namespace.create();
    await using there = await Namespace.create();
    const peer = ["type", "veth", "peer", "name", INTERFACE, "netns", `${there.pid}`];
    await here.check("ip", ["link", "add", INTERFACE, ...peer]);
    for (const [ns, address] of [[here, KERNEL], [there, "10.0.0.1"]] as const) {
      // Each segment on its own, as a wire has them.
      await ns.check("ip", ["link", "set", INTERFACE, "gso_max_segs", "1"]);
      await ns.check("ip", ["address", "add", `${address}/24`, "dev", INTERFACE]);
      await ns.check("ip", ["link", "set", INTERFACE, "up"]);
    }
    const how = ["--interface", INTERFACE, "--address", `${STACK}/24`, "--no-ipv6", "--no-offload"];
    await using serving = await SOURCE.serve(here, ...how, ...args);
    await body({ here, there, serving });
    await leave(serving);
  });
}

/** Ends it, and checks that it leaves the interface alone. */
async function leave({ process }: Serving): Promise<void> {
  process.signal("SIGINT");
  assertEquals((await process.end()).code, 0);
  assertEquals(process.stderr, "");
  assertStringIncludes(process.stdout, `${INTERFACE} is left`);
}

/** How many segments of TCP the kernel has counted, by name. */
async function kernelCounters(ns: Namespace): Promise<Record<string, number>> {
  const lines = (await ns.check("grep", ["^Tcp:", "/proc/net/snmp"])).trim().split("\n");
  const [names, values] = lines.map((line) => line.split(" ").slice(1));
  return Object.fromEntries(names!.map((name, i) => [name, Number(values![i])]));
}

/** What the stack has counted, asked for over HTTP. */
async function countersOf(ns: Namespace): Promise<Counters> {
  return JSON.parse(await ns.check("curl", ["-s", `${SITE}/counters`]));
}

/** When a line of the trace that matches was printed, in seconds. */
function timeOf({ stdout }: Running, line: RegExp): number {
  return Number.parseFloat(stdout.split("\n").find((text) => line.test(text))!);
}

/** Starts tcpdump, which prints the first `count` packets of those that are meant. */
async function sniff(ns: Namespace, count: number, filter: string): Promise<Running> {
  const how = ["-l", "-n", "-v", "-i", INTERFACE, "-c", `${count}`];
  const tcpdump = new Running(ns, "tcpdump", [...how, filter]);
  while (!tcpdump.stderr.includes("listening on")) {
    assert(tcpdump.isRunning, tcpdump.stderr);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return tcpdump;
}

session(
  "echo on port 7, with options, half-close, and the kernel undisturbed",
  [
    "tcpdump",
    "ping",
  ],
  [],
  async ({ here, there }) => {
    await using synAck = await sniff(there, 1, "tcp[13] == 0x12");
    await using client = new Running(there, "nc", ["-N", STACK, "7"]);
    for (const line of ["hello", "and again"]) assertEquals(await client.ask(line), line);

    // The answer to a SYN that has them has MSS, SACK, timestamps and window scale.
    await synAck.end();
    for (
      const part of [
        /10\.0\.0\.2\.7 > 10\.0\.0\.1\.\d+: Flags \[S\.\], cksum 0x\w+ \(correct\)/,
        /mss 1460/,
        /sackOK/,
        /TS val \d+ ecr \d+/,
        /wscale \d+/,
      ]
    ) assertMatch(synAck.stdout, part);

    // Half-close: the client has said all, and still gets all of it back.
    await client.closeInput();
    assertEquals((await client.end()).code, 0);
    const stdin = "line\n".repeat(20_000);
    assertEquals(await there.check("nc", ["-N", STACK, "7"], { stdin }), stdin);

    // The kernel beside it has not reset what it knows nothing of, and serves its own clients.
    const { OutRsts, InErrs } = await kernelCounters(here);
    assertEquals({ OutRsts, InErrs }, { OutRsts: 0, InErrs: 0 });
    await using _own = new Running(here, "nc", ["-l", KERNEL, "7"]);
    await there.check("sh", ["-c", `until nc -z ${KERNEL} 7; do sleep 0.02; done`]);
    for (const address of [KERNEL, STACK]) {
      await there.check("ping", ["-c", "3", "-i", "0.02", "-w", "5", address]);
    }
  },
);

session("RST for a closed port, and of a client", ["socat", "curl"], [], async (
  { there },
) => {
  await assertRefused(there, 99);
  await using client = new Running(there, "socat", ["-", `TCP:${STACK}:7,linger=0`]);
  assertEquals(await client.ask("hello"), "hello");
  client.signal("SIGKILL"); // of others it would take its leave with a FIN
  await client.end();
  const { connections, ...counters } = await countersOf(there);
  assertEquals(connections, { ESTABLISHED: 1 }, "only the one that asks");
  assertEquals([counters.tcpResetsSent, counters.tcpResetsReceived], [1, 1]);
});

/** A command of whose output nobody reads anything until a line is typed; then bytes are counted. */
function unread(ns: Namespace, command: string[], length: number): Running {
  const count = `{ read go <&3; head -c ${length} | wc -c; }`;
  const script = `exec 3<&0; timeout 20 "$@" </dev/null | ${count}`;
  return new Running(ns, "sh", ["-c", script, "sh", ...command]);
}

session("flow control: windows close on both sides, and open again", ["tcpdump"], [], async (
  { here, there },
) => {
  const length = 30_000_000;
  const closed = "tcp[13] & 2 == 0 and tcp[14:2] == 0";
  // The client takes nothing for a while: the stack waits.
  await using theirs = await sniff(here, 1, `dst ${STACK} and dst port 19 and ${closed}`);
  await using client = unread(there, ["nc", "-d", STACK, "19"], length);
  await theirs.end();
  assertMatch(theirs.stdout, /10\.0\.0\.1\.\d+ > 10\.0\.0\.2\.19: Flags \[\.\], .* win 0,/);
  assertEquals(await client.ask("go"), `${length}`);

  // A program of ours takes nothing for a while: the client waits.
  const other = "10.0.0.3";
  await using ours = await sniff(there, 1, `src ${other} and src port 9000 and ${closed}`);
  const where = ["--interface", INTERFACE, "--address", `${other}/24`, "--no-ipv6"];
  const command = await SOURCE.commandLine(["nc", "-l", "-v", "9000", ...where]);
  await using reader = unread(here, command, length);
  await until(() => reader.stderr.includes("Waiting for a connection"), "waiting");
  const send = `head -c ${length} /dev/zero | nc -N ${other} 9000`;
  await using sender = new Running(there, "sh", ["-c", send]);
  await ours.end();
  assertMatch(ours.stdout, /10\.0\.0\.3\.9000 > 10\.0\.0\.1\.\d+: Flags \[\.\], .* win 0,/);
  assert(sender.isRunning, "it waits");
  assertEquals(await reader.ask("go"), `${length}`);
  assertEquals((await sender.end()).code, 0);
});

session("delayed ACK: for every second segment, and in time for one", [], ["--trace"], async (
  { there, serving: { process } },
) => {
  await using client = new Running(there, "nc", ["-N", STACK, "9"]);
  await client.type("one line\n");
  await process.waitFor(/ > .* TCP ACK seq 1 ack 10 win \d+ len 0/);
  const took = timeOf(process, / > .* ack 10 /) - timeOf(process, / < .* seq 1 ack 1 .* len 9 /);
  assert(took > 0.03 && took < 0.5, `acknowledged after ${took} s`);
  await client.closeInput();
  await client.end();

  const segments = 200;
  const start = process.stdout.length;
  await there.check("nc", ["-N", STACK, "9"], { stdin: "x".repeat(1448 * segments) });
  await process.waitFor(new RegExp(`^[^]{${start}}[^]*LAST_ACK → CLOSED`));
  const lines = process.stdout.slice(start).split("\n");
  const data = lines.filter((line) => / < .* TCP .* len 1448 /.test(line)).length;
  const acks = lines.filter((line) => / > .* TCP ACK seq 1 .* len 0 /.test(line)).length;
  assert(data > segments / 2, `${data} full segments`);
  assert(acks <= data / 2 + 5, `${acks} ACKs for ${data} segments`);
});

session(
  "fast retransmit: what is lost is sent again without a timeout",
  ["nft", "curl"],
  [],
  async (
    { there },
  ) => {
    // Of what the echo sends, every 40th segment is lost.
    const rules = `table ip lossy {
    chain input {
      type filter hook input priority 0;
      tcp sport 7 meta length > 1000 numgen inc mod 40 == 0 counter drop
    }
  }`;
    await there.check("nft", ["-f", "-"], { stdin: rules });
    const length = 2_000_000;
    await assertGivesBack((options) => there.command("nc", ["-N", STACK, "7"], options), length);
    const lost = Number(
      /counter packets (\d+)/.exec(await there.check("nft", ["list", "ruleset"]))![1],
    );
    const { tcpFastRetransmits, tcpRetransmitted, tcpTimeouts } = await countersOf(there);
    assert(lost > 20, `${lost} segments are lost`);
    assert(Number(tcpFastRetransmits) > lost / 2, `${tcpFastRetransmits} fast retransmits`);
    assert(Number(tcpRetransmitted) >= lost, `${tcpRetransmitted} sent again of ${lost}`);
    assertEquals(tcpTimeouts, undefined);
  },
);
