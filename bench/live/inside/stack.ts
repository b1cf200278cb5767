/**
 * Runs inside a namespace: a stack on a TUN interface, with what `../measures.ts` measures.
 *
 * Arguments: the options of `openTun`, in JSON.
 *
 * TCP ports: 7 sends back, 9 to 12 read into a buffer, 19 writes for as long as somebody takes it,
 * 5003 gives one answer to each connection, 8080 is HTTP by `serveHttp` and 8081 the least of HTTP
 * that a bare connection needs. UDP port 7 sends back.
 *
 * Prints `ready`, and answers lines of its standard input with one of JSON; ends with it.
 *
 *   memory      how many bytes it has, and how many connections there are
 *   timer MS    how late a timer of 10 ms was, again and again for MS milliseconds: in ms
 *
 * @module
 */

import { createStack, type LinkOptions, openTun, serveHttp, type TcpConn } from "../../../mod.ts";

const CHUNK = 256 * 1024;
const BODY = "Hello, world!\n";

const encoder = new TextEncoder();
const RESPONSE = encoder.encode(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

async function writeAll(conn: TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function echo(conn: TcpConn): Promise<void> {
  conn.setNoDelay();
  const chunk = new Uint8Array(4096);
  for (let n = await conn.read(chunk); n !== null; n = await conn.read(chunk)) {
    await writeAll(conn, chunk.subarray(0, n));
  }
}

const sink = new Uint8Array(CHUNK);

async function discard(conn: TcpConn): Promise<void> {
  while (await conn.read(sink) !== null);
}

const content = new Uint8Array(CHUNK);

async function chargen(conn: TcpConn): Promise<void> {
  for (;;) await conn.write(content);
}

async function answerOnce(conn: TcpConn): Promise<void> {
  const byte = new Uint8Array(1);
  if (await conn.read(byte) !== null) await conn.write(byte);
}

/** Answers requests without a body, which come whole, as a load generator's do. */
async function http(conn: TcpConn): Promise<void> {
  conn.setNoDelay();
  const chunk = new Uint8Array(4096);
  while (await conn.read(chunk) !== null) await writeAll(conn, RESPONSE);
}

const options: LinkOptions = JSON.parse(Deno.args[0]!);
const device = await openTun(options);
const stack = createStack({ device, address: [options.address].flat() as string[] });

async function serve(port: number, service: (conn: TcpConn) => Promise<void>): Promise<void> {
  for await (const conn of stack.listen({ port })) {
    service(conn).catch(ignoreReset).finally(() => conn.close());
  }
}

function ignoreReset(error: unknown): void {
  if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
}

async function echoDatagrams(): Promise<void> {
  const socket = stack.listenDatagram({ port: 7 });
  const buffer = new Uint8Array(2048);
  for (;;) {
    const [bytes, from] = await socket.receive(buffer);
    await socket.send(bytes, from);
  }
}

/** In milliseconds. */
const TIMER = 10;

/** What a timer of the application is late by. */
async function lateness(ms: number): Promise<{ p99: number; max: number }> {
  const late: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end;) {
    const due = performance.now() + TIMER;
    await new Promise((resolve) => setTimeout(resolve, TIMER));
    late.push(performance.now() - due);
  }
  late.sort((a, b) => a - b);
  return { p99: late[Math.floor(late.length * 0.99)]!, max: late.at(-1)! };
}

function memory(): { rss: number; connections: number } {
  const connections = stack.core.tcp.openCount;
  return { rss: Deno.memoryUsage().rss, connections };
}

function print(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

serve(7, echo);
for (let port = 9; port <= 12; port++) serve(port, discard);
serve(19, chargen);
serve(5003, answerOnce);
serve(8081, http);
echoDatagrams();
serveHttp(stack.listen({ port: 8080 }), () => new Response(BODY));
print("ready");
for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const [what, ms] = line.trim().split(" ");
  print(JSON.stringify(what === "timer" ? await lateness(Number(ms)) : memory()));
}
await stack.close();
Deno.exit(); // not all services end by themselves
