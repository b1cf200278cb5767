/** Clients that do what they should not: the server says what is wrong, and serves the next one. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { TcpConn } from "../../../mod.ts";
import { FAR, pause, settles, until } from "../../stacks.ts";
import { measure, type Served, servedTest } from "./sides.ts";

const COOKIE = new TextEncoder().encode(`${"a".repeat(36)}\0`);
const PARAMETERS = {
  tcp: true,
  omit: 0,
  time: 10,
  num: 0,
  blockcount: 0,
  parallel: 1,
  len: 1000,
  bandwidth: 0,
};

function json(value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  return Uint8Array.of(0, 0, text.length >> 8, text.length & 0xff, ...text);
}

function open({ near }: Served): Promise<TcpConn> {
  return settles(near.connect({ hostname: FAR, port: 5201 }));
}

/** Reads so many bytes; fewer at the end. */
async function read(conn: TcpConn, length: number): Promise<number[]> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const n = await settles(conn.read(bytes.subarray(at)));
    if (n === null) break;
    at += n;
  }
  return [...bytes.subarray(0, at)];
}

/** Waits for the complaint, and shows that the next client gets what it wants. */
async function survives(served: Served, complaint: string): Promise<void> {
  await until(() => served.printed.includes(`iperf3: ${complaint}`), complaint);
  const { summary } = await measure(served.near, { bytes: 5000, length: 1000 });
  assertEquals(summary.directions[0]!.received!.bytes, 5000);
}

/** A client that has said its cookie and its parameters, and opened a stream. */
async function begun(served: Served, parameters = {}): Promise<[TcpConn, TcpConn]> {
  const control = await open(served);
  await control.write(COOKIE);
  await read(control, 1);
  await control.write(json({ ...PARAMETERS, ...parameters }));
  assertEquals(await read(control, 1), [10]);
  const stream = await open(served);
  await stream.write(COOKIE);
  assertEquals(await read(control, 2), [1, 2]);
  return [control, stream];
}

servedTest("who says no cookie disturbs nobody", async (served) => {
  const silent = await open(served);
  const gone = await open(served);
  await gone.write(COOKIE.subarray(0, 20));
  gone.abort();
  const { summary } = await measure(served.near, { bytes: 5000, length: 1000 });
  assertEquals(summary.directions[0]!.received!.bytes, 5000);
  silent.close();
});

servedTest("JSON that is too long is not read", async (served) => {
  const conn = await open(served);
  await conn.write(COOKIE);
  await conn.write(Uint8Array.of(0x7f, 0xff, 0xff, 0xff));
  assertEquals(await read(conn, 99), [9, 0xfe, 0, 0, 0, 114, 0, 0, 0, 0]);
  conn.close();
  await survives(served, "The peer announces JSON of 2147483647 bytes");
});

servedTest("what is no JSON is refused", async (served) => {
  const conn = await open(served);
  await conn.write(COOKIE);
  await conn.write(Uint8Array.of(0, 0, 0, 2, 0xff, 0x7b));
  assertEquals(await read(conn, 99), [9, 0xfe, 0, 0, 0, 114, 0, 0, 0, 0]);
  conn.close();
  await survives(served, "The peer sends something that is no JSON");
});

servedTest("parameters out of range are refused, with their number", async (served) => {
  const conn = await open(served);
  await conn.write(COOKIE);
  await conn.write(json({ ...PARAMETERS, parallel: 1000 }));
  assertEquals(await read(conn, 99), [9, 0xfe, 0, 0, 0, 6, 0, 0, 0, 0]);
  conn.close();
  await survives(served, "The client's parallel must be from 1 to 128: got 1000");
});

servedTest("a client that vanishes in the middle ends its test", async (served) => {
  for (const parameters of [{}, { reverse: true }]) {
    const [control, stream] = await begun(served, parameters);
    stream.abort();
    control.abort();
    await until(() => served.far.core.tcp.connectionCount === 0, "all is gone");
  }
  assertEquals(served.printed.filter((line) => line.includes("reset")).length, 2);
  await measure(served.near, { bytes: 5000, length: 1000 });
});

servedTest("a client that closes the control connection ends its test", async (served) => {
  const [control, stream] = await begun(served);
  control.close();
  await survives(served, "The peer has closed the control connection");
  stream.close();
});

servedTest("a test in which nothing happens ends", async (served) => {
  const [control, stream] = await begun(served);
  assertEquals(await read(control, 1), [], "the server hangs up");
  control.close();
  stream.close();
  await survives(served, "Nothing is transferred any more");
}, { idleTimeout: 50 });

servedTest("a test that does not end in its time is ended", async (served) => {
  const [control, stream] = await begun(served, { time: 1 });
  const sending = setInterval(() => stream.write(new Uint8Array(10)).catch(() => {}), 5);
  assertEquals(await read(control, 1), [], "the server hangs up");
  clearInterval(sending);
  control.close();
  stream.close();
  await survives(served, "The client does not end the test");
}, { graceTime: 50, idleTimeout: 100 });

servedTest("a state out of turn ends the test", async (served) => {
  const [control, stream] = await begun(served);
  await control.write(Uint8Array.of(16));
  assertEquals(await read(control, 1), []);
  await survives(served, "The client says IPERF_DONE out of turn");
  stream.close();
  control.close();
});

servedTest("more streams than there are to be are turned away", async (served) => {
  const [control, stream] = await begun(served);
  for (const cookie of [COOKIE, COOKIE.map((byte) => byte ^ 1)]) {
    const another = await open(served);
    await another.write(cookie);
    assertEquals(await read(another, 9), [0xff]);
    another.close();
  }
  control.abort();
  stream.abort();
});

servedTest("results that are rubbish bother nobody", async (served) => {
  const [control, stream] = await begun(served);
  await control.write(Uint8Array.of(4));
  assertEquals(await read(control, 1), [13]);
  await control.write(json({ streams: [{ id: 1, bytes: "many" }] }));
  assertEquals(await read(control, 1), []);
  control.close();
  stream.close();
  await survives(served, "The peer's results are not what they should be: a number");
});

servedTest("datagrams from elsewhere open no stream", async (served) => {
  const control = await open(served);
  await control.write(COOKIE);
  await read(control, 1);
  await control.write(json({ ...PARAMETERS, tcp: undefined, udp: true, parallel: 1 }));
  assertEquals(await read(control, 1), [10]);
  const socket = served.near.listenDatagram();
  const server: Deno.NetAddr = { transport: "udp", hostname: FAR, port: 5201 };
  await socket.send(new TextEncoder().encode("rubbish"), server);
  await socket.send(new TextEncoder().encode("1234"), server);
  await pause(10);
  for (let i = 0; i < 2; i++) {
    await socket.send(new TextEncoder().encode("9876"), server);
    const [answer] = await settles(socket.receive());
    assertEquals(new TextDecoder().decode(answer), "6789", "the same again if it got lost");
  }
  assertEquals(await read(control, 2), [1, 2]);
  await socket.send(new Uint8Array(11), server); // too short to be counted
  await control.write(Uint8Array.of(12));
  assertEquals(await read(control, 1), []);
  await until(() => served.printed.includes("iperf3: The client has terminated"), "it has ended");
  assertStringIncludes(served.printed.join("\n"), "0/0 (0%)");
  socket.close();
  control.close();
});
