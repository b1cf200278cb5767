/**
 * What `tcpstack ping` prints, in the words of the `ping` that people know.
 *
 * @module
 */

import type { EchoResult } from "../socket/echo_session.ts";
import type { IcmpReport } from "../socket/icmp_report.ts";

const ICMP_HEADER = 8;
const IPV4_HEADER = 20;

const PROBLEMS: Record<IcmpReport["kind"], string> = {
  "network-unreachable": "Destination Net Unreachable",
  "host-unreachable": "Destination Host Unreachable",
  "protocol-unreachable": "Destination Protocol Unreachable",
  "port-unreachable": "Destination Port Unreachable",
  "source-route-failed": "Source Route Failed",
  "prohibited": "Communication Administratively Prohibited",
  "time-exceeded": "Time to live exceeded",
  "too-big": "Packet too big",
  "parameter-problem": "Parameter problem",
};

/** The lines of one run, and what its statistics need. */
export class PingReport {
  #host: string;
  #address: string;
  #size: number;
  /** Requests that something has become of. */
  #settled = 0;
  #received = 0;
  #errors = 0;
  #times = { least: Infinity, most: 0, sum: 0, sumOfSquares: 0 };

  /**
   * @param host As the user has named it.
   * @param size Bytes of data in each request.
   */
  constructor(host: string, address: string, size: number) {
    this.#host = host;
    this.#address = address;
    this.#size = size;
  }

  /** Whether anything has been answered. */
  get hasReply(): boolean {
    return this.#received > 0;
  }

  /** The first line. */
  get header(): string {
    const size = this.#address.includes(":")
      ? `${this.#size} data bytes`
      : `${this.#size}(${this.#size + ICMP_HEADER + IPV4_HEADER}) bytes of data.`;
    return `PING ${this.#host} (${this.#address}) ${size}`;
  }

  /** Counts a result; its line, or none if nothing came. */
  add(result: EchoResult): string | undefined {
    this.#settled++;
    switch (result.kind) {
      case "timeout":
        return undefined;
      case "error":
        this.#errors++;
        return `From ${result.report.from} icmp_seq=${result.sequence} ${problem(result.report)}`;
      case "reply": {
        const { bytes, from, sequence, ttl, time } = result;
        this.#received++;
        this.#addTime(time);
        const what = `icmp_seq=${sequence} ttl=${ttl} time=${formatTime(time)} ms`;
        return `${bytes} bytes from ${this.#nameOf(from)}: ${what}`;
      }
    }
  }

  #addTime(time: number): void {
    const times = this.#times;
    times.least = Math.min(times.least, time);
    times.most = Math.max(times.most, time);
    times.sum += time;
    times.sumOfSquares += time * time;
  }

  #nameOf(address: string): string {
    const isNamed = address === this.#address && this.#host !== address;
    return isNamed ? `${this.#host} (${address})` : address;
  }

  /**
   * The last lines.
   *
   * @param requests How many requests were sent: something may have become of less than that.
   * @param took How long all took, in milliseconds.
   */
  statistics(requests: number, took: number): string {
    const sent = Math.max(this.#settled, requests);
    const received = this.#received;
    const errors = this.#errors > 0 ? ` +${this.#errors} errors,` : "";
    const loss = sent === 0 ? 0 : (sent - received) / sent * 100;
    const lines = [
      "",
      `--- ${this.#host} ping statistics ---`,
      `${sent} packets transmitted, ${received} received,${errors} ` +
      `${Number(loss.toPrecision(6))}% packet loss, time ${Math.round(took)}ms`,
    ];
    if (received > 0) {
      const { least, most, sum, sumOfSquares } = this.#times;
      const mean = sum / received;
      const deviation = Math.sqrt(Math.max(sumOfSquares / received - mean * mean, 0));
      const times = [least, mean, most, deviation].map((time) => time.toFixed(3)).join("/");
      lines.push(`rtt min/avg/max/mdev = ${times} ms`);
    }
    return lines.join("\n");
  }
}

function problem({ kind, mtu }: IcmpReport): string {
  return kind === "too-big" && mtu !== 0 ? `${PROBLEMS[kind]} (mtu = ${mtu})` : PROBLEMS[kind];
}

/** Three digits that count, and never more than three behind the point. */
function formatTime(ms: number): string {
  return ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3);
}
