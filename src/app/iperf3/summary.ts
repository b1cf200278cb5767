/**
 * The results of both sides, put together.
 *
 * @module
 */

import type { Results, StreamEnd } from "./results.ts";
import type { Stream } from "./stream.ts";
import type { Span, Test } from "./measurement.ts";

/** A stream in the end; `undefined` is what this side does not know. */
export interface StreamSummary {
  readonly stream: Stream;
  readonly sent: StreamEnd | undefined;
  readonly received: StreamEnd | undefined;
}

/** Streams of one direction. */
export interface Direction {
  /** Whether this side sends. */
  readonly isSender: boolean;
  readonly streams: readonly StreamSummary[];
  readonly sent: StreamEnd | undefined;
  readonly received: StreamEnd | undefined;
}

/** The end of a test. */
export interface Summary {
  readonly test: Test;
  readonly local: Results;
  readonly remote: Results | undefined;
  /** That of the first stream comes first. */
  readonly directions: readonly Direction[];
}

/** Puts the results of both sides together. */
export function summarize(test: Test, local: Results, remote: Results | undefined): Summary {
  const summaries = test.streams.map((stream): StreamSummary => {
    const [own, other] = [local.streams.get(stream.id), remote?.streams.get(stream.id)];
    const [sent, received] = stream.isSender ? [own, other] : [other, own];
    return { stream, sent, received };
  });
  const directions = byDirection(summaries, ({ stream }) => stream).map((streams): Direction => ({
    isSender: streams[0]!.stream.isSender,
    streams,
    sent: sumOf(streams.map(({ sent }) => sent)),
    received: sumOf(streams.map(({ received }) => received)),
  }));
  return { test, local, remote, directions };
}

/** Streams, or what belongs to them, of one direction and of the other. */
export function byDirection<T>(all: readonly T[], streamOf: (one: T) => Stream): T[][] {
  const first = all.filter((one) => streamOf(one).isSender === streamOf(all[0]!).isSender);
  const second = all.filter((one) => streamOf(one).isSender !== streamOf(all[0]!).isSender);
  return [first, second].filter((streams) => streams.length > 0);
}

function sumOf(ends: readonly (StreamEnd | undefined)[]): StreamEnd | undefined {
  const known = ends.filter((end) => end !== undefined);
  if (known.length === 0) return undefined;
  const sum = (read: (end: StreamEnd) => number) =>
    known.reduce((total, end) => total + read(end), 0);
  const sumIfKnown = (read: (end: StreamEnd) => number | undefined) =>
    known.some((end) => read(end) === undefined) ? undefined : sum((end) => read(end)!);
  return {
    bytes: sum(({ bytes }) => bytes),
    seconds: Math.max(...known.map(({ seconds }) => seconds)),
    retransmits: sumIfKnown(({ retransmits }) => retransmits),
    packets: sum(({ packets }) => packets),
    lost: sum(({ lost }) => lost),
    outOfOrder: sumIfKnown(({ outOfOrder }) => outOfOrder),
    jitter: sum(({ jitter }) => jitter) / known.length,
  };
}

/** What several streams of one direction have done in an interval together. */
export function sumOfSpans(spans: readonly Span[]): Span {
  const sum = (read: (span: Span) => number) =>
    spans.reduce((total, span) => total + read(span), 0);
  return {
    ...spans[0]!,
    tcp: undefined,
    bytes: sum(({ bytes }) => bytes),
    packets: sum(({ packets }) => packets),
    lost: sum(({ lost }) => lost),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    retransmits: sum(({ retransmits }) => retransmits),
    jitter: sum(({ jitter }) => jitter) / spans.length,
  };
}

/** Bits per second. */
export function rateOf(bytes: number, seconds: number): number {
  return seconds > 0 ? bytes * 8 / seconds : 0;
}

/** Percent of datagrams that were lost. */
export function lossOf({ lost, packets }: { lost: number; packets: number }): number {
  return packets > 0 ? 100 * lost / packets : 0;
}
