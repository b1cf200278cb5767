import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readRequest } from "../../../src/app/commands.ts";
import { UsageError } from "../../../src/app/errors.ts";
import { readWishes } from "../../../src/app/nc/command.ts";
import { parsePorts } from "../../../src/app/ports.ts";
import { scan } from "../../../src/app/nc/scan.ts";
import { exchange } from "../../../src/app/nc/tcp.ts";
import { exchangeDatagrams } from "../../../src/app/nc/udp.ts";
import { writeAll } from "../../../src/socket/tcp_conn.ts";
import {
  connected,
  FAR,
  hear,
  hearAll,
  isPending,
  NEAR,
  pairTest,
  pattern,
  pause,
  say,
  settles,
  until,
} from "../../stacks.ts";
import { testStreams } from "../streams.ts";

const never = new AbortController().signal;

Deno.test("ports are numbers, ranges and lists of them", () => {
  const cases: [text: string, ports: number[]][] = [
    ["22", [22]],
    ["20-23", [20, 21, 22, 23]],
    ["443,80,8000-8001", [443, 80, 8000, 8001]],
    ["65535-65535", [65535]],
  ];
  for (const [text, ports] of cases) assertEquals(parsePorts(text), ports, text);
  for (const text of ["", "0", "65536", "x", "5-4", "1-2-3", "1,", "-5", "1 2"]) {
    assertThrows(() => parsePorts(text), Error, "expected", text);
  }
});

Deno.test("nc's arguments are a host and a port, where it listens a port and perhaps an address", async () => {
  const wishes = async (args: string) =>
    readWishes((await readRequest(`nc ${args}`.split(" "))).line as never);
  const cases: [args: string, host: string | undefined, port: number][] = [
    ["10.0.0.1 80", "10.0.0.1", 80],
    ["-l 80", undefined, 80],
    ["-lk 80", undefined, 80],
    ["-l -p 80", undefined, 80],
    ["-l 10.0.0.2 80", "10.0.0.2", 80],
    ["-l -p 80 10.0.0.2", "10.0.0.2", 80],
  ];
  for (const [args, host, port] of cases) {
    const found = await wishes(args);
    assertEquals([found.host, found.ports], [host, [port]], args);
    assertEquals(found.localPort, undefined);
  }
  assertEquals((await wishes("-p 7 -w 1.5 10.0.0.1 80")).localPort, 7);
  assertEquals((await wishes("-p 7 -w 1.5 10.0.0.1 80")).wait, 1500);
  assertEquals((await wishes("-z 10.0.0.1 20-22")).ports, [20, 21, 22]);
  const bad: [args: string, message: string][] = [
    ["10.0.0.1", "Missing argument PORT"],
    ["-l", "Missing argument PORT"],
    ["10.0.0.1 1-2", "several ports are for --scan"],
    ["-k 10.0.0.1 1", "add --listen"],
    ["-lz 1", "exclude each other"],
    ["-4 -6 10.0.0.1 1", "exclude each other"],
    ["-w 0 10.0.0.1 1", "above 0"],
    ["-p 0 10.0.0.1 1", "expected a port"],
  ];
  for (const [args, message] of bad) {
    await assertRejects(() => wishes(args), UsageError, message, args);
  }
});

pairTest("the end of the input closes the sending side, and the peer still sends", async (pair) => {
  const [conn, peer] = await connected(pair);
  const { keyboard, screen, streams } = testStreams();
  const done = exchange(conn, { streams, signal: never });
  keyboard.type("question");
  keyboard.end();
  assertEquals(await settles(hearAll(peer)), new TextEncoder().encode("question"));
  assert(await isPending(done));
  await say(peer, "answer");
  peer.close();
  assertEquals(await settles(done), { sent: 8, received: 6, end: "complete" });
  assertEquals(screen.text, "answer");
});

pairTest("when the peer ends first, it still gets all of the input", async (pair) => {
  const [conn, peer] = await connected(pair);
  const { keyboard, streams } = testStreams();
  const done = exchange(conn, { streams, signal: never });
  await peer.closeWrite();
  await pause(20);
  const bytes = pattern(3_000_000);
  keyboard.type(bytes);
  keyboard.end();
  assert(await isPending(done), "not before all has arrived");
  assertEquals(await settles(hearAll(peer)), bytes);
  peer.close();
  assertEquals((await settles(done)).sent, bytes.length);
});

