/**
 * Our connections and Deno's own, over loopback, side by side: programs must not see a difference.
 */

import { assertEquals } from "@std/assert";
import { FAR, pairTest, settles } from "../stacks.ts";

/** What both kinds of connection have. */
type Conn = Pick<
  Deno.TcpConn,
  | "read"
  | "write"
  | "close"
  | "closeWrite"
  | "readable"
  | "writable"
  | "remoteAddr"
  | "localAddr"
  | "setNoDelay"
  | "setKeepAlive"
>;

/** What both kinds of listener have. */
interface Listener extends AsyncIterable<Conn> {
  readonly addr: Deno.Addr;
  accept(): Promise<Conn>;
  close(): void;
}

/** One kind of network. */
interface World {
  listen(): Listener;
  connect(port: number): Promise<Conn>;
}

/** A call and what it came to: a value, or the name of an error. */
async function outcome(call: () => unknown): Promise<string> {
  try {
    return String(await settles(Promise.try(call)));
  } catch (error) {
    return (error as Error).name;
  }
}

const BYTE = new Uint8Array(1);
const NONE = new Uint8Array(0);

async function pair(world: World): Promise<[Conn, Conn, Listener]> {
  const listener = world.listen();
  const { port } = listener.addr as Deno.NetAddr;
  const [a, b] = await Promise.all([world.connect(port), listener.accept()]);
  return [a, b, listener];
}

/** What a program does to a connection; returns the calls whose outcomes count. */
const SCENES: Record<string, (a: Conn, b: Conn) => Promise<(() => unknown)[]> | (() => unknown)[]> =
  {
    "reading and writing": (a, b) => [
      () => a.write(new Uint8Array(3)),
      () => b.read(new Uint8Array(9)),
      () => a.write(NONE),
      () => a.read(NONE),
      () => `${a.remoteAddr.transport} ${b.localAddr.port === a.remoteAddr.port}`,
    ],
    "after close()": (a) => {
      a.close();
      return [
        () => a.read(BYTE),
        () => a.write(BYTE),
        () => a.closeWrite(),
        () => a.setNoDelay(),
        () => a.setKeepAlive(true),
      ];
    },
    "after closeWrite()": async (a, b) => {
      await a.closeWrite();
      return [
        () => b.read(BYTE),
        () => b.read(BYTE),
        () => b.read(NONE),
        () => b.write(new Uint8Array(3)),
        () => a.read(new Uint8Array(9)),
        () => a.write(BYTE),
      ];
    },
    "after the peer's close()": async (a, b) => {
      await b.write(BYTE);
      b.close();
      return [() => a.read(BYTE), () => a.read(BYTE)];
    },
    "streams": async (a, b) => {
      const echoing = b.readable.pipeTo(b.writable);
      const sending = new Blob(["x".repeat(100_000)]).stream().pipeTo(a.writable, {
        preventClose: true,
      });
      await sending;
      const reader = a.readable.getReader();
      let length = 0;
      while (length < 100_000) length += (await reader.read()).value!.length;
      reader.releaseLock();
      await a.closeWrite();
      return [() => length, () => echoing, () => reader.closed.catch(() => "released")];
    },
  };

/** What a program does to a listener. */
const LISTENER_SCENES: Record<string, (world: World) => Promise<(() => unknown)[]>> = {
  "close() while accept() waits": (world) => {
    const listener = world.listen();
    const waiting = listener.accept();
    waiting.catch(() => {});
    listener.close();
    return Promise.resolve([() => waiting, () => listener.accept()]);
  },
  "leaving a loop": async (world) => {
    const listener = world.listen();
    const client = await world.connect((listener.addr as Deno.NetAddr).port);
    for await (const conn of listener) {
      conn.close();
      break;
    }
    client.close();
    return [() => listener.accept()];
  },
  "close() within a loop": async (world) => {
    const listener = world.listen();
    const client = await world.connect((listener.addr as Deno.NetAddr).port);
    let count = 0;
    for await (const conn of listener) {
      count++;
      conn.close();
      listener.close();
    }
    client.close();
    return [() => count];
  },
  "nobody listens": async (world) => {
    const listener = world.listen();
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    await Promise.resolve();
    return [() => world.connect(port), () => world.connect(0), () => world.connect(65536)];
  },
};

async function play(world: World): Promise<Record<string, string[]>> {
  const outcomes: Record<string, string[]> = {};
  for (const [name, scene] of Object.entries(SCENES)) {
    const [a, b, listener] = await pair(world);
    outcomes[name] = [];
    for (const call of await scene(a, b)) outcomes[name].push(await outcome(call));
    for (const end of [a, b, listener]) await outcome(() => end.close());
  }
  for (const [name, scene] of Object.entries(LISTENER_SCENES)) {
    outcomes[name] = [];
    for (const call of await scene(world)) outcomes[name].push(await outcome(call));
  }
  return outcomes;
}

pairTest("connections and listeners do as Deno's own do", async ({ near, far }) => {
  const ours = await play({
    listen: () => far.listen({ port: 0 }),
    connect: (port) => near.connect({ hostname: FAR, port }),
  });
  const hostname = "127.0.0.1";
  const denos = await play({
    listen: () => Deno.listen({ hostname, port: 0 }),
    connect: (port) => Deno.connect({ hostname, port }),
  });
  assertEquals(ours, denos);
  assertEquals(ours["after close()"], new Array(5).fill("BadResource"));
});
