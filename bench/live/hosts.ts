/**
 * Where speed is measured: two network namespaces joined by a `veth` pair, and on the near one what
 * is compared. Programs start when they are first asked for, and stay.
 *
 * @module
 */

import { compile, type Compiled } from "../../tests/ffi/cc.ts";
import { denoArgs, liveSkipReason, Namespace } from "../../tests/live/namespace.ts";
import { Running } from "../../tests/live/running.ts";

/** Addresses of our stack, on the near host: with offload, and without it. */
export const STACK = "10.0.0.2";
export const STACK6 = "fd00::2";
export const PLAIN_STACK = "10.0.4.2";
export const PLAIN_STACK6 = "fd04::2";
/** Addresses of `tun_peer.c`, on the near host: without offload, and with it. */
export const PEER = "10.0.1.2";
export const OFFLOAD_PEER = "10.0.2.2";
/** The kernel of the far host. */
export const KERNEL = "10.0.3.2";

/** Packets that wait for `tun_peer.c`: more than a window. */
const QUEUE = "5000";
/** How long one run of a program may take, in milliseconds. */
export const PATIENCE = 15_000;
/** How long it may take to open a connection, in milliseconds. */
const CONNECT_PATIENCE = 1;

/** Our stacks, as `openTun` makes them. */
const STACKS = {
  offload: { name: "stack0", addresses: [STACK, STACK6], more: {} },
  plain: { name: "stack1", addresses: [PLAIN_STACK, PLAIN_STACK6], more: { offload: false } },
} as const;

/** One of our stacks: with the settings that hold where nothing is said, or without offload. */
export type StackKind = keyof typeof STACKS;

const BUILD = new URL("../../tools/build.ts", import.meta.url);

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
  #executable: Promise<string> | undefined;

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

  /** One of our stacks. */
  stack(kind: StackKind): Promise<Running> {
    return this.#start(kind, async () => {
      const args = await denoArgs(PROGRAMS.stack);
      if (this.#profiles !== undefined) {
        args.splice(1, 0, "--cpu-prof", `--cpu-prof-dir=${this.#profiles}`);
      }
      const { name, addresses, more } = STACKS[kind];
      // Where the system has no IPv6, it is all but the rows of IPv6.
      const address = addresses.filter((address) => hasIpv6() || !address.includes(":"));
      const hostAddress = address.map((address) => address.replace(/2$/, "1"));
      args.push(JSON.stringify({ name, address, hostAddress, ...more }));
      return await ready(new Running(this.near, Deno.execPath(), args));
    });
  }

  /** Ends one of our stacks, so that its profile is written and another can start. */
  async stopStack(kind: StackKind): Promise<void> {
    const stack = await this.#started.get(kind)?.catch(() => undefined);
    this.#started.delete(kind);
    if (stack === undefined) return;
    await stack.closeInput();
    await stack.end();
  }

  /** Ends one of our stacks at once: to take leave of 100,000 peers takes a while. */
  async killStack(kind: StackKind): Promise<void> {
    const stack = await this.#started.get(kind)?.catch(() => undefined);
    this.#started.delete(kind);
    await stack?.[Symbol.asyncDispose]();
  }

  /** Ends all of our stacks. */
  async stopStacks(): Promise<void> {
    for (const kind of Object.keys(STACKS) as StackKind[]) await this.stopStack(kind);
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
  async load(
    args: (string | number)[],
    env?: Record<string, string>,
  ): Promise<Record<string, number>> {
    return JSON.parse(await this.run(this.#load.path, args.map(String), env));
  }

  /** Opens connections from the near host that stay open while the result does. */
  async idle(host: string, port: number, count: number): Promise<Running> {
    const args = ["idle", host, `${port}`, `${count}`];
    const patience = PATIENCE + count * CONNECT_PATIENCE;
    return await ready(new Running(this.near, this.#load.path, args), patience);
  }

  /** Runs a program on the near host to its end, and returns what it printed. */
  async run(program: string, args: string[], env?: Record<string, string>): Promise<string> {
    need(program);
    return await this.near.check(program, args, { timeout: PATIENCE, env });
  }

  /** The folder with the program as one executable, which may unpack itself there. */
  executable(): Promise<string> {
    return this.#executable ??= this.#build();
  }

  async #build(): Promise<string> {
    const folder = await Deno.makeTempDir({ prefix: "tcpstack_bench_" });
    this.#resources.defer(() => Deno.remove(folder, { recursive: true }));
    const args = ["run", "-A", "--no-config", BUILD.pathname, "--output", `${folder}/tcpstack`];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    if (!success) throw new Error(`The build failed: ${new TextDecoder().decode(stderr)}`);
    return folder;
  }

  #start(name: string, start: () => Promise<Running>): Promise<Running> {
    const there = this.#started.get(name);
    if (there !== undefined) return there;
    const starting = start();
    this.#started.set(name, starting);
    return starting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopStacks();
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

async function ready(program: Running, patience = PATIENCE): Promise<Running> {
  try {
    await program.waitFor("ready\n", patience);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
  return program;
}

function hasIpv6(): boolean {
  try {
    return Deno.readTextFileSync("/proc/net/if_inet6") !== "";
  } catch {
    return false;
  }
}

function need(program: string): void {
  const skip = liveSkipReason(program);
  if (skip !== undefined) throw new Missing(skip);
}
