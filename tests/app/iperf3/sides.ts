/**
 * Both sides of iperf3, for tests.
 *
 * @module
 */

import { runClient } from "../../../src/app/iperf3/client.ts";
import type { Parameters } from "../../../src/app/iperf3/parameters.ts";
import { Iperf3Server, type ServerOptions } from "../../../src/app/iperf3/server.ts";
import type { Summary } from "../../../src/app/iperf3/summary.ts";
import type { NetworkStack } from "../../../mod.ts";
import { FAR, type Pair, pairTest, settles } from "../../stacks.ts";

/** A short test of TCP. */
export const SHORT = {
  protocol: "TCP",
  reverse: false,
  bidir: false,
  parallel: 1,
  time: 0,
  omit: 0,
  bytes: 0,
  blocks: 0,
  length: undefined as number | undefined,
  bitrate: 0,
  counters64: false,
  noDelay: false,
  tos: 0,
} as const;

export type Wishes = Partial<Omit<Parameters, "length"> & { length: number | undefined }>;

/** Measures with the far stack, and returns the result and what the client has printed. */
export async function measure(
  near: NetworkStack,
  wishes: Wishes,
  options: { json?: boolean; interval?: number; signal?: AbortSignal } = {},
): Promise<{ summary: Summary; printed: string }> {
  const lines: string[] = [];
  const summary = await settles(runClient(near, {
    hostname: FAR,
    port: 5201,
    json: false,
    interval: 1,
    parameters: { ...SHORT, ...wishes },
    print: (text) => lines.push(text),
    ...options,
  }));
  return { summary, printed: lines.join("\n") };
}

/** A pair of stacks, the far one with a server. */
export interface Served extends Pair {
  readonly server: Iperf3Server;
  /** What it has printed, a text per entry. */
  readonly printed: string[];
}

/** A test with a server on the far stack. It must have ended when the server is closed. */
export function servedTest(
  name: string,
  body: (served: Served) => Promise<void>,
  options: Partial<ServerOptions> = {},
): void {
  pairTest(name, async (pair) => {
    const printed: string[] = [];
    const server = new Iperf3Server(pair.far, { print: (text) => printed.push(text), ...options });
    const serving = server.serve();
    await body({ ...pair, server, printed });
    await server.close();
    await settles(serving, "the server");
  });
}
