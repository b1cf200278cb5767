/**
 * A stream of UDP: numbered datagrams between two ports.
 *
 * @module
 */

import type { UdpSocket } from "../../socket/udp_socket.ts";
import { DatagramStats, writeHeader } from "./datagram_stats.ts";
import { GREETING } from "./protocol.ts";
import { type Counts, type Course, Pacer, type Stream } from "./stream.ts";
import { nextTurn } from "./waiting.ts";

/** How many datagrams are sent before others have their turn. */
const BURST = 32;
/** Most bytes that are sent at once. */
const MAX_RUN = 65_536;
/** Most datagrams that are kept when they are faster than the word that the test has begun. */
const MAX_EARLY = 64;

/** Takes the datagrams of a socket to their streams, by the address that they come from. */
export class UdpPort {
  readonly socket: UdpSocket;
  #streams = new Map<string, UdpStream>();
  #greet: (bytes: Uint8Array, from: Deno.NetAddr) => void;

  /** @param greet Is called with what may be a greeting. */
  constructor(socket: UdpSocket, greet: (bytes: Uint8Array, from: Deno.NetAddr) => void) {
    this.socket = socket;
    this.#greet = greet;
    this.#run();
  }

  async #run(): Promise<void> {
    for await (const [bytes, from] of this.socket) {
      if (bytes.length === GREETING) this.#greet(bytes, from);
      else this.find(from)?.receive(bytes);
    }
  }

  /** The stream to a port. */
  find(from: Deno.NetAddr): UdpStream | undefined {
    return this.#streams.get(`${from.hostname} ${from.port}`);
  }

  /** Makes a stream to a port. */
  open(id: number, isSender: boolean, local: string, remote: Deno.NetAddr): UdpStream {
    const stream = new UdpStream(id, isSender, this.socket, local, remote);
    this.#streams.set(`${remote.hostname} ${remote.port}`, stream);
    return stream;
  }
}

/** One direction between two ports. */
export class UdpStream implements Stream {
  readonly localAddr: Deno.NetAddr;
  readonly tcp = undefined;
  readonly congestion = undefined;
  readonly unsent = 0;
  #socket: UdpSocket;
  #stats = new DatagramStats();
  bytes = 0;
  #course: Course | undefined;
  #early: Uint8Array[] = [];

  constructor(
    readonly id: number,
    readonly isSender: boolean,
    socket: UdpSocket,
    local: string,
    readonly remoteAddr: Deno.NetAddr,
  ) {
    this.#socket = socket;
    this.localAddr = { ...socket.addr, hostname: local };
  }

  get counts(): Counts {
    const { packets, lost, outOfOrder } = this.#stats;
    return { bytes: this.bytes, packets, lost, outOfOrder, retransmits: 0 };
  }

  get jitter(): number {
    return this.#stats.jitter;
  }

  /** Takes a datagram. */
  receive(bytes: Uint8Array): void {
    const course = this.#course;
    if (this.isSender) return;
    if (course === undefined) {
      if (this.#early.length < MAX_EARLY) this.#early.push(bytes);
      return;
    }
    if (course.isOver) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#stats.take(view, performance.now(), course.parameters.counters64);
    this.bytes += bytes.length;
    course.progress();
  }

  async run(course: Course): Promise<void> {
    this.#course = course;
    for (const bytes of this.#early.splice(0)) this.receive(bytes);
    if (!this.isSender) return;
    try {
      await this.#send(course);
    } catch (error) {
      if (!course.isOver) throw error; // else it was closed because of that
    }
  }

  async #send(course: Course): Promise<void> {
    const { block, parameters: { bitrate, counters64 } } = course;
    const { length } = block;
    const most = Math.max(1, Math.min(BURST, Math.floor(MAX_RUN / length)));
    const run = new Uint8Array(most * length);
    for (let at = 0; at < run.length; at += length) run.set(block, at);
    const headers = Array.from({ length: most }, (_, i) => new DataView(run.buffer, i * length));
    const pacer = new Pacer(bitrate, performance.now());
    const options = { segmentSize: length };
    let burst = 0;
    while (!course.isOver) {
      const now = performance.now();
      const wait = pacer.wait(this.bytes, now);
      if (wait > 0) {
        await course.pause(wait);
        burst = 0;
        continue;
      }
      // At once as many as are due.
      const due = Math.min(run.length, course.wanted);
      let count = 0;
      let end = 0;
      do {
        writeHeader(headers[count]!, now, this.#stats.packets + count + 1, counters64);
        end = ++count * length;
      } while (end < due && pacer.wait(this.bytes + end, now) === 0);
      const sent = await this.#socket.send(run.subarray(0, end), this.remoteAddr, options);
      this.#stats.packets += sent / length;
      this.bytes += sent;
      if (sent > 0) course.progress();
      burst += count;
      if (burst < BURST && sent === end) continue;
      await nextTurn();
      burst = 0;
    }
  }

  close(): void {
    this.#socket.close();
  }
}
