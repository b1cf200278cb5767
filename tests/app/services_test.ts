import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { NetworkStack, TcpConn } from "../../mod.ts";
import { startServices } from "../../src/app/services/services.ts";
import {
  FAR,
  hear,
  hearAll,
  hearUntil,
  isPending,
  NEAR,
  type Pair,
  pairTest,
  pattern,
  pause,
  say,
  settles,
  until,
} from "../stacks.ts";
import { measure } from "./iperf3/sides.ts";

const ALL = { acceptAny: false, udpReverse: false };

/** A test of what the far stack serves. */
function serviceTest(
  name: string,
  body: (pair: Pair) => Promise<void>,
  options: Partial<typeof ALL> = {},
): void {
  pairTest(name, async (pair) => {
    startServices(pair.far, { ...ALL, ...options });
    await body(pair);
  });
}

function open({ near }: Pair, port: number): Promise<TcpConn> {
  return settles(near.connect({ hostname: FAR, port }));
}

/** Waits until the services have let go of every connection, but those in TIME_WAIT. */
async function isQuiet({ near, far }: Pair): Promise<void> {
  await until(() => near.core.tcp.connectionCount + far.core.tcp.connectionCount <= 1, "quiet");
}

serviceTest("echo sends back every byte, and closes when the peer has", async (pair) => {
  const conn = await open(pair, 7);
  const bytes = pattern(1_000_000);
  const sending = new Blob([bytes]).stream().pipeTo(conn.writable);
  assertEquals(await settles(hearAll(conn)), bytes);
  await sending;
  await isQuiet(pair);
});

serviceTest("discard takes everything and says nothing", async (pair) => {
  const conn = await open(pair, 9);
  await settles(say(conn, "x".repeat(1_000_000)));
  await conn.closeWrite();
  assertEquals(await settles(hear(conn, 1)), "");
  assertEquals(pair.far.core.counters.tcpBytesReceived, 1_000_000);
  await isQuiet(pair);
});

serviceTest("daytime says a line that is a date, and closes", async (pair) => {
  const conn = await open(pair, 13);
  const line = new TextDecoder().decode(await settles(hearAll(conn)));
  assert(line.endsWith("\r\n"), line);
  assert(Math.abs(Date.parse(line) - Date.now()) < 5000, line);
});

serviceTest(
  "chargen sends RFC 864's pattern: 95 lines of 72, each a character further on",
  async (pair) => {
    const conn = await open(pair, 19);
    const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join("");
    const text = await settles(hear(conn, 3 * 95 * 74));
    const lines = text.split("\r\n").slice(0, -1);
    assertEquals(lines.length, 3 * 95);
    for (const [i, line] of lines.entries()) {
      assertEquals(line, (printable + printable).slice(i % 95, i % 95 + 72));
    }
    assertEquals(lines[0], `${printable.slice(0, 72)}`);
    conn.close();
    await isQuiet(pair);
  },
);

serviceTest(
  "chargen waits for a peer that doesn't read, and stops when it closes",
  async (pair) => {
    const conn = await open(pair, 19);
    await pause(30);
    const { sendBuffer, receiveBuffer } = pair.far.core.tcp.config;
    const { tcpBytesSent } = pair.far.core.counters;
    assert(tcpBytesSent > 0 && tcpBytesSent <= sendBuffer + receiveBuffer, `${tcpBytesSent} bytes`);
    await conn.closeWrite();
    await settles(hearAll(conn));
    await isQuiet(pair);
  },
);

serviceTest("a connection that is reset bothers no service", async (pair) => {
  for (const port of [7, 9, 13, 19, 8080]) {
    const conn = await open(pair, port);
    await say(conn, "GET");
    conn.abort();
  }
  await until(() => pair.far.core.tcp.connectionCount === 0, "all are gone");
  const conn = await open(pair, 7);
  await say(conn, "still there?");
  assertEquals(await settles(hear(conn, 12)), "still there?");
});

serviceTest("with accept-any, every port that nobody else has echoes", async (pair) => {
  const conn = await open(pair, 12345);
  await say(conn, "hello");
  assertEquals(await settles(hear(conn, 5)), "hello");
  assertStringIncludes(await settles(hear(await open(pair, 13), 100)), "GMT");
}, { acceptAny: true });

serviceTest("without accept-any, other ports refuse", async (pair) => {
  await assertRejects(() => open(pair, 12345), Deno.errors.ConnectionRefused);
});

