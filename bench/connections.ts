/**
 * What many connections cost: opening and closing them, the memory of one that is idle, a packet on
 * one of them, and their timers. Two stacks of one process, joined in memory, in virtual time.
 *
 * `deno task bench:connections [count…]`, by default 100, 10,000 and 100,000 connections.
 */

import { memoryPair } from "../mod.ts";
import type { Device } from "../src/phy/device.ts";
import { Stack } from "../src/stack/stack.ts";
import type { Listener } from "../src/tcp/listener.ts";
import { NO_USER, type Tcb } from "../src/tcp/tcb.ts";
import { IpAddress } from "../src/wire/address.ts";

const CLIENT = IpAddress.v4(10, 0, 0, 1);
const SERVER = IpAddress.v4(10, 0, 0, 2);
const FIRST_PORT = 1024;
/** How many connections go to one port of the server. */
const PER_PORT = 50_000;
/** How many SYNs are out at once. */
const BURST = 100;
const MESSAGE = new Uint8Array(64);
const ECHOES = 20_000;

/** Two stacks, and all connections between them. */
class Pair {
  now = 1000;
  readonly client: Stack;
  readonly server: Stack;
  readonly clients: Tcb[] = [];
  readonly servers: Tcb[] = [];
  #devices: [Device, Device];

