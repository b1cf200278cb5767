/** `tcpstack nc` and the kernel's `nc` and `socat`, at each other's ends. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../stacks.ts";
import {
  type Ends,
  Folder,
  memoryOf,
  programBetween,
  runBetween,
  sha256,
  untilListening,
} from "./files.ts";
import { liveTest, Namespace } from "./namespace.ts";
import { SOURCE } from "./program.ts";
import { Running } from "./running.ts";

const SIZE = 50_000_000;

/** A test with a namespace and a folder. */
function ncTest(
  name: string,
  programs: string[],
  body: (ns: Namespace, folder: Folder) => Promise<void>,
): void {
  liveTest(`nc: ${name}`, programs, async () => {
    await using ns = await Namespace.create();
    await using folder = new Folder();
    await body(ns, folder);
  });
}

/** Runs a client again and again, until somebody listens whom it waits for. */
function persistently(ns: Namespace, ends: Ends, client: string[]) {
  const script = 'until "$@"; do sleep 0.05; done 2>/dev/null';
  return runBetween(ns, ends, ["sh", "-c", script, "sh", ...client]);
}

/** Files with 50 MB for each way, and where they are to arrive. */
async function cargo(folder: Folder) {
  const near = { from: await folder.random("near", SIZE), to: folder.file("got-near") };
  const far = { from: await folder.random("far", SIZE), to: folder.file("got-far") };
  const check = async () => {
    assertEquals(await sha256(near.to), await sha256(far.from));
    assertEquals(await sha256(far.to), await sha256(near.from));
  };
  return { near, far, check };
}

const TO_KERNEL: [name: string, host: string, server: string[]][] = [
  ["socat, by IPv4", "10.0.0.1", ["socat", "-t60", "STDIO", "TCP-LISTEN:9000"]],
  ["socat, by IPv6", "fd00::1", ["socat", "-t60", "STDIO", "TCP6-LISTEN:9000"]],
];

for (const [name, host, server] of TO_KERNEL) {
  ncTest(`50 MB each way at once, to ${name}`, ["socat", "ss"], async (ns, folder) => {
    const { near, far, check } = await cargo(folder);
    const kernel = runBetween(ns, far, server);
    await untilListening(ns, 9000);
    const { code, stderr } = await programBetween(ns, near, ["nc", "-v", host, "9000"]);
    assertEquals(code, 0, stderr);
    assertMatch(
      stderr,
      /^Connected to \S+:9000 from \S+\nSent 50000000 bytes, received 50000000\n$/,
    );
    assertEquals((await kernel).code, 0);
    await check();
  });
}

// A listening nc ends with its peer, whatever it still has to send: it can only be sent to.
for (const [host, family] of [["10.0.0.1", "-4"], ["fd00::1", "-6"]] as const) {
  ncTest(`50 MB to nc, which has ended its side at once, by IPv${family.slice(1)}`, [
    "nc",
    "ss",
  ], async (ns, folder) => {
    const [from, to] = [await folder.random("data", SIZE), folder.file("got")];
    const kernel = runBetween(ns, { to }, ["nc", family, "-N", "-l", "9000"]);
    await untilListening(ns, 9000);
    const { code, stderr } = await programBetween(ns, { from }, ["nc", "-v", host, "9000"]);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /\nSent 50000000 bytes, received 0\n$/);
    assertEquals((await kernel).code, 0);
    assertEquals(await sha256(to), await sha256(from));
  });
}

const FROM_KERNEL: [name: string, client: string[]][] = [
  ["nc, by IPv4", ["nc", "-N", "10.0.0.2", "9000"]],
  ["nc, by IPv6", ["nc", "-N", "fd00::2", "9000"]],
  ["socat", ["socat", "-t60", "STDIO", "TCP:10.0.0.2:9000"]],
];

