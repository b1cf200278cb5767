/** HTTP on our connections, by Node's own modules: servers, clients, agents, TLS. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { createServer, request as requestHttp } from "node:http";
import {
  createStack,
  fetchVia,
  httpAgent,
  type HttpHandler,
  type HttpServer,
  memoryPair,
  serveHttp,
  type ServeHttpOptions,
} from "../../mod.ts";
import type { NetworkStack } from "../../mod.ts";
import { hearAll, pattern, pause, say, settles, until } from "../stacks.ts";

const URL_OF_SERVER = "http://10.0.0.2/";

/** A test with a client, and a handler behind port 80 of 10.0.0.2. */
function httpTest(
  name: string,
  handler: HttpHandler,
  body: (client: NetworkStack, server: NetworkStack) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const [one, other] = memoryPair();
    await using client = createStack({ device: one, address: "10.0.0.1" });
    await using host = createStack({ device: other, address: "10.0.0.2" });
    await using _server = serveHttp(host.listen({ port: 80 }), handler);
    await settles(body(client, host));
  });
}

httpTest("a handler sees the request as it was made", async (request, { remoteAddr }) => {
  return Response.json({
    method: request.method,
    url: request.url,
    header: request.headers.get("x-test"),
    body: await request.text(),
    from: remoteAddr.hostname,
  }, { status: 201, headers: { "x-answer": "yes" } });
}, async (client) => {
  const response = await fetchVia(client, `${URL_OF_SERVER}a/b?c=d`, {
    method: "PUT",
    headers: { "x-test": "1" },
    body: "hello",
  });
  assertEquals([response.status, response.headers.get("x-answer")], [201, "yes"]);
  assertEquals(await response.json(), {
    method: "PUT",
    url: "http://10.0.0.2/a/b?c=d",
    header: "1",
    body: "hello",
    from: "10.0.0.1",
  });
});

httpTest("bodies of 100 MB stream both ways, chunked", (request) => {
  return new Response(request.body, {
    headers: { "x-length": request.headers.get("content-length") ?? "none" },
  });
}, async (client) => {
  const chunk = pattern(1_000_000);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ < 100) controller.enqueue(chunk);
      else controller.close();
    },
  });
  const response = await fetchVia(client, URL_OF_SERVER, { method: "POST", body });
  assertEquals(response.headers.get("x-length"), "none");
  let at = 0;
  for await (const bytes of response.body!) {
    for (let i = 0; i < bytes.length; i += 997) {
      assertEquals(bytes[i], chunk[(at + i) % chunk.length]);
    }
    at += bytes.length;
  }
  assertEquals(at, 100_000_000);
});

httpTest("a body that breaks off ends the request with its error", async (request) => {
  await request.arrayBuffer();
  return new Response();
}, async (client) => {
  const broken = new Error("no more");
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(pattern(10)),
    pull: (controller) => controller.error(broken),
  });
  const error = await assertRejects(
    () => fetchVia(client, URL_OF_SERVER, { method: "POST", body }),
    TypeError,
    "Cannot fetch",
  );
  assertEquals(error.cause, broken);
});

httpTest("a handler that throws is answered with 500, and the server goes on", (request) => {
  if (request.url.endsWith("/bad")) throw new Error("a secret");
  return new Response("good");
}, async (client) => {
  const bad = await fetchVia(client, `${URL_OF_SERVER}bad`);
  assertEquals([bad.status, await bad.text()], [500, "Internal Server Error\n"]);
  assertEquals(await (await fetchVia(client, URL_OF_SERVER)).text(), "good");
});

Deno.test("an error handler that throws costs the request alone", async () => {
  const [one, other] = memoryPair();
  await using client = createStack({ device: one, address: "10.0.0.1" });
  await using host = createStack({ device: other, address: "10.0.0.2" });
  const handler = ({ url }: Request) => {
    if (url.endsWith("/bad")) throw new Error("a secret");
    return new Response("good");
  };
  const onError = () => {
    throw new Error("another");
  };
  await using _server = serveHttp(host.listen({ port: 80 }), handler, { onError });
  await settles(assertRejects(() => fetchVia(client, `${URL_OF_SERVER}bad`), TypeError));
  assertEquals(await settles(fetchVia(client, URL_OF_SERVER).then((r) => r.text())), "good");
});

