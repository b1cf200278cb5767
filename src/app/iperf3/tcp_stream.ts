/**
 * A stream of TCP: a connection that is filled, or emptied.
 *
 * @module
 */

import type { TcpConn } from "../../socket/tcp_conn.ts";
import type { Parameters } from "./parameters.ts";
import { type Counts, type Course, Pacer, type Stream, type TcpSample } from "./stream.ts";

/** What the headers of IP and TCP take of a packet: of IPv4, and of IPv6. */
const HEADERS = 40;
const HEADERS_6 = 60;
/** What timestamps take. */
const TIMESTAMPS = 12;

/** One connection. */
export class TcpStream implements Stream {
  readonly localAddr: Deno.NetAddr;
  readonly remoteAddr: Deno.NetAddr;
  readonly jitter = 0;
  #conn: TcpConn;
  bytes = 0;

  constructor(readonly id: number, readonly isSender: boolean, conn: TcpConn) {
    this.#conn = conn;
    this.localAddr = conn.localAddr;
    this.remoteAddr = conn.remoteAddr;
  }

  /** Sets the connection up as the client asks. */
  configure({ noDelay, tos }: Parameters): void {
    if (noDelay) this.#conn.setNoDelay();
    if (tos !== 0) this.#conn.setTos(tos);
  }

  get counts(): Counts {
    const retransmits = this.isSender ? this.#conn.info().traffic.segmentsRetransmitted : 0;
    return { bytes: this.bytes, packets: 0, lost: 0, outOfOrder: 0, retransmits };
  }

  get tcp(): TcpSample | undefined {
    if (!this.isSender) return undefined;
    const { cwnd, sendWindow, rtt, rttVariation, mss, options } = this.#conn.info();
    const headers = this.localAddr.hostname.includes(":") ? HEADERS_6 : HEADERS;
    const pmtu = mss + headers + (options.timestamps ? TIMESTAMPS : 0);
    return { cwnd, sendWindow, rtt, rttVariation, pmtu };
  }

  get congestion(): string {
    return this.#conn.info().congestion;
  }

  get unsent(): number {
    return this.#conn.info().buffers.send.length;
  }

  async run(course: Course): Promise<void> {
    try {
      await (this.isSender ? this.#send(course) : this.#receive(course));
    } catch (error) {
      if (!course.isOver) throw error; // else it was closed because of that
    }
  }

  async #send(course: Course): Promise<void> {
    const { block, parameters: { bitrate } } = course;
    const pacer = new Pacer(bitrate, performance.now());
    while (!course.isOver) {
      const wait = pacer.wait(this.bytes, performance.now());
      if (wait > 0) {
        await course.pause(wait);
        continue;
      }
      // A block that was begun is ended: iperf3 reads whole ones.
      for (let at = 0; at < block.length;) {
        const n = await this.#conn.write(at === 0 ? block : block.subarray(at));
        at += n;
        this.bytes += n;
      }
      course.progress();
    }
  }

  async #receive(course: Course): Promise<void> {
    while (!course.isOver) {
      const n = await this.#conn.read(course.block);
      if (n === null) return;
      this.bytes += n;
      course.progress();
    }
  }

  close(): void {
    this.#conn.close();
  }
}
