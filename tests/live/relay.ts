/**
 * Two hosts, each in a network namespace of its own, at the ends of a line that is slow, far and
 * unreliable, as told: `relay.c`, compiled.
 *
 * One host is where stacks run, and its kernel forwards to them; on the other there is only the
 * kernel. Both kernels can be talked to.
 *
 * @module
 */

import { compile } from "../ffi/cc.ts";
import { End } from "./end.ts";
import { Namespace } from "./namespace.ts";
import { Running } from "./running.ts";

/** What happens to packets on the line, in either direction. */
export interface Impairments {
  /** How long each takes, in ms: half of the round-trip time. */
  delay?: number;
  /** Mbit/s, headers counted; without a limit if left out. */
  rate?: number;
  /** Bytes that wait for the line if it has a rate; more are dropped. Without a limit if left out. */
  queue?: number;
  /** Probability of a loss, and how many packets in a row each takes away. */
  loss?: number;
  burst?: number;
  /** Every so manyth is lost. */
  every?: number;
  /** Probability that one is held back, and for how long, in ms. */
  reorder?: number;
  held?: number;
  /** Probability that one comes twice. */
  duplicate?: number;
  /** Of all that is random. */
  seed?: number;
}

/** What the line has done, in both directions together. */
export interface LineCounts {
  readonly packets: number;
  readonly bytes: number;
  readonly lost: number;
  /** Dropped because the queue was full. */
  readonly overflowed: number;
  readonly reordered: number;
  readonly duplicated: number;
  /** Lost by the relay itself. */
  readonly failed: number;
}

/** The addresses of the two kernels. */
export const NEAR = "10.9.0.1";
export const FAR = "10.9.0.2";

/** The two hosts and the line between them. */
export class Path implements AsyncDisposable {
  /** Where stacks run. */
  readonly near: Namespace;
  readonly far: Namespace;
  readonly #relay: Running;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    near: Namespace,
    far: Namespace,
    relay: Running,
    resources: AsyncDisposableStack,
  ) {
    this.near = near;
    this.far = far;
    this.#relay = relay;
    this.#resources = resources;
  }

  /** Makes it. To be used as `await using path = await Path.create()`. Needs `cc`. */
  static async create(): Promise<Path> {
    await using resources = new AsyncDisposableStack();
    const source = await Deno.readTextFile(new URL("./relay.c", import.meta.url));
    const { path } = resources.use(await compile(source, { args: ["-O2"] }));
    const near = resources.use(await Namespace.create());
    const far = resources.use(await Namespace.create());
    const relay = resources.use(
      new Running(null, path, [`${near.pid}`, "line0", `${far.pid}`, "line0"]),
    );
    await relay.waitFor("ready\n");
    for (const [ns, own, peer] of [[near, NEAR, FAR], [far, FAR, NEAR]] as const) {
      // A queue in front of the line would lose packets that nobody has counted.
      await ns.check("ip", ["link", "set", "line0", "txqueuelen", "10000", "up"]);
      // What the kernel has learnt of the path by one connection would slow down the next.
      await setting(ns, "tcp_no_metrics_save", "1");
      await ns.check("ip", ["address", "add", own, "peer", peer, "dev", "line0"]);
    }
    await far.check("ip", ["route", "add", "default", "dev", "line0"]);
    await setting(near, "ip_forward", "1");
    return new Path(near, far, relay, resources.move());
  }

  /**
   * Sets what happens on the line, and empties it.
   *
   * @returns What it has done since it was last set.
   */
  async set(impairments: Impairments): Promise<LineCounts> {
    const properties = Object.entries(impairments).map(([name, value]) => `${name} ${value}`);
    return JSON.parse(await this.#relay.ask(properties.join(" ")));
  }

  /** The congestion controls that the kernels offer. */
  async kernelCongestions(): Promise<string[]> {
    const file = "/proc/sys/net/ipv4/tcp_available_congestion_control";
    return (await this.near.check("cat", [file])).trim().split(" ");
  }

  /** Has the kernels use a congestion control for what they send over the line from now on. */
  async setKernelCongestion(name: string): Promise<void> {
    for (const [ns, to] of [[this.near, FAR], [this.far, NEAR], [this.far, "default"]] as const) {
      await ns.check("ip", ["route", "replace", to, "dev", "line0", "congctl", name]);
    }
  }

  /** A program on the near host that sends and receives through its kernel. */
  async nearKernel(): Promise<End> {
    return await End.start(this.near, NEAR, []);
  }

  /** The same on the far host. */
  async farKernel(): Promise<End> {
    return await End.start(this.far, FAR, []);
  }

  /**
   * The same through a stack of its own, on the near host.
   *
   * @param index 0 to 255: each needs another one.
   * @param tcp Settings of its TCP, and the MTU.
   */
  async stack(index: number, tcp: Record<string, unknown> = {}): Promise<End> {
    const address = `10.0.${index}.2`;
    return await End.start(this.near, address, [
      address,
      `10.0.${index}.1`,
      JSON.stringify(tcp),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Sets one of a kernel's settings of IPv4 in a namespace. */
async function setting(ns: Namespace, name: string, value: string): Promise<void> {
  await ns.check("sh", ["-c", 'echo "$2" >"/proc/sys/net/ipv4/$1"', "sh", name, value]);
}
