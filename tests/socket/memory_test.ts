/**
 * That connections give back the memory of their buffers, however they end.
 */

import { assert, assertEquals } from "@std/assert";
import { createStack, memoryPair, type TcpConn } from "../../mod.ts";
import { chunks, chunkSize } from "../../src/base/chunks.ts";
import { TRANSPORT_HEADROOM } from "../../src/wire/packet.ts";
import { connected, FAR, hear, NEAR, type Pair, pairTest, say, settles, until } from "../stacks.ts";

const CONNECTIONS = 1000;
/** Connections that are open at the same time. */
const AT_ONCE = 50;

/** The most memory that was taken since a test began. */
let most = 0;

/** Writes a text, and notes how much memory is taken then. */
async function tell(conn: TcpConn, text: string): Promise<void> {
  const said = say(conn, text);
  most = Math.max(most, chunks.taken);
  await said;
}

/** Waits until `conn` has received something that is not read. */
function hasUnread(conn: TcpConn): Promise<void> {
  return until(() => conn.info().buffers.receive.length > 0, "something has come");
}

/** Ends of a connection between `a` and `b`. */
const ENDS: [how: string, end: (a: TcpConn, b: TcpConn) => Promise<void>][] = [
  ["both have closed, and all was read", async (a, b) => {
    await Promise.all([tell(a, "to b"), tell(b, "to a")]);
    assertEquals([await hear(a, 4), await hear(b, 4)], ["to a", "to b"]);
    a.close();
    b.close();
  }],
  ["one has closed with unread text, which resets it", async (a, b) => {
    await tell(a, "unread");
    await hasUnread(b);
    b.close();
    a.close();
  }],
  ["one has aborted it, with text on both sides", async (a, b) => {
    await Promise.all([tell(a, "unread"), tell(b, "unread")]);
    await Promise.all([hasUnread(a), hasUnread(b)]);
    a.abort();
    b.close();
  }],
  ["it is in TIME_WAIT, and its text is never read", async (a, b) => {
    await a.closeWrite();
    await tell(b, "unread");
    b.close();
    await until(() => a.info().state === "TIME_WAIT", "TIME_WAIT");
  }],
  ["it is in TIME_WAIT, and was closed with unread text", async (a, b) => {
    await a.closeWrite();
    await tell(b, "unread");
    b.close();
    await until(() => a.info().state === "TIME_WAIT", "TIME_WAIT");
    a.close();
  }],
  ["the peer has reset it, and its text is never read", async (a, b) => {
    await tell(b, "unread");
    await hasUnread(a);
    b.abort();
    await until(() => a.info().state === "CLOSED", "CLOSED");
  }],
];

for (const [how, end] of ENDS) {
  pairTest(`the memory of ${CONNECTIONS} connections is given back: ${how}`, async (pair) => {
    const before = chunks.taken;
    most = 0;
    for (let done = 0; done < CONNECTIONS; done += AT_ONCE) {
      const conns = await connections(pair, AT_ONCE);
      await Promise.all(conns.map(([a, b]) => end(a, b)));
    }
    await until(() => chunks.taken === before, "all is given back");
    assert(most > before, "nothing was ever taken");
  });
}

/** Pairs of ends of new connections. */
async function connections(pair: Pair, count: number): Promise<[TcpConn, TcpConn][]> {
  const pairs: [TcpConn, TcpConn][] = [];
  for (let i = 0; i < count; i++) pairs.push(await connected(pair));
  return pairs;
}

pairTest("the memory of connections that nobody accepts is given back", async ({ near, far }) => {
  const before = chunks.taken;
  const listener = far.listen({ port: 7 });
  const conns = await Promise.all(
    Array.from({ length: 20 }, () => near.connect({ hostname: FAR, port: 7 })),
  );
  await Promise.all(conns.map((conn) => say(conn, "unread")));
  await until(() => chunks.taken >= before + 20 * 2048, "the text is there");
  listener.close();
  for (const conn of conns) conn.close();
  await until(() => chunks.taken === before, "all is given back");
});

Deno.test("the memory of stacks is given back when they close, with that of their connections", async () => {
  const before = chunks.taken;
  const [one, other] = memoryPair();
  const near = createStack({ device: one, address: NEAR });
  const far = createStack({ device: other, address: FAR });
  const [a] = await connected({ near, far });
  await say(a, "unread");
  await settles(Promise.all([near.close(), far.close()]));
  // What they build packets in goes with them.
  const built = 2 * chunkSize(TRANSPORT_HEADROOM + 65_535);
  assertEquals(chunks.taken <= before + built, true, `${chunks.taken - before}`);
});
