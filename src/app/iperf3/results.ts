/**
 * What both sides tell each other in the end.
 *
 * @module
 */

import type { CpuUse } from "./cpu.ts";
import type { Stream } from "./stream.ts";
import type { Test } from "./measurement.ts";

/** What one end of a stream has seen. */
export interface StreamEnd {
  readonly bytes: number;
  /** How long it took, in seconds. */
  readonly seconds: number;
  /** `undefined` if nobody has counted them. */
  readonly retransmits: number | undefined;
  readonly packets: number;
  readonly lost: number;
  /** `undefined` if nobody has counted them. */
  readonly outOfOrder: number | undefined;
  /** In milliseconds. */
  readonly jitter: number;
}

/** What one side has seen. */
export interface Results {
  readonly cpu: CpuUse;
  /** By their numbers. */
  readonly streams: ReadonlyMap<number, StreamEnd>;
  /** Name of TCP's congestion control. */
  readonly congestion: string | undefined;
}

/** What this side has seen of a test that is over. */
export function resultsOf(test: Test, cpu: CpuUse): Results {
  return {
    cpu,
    streams: new Map(test.streams.map((stream) => [stream.id, endOf(test, stream)])),
    congestion: test.streams[0]?.congestion,
  };
}

function endOf(test: Test, stream: Stream): StreamEnd {
  const { bytes, packets, lost, outOfOrder, retransmits } = test.total(stream);
  const isTcpSender = stream.isSender && test.parameters.protocol === "TCP";
  return {
    bytes,
    seconds: test.seconds,
    retransmits: isTcpSender ? retransmits : undefined,
    packets,
    lost,
    outOfOrder,
    jitter: stream.jitter,
  };
}

/** Results as they are sent. */
export function formatResults({ cpu, streams, congestion }: Results): unknown {
  const all = [...streams];
  return {
    cpu_util_total: cpu.total,
    cpu_util_user: cpu.user,
    cpu_util_system: cpu.system,
    sender_has_retransmits: all.some(([, end]) => end.retransmits !== undefined) ? 1 : -1,
    ...congestion === undefined ? {} : { congestion_used: congestion },
    streams: all.map(([id, end]) => ({
      id,
      bytes: end.bytes,
      retransmits: end.retransmits ?? -1,
      jitter: end.jitter / 1000,
      errors: end.lost,
      packets: end.packets,
      start_time: 0,
      end_time: end.seconds,
    })),
  };
}

/**
 * Reads the other side's results.
 *
 * @param streams Those that there were: each must have its own.
 * @throws {Deno.errors.InvalidData} If they are none.
 */
export function parseResults(json: unknown, streams: readonly Stream[]): Results {
  const { streams: listed, ...given } = record(json, "results");
  if (!Array.isArray(listed)) throw invalid("results");
  const ends = new Map<number, StreamEnd>();
  for (const { id, isSender } of streams) {
    const found = listed.find((entry) => record(entry, "stream").id === id);
    ends.set(id, parseEnd(record(found, `stream ${id}`), !isSender));
  }
  return {
    cpu: {
      total: amount(given.cpu_util_total),
      user: amount(given.cpu_util_user),
      system: amount(given.cpu_util_system),
    },
    streams: ends,
    congestion: typeof given.congestion_used === "string"
      ? given.congestion_used.slice(0, 32)
      : undefined,
  };
}

/** Nobody has counted: iperf3 writes -1, in 64 bits without a sign. */
const UNCOUNTED = 2 ** 63;

function parseEnd(given: Record<string, unknown>, isSender: boolean): StreamEnd {
  const { retransmits } = given;
  const isCounted = isSender && typeof retransmits === "number" && retransmits >= 0 &&
    retransmits < UNCOUNTED;
  return {
    bytes: amount(given.bytes),
    seconds: amount(given.end_time) - amount(given.start_time),
    retransmits: isCounted ? retransmits : undefined,
    packets: amount(given.packets),
    lost: amount(given.errors),
    outOfOrder: undefined,
    jitter: amount(given.jitter) * 1000,
  };
}

/** A number, 0 or more. */
function amount(value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw invalid("a number");
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw invalid(what);
}

function invalid(what: string): Error {
  return new Deno.errors.InvalidData(`The peer's results are not what they should be: ${what}`);
}
