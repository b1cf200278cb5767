/**
 * Where speed is measured: two network namespaces joined by a `veth` pair, and on the near one what
 * is compared. Programs start when they are first asked for, and stay.
 *
 * @module
 */

import { compile, type Compiled } from "../../tests/ffi/cc.ts";
import { denoArgs, liveSkipReason, Namespace } from "../../tests/live/namespace.ts";
import { Running } from "../../tests/live/running.ts";

/** Address of our stack, on the near host. */
export const STACK = "10.0.0.2";
/** Addresses of `tun_peer.c`, on the near host: without offload, and with it. */
export const PEER = "10.0.1.2";
export const OFFLOAD_PEER = "10.0.2.2";
/** The kernel of the far host. */
export const KERNEL = "10.0.3.2";

/** Packets that wait for `tun_peer.c`: more than a window. */
const QUEUE = "5000";
/** How long one run of a program may take, in milliseconds. */
export const PATIENCE = 15_000;

const PROGRAMS = {
  stack: new URL("./inside/stack.ts", import.meta.url),
  kernelHttp: new URL("./inside/kernel_http.ts", import.meta.url),
} as const;

/** Says why a measure cannot be taken on this machine. */
export class Missing extends Error {}

/** The two hosts. */
export class Hosts implements AsyncDisposable {
  readonly near: Namespace;
  readonly far: Namespace;
  readonly #load: Compiled;
  readonly #peer: Compiled;
  readonly #resources: AsyncDisposableStack;
  readonly #profiles: string | undefined;
  readonly #started = new Map<string, Promise<Running>>();

  private constructor(
    near: Namespace,
    far: Namespace,
    load: Compiled,
    peer: Compiled,
    resources: AsyncDisposableStack,
    profiles: string | undefined,
  ) {
    this.near = near;
    this.far = far;
    this.#load = load;
    this.#peer = peer;
    this.#resources = resources;
    this.#profiles = profiles;
  }

  /**
   * Makes them; needs `cc`.
   *
   * @param profiles Folder for CPU profiles of our stack, which are written when it ends.
   */
  static async create(profiles?: string): Promise<Hosts> {
    await using resources = new AsyncDisposableStack();
    const load = resources.use(await compileFile("load.c", "-pthread"));
    const peer = resources.use(await compileFile("tun_peer.c"));
    const near = resources.use(await Namespace.create());
    const far = resources.use(await Namespace.create());
    await near.check("ip", [
      ..."link add veth0 type veth peer name veth0 netns".split(" "),
      `${far.pid}`,
    ]);
    for (const [ns, address] of [[near, "10.0.3.1/24"], [far, `${KERNEL}/24`]] as const) {
      await ns.check("ip", ["address", "add", address, "dev", "veth0"]);
      await ns.check("ip", ["link", "set", "veth0", "up"]);
      // Connections that end by the tens of thousands need ports.
      await ns.check("sh", ["-c", "echo 10000 65000 >/proc/sys/net/ipv4/ip_local_port_range"]);
    }
    return new Hosts(near, far, load, peer, resources.move(), profiles);
  }

  /** Our stack. */
  stack(): Promise<Running> {
    return this.#start("stack", () => this.startStack());
  }

  /** A further one of ours; only one can run at a time. */
  async startStack(): Promise<Running> {
    const args = await denoArgs(PROGRAMS.stack);
    if (this.#profiles !== undefined) {
      args.splice(1, 0, "--cpu-prof", `--cpu-prof-dir=${this.#profiles}`);
    }
    return await ready(new Running(this.near, Deno.execPath(), args));
  }

  /** Ends our stack, so that its profile is written and another can start. */
  async stopStack(): Promise<void> {
    const stack = await this.#started.get("stack");
    this.#started.delete("stack");
    if (stack === undefined) return;
    await stack.closeInput();
    await stack.end();
  }

  /** `tun_peer.c`. */
  peer(offload: boolean): Promise<Running> {
    const name = offload ? "peer1" : "peer0";
    return this.#start(name, async () => {
      const mode = offload ? ["offload"] : [];
      const peer = await ready(new Running(this.near, this.#peer.path, [name, ...mode]));
      const address = offload ? OFFLOAD_PEER : PEER;
      const host = address.replace(/2$/, "1");
      await this.near.check("ip", ["address", "add", host, "peer", address, "dev", name]);
      await this.near.check("ip", ["link", "set", name, "txqueuelen", QUEUE, "up"]);
      return peer;
    });
  }

  /** The kernel's sockets on the far host, as `load serve` uses them. */
  kernel(): Promise<Running> {
    return this.#start("kernel", () => ready(new Running(this.far, this.#load.path, ["serve"])));
  }

  /** `Deno.serve` on the far host. */
  kernelHttp(): Promise<Running> {
    return this.#start("kernelHttp", async () => {
      const args = await denoArgs(PROGRAMS.kernelHttp);
      return await ready(new Running(this.far, Deno.execPath(), args));
    });
  }

  /** A server of iperf3, on the far host or on the near one's loopback. */
  iperf3(ns: Namespace): Promise<Running> {
    need("iperf3");
    return this.#start(`iperf3 ${ns.pid}`, async () => {
      const server = new Running(ns, "iperf3", ["-s", "--forceflush"]);
      await server.waitFor("Server listening");
      return server;
    });
  }

  /** Runs `load.c` on the near host to its end. */
  async load(args: (string | number)[]): Promise<Record<string, number>> {
    return JSON.parse(await this.run(this.#load.path, args.map(String)));
  }

  /** Opens connections from the near host that stay open while the result does. */
  async idle(host: string, port: number, count: number): Promise<Running> {
    const args = ["idle", host, `${port}`, `${count}`];
    return await ready(new Running(this.near, this.#load.path, args));
  }

  /** Runs a program on the near host to its end, and returns what it printed. */
  async run(program: string, args: string[]): Promise<string> {
    need(program);
    return await this.near.check(program, args, { timeout: PATIENCE });
  }

  #start(name: string, start: () => Promise<Running>): Promise<Running> {
    const there = this.#started.get(name);
    if (there !== undefined) return there;
    const starting = start();
    this.#started.set(name, starting);
    return starting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopStack();
    for (const starting of this.#started.values()) {
      const program = await starting.catch(() => undefined);
      await program?.[Symbol.asyncDispose]();
    }
    await this.#resources.disposeAsync();
  }
}

async function compileFile(name: string, ...args: string[]): Promise<Compiled> {
  const source = await Deno.readTextFile(new URL(name, import.meta.url));
  return await compile(source, { args: ["-O2", ...args] });
}

async function ready(program: Running): Promise<Running> {
  try {
    await program.waitFor("ready\n", PATIENCE);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
  return program;
}

function need(program: string): void {
  const skip = liveSkipReason(program);
  if (skip !== undefined) throw new Missing(skip);
}
