/**
 * How far a download is.
 *
 * @module
 */

import { format } from "@std/fmt/bytes";

/** The rate is that of so many milliseconds. */
const WINDOW = 5000;
/** Nothing is shown of what takes less, in milliseconds. */
const PATIENCE = 1000;
/** How often it is shown, in milliseconds. */
const INTERVAL = 200;
const LEAST_BAR = 10;
const MOST_BAR = 40;

/** What is known of the progress, as a line. */
export class Progress {
  readonly #total: number | undefined;
  readonly #start: number;
  /** Of the last while: when there was how much, in bytes. */
  #samples: [time: number, bytes: number][];

  /**
   * @param total Bytes on the whole, if that is known.
   * @param had Bytes of an earlier attempt.
   * @param now In milliseconds.
   */
  constructor(total: number | undefined, had: number, now: number) {
    this.#total = total;
    this.#start = now;
    this.#samples = [[now, had]];
  }

  /**
   * The line when there are so many bytes.
   *
   * @param columns Its greatest length.
   */
  line(bytes: number, now: number, columns: number): string {
    this.#samples.push([now, bytes]);
    while (this.#samples.length > 2 && this.#samples[1]![0] <= now - WINDOW) this.#samples.shift();
    const [since, before] = this.#samples[0]!;
    const rate = now > since ? (bytes - before) / (now - since) * 1000 : 0;
    const speed = `${format(Math.round(rate))}/s`;
    const total = this.#total;
    if (total === undefined) {
      return `${format(bytes)}  ${speed}  ${clock((now - this.#start) / 1000)}`.slice(0, columns);
    }
    const share = total === 0 ? 1 : Math.min(bytes / total, 1);
    const left = rate > 0 ? `${clock((total - bytes) / rate)} left` : "stalled";
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    const rest = `  ${format(bytes)} of ${format(total)}  ${speed}  ${left}`;
    const room = Math.min(columns - percent.length - rest.length - 3, MOST_BAR);
    return `${percent}${room < LEAST_BAR ? "" : ` ${bar(share, room)}`}${rest}`.slice(0, columns);
  }
}

function bar(share: number, width: number): string {
  const done = Math.floor(share * width);
  return `[${"=".repeat(done)}${done < width ? ">" : ""}${
    " ".repeat(Math.max(width - done - 1, 0))
  }]`;
}

/** `0:07`, `12:34`, `1:02:03`. */
function clock(seconds: number): string {
  const all = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  const two = (n: number) => `${n}`.padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/** A terminal that shows one line, again and again. */
export interface LineTerminal {
  readonly columns: number;
  write(text: string): void;
}

/** Shows the progress of what takes long, and takes it away in the end. */
export class ProgressDisplay implements Disposable {
  #progress: Progress;
  #terminal: LineTerminal;
  #next: number;
  #isShown = false;

  constructor(
    terminal: LineTerminal,
    total: number | undefined,
    had: number,
    now = performance.now(),
  ) {
    this.#progress = new Progress(total, had, now);
    this.#terminal = terminal;
    this.#next = now + PATIENCE;
  }

  /** There are so many bytes now. */
  update(bytes: number, now = performance.now()): void {
    if (now < this.#next) return;
    this.#next = now + INTERVAL;
    this.#isShown = true;
    // A line that fills all columns may wrap.
    const line = this.#progress.line(bytes, now, this.#terminal.columns - 1);
    this.#terminal.write(`\r${line}\x1b[K`);
  }

  [Symbol.dispose](): void {
    if (this.#isShown) this.#terminal.write("\r\x1b[K");
  }
}
