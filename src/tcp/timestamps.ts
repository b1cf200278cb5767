/**
 * Timestamps, and protection against wrapped sequence numbers by them (RFC 7323 §3 to §5).
 *
 * @module
 */

import { seqDiff, seqGe, seqLe } from "../wire/seq.ts";
import type { TcpOptions } from "../wire/tcp_options.ts";

/** How long TS.Recent counts on an idle connection, in milliseconds: 24 days (§5.5). */
const VALID_FOR = 24 * 24 * 3600 * 1000;

/** The timestamp variables of one connection. Its clock ticks once a millisecond (§5.4). */
export class Timestamps {
  /** Whether both sides sent the option on their SYN. */
  enabled = false;
  /** Added to the clock, so that it tells nothing about this host (§7.1). */
  offset = 0;
  /** TS.Recent: what to echo. */
  recent = 0;
  /** When it was taken, in milliseconds. */
  recentAt = 0;

  /** Our clock, as TSval has it. */
  value(now: number): number {
    return (Math.floor(now) + this.offset) >>> 0;
  }

  /** The peer's SYN: its TSval is the first to echo. */
  onSyn(options: TcpOptions, now: number): void {
    this.recent = options.timestampValue;
    this.recentAt = now;
  }

  /** Whether a segment is an old duplicate (§5.3, R1). RSTs are not to be asked about (§5.2). */
  isOld(options: TcpOptions, now: number): boolean {
    return seqDiff(options.timestampValue, this.recent) < 0 && now - this.recentAt < VALID_FOR;
  }

  /**
   * Takes the TSval of a segment that passed the check (§4.3).
   *
   * @param lastAckSent The last ACK field we sent: a segment that starts behind it isn't echoed.
   */
  update(options: TcpOptions, seq: number, lastAckSent: number, now: number): void {
    if (!seqLe(seq, lastAckSent)) return;
    const isNewer = seqGe(options.timestampValue, this.recent) ||
      now - this.recentAt >= VALID_FOR;
    if (!isNewer) return;
    this.recent = options.timestampValue;
    this.recentAt = now;
  }

  /** Round-trip time by the echo, in milliseconds; -1 if it makes no sense (§4.1). */
  rtt(options: TcpOptions, now: number): number {
    if (!options.timestamps || options.timestampEcho === 0) return -1;
    const rtt = seqDiff(this.value(now), options.timestampEcho);
    return rtt >= 0 && rtt < VALID_FOR ? rtt : -1;
  }
}