pairTest("when the peer ends first, nobody has to go on typing", async (pair) => {
  const [conn, peer] = await connected(pair);
  const { keyboard, streams } = testStreams({ isTyped: true });
  const done = exchange(conn, { streams, signal: never });
  keyboard.type("one");
  assertEquals(await settles(hear(peer, 3)), "one");
  peer.close();
  assertEquals((await settles(done)).end, "complete");
  // What is typed later is for the next connection.
  const [second, secondPeer] = await connected(pair);
  const next = exchange(second, { streams, signal: never });
  keyboard.type("two");
  assertEquals(await settles(hear(secondPeer, 3)), "two");
  secondPeer.close();
  assertEquals((await settles(next)).sent, 3);
});

pairTest("megabytes pass both ways at once, byte by byte", async (pair) => {
  const [conn, peer] = await connected(pair);
  const { keyboard, screen, streams } = testStreams();
  const bytes = pattern(5_000_000);
  keyboard.type(bytes);
  keyboard.end();
  const done = exchange(conn, { streams, signal: never });
  const [heard] = await settles(Promise.all([
    hearAll(peer),
    writeAll(peer, bytes).then(() => peer.closeWrite()),
  ]));
  await settles(done);
  assertEquals(heard, bytes);
  assertEquals(await screen.bytes, bytes);
});

pairTest(
  "an output that takes nothing holds up the peer, and memory does not grow",
  async (pair) => {
    const [conn, peer] = await connected(pair);
    const { keyboard, screen, streams } = testStreams();
    const held = Promise.withResolvers<void>();
    screen.hold(held.promise);
    const done = exchange(conn, { streams, signal: never });
    keyboard.end();
    const chunk = pattern(100_000);
    let written = 0;
    const writing = (async () => {
      while (written < 20_000_000) written += await peer.write(chunk.subarray(written % 100_000));
      await peer.closeWrite();
    })();
    let before = -1;
    while (before !== written) {
      before = written;
      await pause(100);
    }
    assert(written > 0 && written < 15_000_000, `it is held up: ${written} written`);
    held.resolve();
    await settles(writing);
    assertEquals((await settles(done)).received, 20_000_000);
  },
);

pairTest("a reset fails the exchange, whatever it waits for", async (pair) => {
  const [conn, peer] = await connected(pair);
  const { streams } = testStreams();
  const done = exchange(conn, { streams, signal: never });
  peer.abort();
  await settles(assertRejects(() => done, Deno.errors.ConnectionReset));
});

pairTest("an output that nobody reads ends it, and the peer is told", async (pair) => {
  const [conn, peer] = await connected(pair);
  const { screen, streams } = testStreams();
  const done = exchange(conn, { streams, signal: never });
  screen.isClosed = true;
  await say(peer, "hello");
  assertEquals((await settles(done)).end, "unread");
  assertEquals(await settles(hear(peer, 1)), "");
});

pairTest("silence for too long ends it, and so does the user", async (pair) => {
  const [conn, peer] = await connected(pair);
  const one = testStreams();
  const idle = exchange(conn, { streams: one.streams, idle: 100, signal: never });
  for (let i = 0; i < 4; i++) {
    await pause(50);
    await say(peer, "x");
  }
  await until(() => one.screen.length === 4, "all has come: it was never silent for so long");
  assertEquals((await settles(idle)).end, "idle");
  const [second] = await connected(pair);
  const stop = new AbortController();
  const { streams } = testStreams();
  const stopped = exchange(second, { streams, signal: stop.signal });
  stop.abort();
  assertEquals((await settles(stopped)).end, "stopped");
});

