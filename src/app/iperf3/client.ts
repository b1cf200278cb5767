/**
 * An iperf3 client.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import { ControlChannel } from "./control.ts";
import { type CpuUse, measureCpu } from "./cpu.ts";
import { directions, formatParameters, type Parameters, streamId } from "./parameters.ts";
import { cookieText, isAnswer, makeCookie, stateName, TestState, udpHello } from "./protocol.ts";
import { type Output, Report } from "./report.ts";
import { formatResults, parseResults, resultsOf } from "./results.ts";
import type { Stream } from "./stream.ts";
import { summarize, type Summary } from "./summary.ts";
import { TcpStream } from "./tcp_stream.ts";
import { Test } from "./measurement.ts";
import { UdpPort } from "./udp_stream.ts";
import { within } from "./waiting.ts";

/** How long the server may take for its next step, in milliseconds. */
const PATIENCE = 30_000;
/** How long what is sent may take in the end, in milliseconds. */
const END_TIME = 10_000;
const DRAIN_STEP = 5;
/** How often, and how many times, a stream of UDP says hello until it gets an answer. */
const HELLO_INTERVAL = 1000;
const HELLOS = 10;
/** Longest results that are taken, in bytes. */
const MAX_RESULTS = 256 * 1024;
/** Bytes in a block of TCP. */
const TCP_BLOCK = 128 * 1024;

/** What to measure, and with whom. */
export interface ClientOptions extends Output {
  /** The server's address, or its name. */
  readonly hostname: string;
  readonly port: number;
  /** Without `length`: 128 KiB for TCP, what fits into a packet for UDP. */
  readonly parameters: Omit<Parameters, "length"> & { readonly length: number | undefined };
  /** Seconds between reports; 0: none. */
  readonly interval: number;
  /** Ends the test early: what was measured is told. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a test with a server.
 *
 * @throws If it can't be reached, is busy, refuses the parameters, or goes away.
 */
export async function runClient(stack: NetworkStack, options: ClientOptions): Promise<Summary> {
  const { hostname, port, signal } = options;
  const conn = await stack.connect({ hostname, port, signal });
  const client = new Client(stack, conn, options);
  const onAbort = () => client.giveUp();
  signal?.addEventListener("abort", onAbort);
  try {
    return await client.run();
  } finally {
    signal?.removeEventListener("abort", onAbort);
    client.close();
  }
}

class Client {
  #stack: NetworkStack;
  #control: ControlChannel;
  #options: ClientOptions;
  #parameters: Parameters;
  #cookie = makeCookie();
  #streams: Stream[] = [];
  #report: Report;
  #isRunning = false;

  constructor(stack: NetworkStack, conn: TcpConn, options: ClientOptions) {
    const { parameters, hostname: host, port } = options;
    const usual = parameters.protocol === "TCP" ? TCP_BLOCK : conn.info().mss;
    this.#stack = stack;
    this.#control = new ControlChannel(conn);
    this.#options = options;
    this.#parameters = { ...parameters, length: parameters.length ?? usual };
    this.#report = new Report(options, this.#parameters, true, {
      peer: { host, port },
      cookie: cookieText(this.#cookie),
      time: new Date(),
    });
  }

