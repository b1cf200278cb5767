/**
 * A stream of a test, whatever its protocol.
 *
 * @module
 */

import type { Parameters } from "./parameters.ts";

/** What a stream has done since it began. */
export interface Counts {
  readonly bytes: number;
  /** Datagrams: of a receiver the highest number that it has seen. */
  readonly packets: number;
  readonly lost: number;
  readonly outOfOrder: number;
  /** Segments that TCP has sent again. */
  readonly retransmits: number;
}

/** What TCP says of a stream at one moment: bytes, and milliseconds. */
export interface TcpSample {
  readonly cwnd: number;
  readonly sendWindow: number;
  readonly rtt: number;
  readonly rttVariation: number;
  /** Largest packet on the path. */
  readonly pmtu: number;
}

/** What streams are told of the test that they belong to. */
export interface Course {
  readonly parameters: Parameters;
  /** Holds what is sent; what is received goes there too, and is not looked at. */
  readonly block: Uint8Array<ArrayBuffer>;
  /** Whether nothing is to be sent any more. */
  readonly isOver: boolean;
  /** How many bytes are to be sent yet; `Infinity`: until it is over. */
  readonly wanted: number;
  /** To be called whenever something has been sent or received. */
  progress(): void;
  /** Waits so long, in milliseconds, or until the test is over. */
  pause(ms: number): Promise<void>;
}

/** One stream. */
export interface Stream {
  readonly id: number;
  /** Whether this side sends. */
  readonly isSender: boolean;
  readonly localAddr: Deno.NetAddr;
  readonly remoteAddr: Deno.NetAddr;
  /** Bytes that it has sent or received. */
  readonly bytes: number;
  readonly counts: Counts;
  /** Variation of the time on the way, in milliseconds; 0 for a sender, and for TCP. */
  readonly jitter: number;
  /** `undefined` for UDP, and for a receiver. */
  readonly tcp: TcpSample | undefined;
  /** The congestion control of TCP. */
  readonly congestion: string | undefined;
  /** Sends or receives until the test is over. */
  run(course: Course): Promise<void>;
  /** How many bytes wait to be sent, or to be acknowledged. */
  readonly unsent: number;
  /** Ends it; `run` settles. */
  close(): void;
}

/** Says when the next block is due, at a rate. */
export class Pacer {
  readonly #rate: number;
  readonly #start: number;

  /** @param bitrate In bits per second; 0: as fast as it goes. */
  constructor(bitrate: number, now: number) {
    this.#rate = bitrate;
    this.#start = now;
  }

  /** How long to wait, in milliseconds, when `bytes` are sent already; 0: not at all. */
  wait(bytes: number, now: number): number {
    if (this.#rate === 0) return 0;
    return Math.max(0, this.#start + bytes * 8000 / this.#rate - now);
  }
}
