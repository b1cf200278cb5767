/** TLS by node:tls on our connections. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer } from "node:https";
import { connect, TLSSocket } from "node:tls";
import { createStack, fetchVia, memoryPair, type NetworkStack, toDuplex } from "../../mod.ts";
import { pattern, settles } from "../stacks.ts";
import { CERTIFICATE, KEY } from "./certificate.ts";

function tlsTest(
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

/** Answers each request on port 443 with its path. */
function serveHttps(host: NetworkStack): void {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    response.end(`secure ${request.url}`);
  });
  const listener = host.listen({ port: 443 });
  void (async () => {
    for await (const conn of listener) server.emit("connection", toDuplex(conn));
  })();
}

tlsTest(
  "fetchVia() speaks HTTPS to node:https, when it trusts the certificate",
  async (client, host) => {
    serveHttps(host);
    const response = await fetchVia(client, "https://10.0.0.2/x", { ca: CERTIFICATE });
    assertEquals([response.status, await response.text()], [200, "secure /x"]);
    const careless = await fetchVia(client, "https://10.0.0.2/y", { rejectUnauthorized: false });
    assertEquals(await careless.text(), "secure /y");
  },
);

tlsTest("fetchVia() refuses a certificate that nobody vouches for", async (client, host) => {
  serveHttps(host);
  const error = await assertRejects(() => fetchVia(client, "https://10.0.0.2/x"), TypeError);
  assert(error.cause instanceof Error);
});

tlsTest(
  "both ends of node:tls run on our connections, a megabyte each way",
  async (client, host) => {
    const data = pattern(1_000_000);
    const listener = host.listen({ port: 443 });
    const served = listener.accept().then((conn) => {
      const socket = new TLSSocket(toDuplex(conn), { isServer: true, key: KEY, cert: CERTIFICATE });
      socket.pipe(socket);
      return new Promise((resolve) => socket.on("close", resolve));
    });
    const conn = await client.connect({ hostname: "10.0.0.2", port: 443 });
    const socket = connect({ socket: toDuplex(conn), ca: CERTIFICATE, servername: "stack.test" });
    await new Promise<void>((resolve, reject) => {
      socket.on("secureConnect", () => resolve()).on("error", reject);
    });
    assert(socket.authorized);
    socket.end(data);
    let at = 0;
    for await (const chunk of socket as AsyncIterable<Uint8Array>) {
      for (let i = 0; i < chunk.length; i++) {
        if (chunk[i] !== data[at + i]) {
          assertEquals(at + i, -1);
        }
      }
      at += chunk.length;
    }
    assertEquals(at, data.length);
    await served;
  },
);
