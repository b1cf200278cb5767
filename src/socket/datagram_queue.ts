/**
 * Datagrams that wait to be received.
 *
 * @module
 */

import { RingBuffer } from "../base/ring_buffer.ts";

/** Most datagrams that wait on one socket. */
const MOST = 256;
/** Most bytes of them. */
const MOST_BYTES = 4 * 2 ** 20;

/** A datagram, and where it came from. */
export type Received<T extends ArrayBufferLike = ArrayBuffer> = [
  bytes: Uint8Array<T>,
  from: Deno.NetAddr,
];

/** A queue of datagrams, all in one ring of bytes, which takes memory while there are any. */
export class DatagramQueue {
  #bytes = new RingBuffer(MOST_BYTES);
  #lengths: number[] = [];
  #froms: Deno.NetAddr[] = [];

  /** Whether one of `length` bytes has room. */
  hasRoom(length: number): boolean {
    return this.#lengths.length < MOST && this.#bytes.free >= length;
  }

  /** Adds a copy of the datagram in `source[at, end)`, for which there is room. */
  add(source: Uint8Array, at: number, end: number, from: Deno.NetAddr): void {
    this.#bytes.write(source, at, end);
    this.#lengths.push(end - at);
    this.#froms.push(from);
  }

  /** Takes the first one out, in memory of its own; `undefined` if there is none. */
  take(): Received | undefined {
    return this.#lengths.length === 0 ? undefined : this.#take(new Uint8Array(this.#lengths[0]!));
  }

  /** The same, into `target`: what has no room there is lost. */
  takeInto<T extends ArrayBufferLike>(target: Uint8Array<T>): Received<T> | undefined {
    const [length] = this.#lengths;
    return length === undefined ? undefined : this.#take(target.subarray(0, length));
  }

  #take<T extends ArrayBufferLike>(bytes: Uint8Array<T>): Received<T> {
    this.#bytes.peek(0, bytes.length, bytes, 0);
    this.#bytes.consume(this.#lengths.shift()!);
    return [bytes, this.#froms.shift()!];
  }

  /** Drops all but those that came from one address and port. */
  keepFrom({ hostname, port }: Deno.NetAddr): void {
    for (let left = this.#lengths.length; left > 0; left--) {
      const [bytes, from] = this.take()!;
      if (from.hostname === hostname && from.port === port) this.add(bytes, 0, bytes.length, from);
    }
  }

  /** Drops them all, and gives the memory back. */
  clear(): void {
    this.#bytes.clear();
    this.#lengths.length = this.#froms.length = 0;
  }
}