pairTest(
  "each piece of the input is a datagram, and answers go to the output",
  async ({ near, far }) => {
    const peer = far.listenDatagram({ port: 9000 });
    const socket = near.listenDatagram();
    socket.connect({ hostname: FAR, port: 9000 });
    const { keyboard, screen, streams } = testStreams();
    const done = exchangeDatagrams(socket, { streams, idle: 200, signal: never });
    keyboard.type("one");
    const [first, from] = await settles(peer.receive());
    keyboard.type("two\n");
    const [second] = await settles(peer.receive());
    keyboard.end();
    assertEquals([first, second].map((bytes) => new TextDecoder().decode(bytes)), ["one", "two\n"]);
    await peer.send(new Uint8Array(), from);
    await peer.send(new TextEncoder().encode("answer"), from);
    assertEquals(await settles(done), { sent: 7, received: 6, end: "idle" });
    assertEquals(screen.text, "answer");
  },
);

pairTest("datagrams that nobody takes fail the exchange", async ({ near }) => {
  const socket = near.listenDatagram();
  socket.connect({ hostname: FAR, port: 9 });
  const { keyboard, streams } = testStreams();
  keyboard.type("anybody?");
  const done = exchangeDatagrams(socket, { streams, signal: never });
  await settles(assertRejects(() => done, Deno.errors.ConnectionRefused));
});

pairTest(
  "who waits for datagrams answers the first who sends, or with -k the last",
  async (pair) => {
    const { near, far } = pair;
    const [ann, bob] = [near.listenDatagram(), near.listenDatagram()];
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const to = (port: number): Deno.NetAddr => ({ transport: "udp", hostname: FAR, port });
    for (const everybody of [false, true]) {
      const port = everybody ? 2 : 1;
      const { keyboard, screen, streams } = testStreams();
      const stop = new AbortController();
      const peers: string[] = [];
      const socket = far.listenDatagram({ port });
      const done = exchangeDatagrams(socket, {
        streams,
        signal: stop.signal,
        everybody,
        onPeer: ({ hostname, port }) => peers.push(`${hostname}:${port}`),
      });
      keyboard.type("to nobody yet");
      await ann.send(new TextEncoder().encode("A"), to(port));
      assertEquals(text((await settles(ann.receive()))[0]), "to nobody yet");
      await bob.send(new TextEncoder().encode("B"), to(port));
      await pause(20);
      keyboard.type("you");
      const [answer] = await settles((everybody ? bob : ann).receive());
      assertEquals(text(answer), "you");
      assertEquals(screen.text, everybody ? "AB" : "A");
      assertEquals(peers, [ann, bob].slice(0, port).map(({ addr }) => `${NEAR}:${addr.port}`));
      stop.abort();
      assertEquals((await settles(done)).end, "stopped");
    }
  },
);

pairTest("a scan says of each port, in order, whether it is open", async ({ near, far }) => {
  far.listen({ port: 21 });
  far.listen({ port: 23 });
  const echo = far.listenDatagram({ port: 22 });
  void (async () => {
    for await (const [bytes, from] of echo) await echo.send(bytes, from);
  })();
  far.listenDatagram({ port: 23 });
  const states = async (udp: boolean) => {
    const found: string[] = [];
    const options = { udp, timeout: 200, signal: never };
    for await (const { port, what, isOpen } of scan(near, FAR, [20, 21, 22, 23], options)) {
      found.push(`${port} ${what} ${isOpen}`);
    }
    return found;
  };
  assertEquals(await settles(states(false)), [
    "20 refused false",
    "21 open true",
    "22 refused false",
    "23 open true",
  ]);
  assertEquals(await settles(states(true)), [
    "20 refused false",
    "21 refused false",
    "22 open true",
    "23 open, or filtered true",
  ]);
  const nobody: string[] = [];
  const options = { udp: false, timeout: 50, signal: never };
  for await (const { what } of scan(near, "10.0.0.9", [80], options)) nobody.push(what);
  assertEquals(nobody, ["no answer"]);
});

pairTest("a scan ends when it is stopped", async ({ near }) => {
  const stop = new AbortController();
  const options = { udp: false, timeout: 60_000, signal: stop.signal };
  const scanning = scan(near, "10.0.0.9", [80, 81], options).next();
  assert(await isPending(scanning));
  stop.abort();
  await settles(assertRejects(() => scanning, DOMException));
});
