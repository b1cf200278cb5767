/**
 * Runs inside a namespace: a web server on a stack of its own, by the library alone.
 *
 * HTTP on port 80: `GET /bytes/N` gives N bytes of a known stream, `PUT /digest` tells how much came and
 * its SHA-256, `GET /endless` never ends, `GET /silent` is never answered. HTTPS on port 443 answers
 * with the path. Port 7 echoes.
 *
 * Each line on the standard input is answered with a line of JSON: what is left of connections, buffers
 * and descriptors. Prints `ready` once the interface is up. The stack is 10.0.0.2, the host 10.0.0.1.
 *
 * @module
 */

import { createCipheriv, createHash } from "node:crypto";
import { createServer } from "node:https";
import { createStack, openTun, serveHttp, toDuplex } from "../../../mod.ts";
import { print } from "../../../src/app/terminal.ts";
import { CERTIFICATE, KEY } from "../../node/certificate.ts";

const CHUNK = new Uint8Array(256 * 1024);

/** What `openssl enc -aes-128-ctr` makes of zeros, with key and vector of zeros. */
function stream(length: number): ReadableStream<Uint8Array> {
  const cipher = createCipheriv("aes-128-ctr", new Uint8Array(16), new Uint8Array(16));
  let left = length;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left === 0) return controller.close();
      const bytes = cipher.update(CHUNK.subarray(0, left));
      left -= bytes.length;
      controller.enqueue(bytes);
    },
  }, { highWaterMark: 0 });
}

async function digest(request: Request): Promise<Response> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of request.body!) {
    hash.update(chunk);
    length += chunk.length;
  }
  return Response.json({ length, hash: hash.digest("hex") });
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const [, verb, length] = pathname.split("/");
  switch (verb) {
    case "bytes":
      return new Response(stream(Number(length)), { headers: { "content-length": length! } });
    case "digest":
      return await digest(request);
    case "peak":
      return new Response(/VmHWM:\s*(\d+)/.exec(await Deno.readTextFile("/proc/self/status"))![1]);
    case "endless":
      return new Response(stream(Infinity));
    case "silent":
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return new Response();
    default:
      return new Response("Not Found\n", { status: 404 });
  }
}

function serveHttps(): void {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    response.end(`secure ${request.url}\n`);
  });
  void (async () => {
    for await (const conn of stack.listen({ port: 443 })) {
      const duplex = toDuplex(conn);
      duplex.on("error", () => {});
      server.emit("connection", duplex);
    }
  })();
}

async function echo(): Promise<void> {
  for await (const conn of stack.listen({ port: 7, backlog: 1000 })) {
    conn.readable.pipeTo(conn.writable).catch(() => {}).finally(() => conn.close());
  }
}

/** What is open. Deno's own caches and sockets come when it likes; the library has none. */
function descriptors(): string[] {
  const names = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => `/proc/self/fd/${name}`);
  return names.flatMap((name) => {
    try {
      return [Deno.readLinkSync(name)];
    } catch {
      return []; // that of the folder itself
    }
  }).filter((path) => !/_cache_v\d|^socket:/.test(path)).sort();
}

/** What there is at the moment. */
function state() {
  const { tcp } = stack.core;
  let buffered = 0;
  let connections = 0;
  for (const { sendBuffer, receiveBuffer } of tcp.connections()) {
    connections++;
    buffered += sendBuffer.length + receiveBuffer.length;
  }
  return {
    connections,
    buffered,
    served: server.connectionCount,
    descriptors: descriptors(),
  };
}

const device = await openTun();
const stack = createStack({ device, address: "10.0.0.2" });
const server = serveHttp(stack.listen({ port: 80 }), answer, { idleTimeout: 2000 });
serveHttps();
void echo();
print("ready");
for await (const _ of Deno.stdin.readable) print(JSON.stringify(state()));
await stack.close();
