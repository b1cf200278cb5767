import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
  type Server,
} from "node:http";
import type { Duplex } from "node:stream";
import { toDuplex } from "../../mod.ts";
import { ConnDuplex } from "../../src/socket/duplex.ts";
import {
  connected,
  FAR,
  hear,
  hearAll,
  isPending,
  type Pair,
  pairTest,
  pattern,
  pause,
  say,
  settles,
  until,
} from "../stacks.ts";

const MIB = 1024 * 1024;

/** Serves HTTP on port 80 of the far stack. */
function serve({ far }: Pair, answer: RequestListener): Server {
  const server = createServer(answer);
  // Deno's node:http closes a connection after one answer if its server doesn't listen.
  Object.defineProperty(server, "listening", { value: true });
  (async () => {
    for await (const conn of far.listen({ port: 80 })) {
      server.emit("connection", toDuplex(conn).on("error", () => {}));
    }
  })();
  return server;
}

/** Resolves with the next event of that name, rejects with an error. */
function event<T>(
  emitter: { once(name: string, listener: (value: T) => void): unknown },
  name: string,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  emitter.once(name, resolve);
  if (name !== "error") emitter.once("error", reject as (value: T) => void);
  return settles(promise, `the event ${name}`);
}

async function body(stream: Duplex | IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** One request on a connection of its own, through node:http. */
async function ask(pair: Pair, path: string, send?: Uint8Array): Promise<[number, Uint8Array]> {
  const socket = toDuplex(await pair.near.connect({ hostname: FAR, port: 80 }));
  const asking = request({
    path,
    method: send === undefined ? "GET" : "POST",
    createConnection: () => socket,
    headers: { host: "stack", connection: "close" },
  });
  const answered = event<IncomingMessage>(asking, "response");
  asking.end(send);
  const response = await answered;
  const bytes = await settles(body(response));
  socket.destroy();
  return [response.statusCode!, bytes];
}

pairTest("a Duplex reads, writes and half-closes both ways", async (pair) => {
  const [a, b] = await connected(pair);
  const duplex = toDuplex(a);
  duplex.write("question");
  duplex.end();
  assertEquals(new TextDecoder().decode(await hearAll(b)), "question");
  await say(b, "answer");
  await b.closeWrite();
  assertEquals(new TextDecoder().decode(await settles(body(duplex))), "answer");
});

pairTest("a Duplex starts with what was read before", async (pair) => {
  const [a, b] = await connected(pair);
  await say(b, " and the rest");
  await b.closeWrite();
  const duplex = toDuplex(a, new TextEncoder().encode("the head"));
  assertEquals(new TextDecoder().decode(await body(duplex)), "the head and the rest");
});

pairTest("a Duplex knows its ends", async (pair) => {
  const [a, b] = await connected(pair, 80);
  const far = toDuplex(b) as Duplex & Record<string, unknown>;
  assertEquals([far.remoteAddress, far.remotePort], [a.localAddr.hostname, a.localAddr.port]);
  assertEquals([far.localAddress, far.localPort], [FAR, 80]);
});

pairTest("a Duplex that nobody reads stops the writer", async (pair) => {
  const [a, b] = await connected(pair);
  const duplex = toDuplex(b);
  duplex.once("readable", () => {});
  const writing = say(a, "x".repeat(2 * MIB));
  assert(await isPending(writing));
  // The receive buffer may have grown for what the Duplex took ahead of its reader.
  assert(pair.far.core.counters.tcpBytesReceived < MIB);
  let length = 0;
  duplex.on("data", (chunk) => length += chunk.length);
  await settles(writing);
  await until(() => length === 2 * MIB, "all has come");
});

pairTest("destroying a Duplex closes, and with an error resets", async (pair) => {
  for (const error of [undefined, new Error("no more")]) {
    const [a, b] = await connected(pair);
    const duplex = toDuplex(a);
    duplex.on("error", () => {});
    duplex.resume();
    const closed = new Promise((resolve) => duplex.once("close", resolve));
    duplex.destroy(error);
    await settles(closed);
    const end = b.read(new Uint8Array(1));
    if (error === undefined) assertEquals(await settles(end), null);
    else await assertRejects(() => settles(end), Deno.errors.ConnectionReset);
  }
});

pairTest("what is written together goes out in full segments", async (pair) => {
  const [a, b] = await connected(pair);
  a.setNoDelay();
  const duplex = toDuplex(a);
  const sent = async (isTogether: boolean) => {
    const before = pair.near.core.counters.tcpSent;
    if (isTogether) duplex.cork();
    for (let i = 0; i < 8; i++) duplex.write(`${i}`);
    if (isTogether) duplex.uncork();
    assertEquals(await settles(hear(b, 8)), "01234567");
    return pair.near.core.counters.tcpSent - before;
  };
  assertEquals(await sent(false), 2); // the first one, and those that came while it was written
  assertEquals(await sent(true), 1);
  duplex.destroy();
  b.close();
});

pairTest("destroySoon() has the peer read all, though it sends what nobody wants", async (pair) => {
  const [a, b] = await connected(pair);
  const duplex = new ConnDuplex().attach(a);
  duplex.write("last words");
  duplex.destroySoon();
  await settles(new Promise((resolve) => duplex.once("close", resolve)));
  await settles(say(b, "x".repeat(3 * MIB)));
  assertEquals(new TextDecoder().decode(await settles(hearAll(b))), "last words");
  b.close();
  await settles(duplex.lingering);
  assertEquals([...pair.near.core.tcp.connections()], []);
});

pairTest("a Duplex fails when the peer resets, be it reading or writing", async (pair) => {
  for (const isWriting of [false, true]) {
    const [a, b] = await connected(pair);
    const duplex = toDuplex(b);
    if (isWriting) duplex.write(Buffer.alloc(MIB));
    else duplex.resume();
    const failed = new Promise((resolve) => duplex.once("error", resolve));
    await pause(1);
    a.abort();
    const error = await settles(failed);
    assert(error instanceof Deno.errors.ConnectionReset, String(error));
    assert(duplex.destroyed);
  }
});

pairTest("a Duplex times out once nothing has moved for so long", async (pair) => {
  const [a, b] = await connected(pair);
  const duplex = toDuplex(b) as Duplex & { setTimeout(ms: number, listener?: () => void): unknown };
  duplex.on("error", () => {}).resume();
  let timeouts = 0;
  duplex.setTimeout(250, () => timeouts++);
  for (let i = 0; i < 6; i++) {
    await pause(50);
    await say(a, "still here");
  }
  assertEquals(timeouts, 0);
  await until(() => timeouts === 1, "it times out");
  duplex.setTimeout(10);
  duplex.setTimeout(0);
  await pause(30);
  assertEquals(timeouts, 1);
  duplex.destroy();
});

pairTest("node:http answers two requests on one connection", async (pair) => {
  const server = serve(pair, (request, response) => response.end(`you asked for ${request.url}`));
  const conn = await pair.near.connect({ hostname: FAR, port: 80 });
  for (const path of ["/one", "/two"]) {
    await say(conn, `GET ${path} HTTP/1.1\r\nhost: stack\r\n\r\n`);
    const want = `you asked for ${path}`;
    let answer = "";
    while (!answer.endsWith(want)) answer += await settles(hear(conn, 1));
    assert(answer.startsWith("HTTP/1.1 200 OK\r\n"), answer);
    assert(/\r\nConnection: keep-alive\r\n/i.test(answer), answer);
  }
  conn.close();
  server.close();
});

pairTest("node:http closes a connection that is kept alive for nothing", async (pair) => {
  const server = serve(pair, (_, response) => response.end("hello"));
  server.keepAliveTimeout = 50;
  const conn = await pair.near.connect({ hostname: FAR, port: 80 });
  await say(conn, "GET / HTTP/1.1\r\nhost: stack\r\n\r\n");
  const answer = new TextDecoder().decode(await settles(hearAll(conn)));
  assert(answer.endsWith("hello"), answer);
  server.close();
});

pairTest("node:http at both ends: a request, and a POST of 5 MiB that comes back", async (pair) => {
  const server = serve(pair, (request, response) => {
    if (request.method === "POST") request.pipe(response);
    else response.end("hello");
  });
  const [status, hello] = await ask(pair, "/");
  assertEquals([status, new TextDecoder().decode(hello)], [200, "hello"]);
  const bytes = pattern(5 * MIB);
  const [, echo] = await ask(pair, "/echo", bytes);
  assertEquals(echo.length, bytes.length);
  assert(Buffer.compare(echo, bytes) === 0);
  server.close();
});

pairTest("a server that destroys a request's connection fails the request", async (pair) => {
  const server = serve(pair, (request) => request.socket.destroy());
  await assertRejects(() => ask(pair, "/"), Error, "socket hang up");
  server.close();
});

pairTest("a client that goes away in the middle of its body ends the request", async (pair) => {
  const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
  let received = 0;
  const server = serve(pair, (request) => {
    request.on("data", (chunk) => received += chunk.length);
    request.on("error", resolve).on("close", () => resolve("closed"));
  });
  const conn = await pair.near.connect({ hostname: FAR, port: 80 });
  await say(conn, `POST / HTTP/1.1\r\nhost: stack\r\ncontent-length: 100\r\n\r\n${"x".repeat(50)}`);
  await until(() => received === 50, "half of it has come");
  conn.abort();
  await settles(aborted);
  await until(() => pair.far.core.tcp.connectionCount === 0, "nothing is left");
  server.close();
});
