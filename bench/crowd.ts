/**
 * Many connections between two stacks of one process, joined in memory, in virtual time: what is
 * measured then is TCP and what is below it, without the event loop.
 *
 * @module
 */

import { memoryPair } from "../mod.ts";
import type { Device } from "../src/phy/device.ts";
import { Stack } from "../src/stack/stack.ts";
import type { KeepAliveTimes } from "../src/tcp/keep_alive.ts";
import { NO_USER, type Tcb } from "../src/tcp/tcb.ts";
import { IpAddress } from "../src/wire/address.ts";
import type { Packet } from "../src/wire/packet.ts";

const CLIENT = IpAddress.v4(10, 0, 0, 1);
const SERVER = IpAddress.v4(10, 0, 0, 2);
/** The client's connections to one port of the server come from this port on, */
const FIRST_PORT = 1024;
/** and are so many. */
const PER_PORT = 50_000;
/** How many connections are opened, or closed, at once. */
const BURST = 100;
/** Length of what is echoed, in bytes. */
const MESSAGE = 64;
/** How long it takes until an acknowledgement has gone out and nothing is timed any more, in ms. */
const CALM = 2000;

/** A connection's two control blocks. */
export interface Ends {
  readonly client: Tcb;
  readonly server: Tcb;
}

/** Two stacks, and all connections between them. */
export class Crowd {
  /** In milliseconds. */
  now = 1000;
  readonly client: Stack;
  readonly server: Stack;
  readonly all: Ends[] = [];
  #devices: [Device, Device];
  #message = new Uint8Array(MESSAGE);
  #toClient = (packet: Packet) => this.client.receive(packet, this.now);
  #toServer = (packet: Packet) => this.server.receive(packet, this.now);

  /** @param random As `Env` has it. */
  constructor(random: () => number) {
    this.#devices = memoryPair();
    this.client = stackOn(this.#devices[0], CLIENT, random);
    this.server = stackOn(this.#devices[1], SERVER, random);
  }

  /** Segments that both stacks have received so far. */
  get segments(): number {
    return this.client.counters.tcpReceived + this.server.counters.tcpReceived;
  }

  /** Moves packets to and fro until none is on its way. */
  settle(): void {
    const { client, server, now } = this;
    const [near, far] = this.#devices;
    for (let moved = 1; moved > 0;) {
      client.poll(now);
      moved = far.receive(64, this.#toServer);
      server.poll(now);
      moved += near.receive(64, this.#toClient);
    }
  }

  /** Lets so many milliseconds pass, with all that is due in them. */
  pass(time: number): void {
    const end = this.now + time;
    this.settle();
    for (;;) {
      const next = Math.min(this.client.nextDeadline(), this.server.nextDeadline());
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.settle();
    }
    this.now = end;
  }

  /** Opens connections until there are `count`. */
  open(count: number): void {
    for (let port = 1; this.all.length < count; port++) {
      const listener = this.server.tcp.listen(SERVER, port, BURST, () => {})!;
      const most = Math.min(count, PER_PORT * port);
      while (this.all.length < most) {
        const clients = new Map<number, Tcb>();
        const burst = Math.min(BURST, most - this.all.length);
        for (let i = 0; i < burst; i++) {
          const own = FIRST_PORT + (this.all.length + i) % PER_PORT;
          const tcb = this.client.tcp.open(SERVER, port, CLIENT, own, NO_USER, this.now);
          if (typeof tcb === "number") throw new Error(`Cannot open a connection: ${tcb}`);
          clients.set(own, tcb);
        }
        this.settle();
        for (let tcb = listener.accept(); tcb !== undefined; tcb = listener.accept()) {
          this.all.push({ client: clients.get(tcb.remotePort)!, server: tcb });
        }
        this.now++;
      }
      this.server.tcp.unlisten(listener, this.now);
    }
    this.pass(CALM);
  }

  /** Closes all connections in order, the client first; they are in TIME_WAIT there then. */
  close(): void {
    for (let burst = this.all.splice(-BURST); burst.length > 0; burst = this.all.splice(-BURST)) {
      for (const { client } of burst) this.client.tcp.release(client, this.now);
      this.settle();
      for (const { server } of burst) this.server.tcp.release(server, this.now);
      this.settle();
      this.now += 0.1;
    }
  }

  /** Has something sent and sent back on one connection after the other, `step` apart, `count` times. */
  echo(step: number, count: number): void {
    const buffer = new Uint8Array(2 * MESSAGE);
    for (let i = 0, at = 0; i < count; i++, at = (at + step) % this.all.length) {
      const { client, server } = this.all[at]!;
      this.client.tcp.send(client, this.#message, this.now);
      this.settle();
      const n = this.server.tcp.receiveText(server, buffer, this.now);
      this.server.tcp.send(server, buffer.subarray(0, n), this.now);
      this.settle();
      if (this.client.tcp.receiveText(client, buffer, this.now) !== MESSAGE) {
        throw new Error("What was sent has not come back");
      }
      this.now += 0.01;
    }
  }

  /** Uses each connection once, and leaves all to themselves for a while. */
  useAll(): void {
    this.echo(1, this.all.length);
    this.pass(CALM);
  }

  /** Switches keep-alive on, or off, for the client's end of all connections, within so many ms. */
  keepAlive(times: KeepAliveTimes | null, within: number): void {
    for (const { client } of this.all) {
      this.client.tcp.setKeepAlive(client, times, this.now);
      this.now += within / this.all.length;
    }
  }
}

function stackOn(device: Device, address: IpAddress, random: () => number): Stack {
  const interfaces = [{
    name: device.name,
    link: device,
    addresses: [{ address, prefixLength: 32 }],
  }];
  return new Stack({ interfaces, tcp: { timeWaitMax: 1_000_000 } }, { random });
}

/**
 * Bytes in use on V8's heap and beside it, once all garbage is gone.
 *
 * @throws {Error} Unless V8 runs with `--expose-gc`.
 */
export function memoryInUse(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Run this with --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
