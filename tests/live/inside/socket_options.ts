/**
 * Runs inside a namespace whose kernel forwards: two stacks on TUNs of their own, and what the options
 * of their sockets do. Prints one line of JSON.
 *
 * @module
 */

import { createStack, type NetworkStack, openTun, type TcpConn } from "../../../mod.ts";
import { print } from "../../../src/app/terminal.ts";

const PORT = 9000;
const LOCAL_PORT = 5000;

async function open(n: number): Promise<NetworkStack> {
  const address = `10.${n}.0.2`;
  const device = await openTun({ address, hostAddress: `10.${n}.0.1` });
  // Timestamps alone would let a new connection follow one in TIME_WAIT.
  return createStack({ device, address, tcp: { reuseTimeWait: false } });
}

/** What becomes of a call: what it says, or the name of its error. */
async function outcome(call: () => string | Promise<string>): Promise<string> {
  try {
    return await call();
  } catch (error) {
    return (error as Error).name;
  }
}

/** Connects, always from the same port. */
async function connect(reuseAddress = false): Promise<TcpConn> {
  const to = { hostname: "10.2.0.2", port: PORT, localPort: LOCAL_PORT };
  return await near.connect({ ...to, sendBuffer: 4096, reuseAddress });
}

async function readText(conn: TcpConn): Promise<string> {
  const target = new Uint8Array(100);
  const n = await conn.read(target);
  return new TextDecoder().decode(target.subarray(0, n ?? 0));
}

/** A read that has waited for long enough gives up, and the connection goes on. */
async function receiveTimeout(conn: TcpConn, peer: TcpConn) {
  conn.setReceiveTimeout(100);
  const start = performance.now();
  const error = await outcome(() => readText(conn));
  const took = performance.now() - start;
  await peer.write(new TextEncoder().encode("hello"));
  return { error, took, later: await readText(conn) };
}

/** Nobody reads: the receiver takes as much as its buffer holds, the sender as much as its own. */
async function buffers(conn: TcpConn, peer: TcpConn) {
  const offered = conn.info().sendWindow;
  conn.setSendTimeout(500);
  let taken = 0;
  try {
    for (;;) taken += await conn.write(new Uint8Array(1000));
  } catch (error) {
    if (!(error instanceof Deno.errors.TimedOut)) throw error;
  }
  const { receive } = peer.info().buffers;
  const { send } = conn.info().buffers;
  let arrived = 0;
  while (arrived < taken) arrived += await peer.read(new Uint8Array(taken)) ?? 0;
  return { receive: receive.capacity, offered, send: send.capacity, taken, arrived };
}

/** The near end closes first, and keeps the connection in TIME_WAIT. */
async function timeWait(conn: TcpConn, peer: TcpConn) {
  await conn.closeWrite();
  await peer.read(new Uint8Array(1));
  peer.close();
  await conn.read(new Uint8Array(1));
  conn.close();
  const listen = (reuseAddress: boolean) =>
    outcome(() => {
      near.listen({ port: LOCAL_PORT, reuseAddress }).close();
      return "listens";
    });
  return {
    listen: await listen(false),
    connect: await outcome(async () => (await connect()).info().state),
    listenReusing: await listen(true),
    connectReusing: await outcome(async () => (await connect(true)).info().state),
  };
}

await using near = await open(1);
await using far = await open(2);
await using listener = far.listen({ port: PORT, receiveBuffer: 8192 });
const [conn, peer] = await Promise.all([connect(), listener.accept()]);
print(JSON.stringify({
  receiveTimeout: await receiveTimeout(conn, peer),
  buffers: await buffers(conn, peer),
  timeWait: await timeWait(conn, peer),
}));
