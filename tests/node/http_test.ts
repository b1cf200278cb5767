/** HTTP on our connections, by Node's own modules: servers, clients, agents, TLS. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer, request as requestHttp } from "node:http";
import {
  createStack,
  fetchVia,
  httpAgent,
  type HttpHandler,
  memoryPair,
  serveHttp,
} from "../../mod.ts";
import type { NetworkStack } from "../../mod.ts";
import { pattern, settles } from "../stacks.ts";

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

httpTest("a handler that throws is answered with 500, and the server goes on", (request) => {
  if (request.url.endsWith("/bad")) throw new Error("a secret");
  return new Response("good");
}, async (client) => {
  const bad = await fetchVia(client, `${URL_OF_SERVER}bad`);
  assertEquals([bad.status, await bad.text()], [500, "Internal Server Error\n"]);
  assertEquals(await (await fetchVia(client, URL_OF_SERVER)).text(), "good");
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

Deno.test("shutdown() ends idle connections and waits for answers under way", async () => {
  const [one, other] = memoryPair();
  await using client = createStack({ device: one, address: "10.0.0.1" });
  await using host = createStack({ device: other, address: "10.0.0.2" });
  const { promise: release, resolve } = Promise.withResolvers<void>();
  const server = serveHttp(host.listen({ port: 80 }), async () => {
    await release;
    return new Response("done");
  });
  const agent = httpAgent(client, { keepAlive: true });
  const answer = get(agent);
  await new Promise((resolve) => setTimeout(resolve, 20));
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