/** Sends a datagram and takes the answer; `undefined` if there is none. */
async function askByUdp(near: NetworkStack, port: number, text: string, from?: number) {
  await using socket = near.listenDatagram({ port: from });
  const answer = socket.receive();
  await socket.send(new TextEncoder().encode(text), { transport: "udp", hostname: FAR, port });
  if (await isPending(answer)) {
    answer.catch(() => {});
    return undefined;
  }
  const [bytes, { hostname, port: answeredFrom }] = await answer;
  assertEquals([hostname, answeredFrom], [FAR, port]);
  return new TextDecoder().decode(bytes);
}

serviceTest(
  "UDP echoes on every port but discard's, and never to another echo",
  async ({ near }) => {
    assertEquals(await askByUdp(near, 7, "hello"), "hello");
    assertEquals(await askByUdp(near, 4321, ""), "");
    assertEquals(await askByUdp(near, 4321, "x".repeat(1472)), "x".repeat(1472));
    assertEquals(await askByUdp(near, 9, "hello"), undefined);
    assertEquals(await askByUdp(near, 7, "hello", 7), undefined);
    assertEquals(await askByUdp(near, 4321, "hello", 19), undefined);
  },
);

serviceTest("UDP echo turns payloads round when told to", async ({ near }) => {
  assertEquals(await askByUdp(near, 7, "hello"), "olleh");
  const long = Array.from({ length: 100 }, (_, i) => i).join(",");
  assertEquals(await askByUdp(near, 7, long), [...long].reverse().join(""));
}, { udpReverse: true });

/** The answer to one request on a connection of its own, read to its end. */
async function request(pair: Pair, ...parts: string[]): Promise<string> {
  const conn = await open(pair, 8080);
  for (const [i, part] of parts.entries()) {
    if (i > 0) await pause(350); // longer than the silence that means chat
    await say(conn, part);
  }
  const answer = new TextDecoder().decode(await settles(hearAll(conn)));
  conn.close();
  return answer;
}

const REST = "HTTP/1.1\r\nhost: stack\r\nconnection: close\r\n\r\n";