  async run(): Promise<Summary> {
    const { hostname, port } = this.#options;
    const { reverse, bidir } = this.#parameters;
    this.#report.say(`Connecting to host ${hostname}, port ${port}`);
    if (reverse && !bidir) this.#report.say(`Reverse mode, remote host ${hostname} is sending`);
    await writeAll(this.#control.conn, this.#cookie);
    await this.#expect(TestState.PARAM_EXCHANGE);
    await this.#control.writeJson(formatParameters(this.#parameters));
    await this.#expect(TestState.CREATE_STREAMS);
    for (const direction of directions(this.#parameters)) {
      this.#streams.push(await this.#open(direction === "up"));
    }
    await this.#expect(TestState.TEST_START);
    await this.#expect(TestState.TEST_RUNNING);
    return await this.#measure();
  }

  /** Waits for the server no longer, unless there is something to tell. */
  giveUp(): void {
    if (!this.#isRunning) this.#control.conn.abort();
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#control.conn.close();
  }

  async #open(isSender: boolean): Promise<Stream> {
    const id = streamId(this.#streams.length);
    const { localAddr, remoteAddr } = this.#control.conn;
    if (this.#parameters.protocol === "UDP") {
      return await this.#openUdp(id, isSender, localAddr.hostname, remoteAddr);
    }
    const conn = await this.#stack.connect(remoteAddr);
    await writeAll(conn, this.#cookie);
    const stream = new TcpStream(id, isSender, conn);
    stream.configure(this.#parameters);
    return stream;
  }

  async #openUdp(
    id: number,
    isSender: boolean,
    local: string,
    { hostname, port }: Deno.NetAddr,
  ): Promise<Stream> {
    const socket = this.#stack.listenDatagram();
    const answered = Promise.withResolvers<void>();
    const udp = new UdpPort(socket, (bytes) => {
      if (isAnswer(bytes)) answered.resolve();
    });
    const remote: Deno.NetAddr = { transport: "udp", hostname, port };
    const stream = udp.open(id, isSender, local, remote);
    const hello = () => socket.send(udpHello(), remote).catch(answered.reject);
    hello();
    const timer = setInterval(hello, HELLO_INTERVAL);
    try {
      const message = `No answer from UDP port ${port} of ${hostname}`;
      await within(answered.promise, HELLO_INTERVAL * HELLOS, message);
      return stream;
    } catch (error) {
      stream.close();
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async #measure(): Promise<Summary> {
    const control = this.#control;
    const test = new Test(this.#parameters, this.#streams, {
      interval: this.#options.interval,
      isClient: true,
      onInterval: (spans) => this.#report.interval(spans),
    });
    this.#report.start(this.#streams);
    const cpu = measureCpu();
    const next = control.readState();
    const aborted = new Aborted(this.#options.signal);
    test.start();
    this.#isRunning = true;
    try {
      const state = await Promise.race([next, test.reached, aborted.promise]);
      if (state !== undefined) await this.#check(state, undefined);
      if (!aborted.is) await this.#finish(test);
    } finally {
      aborted.forget();
      test.stop();
      this.#isRunning = false;
    }
    if (aborted.is) return await this.#terminate(test, cpu());
    await control.writeState(TestState.TEST_END);
    const state = await within(next, PATIENCE, "The server does not answer");
    await this.#check(state, TestState.EXCHANGE_RESULTS);
    const local = resultsOf(test, cpu());
    await control.writeJson(formatResults(local));
    const remote = parseResults(await control.readJson(MAX_RESULTS, PATIENCE), this.#streams);
    await this.#expect(TestState.DISPLAY_RESULTS);
    const summary = summarize(test, local, remote);
    this.#report.end(summary);
    await control.writeState(TestState.IPERF_DONE);
    this.#report.say("\niperf Done.");
    return summary;
  }

  /** Waits until the last blocks are written; if an amount was asked for, until it has arrived. */
  async #finish(test: Test): Promise<void> {
    const end = performance.now() + END_TIME;
    await within(test.finish(), END_TIME, "The server does not read any more");
    const { bytes, blocks } = this.#parameters;
    if (bytes + blocks === 0) return;
    while (this.#streams.some(({ unsent }) => unsent > 0) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP));
    }
  }

  /** The user wants no more of it. */
  async #terminate(test: Test, cpu: CpuUse): Promise<Summary> {
    const summary = summarize(test, resultsOf(test, cpu), undefined);
    this.#report.end(summary);
    await this.#control.writeState(TestState.CLIENT_TERMINATE);
    return summary;
  }

  async #expect(wanted: number): Promise<void> {
    await this.#check(await this.#control.readState(PATIENCE), wanted);
  }

  async #check(state: number, wanted: number | undefined): Promise<void> {
    switch (state) {
      case wanted:
        return;
      case TestState.ACCESS_DENIED:
        throw new Deno.errors.Busy("The server is busy running a test: try again later");
      case TestState.SERVER_TERMINATE:
        throw new Deno.errors.Interrupted("The server has terminated");
      case TestState.SERVER_ERROR: {
        const code = await this.#control.readError(PATIENCE);
        throw new Error(`The server refuses: its error is number ${code}`);
      }
      default:
        throw new Deno.errors.InvalidData(
          `The server says ${stateName(state)} ` +
            (wanted === undefined ? "while the test runs" : `instead of ${stateName(wanted)}`),
        );
    }
  }
}

/** A signal as a promise. */
class Aborted {
  readonly promise: Promise<undefined>;
  #signal: AbortSignal | undefined;
  #resolve: () => void;

  constructor(signal: AbortSignal | undefined) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.promise = promise;
    this.#signal = signal;
    this.#resolve = () => resolve(undefined);
    if (signal?.aborted) this.#resolve();
    signal?.addEventListener("abort", this.#resolve);
  }

  get is(): boolean {
    return this.#signal?.aborted ?? false;
  }

  /** Listens to the signal no longer. */
  forget(): void {
    this.#signal?.removeEventListener("abort", this.#resolve);
  }
}