httpTest("an agent that keeps connections alive uses one for all requests", (_, { remoteAddr }) => {
  return new Response(`${remoteAddr.port}`);
}, async (client) => {
  const agent = httpAgent(client, { keepAlive: true });
  const ports = new Set<string>();
  for (let i = 0; i < 5; i++) ports.add(await get(agent));
  agent.destroy();
  assertEquals(ports.size, 1);
});

function get(agent: ReturnType<typeof httpAgent>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  requestHttp({ host: "10.0.0.2", agent }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk) => text += chunk).on(
      "end",
      () => resolve(text),
    );
  }).on("error", reject).end();
  return promise;
}

httpTest("redirects are followed, but not for ever", (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/loop") return Response.redirect(`${URL_OF_SERVER}loop`, 302);
  if (pathname === "/start") return Response.redirect(`${URL_OF_SERVER}end`, 303);
  return new Response(`${request.method} ${pathname}`);
}, async (client) => {
  const response = await fetchVia(client, `${URL_OF_SERVER}start`, { method: "POST", body: "x" });
  assertEquals([await response.text(), response.redirected], ["GET /end", true]);
  assertEquals(response.url, `${URL_OF_SERVER}end`);
  const manual = await fetchVia(client, `${URL_OF_SERVER}start`, { redirect: "manual" });
  assertEquals(manual.status, 303);
  await manual.body?.cancel();
  await assertRejects(() => fetchVia(client, `${URL_OF_SERVER}loop`), TypeError, "20 redirects");
});

httpTest("HEAD and 204 have no body", (request) => {
  return request.method === "HEAD" ? new Response("12345") : new Response(null, { status: 204 });
}, async (client) => {
  const head = await fetchVia(client, URL_OF_SERVER, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  assertEquals((await fetchVia(client, URL_OF_SERVER)).status, 204);
});

httpTest("a body that is there as a whole has its length told, and no other", (request) => {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/text":
      return new Response("12345");
    case "/empty":
      return new Response("");
    case "/bytes":
      return new Response(pattern(100_000));
    case "/told":
      return new Response("12345", { headers: { "content-length": "5" } });
    default: // in three pieces, some time apart
      return new Response(
        new ReadableStream(
          {
            async pull(controller) {
              await pause(5);
              controller.enqueue(Uint8Array.of(1));
              if (this.left-- === 0) controller.close();
            },
            left: 2,
          } as UnderlyingDefaultSource & { left: number },
        ),
      );
  }
}, async (client) => {
  const cases: [path: string, length: string | null, bytes: number][] = [
    ["text", "5", 5],
    ["empty", "0", 0],
    ["bytes", "100000", 100_000],
    ["told", "5", 5],
    ["stream", null, 3],
  ];
  for (const [path, length, bytes] of cases) {
    const response = await fetchVia(client, URL_OF_SERVER + path);
    const isChunked = response.headers.get("transfer-encoding") === "chunked";
    assertEquals(response.headers.get("content-length"), length, path);
    assertEquals(isChunked, length === null, path);
    assertEquals((await response.bytes()).length, bytes, path);
  }
});

Deno.test("a body that fails ends the answer, be it at its begin or later", async () => {
  for (const pieces of [0, 1, 3]) {
    const [one, other] = memoryPair();
    await using client = createStack({ device: one, address: "10.0.0.1" });
    await using host = createStack({ device: other, address: "10.0.0.2" });
    let left = pieces;
    await using _server = serveHttp(host.listen({ port: 80 }), () => {
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await pause(2);
            if (left-- > 0) controller.enqueue(pattern(10));
            else controller.error(new Error("no more"));
          },
        }),
      );
    });
    await settles(assertRejects(() => fetchVia(client, URL_OF_SERVER).then((r) => r.text())));
  }
});

const signals: AbortSignal[] = [];

