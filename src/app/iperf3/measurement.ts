/**
 * A test that runs: its streams, its clock, and what it measures in every interval.
 *
 * @module
 */

import type { Parameters } from "./parameters.ts";
import type { Counts, Course, Stream, TcpSample } from "./stream.ts";

/** A last interval that is shorter than this share of the others is left out if it is empty. */
const SHORT = 0.1;
/** How close to the end an interval may end before the end, in milliseconds, to be left to it. */
const NEAR_END = 50;

/** What one stream has done in a span of time; times in seconds. */
export interface Span extends Counts {
  readonly stream: Stream;
  readonly start: number;
  readonly end: number;
  /** In milliseconds. */
  readonly jitter: number;
  readonly tcp: TcpSample | undefined;
  /** Whether it belongs to the beginning, which does not count. */
  readonly omitted: boolean;
}

/** How a test is run. */
export interface TestOptions {
  /** Seconds between reports; 0: none. */
  readonly interval: number;
  /** Whether this side says when it is over: the client. */
  readonly isClient: boolean;
  /** Is told of every interval: what each stream has done in it. */
  readonly onInterval: (spans: readonly Span[]) => void;
}

const NOTHING: Counts = { bytes: 0, packets: 0, lost: 0, outOfOrder: 0, retransmits: 0 };

/** One side of a test. */
export class Test implements Course {
  readonly parameters: Parameters;
  readonly streams: readonly Stream[];
  readonly block: Uint8Array<ArrayBuffer>;
  /** What the streams did in each interval. */
  readonly intervals: (readonly Span[])[] = [];
  /** Settles when as much was transferred as was asked for; rejects if a stream fails. */
  readonly reached: Promise<void>;
  #options: TestOptions;
  #isOver = false;
  #isStopped = false;
  #isOmitting: boolean;
  /** When what counts began, and when it ended, in milliseconds of the clock. */
  #startedAt = 0;
  #endedAt = Infinity;
  /** Where the current interval began, and what each stream had done by then. */
  #intervalAt = 0;
  #before: Counts[];
  /** What each stream had done when it began to count. */
  #base: Counts[];
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #tick: ReturnType<typeof setTimeout> | undefined;
  #pauses = new Set<() => void>();
  #sending: Promise<void>[] = [];
  #reach: () => void;
  #fail: (error: unknown) => void;