for (const [name, client] of FROM_KERNEL) {
  ncTest(`50 MB each way at once, from ${name}`, [client[0]!], async (ns, folder) => {
    const { near, far, check } = await cargo(folder);
    const [ours, theirs] = await Promise.all([
      programBetween(ns, near, ["nc", "-l", "9000"]),
      persistently(ns, far, client),
    ]);
    assertEquals([ours.code, ours.stderr], [0, ""]);
    assertEquals([theirs.code, theirs.stderr], [0, ""]);
    await check();
  });
}

ncTest("200 MB pass in the memory that 2 MB take", ["nc", "python3"], async (ns, folder) => {
  const used: number[] = [];
  for (const size of [2_000_000, 200_000_000]) {
    const [from, to] = [await folder.random("data", size), folder.file("got")];
    const [{ memory, outcome }] = await Promise.all([
      memoryOf(ns, { to }, ["nc", "-l", "9000"]),
      persistently(ns, { from }, ["nc", "-N", "10.0.0.2", "9000"]),
    ]);
    assertEquals(outcome.code, 0, outcome.stderr);
    assertEquals(await sha256(to), await sha256(from));
    used.push(memory);
  }
  const [little, much] = used.map((bytes) => bytes / 1e6);
  assert(much! < little! + 60, `${little} MB, then ${much} MB`);
});

ncTest("one connection after the other, with -k, each of both families", ["nc"], async (ns) => {
  await using ours = await SOURCE.start(ns, ["nc", "-lkv", "9000"]);
  await until(() => ours.stderr.includes("Waiting for a connection to 0.0.0.0:9000"), "waiting");
  for (const host of ["10.0.0.2", "fd00::2", "10.0.0.2"]) {
    const before = ours.stdout;
    await using client = new Running(ns, "nc", ["-N", host, "9000"]);
    await client.type("question\n");
    await ours.waitFor(new RegExp(`^${before}question\n$`));
    await ours.type("answer\n");
    await client.waitFor("answer\n");
    await client.closeInput();
    assertEquals((await client.end()).code, 0);
  }
  ours.signal("SIGINT");
  assertEquals((await ours.end()).code, 0);
});

ncTest(
  "datagrams both ways, to and from socat and nc",
  ["nc", "socat", "ss"],
  async (ns, folder) => {
    const from = await folder.random("data", 100_000);
    const to = folder.file("got");
    const socat = runBetween(ns, { to }, [
      "timeout",
      "20",
      "socat",
      "-u",
      "-b65536",
      "-T2",
      "UDP-RECV:9000",
      "STDOUT",
    ]);
    await untilListening(ns, 9000, "-u");
    const sent = await programBetween(ns, { from }, ["nc", "-u", "-w1", "10.0.0.1", "9000"]);
    assertEquals([sent.code, sent.stderr], [0, ""]);
    await socat;
    assertEquals(await sha256(to), await sha256(from));
    const text = "0123456789\n".repeat(9000);
    await using ours = await SOURCE.start(ns, ["nc", "-u", "-l", "-v", "9000"]);
    await until(() => ours.stderr.includes("Waiting for datagrams to 0.0.0.0:9000"), "waiting");
    const client = ns.run("nc", ["-u", "-w1", "10.0.0.2", "9000"], { stdin: text });
    await ours.waitFor(/^(0123456789\n){9000}$/);
    await ours.type("answer\n");
    assertEquals((await client).stdout, "answer\n");
    ours.signal("SIGINT");
    assertEquals((await ours.end()).code, 0);
  },
);

ncTest("ports of the kernel are open or refused", ["nc", "ss"], async (ns) => {
  await using _server = ns.command("nc", ["-lk", "9001"], { stdin: "null" }).spawn();
  await untilListening(ns, 9001);
  const { code, stdout } = await SOURCE.run(ns, ["nc", "-z", "10.0.0.1", "9000-9002"]);
  assertEquals(stdout, "10.0.0.1 9000 refused\n10.0.0.1 9001 open\n10.0.0.1 9002 refused\n");
  assertEquals(code, 0);
  const none = await SOURCE.run(ns, ["nc", "-z", "-u", "fd00::1", "9000"]);
  assertEquals([none.stdout, none.code], ["fd00::1 9000 refused\n", 1]);
});