httpTest("a request whose answer has gone out is not aborted", (request) => {
  signals.push(request.signal);
  return new Response("done");
}, async (client) => {
  assertEquals(await (await fetchVia(client, URL_OF_SERVER)).text(), "done");
  await pause(20);
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
});

httpTest("a client that goes away aborts the handler's request", async (request) => {
  await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
  return new Response("too late");
}, async (client) => {
  const signal = AbortSignal.timeout(30);
  await assertRejects(() => fetchVia(client, URL_OF_SERVER, { signal }));
});

Deno.test("fetchVia() says why there is no answer", async () => {
  const [one, other] = memoryPair();
  await using client = createStack({ device: one, address: "10.0.0.1" });
  await using _host = createStack({ device: other, address: "10.0.0.2" });
  const refused = await assertRejects(() => settles(fetchVia(client, URL_OF_SERVER)), TypeError);
  assert(refused.cause instanceof Deno.errors.ConnectionRefused, String(refused.cause));
  await assertRejects(() => fetchVia(client, "ftp://10.0.0.2/"), TypeError, "only http and https");
});

Deno.test("fetchVia() gives up when it is aborted, without a connection and without an answer", async () => {
  const [one, other] = memoryPair();
  await using client = createStack({ device: one, address: "10.0.0.1" });
  await using host = createStack({ device: other, address: "10.0.0.2" });
  host.listen({ port: 80 });
  for (const hostname of ["10.0.0.9", "10.0.0.2"]) {
    const stop = new AbortController();
    const fetching = fetchVia(client, `http://${hostname}/`, { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await settles(assertRejects(() => fetching, DOMException), hostname);
  }
  await until(() => client.core.tcp.connectionCount === 0, "nothing is left");
});

Deno.test("shutdown() ends idle connections and waits for answers under way", async () => {
  const [one, other] = memoryPair();
  await using client = createStack({ device: one, address: "10.0.0.1" });
  await using host = createStack({ device: other, address: "10.0.0.2" });
  const { promise: release, resolve } = Promise.withResolvers<void>();
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const server = serveHttp(host.listen({ port: 80 }), async () => {
    onAsked();
    await release;
    return new Response("done");
  });
  const agent = httpAgent(client, { keepAlive: true });
  const answer = get(agent);
  await asked;
  const ended = server.shutdown();
  resolve();
  assertEquals(await settles(answer), "done");
  await settles(ended);
  agent.destroy();
});

Deno.test("a plain node:http server works with fetchVia()", async () => {
  const [one, other] = memoryPair();
  await using client = createStack({ device: one, address: "10.0.0.1" });
  await using host = createStack({ device: other, address: "10.0.0.2" });
  const { toDuplex } = await import("../../mod.ts");
  const node = createServer((_, response) => response.end("plain"));
  const listener = host.listen({ port: 80 });
  listener.accept().then((conn) => node.emit("connection", toDuplex(conn)));
  assertEquals(await (await settles(fetchVia(client, URL_OF_SERVER))).text(), "plain");
});

/** Sends text, and reads what comes back, and how it ends. */
async function exchange(client: NetworkStack, text: string, pauses = 0): Promise<string> {
  const conn = await client.connect({ hostname: "10.0.0.2", port: 80 });
  const pieces = pauses === 0 ? [text] : text.split("");
  const sent = (async () => {
    for (const piece of pieces) {
      await say(conn, piece);
      if (pauses > 0) await pause(pauses);
    }
  })().catch(() => {}); // the server has had enough
  const answer = await settles(hearAll(conn), text.slice(0, 40));
  conn.close();
  await sent;
  return new TextDecoder().decode(answer);
}

httpTest("what is no request is answered, and read to the end, not reset", () => {
  return new Response("good");
}, async (client) => {
  const host = "Host: a\r\n";
  const cases: [request: string, status: RegExp][] = [
    ["GARBAGE\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET / HTTP/1.1\r\nbad header\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\n${host}Connection: close\r\nHost: b\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET ftp://a/ HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\n${host}X: ${"x".repeat(1_000_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [`TRACE / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, /^HTTP\/1\.1 501 /],
    [`CONNECT a:1 HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1\.1 501 /],
    [`GET // HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, /^HTTP\/1\.1 200 /],
    [`GET http://a/ HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, /^HTTP\/1\.1 200 /],
    [`GET / HTTP/1.0\r\n\r\n`, /^HTTP\/1\.1 200 /],
  ];
  for (const [request, status] of cases) assertMatch(await exchange(client, request), status);
});

/** A test of what is limited, with a server of its own. */
function limitTest(
  name: string,
  options: ServeHttpOptions,
  body: (client: NetworkStack, host: NetworkStack, server: HttpServer) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const [one, other] = memoryPair();
    await using client = createStack({ device: one, address: "10.0.0.1" });
    await using host = createStack({ device: other, address: "10.0.0.2" });
    await using server = serveHttp(host.listen({ port: 80 }), handler, options);
    await settles(body(client, host, server));
  });
  function handler(): Response {
    return new Response("good", { headers: { "content-length": "4" } });
  }
}

limitTest(
  "headers that don't come, or drip, are answered with 408 in time",
  { headersTimeout: 200 },
  async (client) => {
    const drip = "GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const answers = await Promise.all([
      exchange(client, ""),
      exchange(client, drip, 20),
      exchange(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /"),
    ]);
    assertMatch(answers[0]!, /^HTTP\/1\.1 408 /);
    assertMatch(answers[1]!, /^HTTP\/1\.1 408 /);
    assertMatch(answers[2]!, /^HTTP\/1\.1 200 [^]*goodHTTP\/1\.1 408 /);
  },
);

limitTest(
  "a connection that asks for nothing more is closed in time",
  { keepAliveTimeout: 100 },
  async (client) => {
    const answer = await exchange(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assertMatch(answer, /^HTTP\/1\.1 200 [^]*good$/);
  },
);

limitTest(
  "a client that does not read its answer is got rid of",
  { idleTimeout: 200 },
  async (client, host, server) => {
    const conn = await client.connect({ hostname: "10.0.0.2", port: 80 });
    // Answers to more requests than there is room for.
    const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50_000);
    await say(conn, request).catch(() => {});
    await until(() => server.connectionCount === 0, "its connection ends");
    conn.abort();
    conn.close();
    await until(() => host.core.tcp.connectionCount === 0, "nothing is left of it");
  },
);

limitTest(
  "so many connections are served at a time, and the others later",
  { maxConnections: 3, headersTimeout: 100 },
  async (client, _host, server) => {
    const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const slow = Array.from({ length: 3 }, () => exchange(client, ""));
    const most: number[] = [];
    const answers = Promise.all(Array.from({ length: 10 }, async () => {
      const answer = await exchange(client, request);
      most.push(server.connectionCount);
      return answer;
    }));
    for (const answer of await answers) assertMatch(answer, /^HTTP\/1\.1 200 /);
    for (const answer of await Promise.all(slow)) assertMatch(answer, /^HTTP\/1\.1 408 /);
    assert(Math.max(...most) <= 3, `${most}`);
  },
);

limitTest(
  "shutdown() does not wait for connections without a request",
  {},
  async (client, _, server) => {
    const conn = await client.connect({ hostname: "10.0.0.2", port: 80 });
    await say(conn, "GET / HTTP/1.1\r\n");
    await until(() => server.connectionCount === 1, "it is served");
    const start = performance.now();
    await server.shutdown();
    assert(performance.now() - start < 1000);
    conn.close();
  },
);

Deno.test("serveHttp() says which limits make no sense", async () => {
  const [device] = memoryPair();
  await using host = createStack({ device, address: "10.0.0.2" });
  const cases: ServeHttpOptions[] = [
    { headersTimeout: 0 },
    { keepAliveTimeout: -1 },
    { idleTimeout: NaN },
    { maxConnections: 0 },
  ];
  for (const options of cases) {
    const listener = host.listen({ port: 80 });
    assertThrows(
      () => serveHttp(listener, () => new Response(), options),
      RangeError,
      "must be an integer",
    );
    listener.close();
  }
});
