/**
 * Telling of a test as it goes, in text, or in the end, in JSON.
 *
 * @module
 */

import { type Beginning, jsonReport } from "./json_report.ts";
import type { Parameters } from "./parameters.ts";
import type { Stream } from "./stream.ts";
import type { Summary } from "./summary.ts";
import type { Span } from "./measurement.ts";
import { TextReport } from "./text_report.ts";

/** Where the report of a test goes, and in which form. */
export interface Output {
  /** Whether it is JSON. */
  readonly json: boolean;
  /** Takes a line, or several. */
  readonly print: (text: string) => void;
}

/** Tells of one test. */
export class Report {
  #output: Output;
  #isClient: boolean;
  #beginning: Beginning;
  #text: TextReport;

  constructor(output: Output, parameters: Parameters, isClient: boolean, beginning: Beginning) {
    this.#output = output;
    this.#isClient = isClient;
    this.#beginning = beginning;
    this.#text = new TextReport(parameters, isClient ? "C" : "S", (line) => this.say(line));
  }

  /** Says something that is not for programs. */
  say(line: string): void {
    if (!this.#output.json) this.#output.print(line);
  }

  /** The streams are there. */
  start(streams: readonly Stream[]): void {
    this.#text.start(streams);
  }

  /** An interval is over. */
  interval(spans: readonly Span[]): void {
    this.#text.interval(spans);
  }

  /** The test is over. */
  end(summary: Summary): void {
    this.#text.end(summary);
    if (!this.#output.json) return;
    const report = jsonReport(this.#beginning, summary, this.#isClient);
    this.#output.print(JSON.stringify(report, null, 2));
  }
}