serviceTest("HTTP: each path and method has its answer", async (pair) => {
  const cases: [start: string, status: number, part: string][] = [
    ["GET /", 200, "Hello from 10.0.0.2"],
    ["HEAD /", 200, "content-length"],
    ["GET /?query", 200, "Hello from 10.0.0.2"],
    ["GET http://elsewhere/", 200, "Hello from 10.0.0.2"],
    ["GET /counters", 200, `"tcpPassiveOpens"`],
    ["GET /nothing", 404, "Nothing is at /nothing"],
    ["POST /", 405, "allow: GET, HEAD"],
    ["DELETE /counters", 405, "allow: GET, HEAD"],
    ["GET /echo", 405, "allow: POST"],
    ["GET //", 400, "// is not the address of anything"],
    ["GET http://[", 400, "is not the address of anything"],
  ];
  for (const [start, status, part] of cases) {
    const answer = await request(pair, `${start} ${REST}`);
    assert(answer.startsWith(`HTTP/1.1 ${status} `), `${start}: ${answer}`);
    assertStringIncludes(answer, part);
    const [head, body] = answer.split("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(head!)?.[1]);
    assertEquals(body!.length, start.startsWith("HEAD") ? 0 : length, start);
  }
});

serviceTest("HTTP: POST /echo sends the body back", async (pair) => {
  const body = "x".repeat(300_000);
  const head =
    `POST /echo HTTP/1.0\r\ncontent-type: text/x\r\ncontent-length: ${body.length}\r\n\r\n`;
  const answer = await request(pair, head + body);
  assertStringIncludes(answer, "content-type: text/x");
  assert(answer.endsWith(`\r\n\r\n${body}`));
});

serviceTest("HTTP: a body that is cut short harms nobody", async (pair) => {
  const conn = await open(pair, 8080);
  await say(conn, "POST /echo HTTP/1.1\r\nhost: stack\r\ncontent-length: 100\r\n\r\nhalf");
  await settles(hearUntil(conn, "half"));
  conn.abort();
  await until(() => pair.far.core.tcp.connectionCount === 0, "it is gone");
  assertStringIncludes(await request(pair, `GET / ${REST}`), "Hello");
});

serviceTest(
  "HTTP: what is no HTTP after the first line is refused, and read to the end",
  async (pair) => {
    for (const rest of ["HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1\r\n\r\n"]) {
      const conn = await open(pair, 8080);
      await say(conn, `GET / ${rest}`);
      const answer = new TextDecoder().decode(await settles(hearAll(conn)));
      assert(answer.startsWith("HTTP/1.1 400 Bad Request\r\n"), answer);
      conn.close();
    }
  },
);

serviceTest("the front door waits for the rest of a first line", async (pair) => {
  assertStringIncludes(await request(pair, "GE", `T / ${REST}`), "Hello from 10.0.0.2");
});

serviceTest(
  "the front door takes a request line that is longer than its buffer for HTTP",
  async (pair) => {
    const fits = await request(pair, `GET /${"x".repeat(9000)} ${REST}`);
    assert(fits.startsWith("HTTP/1.1 404 "), fits.slice(0, 100));
    const conn = await open(pair, 8080);
    await say(conn, `GET /${"x".repeat(100_000)} ${REST}`).catch(() => {});
    const answer = new TextDecoder().decode(await settles(hearAll(conn)));
    assert(answer.startsWith("HTTP/1.1 431 "), answer);
  },
);

serviceTest("the front door is fast when a request comes at once", async (pair) => {
  const start = performance.now();
  await request(pair, `GET / ${REST}`);
  assert(performance.now() - start < 250, "no silence is waited for");
});

/** Joins the chat, and gives what it was greeted with. */
async function join(pair: Pair): Promise<[TcpConn, greeting: string, name: string]> {
  const conn = await open(pair, 8080);
  const greeting = await settles(hearUntil(conn, "\n"));
  return [conn, greeting, `${NEAR}:${conn.localAddr.port}`];
}

serviceTest(
  "chat: who says nothing is welcomed, and everybody hears of who comes and goes",
  async (pair) => {
    const [a, welcomeA, nameA] = await join(pair);
    assertEquals(welcomeA, `* Welcome, ${nameA}; 0 others are here\n`);
    const [b, welcomeB, nameB] = await join(pair);
    assertEquals(welcomeB, `* Welcome, ${nameB}; 1 other is here\n`);
    assertEquals(await settles(hearUntil(a, "\n")), `* ${nameB} has joined\n`);
    await say(b, "hello\r\n\r\nworld\n");
    assertEquals(await settles(hearUntil(a, "\n")), `${nameB}: hello\n`);
    assertEquals(await settles(hearUntil(a, "\n")), `${nameB}: world\n`);
    await say(a, "hi\n");
    assertEquals(await settles(hearUntil(b, "\n")), `${nameA}: hi\n`, "nobody hears himself");
    await b.closeWrite();
    assertEquals(await settles(hearUntil(a, "\n")), `* ${nameB} has left\n`);
    assertEquals(await settles(hear(b, 1)), "", "the connection ends");
  },
);

serviceTest("chat: a first line that is no request is said", async (pair) => {
  const [a] = await join(pair);
  const b = await open(pair, 8080);
  await say(b, "GET lost\n");
  const name = `${NEAR}:${b.localAddr.port}`;
  assertEquals(await settles(hearUntil(a, "\n")), `* ${name} has joined\n`);
  assertEquals(await settles(hearUntil(a, "\n")), `${name}: GET lost\n`);
});

serviceTest("chat: control characters stay out, and long lines come in pieces", async (pair) => {
  const [a] = await join(pair);
  const [b, , name] = await join(pair);
  await settles(hearUntil(a, "\n"));
  await say(b, "\x1b[2J\x07be\x00ll\tö\x7f\u009b\r\n");
  assertEquals(await settles(hearUntil(a, "ll\t")), `${name}: [2Jbell\t`);
  assertEquals(await settles(hear(a, 3)), "ö\n");
  await say(b, `${"x".repeat(10_000)}\n`);
  assertEquals((await settles(hearUntil(a, "\n"))).length, name.length + 2 + 8192 + 1);
  assertEquals((await settles(hearUntil(a, "\n"))).length, name.length + 2 + 10_000 - 8192 + 1);
});

serviceTest(
  "chat: one who doesn't read holds up nobody, and is let go in the end",
  async (pair) => {
    const [slow] = await join(pair);
    const [speaker] = await join(pair);
    const [listener] = await join(pair);
    let heard = 0;
    const listening = (async () => {
      const buffer = new Uint8Array(65536);
      for (let n = await listener.read(buffer); n !== null; n = await listener.read(buffer)) {
        heard += n;
      }
    })();
    const line = `${"x".repeat(1000)}\n`;
    let said = 0;
    let gone = false;
    while (!gone) {
      await settles(say(speaker, line.repeat(20)));
      said += 20 * line.length;
      gone = pair.near.core.counters.tcpResetsReceived > 0;
      assert(said < 20_000_000, "it is never let go");
    }
    await until(() => heard >= said, "the other has heard everything");
    await assertRejects(async () => {
      while (await slow.read(new Uint8Array(65536)) !== null);
    }, Deno.errors.ConnectionReset);
    await listener.closeWrite();
    await settles(listening);
  },
);

serviceTest("iperf3 measures with the stack, and again", async ({ near }) => {
  for (let i = 0; i < 2; i++) {
    const { summary } = await measure(near, { bytes: 100_000, length: 10_000 });
    assertEquals(summary.directions[0]!.received!.bytes, 100_000);
  }
});