  constructor() {
    this.#devices = memoryPair();
    this.client = stackOn(this.#devices[0], CLIENT);
    this.server = stackOn(this.#devices[1], SERVER);
  }

  /** Moves packets to and fro until none is on its way. */
  settle(): void {
    const { client, server } = this;
    const [near, far] = this.#devices;
    for (;;) {
      client.poll(this.now);
      const sent = far.receive(64, (packet) => server.receive(packet, this.now));
      server.poll(this.now);
      const answered = near.receive(64, (packet) => client.receive(packet, this.now));
      if (sent + answered === 0) return;
    }
  }

  /** Opens connections until there are `count`. */
  open(count: number): void {
    const listeners: Listener[] = [];
    for (let port = 1; port <= Math.ceil(count / PER_PORT); port++) {
      listeners.push(this.server.tcp.listen(SERVER, port, 2 * BURST, () => {})!);
    }
    while (this.clients.length < count) {
      const end = Math.min(count, this.clients.length + BURST);
      for (let i = this.clients.length; i < end; i++) {
        const port = 1 + Math.floor(i / PER_PORT);
        const own = FIRST_PORT + i % PER_PORT;
        const tcb = this.client.tcp.open(SERVER, port, CLIENT, own, NO_USER, this.now);
        if (typeof tcb === "number") throw new Error(`Open failed: ${tcb}`);
        this.clients.push(tcb);
      }
      this.settle();
      this.now++;
      for (const listener of listeners) {
        for (let tcb = listener.accept(); tcb !== undefined; tcb = listener.accept()) {
          this.servers.push(tcb);
        }
      }
    }
    for (const listener of listeners) this.server.tcp.unlisten(listener, this.now);
    this.pass(1000);
  }

  /** Lets time pass. */
  pass(time: number): void {
    const end = this.now + time;
    for (;;) {
      this.settle();
      const next = Math.min(this.client.nextDeadline(), this.server.nextDeadline());
      if (next > end) break;
      this.now = Math.max(this.now, next);
    }
    this.now = end;
  }

  /** Sends a message on a connection, and has it sent back. */
  echo(tcb: Tcb, peer: Tcb, buffer: Uint8Array): void {
    this.client.tcp.send(tcb, MESSAGE, this.now);
    this.settle();
    const n = this.server.tcp.receiveText(peer, buffer, this.now);
    this.server.tcp.send(peer, buffer.subarray(0, n), this.now);
    this.settle();
    if (this.client.tcp.receiveText(tcb, buffer, this.now) !== MESSAGE.length) {
      throw new Error("No echo");
    }
    this.now += 0.01;
  }
}

function stackOn(device: Device, address: IpAddress): Stack {
  const env = { random: () => Math.floor(Math.random() * 2 ** 32) };
  const addresses = [{ address, prefixLength: 32 }];
  const interfaces = [{ name: device.name, link: device, addresses }];
  return new Stack({ interfaces, tcp: { timeWaitMax: 1_000_000 } }, env);
}

/** Bytes in use, on V8's heap and beside it, once all garbage is gone. */
function memory(): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) throw new Error("Run with --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Time of a call in milliseconds. */
function timed(call: () => void): number {
  const start = performance.now();
  call();
  return performance.now() - start;
}

function micros(ms: number, count: number): string {
  return `${(ms * 1000 / count).toFixed(2)} µs`;
}

function run(count: number): void {
  const before = memory();
  const pair = new Pair();
  const empty = memory();
  const opened = timed(() => pair.open(count));
  const each = (memory() - empty) / (2 * count);
  console.log(
    `\n${count} connections (two stacks empty: ${Math.round((empty - before) / 1024)} KiB)`,
  );
  console.log(`  open       ${Math.round(count / opened * 1000)}/s`);
  console.log(`  idle       ${Math.round(each)} bytes a side`);
  const buffer = new Uint8Array(4096);
  const peers = new Map(pair.servers.map((tcb) => [tcb.remotePort * 65536 + tcb.localPort, tcb]));
  const both = pair.clients.map((tcb) =>
    [tcb, peers.get(tcb.localPort * 65536 + tcb.remotePort)!] as const
  );
  const onOne = () => {
    const [tcb, peer] = both[0]!;
    for (let i = 0; i < ECHOES; i++) pair.echo(tcb, peer, buffer);
  };
  const onAll = () => {
    for (let i = 0; i < ECHOES; i++) {
      const [tcb, peer] = both[(i * 7919) % count]!;
      pair.echo(tcb, peer, buffer);
    }
  };
  onOne();
  const packets = () => pair.client.counters.tcpReceived + pair.server.counters.tcpReceived;
  for (const [name, call] of [["echo on one", onOne], ["echo on all", onAll]] as const) {
    const from = packets();
    const best = Math.min(...[1, 2, 3].map(() => timed(call)));
    console.log(
      `  ${name.padEnd(11)}${micros(best, ECHOES)} each, ${
        micros(best, (packets() - from) / 3)
      } a packet`,
    );
  }
  pair.pass(5000);
  for (const [tcb, peer] of both) pair.echo(tcb, peer, buffer);
  pair.pass(5000);
  console.log(`  used, idle ${Math.round((memory() - empty) / (2 * count))} bytes a side`);
  const times = { idle: 10_000, interval: 1000, count: 5 };
  const set = timed(() => {
    for (const [tcb] of both) {
      pair.client.tcp.setKeepAlive(tcb, times, pair.now + Math.random() * 1000);
    }
  });
  console.log(`  keep-alive set ${micros(set, count)}`);
  console.log(`  first poll ${
    timed(() => {
      pair.client.poll(pair.now);
      pair.client.nextDeadline();
    })
  } ms`);
  const idle = timed(() => {
    for (let i = 0; i < 100_000; i++) {
      pair.client.poll(pair.now);
      pair.client.nextDeadline();
    }
  });
  console.log(`  idle poll  ${micros(idle, 100_000)}`);
  console.log(`  echo on one, keep-alive ${micros(timed(onOne), ECHOES)}`);
  const from = packets();
  const probes = timed(() => pair.pass(11_500));
  console.log(
    `  probes     ${micros(probes, packets() - from)} a packet, ${packets() - from} packets`,
  );
  for (const [tcb] of both) pair.client.tcp.setKeepAlive(tcb, null, pair.now);
  const list = timed(() => {
    let n = 0;
    for (const _ of pair.client.tcp.connections()) n++;
    if (n !== count) throw new Error("Lost some");
  });
  console.log(`  walk       ${micros(list, count)}`);
  let unlisten = 0;
  for (let i = 0; i < 10; i++) {
    const l = pair.client.tcp.listen(CLIENT, 80, 10, () => {})!;
    unlisten += timed(() => pair.client.tcp.unlisten(l, pair.now));
  }
  console.log(`  unlisten   ${micros(unlisten, 10)}`);
  console.log(`  freePort   ${
    micros(
      timed(() => {
        for (let i = 0; i < 10; i++) pair.client.tcp.freePort();
      }),
      10,
    )
  }`);
  const closed = timed(() => {
    for (let i = 0; i < count; i += BURST) {
      const end = Math.min(count, i + BURST);
      for (let k = i; k < end; k++) pair.client.tcp.release(both[k]![0], pair.now);
      pair.settle();
      for (let k = i; k < end; k++) pair.server.tcp.release(both[k]![1], pair.now);
      pair.settle();
      pair.now += 0.1;
    }
  });
  console.log(
    `  close      ${
      Math.round(count / closed * 1000)
    }/s, ${pair.client.tcp.connectionCount} in TIME_WAIT`,
  );
  both.length = 0;
  peers.clear();
  pair.clients.length = pair.servers.length = 0;
  console.log(`  TIME_WAIT  ${Math.round((memory() - empty) / count)} bytes`);
  console.log(`  end of it  ${micros(timed(() => pair.pass(61_000)), count)}`);
  console.log(`  left       ${Math.round((memory() - empty) / 1024)} KiB`);
}

const counts = Deno.args.length > 0 ? Deno.args.map(Number) : [100, 10_000, 100_000];
for (const count of counts) run(count);
