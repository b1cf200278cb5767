/**
 * What iperf3 prints for people: a line per stream and interval, and a summary.
 *
 * @module
 */

import type { Parameters } from "./parameters.ts";
import type { StreamEnd } from "./results.ts";
import type { Stream } from "./stream.ts";
import { byDirection, lossOf, rateOf, type Summary, sumOfSpans } from "./summary.ts";
import type { Span } from "./measurement.ts";
import { formatBytes, formatRate } from "./units.ts";

const RULE = "- - - - - - - - - - - - - - - - - - - - - - - - -";

/** Writes the report of one test, line by line. */
export class TextReport {
  #parameters: Parameters;
  #side: "C" | "S";
  #print: (line: string) => void;
  #intervals = 0;

  /** @param side Whose it is: the client's or the server's. */
  constructor(parameters: Parameters, side: "C" | "S", print: (line: string) => void) {
    this.#parameters = parameters;
    this.#side = side;
    this.#print = print;
  }

  get #isUdp(): boolean {
    return this.#parameters.protocol === "UDP";
  }

  /** The streams are there. */
  start(streams: readonly Stream[]): void {
    for (const { id, localAddr, remoteAddr } of streams) {
      this.#print(
        `${label(id)} local ${localAddr.hostname} port ${localAddr.port} ` +
          `connected to ${remoteAddr.hostname} port ${remoteAddr.port}`,
      );
    }
    const sends = streams.some(({ isSender }) => isSender);
    const receives = streams.some(({ isSender }) => !isSender);
    this.#header(
      this.#isUdp
        ? (receives ? "Jitter    Lost/Total Datagrams" : "Total Datagrams")
        : sends
        ? "Retr  Cwnd"
        : "",
    );
  }

  #header(columns: string): void {
    const role = this.#parameters.bidir ? "[Role]" : "";
    this.#print(
      `[ ID]${role} Interval           Transfer     Bitrate         ${columns}`.trimEnd(),
    );
  }

  /** An interval is over. */
  interval(spans: readonly Span[]): void {
    const hasSums = this.#parameters.parallel > 1;
    if (this.#intervals++ > 0 && hasSums) this.#print(RULE);
    for (const same of byDirection(spans, ({ stream }) => stream)) {
      for (const span of same) this.#span(label(span.stream.id), span);
      if (hasSums) this.#span("[SUM]", sumOfSpans(same));
    }
  }

  #span(name: string, span: Span): void {
    const { stream: { isSender }, start, end, bytes, tcp, omitted } = span;
    let more = "";
    if (this.#isUdp) more = isSender ? `${span.packets}` : this.#losses(span);
    else if (isSender) more = `${span.retransmits}`.padStart(3);
    if (tcp !== undefined) more += `   ${formatBytes(tcp.cwnd)}`;
    this.#line(name, isSender, start, end, bytes, more, omitted ? "(omitted)" : "");
  }

  #losses(counts: { jitter: number; lost: number; packets: number }): string {
    const { jitter, lost, packets } = counts;
    const percent = Number(lossOf(counts).toPrecision(2));
    return `${jitter.toFixed(3)} ms  ${lost}/${packets} (${percent}%)`;
  }

  #line(
    name: string,
    isSender: boolean,
    start: number,
    end: number,
    bytes: number,
    more: string,
    last: string,
  ): void {
    const role = this.#parameters.bidir ? `[${isSender ? "TX" : "RX"}-${this.#side}]` : "";
    const times = `${start.toFixed(2).padStart(6)}-${end.toFixed(2).padEnd(6)} sec`;
    const rate = formatRate(rateOf(bytes, end - start));
    const counts = `${formatBytes(bytes).padStart(12)} ${rate.padStart(15)}`;
    this.#print(`${name}${role} ${times} ${counts}  ${more.padEnd(15)}  ${last}`.trimEnd());
  }

  /** The test is over. */
  end({ directions }: Summary): void {
    this.#print(RULE);
    const isCounted = directions.some(({ sent }) => sent?.retransmits !== undefined);
    this.#header(this.#isUdp ? "Jitter    Lost/Total Datagrams" : isCounted ? "Retr" : "");
    for (const { isSender, streams, sent, received } of directions) {
      for (const { stream, sent, received } of streams) {
        this.#ends(label(stream.id), isSender, sent, received);
      }
      if (streams.length > 1) this.#ends("[SUM]", isSender, sent, received);
    }
  }

  #ends(
    name: string,
    isSender: boolean,
    sent: StreamEnd | undefined,
    received: StreamEnd | undefined,
  ): void {
    if (sent !== undefined) {
      const more = this.#isUdp
        ? this.#losses({ ...sent, lost: 0, jitter: 0 })
        : `${sent.retransmits ?? ""}`.padStart(3);
      this.#line(name, isSender, 0, sent.seconds, sent.bytes, more, "sender");
    }
    if (received !== undefined) {
      const more = this.#isUdp ? this.#losses(received) : "";
      this.#line(name, isSender, 0, received.seconds, received.bytes, more, "receiver");
    }
  }
}

function label(id: number): string {
  return `[${String(id).padStart(3)}]`;
}
