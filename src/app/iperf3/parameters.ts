/**
 * What is to be measured: the parameters that a client sends to the server.
 *
 * @module
 */

import { ServerError } from "./protocol.ts";

/** Largest block of TCP, in bytes. */
export const MAX_BLOCK = 1024 * 1024;
/** Largest payload of a datagram over IPv4, in bytes. */
export const MAX_UDP_BLOCK = 65507;
/** Smallest datagram: it holds time and number. */
export const MIN_UDP_BLOCK = 16;
/** Most streams of one direction. */
export const MAX_STREAMS = 128;
/** Longest test, in seconds. */
export const MAX_TIME = 86_400;
/** Longest time at the beginning that does not count, in seconds. */
export const MAX_OMIT = 60;
/** Highest rate that makes sense, in bits per second. */
const MAX_RATE = 1e15;

/** The parameters of a test. */
export interface Parameters {
  readonly protocol: "TCP" | "UDP";
  /** Whether the server sends, and the client receives. */
  readonly reverse: boolean;
  /** Whether both send and receive, each on streams of its own. */
  readonly bidir: boolean;
  /** Streams of each direction. */
  readonly parallel: number;
  /** How long, in seconds; 0: until `bytes` or `blocks` are there. */
  readonly time: number;
  /** Seconds at the beginning that don't count. */
  readonly omit: number;
  /** How many bytes to transfer; 0: as many as the time allows. */
  readonly bytes: number;
  /** How many blocks to transfer; 0: as many as the time allows. */
  readonly blocks: number;
  /** Bytes in a block: of one write, or one datagram. */
  readonly length: number;
  /** Bits per second of each stream; 0: as fast as it goes. */
  readonly bitrate: number;
  /** Whether datagrams are counted in 64 bits instead of 32. */
  readonly counters64: boolean;
  /** Whether small writes are sent at once. */
  readonly noDelay: boolean;
  /** Type of service, 0 to 255. */
  readonly tos: number;
}

/** What can't be done, with iperf3's number for it. */
export class ParameterError extends Error {
  override readonly name = "ParameterError";

  constructor(message: string, readonly code: number) {
    super(message);
  }
}

/**
 * Reads the parameters that a client has sent.
 *
 * @throws {ParameterError} If they are none, or out of range.
 */
export function parseParameters(json: unknown): Parameters {
  if (typeof json !== "object" || json === null) {
    throw new ParameterError("The client sends no parameters", ServerError.PARAMETERS);
  }
  const given = json as Record<string, unknown>;
  if (given.sctp) {
    throw new ParameterError("The client wants SCTP", ServerError.UNIMPLEMENTED);
  }
  const isUdp = given.udp === true;
  const shortest = isUdp ? MIN_UDP_BLOCK : 1;
  const longest = isUdp ? MAX_UDP_BLOCK : MAX_BLOCK;
  const { STREAMS, BLOCK_SIZE, PARAMETERS } = ServerError;
  return {
    protocol: isUdp ? "UDP" : "TCP",
    reverse: given.reverse === true,
    bidir: given.bidirectional === true,
    parallel: wholeNumber(given, "parallel", 1, MAX_STREAMS, 1, STREAMS),
    time: wholeNumber(given, "time", 0, MAX_TIME, 0, PARAMETERS),
    omit: wholeNumber(given, "omit", 0, MAX_OMIT, 0, PARAMETERS),
    bytes: wholeNumber(given, "num", 0, Number.MAX_SAFE_INTEGER, 0, PARAMETERS),
    blocks: wholeNumber(given, "blockcount", 0, Number.MAX_SAFE_INTEGER, 0, PARAMETERS),
    length: wholeNumber(given, "len", shortest, longest, undefined, BLOCK_SIZE),
    bitrate: wholeNumber(given, "bandwidth", 0, MAX_RATE, 0, PARAMETERS),
    counters64: Boolean(given.udp_counters_64bit),
    noDelay: Boolean(given.nodelay),
    tos: wholeNumber(given, "TOS", 0, 255, 0, PARAMETERS),
  };
}

function wholeNumber(
  given: Record<string, unknown>,
  name: string,
  least: number,
  most: number,
  otherwise: number | undefined,
  code: number,
): number {
  const value = given[name] ?? otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new ParameterError(
    `The client's ${name} must be from ${least} to ${most}: got ${String(value).slice(0, 40)}`,
    code,
  );
}

/** The parameters as a client sends them. */
export function formatParameters(parameters: Parameters): Record<string, unknown> {
  const { protocol, reverse, bidir, counters64, noDelay, tos } = parameters;
  return {
    [protocol.toLowerCase()]: true,
    omit: parameters.omit,
    time: parameters.time,
    num: parameters.bytes,
    blockcount: parameters.blocks,
    parallel: parameters.parallel,
    ...reverse ? { reverse } : {},
    ...bidir ? { bidirectional: true } : {},
    ...noDelay ? { nodelay: true } : {},
    ...tos !== 0 ? { TOS: tos } : {},
    len: parameters.length,
    bandwidth: parameters.bitrate,
    pacing_timer: 1000,
    ...counters64 ? { udp_counters_64bit: 1 } : {},
    client_version: "3.12",
  };
}

/** The directions of a test's streams, in the order in which the client opens them. */
export function directions({ reverse, bidir, parallel }: Parameters): ("up" | "down")[] {
  const each = (direction: "up" | "down") => Array<typeof direction>(parallel).fill(direction);
  if (bidir) return [...each("up"), ...each("down")];
  return each(reverse ? "down" : "up");
}

/** The number by which both sides know the stream that is opened as the `index`-th, from 0 on. */
export function streamId(index: number): number {
  return index === 0 ? 1 : index + 2; // iperf3 leaves out 2
}