  constructor(parameters: Parameters, streams: readonly Stream[], options: TestOptions) {
    this.parameters = parameters;
    this.streams = streams;
    this.#options = options;
    this.#isOmitting = parameters.omit > 0;
    this.#before = this.#base = streams.map(() => NOTHING);
    this.block = new Uint8Array(parameters.length);
    for (let at = 0; at < this.block.length; at += 65536) {
      crypto.getRandomValues(this.block.subarray(at, at + 65536));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.reached = promise;
    this.reached.catch(() => {}); // whoever cares awaits it
    this.#reach = resolve;
    this.#fail = reject;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** How long what counts has taken, in seconds. */
  get seconds(): number {
    return (Math.min(performance.now(), this.#endedAt) - this.#startedAt) / 1000;
  }

  /** What a stream has done since it began to count. */
  total(stream: Stream): Counts {
    const i = this.streams.indexOf(stream);
    return minus(this.#isStopped ? this.#before[i]! : stream.counts, this.#base[i]!);
  }

  /** Bytes that were sent and received on the whole. */
  get bytes(): number {
    return this.streams.reduce((sum, { counts }) => sum + counts.bytes, 0);
  }

  /** Starts the clock and the streams. */
  start(): void {
    const { omit, time } = this.parameters;
    this.#startedAt = this.#intervalAt = performance.now();
    if (omit > 0) this.#after(omit * 1000, () => this.#endOmission());
    if (this.#options.isClient && time > 0) this.#after((omit + time) * 1000, this.#reach);
    this.#armInterval(1);
    for (const stream of this.streams) {
      const running = stream.run(this);
      running.catch(this.#fail);
      if (stream.isSender) this.#sending.push(running);
    }
  }

  get wanted(): number {
    const { bytes, blocks, length } = this.parameters;
    if (!this.#options.isClient || this.#isOmitting || bytes + blocks === 0) return Infinity;
    return (bytes > 0 ? bytes : blocks * length) - Math.max(this.#sum(true), this.#sum(false));
  }

  progress(): void {
    if (this.wanted > 0) return;
    this.#isOver = true;
    this.#reach();
  }

  /** Bytes of one direction that count. */
  #sum(isSender: boolean): number {
    let sum = 0;
    for (const [i, stream] of this.streams.entries()) {
      if (stream.isSender === isSender) sum += stream.bytes - this.#base[i]!.bytes;
    }
    return sum;
  }

  pause(ms: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#after(ms, () => end());
      const end = () => {
        clearTimeout(timer);
        this.#timers.delete(timer);
        this.#pauses.delete(end);
        resolve();
      };
      this.#pauses.add(end);
    });
  }

  /** Has the senders end, and waits until the last blocks are written. */
  async finish(): Promise<void> {
    this.#endSending();
    await Promise.allSettled(this.#sending);
  }

  #endSending(): void {
    this.#isOver = true;
    for (const end of this.#pauses) end();
  }

  /** Nothing is sent or counted any more. */
  stop(): void {
    if (this.#isStopped) return;
    this.#endSending();
    this.#endedAt = performance.now();
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#tick);
    const { interval } = this.#options;
    const isShort = this.#endedAt - this.#intervalAt < interval * 1000 * SHORT;
    const isEmpty = this.streams.every((stream, i) => stream.bytes === this.#before[i]!.bytes);
    if (!isShort || !isEmpty || this.intervals.length === 0) this.#endInterval(this.#endedAt);
    this.#before = this.streams.map(({ counts }) => counts);
    this.#isStopped = true;
  }

  /** Does something later, unless the test is stopped before. */
  #after(ms: number, action: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  /** Has the `count`-th interval end in time. One that ends with the test is left to `stop`. */
  #armInterval(count: number): void {
    const interval = this.#options.interval * 1000;
    if (interval === 0) return;
    const { omit, time } = this.parameters;
    const end = (this.#isOmitting ? omit : time) * 1000;
    const near = Math.min(NEAR_END, interval / 2);
    if (end > 0 && Math.abs(count * interval - end) < near) count++;
    this.#tick = setTimeout(() => {
      this.#endInterval(performance.now());
      this.#armInterval(count + 1);
    }, Math.max(0, this.#startedAt + count * interval - performance.now()));
  }

  #endInterval(now: number): void {
    const seconds = (at: number) => (at - this.#startedAt) / 1000;
    const [start, end] = [seconds(this.#intervalAt), seconds(now)];
    const counts = this.streams.map(({ counts }) => counts);
    const spans = this.streams.map((stream, i): Span => ({
      ...minus(counts[i]!, this.#before[i]!),
      stream,
      start,
      end,
      jitter: stream.jitter,
      tcp: stream.tcp,
      omitted: this.#isOmitting,
    }));
    this.#before = counts;
    this.#intervalAt = now;
    if (this.#options.interval === 0) return;
    this.intervals.push(spans);
    this.#options.onInterval(spans);
  }

  /** From now on it counts. */
  #endOmission(): void {
    clearTimeout(this.#tick);
    const now = performance.now();
    this.#endInterval(now);
    this.#base = this.#before;
    this.#isOmitting = false;
    this.#startedAt = now;
    this.#armInterval(1);
  }
}

function minus(a: Counts, b: Counts): Counts {
  return {
    bytes: a.bytes - b.bytes,
    packets: a.packets - b.packets,
    lost: a.lost - b.lost,
    outOfOrder: a.outOfOrder - b.outOfOrder,
    retransmits: a.retransmits - b.retransmits,
  };
}
