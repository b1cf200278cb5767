/**
 * The server's side of one test.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import type { ControlChannel } from "./control.ts";
import { measureCpu } from "./cpu.ts";
import {
  directions,
  ParameterError,
  type Parameters,
  parseParameters,
  streamId,
} from "./parameters.ts";
import { answerTo, cookieText, ServerError, stateName, TestState } from "./protocol.ts";
import { type Output, Report } from "./report.ts";
import { formatResults, parseResults, resultsOf } from "./results.ts";
import type { Stream } from "./stream.ts";
import { summarize } from "./summary.ts";
import { TcpStream } from "./tcp_stream.ts";
import { Test } from "./measurement.ts";
import { UdpPort } from "./udp_stream.ts";
import { nextTurn, watch, within } from "./waiting.ts";

/** How long a client may take for what it owes: parameters, streams, results; in milliseconds. */
export const PATIENCE = 10_000;
/** Longest parameters and results that are taken, in bytes. */
const MAX_PARAMETERS = 8 * 1024;
const MAX_RESULTS = 256 * 1024;

/** How a server runs its tests. */
export interface SessionOptions extends Output {
  /** Where datagrams come in. */
  readonly port: number;
  /** Seconds between reports; 0: none. */
  readonly interval: number;
  /** How long a test may go on in which nothing is transferred, in milliseconds. */
  readonly idleTimeout: number;
  /** How much longer a test may take than the client has said, in milliseconds. */
  readonly graceTime: number;
}

/** One test, from the client's cookie on. */
export class ServerSession {
  readonly cookie: Uint8Array;
  #stack: NetworkStack;
  #control: ControlChannel;
  #options: SessionOptions;
  #streams: Stream[] = [];
  /** The directions of the streams that are still to come. */
  #expected: ("up" | "down")[] = [];
  #complete = Promise.withResolvers<void>();
  #udp: UdpPort | undefined;

  constructor(
    stack: NetworkStack,
    control: ControlChannel,
    cookie: Uint8Array,
    options: SessionOptions,
  ) {
    this.#stack = stack;
    this.#control = control;
    this.cookie = cookie;
    this.#options = options;
  }

  /**
   * Runs the test to its end.
   *
   * @throws If it can't be done, or the client goes away or does what it should not.
   */
  async run(): Promise<void> {
    try {
      const parameters = await this.#readParameters();
      const { conn } = this.#control;
      const { hostname: host, port } = conn.remoteAddr;
      const report = new Report(this.#options, parameters, false, {
        peer: { host, port },
        cookie: cookieText(this.cookie),
        time: new Date(),
      });
      report.say(`Accepted connection from ${host}, port ${port}`);
      const next = await this.#createStreams(parameters);
      await this.#measure(parameters, report, next);
    } finally {
      for (const stream of this.#streams) stream.close();
      this.#udp?.socket.close();
      this.#control.conn.close();
    }
  }

  /** Takes a connection that began with the test's cookie; `false` if none is wanted. */
  offer(conn: TcpConn): boolean {
    const direction = this.#udp === undefined ? this.#expected.shift() : undefined;
    if (direction === undefined) return false;
    this.#add(new TcpStream(this.#nextId, direction === "down", conn));
    return true;
  }

  /** Ends the test, and tells the client. */
  async terminate(): Promise<void> {
    await this.#control.writeState(TestState.SERVER_TERMINATE).catch(() => {});
    this.#control.conn.close();
  }

  get #nextId(): number {
    return streamId(this.#streams.length);
  }

  #add(stream: Stream): void {
    this.#streams.push(stream);
    if (this.#expected.length === 0) this.#complete.resolve();
  }

