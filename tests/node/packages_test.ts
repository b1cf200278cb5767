/** Packages of the npm world, unchanged, on our TCP. */

import { assertEquals } from "@std/assert";
import { Aedes } from "aedes";
import express from "express";
import { Hono } from "hono";
import { MqttClient } from "mqtt";
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import {
  createNet,
  createStack,
  fetchVia,
  memoryPair,
  type NetworkStack,
  serveHttp,
  toDuplex,
} from "../../mod.ts";
import { settles } from "../stacks.ts";

/** What the test uses of Express, whose package has no types. */
interface ExpressRequest {
  params: Record<string, string>;
  body: unknown;
}
interface ExpressResponse {
  status(code: number): { json(value: unknown): void };
}

function packageTest(
  name: string,
  body: (client: NetworkStack, host: NetworkStack) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const [one, other] = memoryPair();
    await using client = createStack({ device: one, address: "10.0.0.1" });
    await using host = createStack({ device: other, address: "10.0.0.2" });
    await settles(body(client, host));
  });
}

packageTest("an MQTT broker and client by aedes and mqtt", async (client, host) => {
  const broker = await Aedes.createBroker();
  const server = createNet(host).createServer(broker.handle).listen(1883);
  const connect = () => createNet(client).connect(1883, "10.0.0.2") as never;
  const mqtt = new MqttClient(connect, { clientId: "test", reconnectPeriod: 0 });
  await new Promise((resolve) => mqtt.on("connect", resolve));
  await mqtt.subscribeAsync("a/+");
  const got = new Promise((resolve) =>
    mqtt.on("message", (topic, text) => resolve([topic, `${text}`]))
  );
  await mqtt.publishAsync("a/b", "hello");
  assertEquals(await got, ["a/b", "hello"]);
  await mqtt.endAsync(true);
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  server.close();
});

packageTest("an Express application", async (client, host) => {
  const app = express();
  app.use(express.json());
  app.post("/items/:id", (request: ExpressRequest, response: ExpressResponse) => {
    response.status(201).json({ id: request.params.id, got: request.body });
  });
  const server = createServer(app);
  Object.defineProperty(server, "listening", { value: true });
  const listener = host.listen({ port: 80 });
  void (async () => {
    for await (const conn of listener) server.emit("connection", toDuplex(conn) as Duplex);
  })();
  const response = await fetchVia(client, "http://10.0.0.2/items/7", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ a: 1 }),
  });
  assertEquals([response.status, await response.json()], [201, { id: "7", got: { a: 1 } }]);
});

packageTest("a Hono application", async (client, host) => {
  const app = new Hono();
  app.get("/hello/:name", (context) => context.text(`Hello ${context.req.param("name")}`));
  await using _server = serveHttp(host.listen({ port: 80 }), (request) => app.fetch(request));
  const response = await fetchVia(client, "http://10.0.0.2/hello/you");
  assertEquals(await response.text(), "Hello you");
});