ncTest("names are looked up, of the family that is wanted", ["dnsmasq", "ss"], async (ns) => {
  const alone = ["--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"];
  const names = ["10.0.0.1", "fd00::1"].map((address) => `--address=/there.test/${address}`);
  const options = { stdin: "null", stdout: "null", stderr: "null" } as const;
  await using _dns = ns.command("dnsmasq", [...alone, "--user=root", ...names], options).spawn();
  await untilListening(ns, 53, "-u");
  const cases: [args: string[], message: string][] = [
    [["-6"], "Connection refused by [fd00::1]:9"],
    [["-4"], "Connection refused by 10.0.0.1:9"],
    [[], "Connection refused by [fd00::1]:9; Connection refused by 10.0.0.1:9"],
  ];
  for (const [args, message] of cases) {
    const outcome = await SOURCE.run(ns, ["nc", ...args, "--dns", "10.0.0.1", "there.test", "9"]);
    assertEquals([outcome.code, outcome.stderr], [1, `tcpstack: ${message}\n`]);
  }
});

ncTest("errors are told: exit code 1 for the network's, 2 for the user's", ["nc"], async (ns) => {
  const cases: [args: string[], code: number, message: RegExp][] = [
    [["10.0.0.1", "9"], 1, /^tcpstack: Connection refused by 10\.0\.0\.1:9\n$/],
    [["-u", "10.0.0.1", "9"], 1, /^tcpstack: Nobody takes datagrams at 10\.0\.0\.1:9/],
    [
      ["-w", "0.3", "10.77.0.1", "9"],
      1,
      /No connection to 10\.77\.0\.1:9 within 300 ms|can't be reached/,
    ],
    [["nobody.test", "9"], 2, /To look up nobody\.test, name a server for names/],
    [["--dns", "10.0.0.1", "nobody.test", "9"], 1, /nobody\.test/],
    [["10.0.0.1"], 2, /Missing argument PORT/],
    [["-l", "9", "--pcap", "/nowhere/x"], 1, /Cannot make the capture file/],
  ];
  for (const [args, code, message] of cases) {
    const outcome = await SOURCE.run(ns, ["nc", ...args], ["sh", "-c", 'echo x | "$@"', "sh"]);
    assertMatch(outcome.stderr, message, args.join(" "));
    assertEquals(outcome.code, code, args.join(" "));
  }
});

ncTest(
  "an output that is closed ends it without a word, and Ctrl-C at once",
  ["nc"],
  async (ns) => {
    const source = ["sh", "-c", "yes | nc -N -l 9000"];
    await using _server = ns.command(source[0]!, source.slice(1), { stderr: "null" }).spawn();
    await untilListening(ns, 9000);
    const script = '("$@"; echo "code $?" >&2) | head -n 2';
    const head = await SOURCE.run(ns, ["nc", "10.0.0.1", "9000"], ["sh", "-c", script, "sh"]);
    assertEquals([head.stdout, head.stderr], ["y\ny\n", "code 1\n"]);
    await using waiting = await SOURCE.start(ns, ["nc", "-lv", "9000"]);
    await until(() => waiting.stderr.includes("Waiting"), "waiting");
    waiting.signal("SIGINT");
    const { code, took } = await waiting.end();
    assertEquals(code, 1);
    assert(took < 2000, `${took} ms`);
  },
);

ncTest(
  "--trace and --pcap show what it sends, and leave the output alone",
  ["nc", "ss"],
  async (ns, folder) => {
    await using _server = ns.command("sh", ["-c", "echo hello | nc -N -l 9000"]).spawn();
    await untilListening(ns, 9000);
    const file = folder.file("capture.pcap");
    const { stdout, stderr } = await SOURCE.run(ns, [
      "nc",
      "10.0.0.1",
      "9000",
      "--trace",
      "--pcap",
      file,
    ]);
    assertEquals(stdout, "hello\n");
    assertMatch(stderr, /SYN_SENT/);
    const bytes = await Deno.readFile(file);
    assert(new TextDecoder("latin1").decode(bytes).includes("hello\n"));
  },
);
