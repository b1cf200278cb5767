import { assert, assertEquals, assertRejects } from "@std/assert";
import type { NetworkStack, TcpConn } from "../../mod.ts";
import { chat } from "../../src/app/chat/client.ts";
import { printable } from "../../src/app/printable.ts";
import { Chat } from "../../src/app/services/chat.ts";
import { LineReader } from "../../src/app/services/line_reader.ts";
import { serveEach } from "../../src/app/services/services.ts";
import { Output } from "../../src/app/streams.ts";
import { FAR, hear, hearUntil, NEAR, type Pair, pairTest, say, settles, until } from "../stacks.ts";
import { Keyboard, Screen } from "./streams.ts";

const PORT = 8000;

/** A test with a chat on the far stack. */
function chatTest(
  name: string,
  body: (pair: Pair, log: string[]) => Promise<void>,
): void {
  pairTest(name, async (pair) => {
    const log: string[] = [];
    const room = new Chat((line) => log.push(line));
    serveEach(
      pair.far.listen({ port: PORT }),
      (conn) => room.serve(conn, new LineReader(conn)),
    );
    await body(pair, log);
  });
}

const line = (conn: TcpConn) => settles(hearUntil(conn, "\n"));

/** Joins by a bare connection, as with `nc`. */
async function join(near: NetworkStack): Promise<[conn: TcpConn, name: string]> {
  const conn = await near.connect({ hostname: FAR, port: PORT });
  await line(conn);
  return [conn, `${NEAR}:${conn.localAddr.port}`];
}

Deno.test("printable() leaves out what commands a terminal, and keeps all writing", () => {
  const cases: [text: string, want: string][] = [
    ["hello\tyou", "hello\tyou"],
    ["Grüße, 你好 👩‍👩‍👧", "Grüße, 你好 👩‍👩‍👧"],
    ["\x1b[2J\x1b]0;title\x07", "[2J]0;title"],
    ["a\rb\0c\x7fd\u009be\u2028f", "abcdef"],
    ["\u202eevil\u2066", "evil"],
  ];
  for (const [text, want] of cases) assertEquals(printable(text), want);
});

chatTest("/nick gives a name, which everybody hears of", async ({ near }, log) => {
  const [ann, annAddress] = await join(near);
  const [bob, bobAddress] = await join(near);
  await line(ann);
  await say(bob, "/nick Bob\r\n");
  assertEquals(await line(bob), "* You are called Bob\n");
  assertEquals(await line(ann), `* ${bobAddress} is called Bob\n`);
  await say(bob, "hello\n");
  assertEquals(await line(ann), "Bob: hello\n");
  await say(ann, "/nick bob\n");
  assertEquals(await line(ann), "* Somebody else is called bob\n");
  await say(bob, "/nick bob\n");
  assertEquals(await line(bob), "* You are called bob\n", "one's own name is free");
  await bob.closeWrite();
  assertEquals(await line(ann), "* Bob is called bob\n");
  assertEquals(await line(ann), "* bob has left\n");
  assertEquals(log, [
    `* ${annAddress} has joined`,
    `* ${bobAddress} has joined`,
    `* ${bobAddress} is called Bob`,
    "* Bob is called bob",
    "* bob has left",
  ]);
});

chatTest("names that could deceive, and none, are refused", async ({ near }) => {
  const [ann] = await join(near);
  const refused = ["", " ", "10.0.0.1:7", "*", "a b", "-x", "x".repeat(21), "a\u200db", "a/b"];
  for (const nick of refused) {
    await say(ann, `/nick ${nick}\n`);
    assertEquals(
      await line(ann),
      "* A name is up to 20 letters, digits, dots, dashes and underscores\n",
      nick,
    );
  }
  await say(ann, "/nick Zoë_7.b-c\n/dance\n");
  const welcome = "* You are called Zoë_7.b-c\n";
  assertEquals(await settles(hear(ann, new TextEncoder().encode(welcome).length)), welcome);
  assertEquals(await line(ann), "* There is no /dance, only /who, /nick NAME and /quit\n");
});

chatTest("/who tells who is here, and /quit leaves", async ({ near }) => {
  const [ann, annAddress] = await join(near);
  const [bob] = await join(near);
  await say(bob, "/nick bob\n/who\n");
  await line(bob);
  assertEquals(await line(bob), `* Here are ${annAddress}, bob (you)\n`);
  await say(bob, "/quit\n");
  assertEquals(await settles(hear(bob, 1)), "", "the server ends the connection");
  await line(ann);
  await line(ann);
  assertEquals(await line(ann), "* bob has left\n");
  await say(ann, "/who\n");
  assertEquals(await line(ann), `* Here are ${annAddress} (you)\n`);
});

/** Somebody with `tcpstack chat`. */
async function client({ near }: Pair, nick?: string) {
  const conn = await near.connect({ hostname: FAR, port: PORT });
  const [input, screen] = [new Keyboard(), new Screen()];
  const stop = new AbortController();
  const done = chat(conn, { input, output: new Output(screen), nick, signal: stop.signal });
  return { conn, input, screen, stop, done };
}

chatTest("clients talk, and leave by /quit or at the end of the input", async (pair) => {
  const ann = await client(pair, "ann");
  const bob = await client(pair, "bob");
  await until(() => bob.screen.text.includes("You are called bob"), "bob is there");
  ann.input.type("hello, Bob\nhow do you do?\n");
  await until(() => bob.screen.text.endsWith("ann: hello, Bob\nann: how do you do?\n"), "heard");
  bob.input.type("/quit\n");
  assertEquals((await settles(bob.done)).end, "complete");
  await until(() => ann.screen.text.endsWith("* bob has left\n"), "left");
  ann.input.end();
  assertEquals((await settles(ann.done)).end, "complete");
});

chatTest("a client leaves when it is stopped, and when nobody reads its output", async (pair) => {
  const ann = await client(pair);
  await until(() => ann.screen.text.includes("Welcome"), "ann is there");
  ann.stop.abort();
  assertEquals((await settles(ann.done)).end, "stopped");
  const bob = await client(pair);
  bob.screen.isClosed = true;
  assertEquals((await settles(bob.done)).end, "unread");
});

pairTest("a client trusts no server: not its control characters, not its end", async (pair) => {
  const listener = pair.far.listen({ port: PORT });
  const ann = await client(pair);
  const server = await settles(listener.accept());
  await say(server, "\x1b[2Jgotcha\r\n");
  await until(() => ann.screen.text !== "", "heard");
  assertEquals(ann.screen.text, "[2Jgotcha\n");
  server.close();
  await settles(assertRejects(() => ann.done, Error, "The server has ended the chat"));
  const bob = await client(pair);
  const second = await settles(listener.accept());
  bob.input.type("hello\n");
  assertEquals(await line(second), "hello\n");
  second.abort();
  await settles(assertRejects(() => bob.done, Deno.errors.ConnectionReset));
  assert(!bob.screen.text.includes("hello"));
});
