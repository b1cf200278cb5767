/**
 * The report for programs: JSON with the names that iperf3 gives to things.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };
import type { StreamEnd } from "./results.ts";
import type { Stream } from "./stream.ts";
import {
  byDirection,
  type Direction,
  lossOf,
  rateOf,
  type StreamSummary,
  type Summary,
  sumOfSpans,
} from "./summary.ts";
import type { Span } from "./measurement.ts";

/** What is known when a test begins. */
export interface Beginning {
  /** Whom the client has called, or who has called the server. */
  readonly peer: { readonly host: string; readonly port: number };
  readonly cookie: string;
  /** When the test began. */
  readonly time: Date;
}

/** The report of a test that is over. */
export function jsonReport(
  beginning: Beginning,
  summary: Summary,
  isClient: boolean,
): Record<string, unknown> {
  return {
    start: startOf(beginning, summary, isClient),
    intervals: summary.test.intervals.map(intervalOf),
    end: endOf(summary),
  };
}

function startOf({ peer, cookie, time }: Beginning, summary: Summary, isClient: boolean) {
  const { parameters, streams } = summary.test;
  return {
    connected: streams.map(({ id, localAddr, remoteAddr }) => ({
      socket: id,
      local_host: localAddr.hostname,
      local_port: localAddr.port,
      remote_host: remoteAddr.hostname,
      remote_port: remoteAddr.port,
    })),
    version: `tcpstack ${config.version}`,
    timestamp: { time: time.toUTCString(), timesecs: Math.floor(time.getTime() / 1000) },
    [isClient ? "connecting_to" : "accepted_connection"]: peer,
    cookie,
    target_bitrate: parameters.bitrate,
    test_start: {
      protocol: parameters.protocol,
      num_streams: parameters.parallel,
      blksize: parameters.length,
      omit: parameters.omit,
      duration: parameters.time,
      bytes: parameters.bytes,
      blocks: parameters.blocks,
      reverse: Number(parameters.reverse),
      bidir: Number(parameters.bidir),
      tos: parameters.tos,
      target_bitrate: parameters.bitrate,
    },
  };
}

function intervalOf(spans: readonly Span[]) {
  const [first, second] = byDirection(spans, ({ stream }) => stream).map(sumOfSpans);
  return {
    streams: spans.map((span) => ({ socket: span.stream.id, ...spanOf(span) })),
    sum: spanOf(first!),
    ...second === undefined ? {} : { sum_bidir_reverse: spanOf(second) },
  };
}

function spanOf(span: Span) {
  const { stream: { isSender }, start, end, bytes, tcp, omitted } = span;
  return {
    start,
    end,
    seconds: end - start,
    bytes,
    bits_per_second: rateOf(bytes, end - start),
    ...isUdp(span.stream) ? { ...isSender ? {} : lossesOf(span), packets: span.packets } : {},
    ...!isUdp(span.stream) && isSender ? { retransmits: span.retransmits } : {},
    ...tcp === undefined ? {} : {
      snd_cwnd: tcp.cwnd,
      snd_wnd: tcp.sendWindow,
      rtt: Math.round(tcp.rtt * 1000),
      rttvar: Math.round(tcp.rttVariation * 1000),
      pmtu: tcp.pmtu,
    },
    omitted,
    sender: isSender,
  };
}

function isUdp({ localAddr }: Stream): boolean {
  return localAddr.transport === "udp";
}

function lossesOf(counts: { jitter: number; lost: number; packets: number }) {
  const { jitter, lost, packets } = counts;
  return { jitter_ms: jitter, lost_packets: lost, packets, lost_percent: lossOf(counts) };
}

function endOf(summary: Summary) {
  const { test, directions: [first, second], local, remote } = summary;
  const streams = summary.directions.flatMap(({ streams }) => streams);
  const isTcp = test.parameters.protocol === "TCP";
  const sends = first!.isSender || second !== undefined;
  const receives = !first!.isSender || second !== undefined;
  return {
    streams: streams.map((stream) => isTcp ? tcpStream(stream, summary) : udpStream(stream)),
    ...sumsOf(first!, isTcp, ""),
    ...second === undefined ? {} : sumsOf(second, isTcp, "_bidir_reverse"),
    cpu_utilization_percent: {
      host_total: local.cpu.total,
      host_user: local.cpu.user,
      host_system: local.cpu.system,
      remote_total: remote?.cpu.total ?? 0,
      remote_user: remote?.cpu.user ?? 0,
      remote_system: remote?.cpu.system ?? 0,
    },
    sender_tcp_congestion: sends ? local.congestion : remote?.congestion,
    receiver_tcp_congestion: receives ? local.congestion : remote?.congestion,
  };
}

function sumsOf({ isSender, sent, received }: Direction, isTcp: boolean, suffix: string) {
  if (isTcp) {
    return {
      [`sum_sent${suffix}`]: tcpEnd(sent, isSender),
      [`sum_received${suffix}`]: tcpEnd(received, isSender),
    };
  }
  return {
    [`sum${suffix}`]: udpEnd(received ?? sent, isSender),
    [`sum_sent${suffix}`]: udpEnd(sent && { ...sent, lost: 0, jitter: 0 }, true),
    [`sum_received${suffix}`]: udpEnd(received, false),
  };
}

/** The side that is not known has transferred nothing, says iperf3. */
const UNKNOWN: StreamEnd = {
  bytes: 0,
  seconds: 0,
  retransmits: undefined,
  packets: 0,
  lost: 0,
  outOfOrder: undefined,
  jitter: 0,
};

function tcpStream({ stream, sent, received }: StreamSummary, { test }: Summary) {
  const samples = test.intervals.flat()
    .flatMap(({ stream: of, tcp }) => of === stream && tcp !== undefined ? [tcp] : []);
  const rtts = samples.map(({ rtt }) => rtt * 1000);
  const most = (values: number[]) => Math.max(0, ...values);
  return {
    sender: {
      socket: stream.id,
      ...tcpEnd(sent, stream.isSender),
      max_snd_cwnd: most(samples.map(({ cwnd }) => cwnd)),
      max_snd_wnd: most(samples.map(({ sendWindow }) => sendWindow)),
      max_rtt: Math.round(most(rtts)),
      min_rtt: Math.round(rtts.length > 0 ? Math.min(...rtts) : 0),
      mean_rtt: Math.round(rtts.reduce((sum, rtt) => sum + rtt, 0) / Math.max(1, rtts.length)),
    },
    receiver: { socket: stream.id, ...tcpEnd(received, stream.isSender) },
  };
}

function tcpEnd({ seconds, bytes, retransmits }: StreamEnd = UNKNOWN, isSender: boolean) {
  return {
    start: 0,
    end: seconds,
    seconds,
    bytes,
    bits_per_second: rateOf(bytes, seconds),
    ...retransmits === undefined ? {} : { retransmits },
    sender: isSender,
  };
}

function udpStream({ stream, sent, received }: StreamSummary) {
  const end = udpEnd(received ?? sent, stream.isSender);
  return {
    udp: { socket: stream.id, ...end, out_of_order: received?.outOfOrder ?? 0 },
  };
}

function udpEnd(end: StreamEnd = UNKNOWN, isSender: boolean) {
  const { seconds, bytes } = end;
  return {
    start: 0,
    end: seconds,
    seconds,
    bytes,
    bits_per_second: rateOf(bytes, seconds),
    ...lossesOf(end),
    sender: isSender,
  };
}