  async #readParameters(): Promise<Parameters> {
    const control = this.#control;
    await control.writeState(TestState.PARAM_EXCHANGE);
    try {
      return parseParameters(await control.readJson(MAX_PARAMETERS, PATIENCE));
    } catch (error) {
      const code = error instanceof ParameterError ? error.code : ServerError.PARAMETERS;
      await control.writeError(TestState.SERVER_ERROR, code).catch(() => {});
      throw error;
    }
  }

  /**
   * Has the client open its streams.
   *
   * @returns The state that the client will tell next.
   */
  async #createStreams(parameters: Parameters): Promise<{ state: Promise<number> }> {
    const control = this.#control;
    this.#expected = directions(parameters);
    if (parameters.protocol === "UDP") this.#openUdp();
    await control.writeState(TestState.CREATE_STREAMS);
    const state = control.readState();
    const early = state.then((state) => {
      throw unexpected(state);
    });
    const complete = Promise.race([this.#complete.promise, early]);
    await within(complete, PATIENCE, "The client does not open its streams");
    for (const stream of this.#streams) {
      if (stream instanceof TcpStream) stream.configure(parameters);
    }
    return { state };
  }

  #openUdp(): void {
    const { localAddr, remoteAddr } = this.#control.conn;
    const socket = this.#stack.listenDatagram({ port: this.#options.port });
    const udp = new UdpPort(socket, (bytes, from) => {
      const answer = answerTo(bytes);
      if (answer === undefined || from.hostname !== remoteAddr.hostname) return;
      if (udp.find(from) === undefined) {
        const direction = this.#expected.shift();
        if (direction === undefined) return;
        this.#add(udp.open(this.#nextId, direction === "down", localAddr.hostname, from));
      }
      socket.send(answer, from).catch(() => {}); // it asks again
    });
    this.#udp = udp;
  }

  async #measure(
    parameters: Parameters,
    report: Report,
    next: { state: Promise<number> },
  ): Promise<void> {
    const control = this.#control;
    const test = new Test(parameters, this.#streams, {
      interval: this.#options.interval,
      isClient: false,
      onInterval: (spans) => report.interval(spans),
    });
    report.start(this.#streams);
    await writeAll(control.conn, Uint8Array.of(TestState.TEST_START, TestState.TEST_RUNNING));
    const cpu = measureCpu();
    test.start();
    const { idleTimeout, graceTime } = this.#options;
    const idle = watch(() => test.bytes, idleTimeout, "Nothing is transferred any more");
    const longest = (parameters.omit + parameters.time) * 1000 + graceTime;
    const ended = parameters.time === 0
      ? next.state
      : within(next.state, longest, "The client does not end the test");
    const failed = test.reached.then(() => next.state); // for a server it only ever rejects
    let state: number;
    try {
      state = await Promise.race([ended, failed, idle.stuck]);
      await nextTurn(); // what has come in front of it counts
    } finally {
      idle.end();
      test.stop();
      // Whoever still waits for the rest of a block sees that there is none.
      for (const stream of this.#streams) stream.close();
    }
    const local = resultsOf(test, cpu());
    if (state === TestState.CLIENT_TERMINATE) report.end(summarize(test, local, undefined));
    if (state !== TestState.TEST_END) throw unexpected(state);
    await control.writeState(TestState.EXCHANGE_RESULTS);
    const json = await control.readJson(MAX_RESULTS, PATIENCE);
    const { cpu: remoteCpu } = parseResults(json, this.#streams);
    await control.writeJson(formatResults(local));
    await control.writeState(TestState.DISPLAY_RESULTS);
    // A server tells what it has seen itself.
    const remote = { cpu: remoteCpu, streams: new Map(), congestion: undefined };
    report.end(summarize(test, local, remote));
    await control.readState(PATIENCE).catch(() => {}); // IPERF_DONE, or just the end
  }
}

function unexpected(state: number): Error {
  if (state === TestState.CLIENT_TERMINATE) {
    return new Deno.errors.Interrupted("The client has terminated");
  }
  return new Deno.errors.InvalidData(`The client says ${stateName(state)} out of turn`);
}
