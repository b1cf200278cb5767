/**
 * What is measured, beside what, and what is to be reached.
 *
 * @module
 */

import { digits } from "./figures.ts";
import { denoArgs } from "../../tests/live/namespace.ts";
import {
  type Hosts,
  KERNEL,
  OFFLOAD_PEER,
  PATIENCE,
  PEER,
  PLAIN_STACK,
  PLAIN_STACK6,
  STACK,
  STACK6,
} from "./hosts.ts";

const PROGRAM = new URL("../../src/app/main.ts", import.meta.url);
const IN_MEMORY = new URL("./inside/memory.ts", import.meta.url);

/** One number that a measure gives. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Whether it is a time, or memory: less is better. */
  readonly isLess?: boolean;
  /** What ours is to be: at least, or at most where less is better. */
  readonly reach?: number;
}

/** One of those that are compared. */
export interface Side {
  readonly name: string;
  /** Whether it is JavaScript, which gets faster during its first run. */
  readonly warmsUp?: boolean;
  /** How many times as fast as this one ours is to be. */
  readonly reach?: number;
  /** Measures once: a value for each figure. */
  run(): Promise<number[]>;
}

/** Something that is measured several times, of all sides in turns. */
export interface Measure {
  /** As `--only` names it. */
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Ours first. */
  readonly sides: readonly Side[];
  /** How many times at most; what takes long has few. */
  readonly runs?: number;
}

/** How thoroughly to measure. */
export interface Effort {
  /** Length of a run, in milliseconds. */
  readonly ms: number;
  /** Bytes from stack to stack in memory. */
  readonly memoryBytes: number;
  /** Bytes that iperf3 sends. */
  readonly iperf3Bytes: number;
  /** What goes through 100 connections before memory is measured again, in GiB. */
  readonly loadGibibytes: number;
  /** Numbers of idle connections, the most first. */
  readonly idle: readonly number[];
  /** Whether to build the executable, which takes longer than to measure its start. */
  readonly builds: boolean;
}

/** How many packets `ping -f` sends. */
const PINGS = 10_000;
/** How many requests are under way at once. */
const CONNECTS = 8;
const LOADED = 100;
const MIB = 2 ** 20;
/** How long the load for memory may take, in milliseconds. */
const LOAD_TIME = 12_000;
/** Addresses of a stack that is just starting, and of the near host there. */
const FRESH = "10.0.5.2";
const FRESH_HOST = "10.0.5.1";

/** What takes network interfaces. */
export function measuresOn(hosts: Hosts, effort: Effort): Measure[] {
  return [
    ...bulk(hosts, effort),
    ...roundTrips(hosts, effort),
    connects(hosts, effort),
    http(hosts),
    datagrams(hosts, effort),
    pings(hosts),
    timer(hosts, effort),
    memory(hosts, effort),
    idle(hosts, effort),
    startUp(hosts, effort),
  ];
}

/** Who can answer, where, and how to start it. */
const PLACES = {
  stack: { address: STACK, isOurs: true, start: (hosts) => hosts.stack("offload") },
  stack6: { address: STACK6, isOurs: true, start: (hosts) => hosts.stack("offload") },
  plain: { address: PLAIN_STACK, isOurs: true, start: (hosts) => hosts.stack("plain") },
  plain6: { address: PLAIN_STACK6, isOurs: true, start: (hosts) => hosts.stack("plain") },
  peer: { address: PEER, isOurs: false, start: (hosts) => hosts.peer(false) },
  offloadPeer: { address: OFFLOAD_PEER, isOurs: false, start: (hosts) => hosts.peer(true) },
  kernel: { address: KERNEL, isOurs: false, start: (hosts) => hosts.kernel() },
} as const satisfies Record<
  string,
  { address: string; isOurs: boolean; start: (hosts: Hosts) => Promise<unknown> }
>;

/** What one of the places makes of a load. */
function side(
  hosts: Hosts,
  place: keyof typeof PLACES,
  name: string,
  load: (address: string) => Promise<number[]>,
  reach?: number,
): Side {
  const { address, isOurs, start } = PLACES[place];
  return {
    name,
    warmsUp: isOurs,
    reach,
    run: async () => {
      await start(hosts);
      return await load(address);
    },
  };
}

function gigabits({ bytes, us }: Record<string, number>): number {
  return bytes! * 8 / us! / 1000;
}

function perSecond({ count, us }: Record<string, number>): number {
  return count! * 1e6 / us!;
}

function bulk(hosts: Hosts, { ms, iperf3Bytes }: Effort): Measure[] {
  const iperf3 = (
    name: string,
    host: string,
    ns: () => typeof hosts.near,
    reach?: number,
  ): Side => ({
    name,
    reach,
    run: async () => {
      await hosts.iperf3(ns());
      const args = ["-c", host, "-C", "cubic", "-n", `${iperf3Bytes}`, "-J"];
      const { end } = JSON.parse(await hosts.run("iperf3", args));
      return [end.sum_received.bits_per_second / 1e9];
    },
  });
  const loopback = (reach?: number) =>
    iperf3("iperf3, loopback", "127.0.0.1", () => hosts.near, reach);
  const loopback6 = iperf3("iperf3, loopback, IPv6", "::1", () => hosts.near);
  const veth = iperf3("iperf3, veth", KERNEL, () => hosts.far);
  const into = async (address: string) => [gigabits(await hosts.load(["send", address, 9, ms, 1]))];
  const out = async (address: string) => [gigabits(await hosts.load(["receive", address, 19, ms]))];
  const of = (name: string, figure: string, sides: Side[], reach?: number): Measure => ({
    name,
    figures: [{ name: figure, unit: "Gbit/s", reach }],
    sides,
    ...reach === undefined && { runs: 3 },
  });
  return [
    of("bulk-in", "bulk in, offload", [
      side(hosts, "stack", "our sink", into),
      side(hosts, "offloadPeer", "C sink, offload", into, 0.5),
      loopback(0.6),
      veth,
    ], 30),
    of("bulk-in-plain", "bulk in, no offload", [
      side(hosts, "plain", "our sink", into),
      side(hosts, "peer", "C sink", into, 0.6),
    ], 8),
    of("bulk-in-6", "bulk in, IPv6", [
      side(hosts, "stack6", "our sink, offload", into),
      side(hosts, "plain6", "our sink, no offload", into),
      loopback6,
    ]),
    of("bulk-out", "bulk out, offload", [
      side(hosts, "stack", "our source", out),
      side(hosts, "offloadPeer", "C source, offload", out, 0.4),
      loopback(),
      veth,
    ], 25),
    of("bulk-out-plain", "bulk out, no offload", [
      side(hosts, "plain", "our source", out),
      side(hosts, "peer", "C source", out, 0.6),
    ], 2.8),
    of("bulk-out-6", "bulk out, IPv6", [
      side(hosts, "stack6", "our source, offload", out),
      side(hosts, "plain6", "our source, no offload", out),
      loopback6,
    ]),
  ];
}

function roundTrips(hosts: Hosts, { ms }: Effort): Measure[] {
  const kinds: [name: string, how: string, gap: number, reach: number][] = [
    ["echo", "back to back", 0, 25],
    ["echo-gaps", "200 µs gaps", 200, 50],
  ];
  return kinds.map(([name, how, gap, reach]): Measure => {
    const load = async (address: string) => {
      const { p50, p99 } = await hosts.load(["ping", address, 7, ms / 2, gap]);
      return [p50!, p99!];
    };
    const figure = { unit: "µs", isLess: true };
    return {
      name,
      figures: [
        { ...figure, name: `echo of 1 byte, ${how}, p50`, reach },
        { ...figure, name: `echo of 1 byte, ${how}, p99` },
      ],
      sides: [
        side(hosts, "stack", "ours", load),
        side(hosts, "peer", "C responder", load),
        side(hosts, "kernel", "kernel, veth", load),
      ],
    };
  });
}

function connects(hosts: Hosts, { ms }: Effort): Measure {
  const load = async (address: string) => [
    perSecond(await hosts.load(["connect", address, 5003, ms, CONNECTS])),
  ];
  return {
    name: "connects",
    figures: [
      { name: `short connections, ${CONNECTS} at a time`, unit: "1/s", reach: 15_000 },
    ],
    sides: [
      side(hosts, "stack", "ours", load),
      side(hosts, "kernel", "kernel, veth", load, 0.5),
    ],
  };
}

function http(hosts: Hosts): Measure {
  const one = (name: string, start: () => Promise<unknown>, site: string): Side => ({
    name,
    warmsUp: true,
    run: async () => {
      await start();
      const output = await hosts.run("wrk", ["-t1", "-c64", "-d1s", `http://${site}/`]);
      const [, rate] = /^Requests\/sec:\s*([\d.]+)/m.exec(output) ?? [];
      if (rate === undefined) throw new Error(`wrk said:\n${output}`);
      return [Number(rate)];
    },
  });
  return {
    name: "http",
    figures: [{ name: "HTTP, wrk -c 64", unit: "1/s" }],
    sides: [
      one("serveHttp", () => hosts.stack("offload"), `${STACK}:8080`),
      one("our bare socket", () => hosts.stack("offload"), `${STACK}:8081`),
      one("Deno.serve, kernel, veth", () => hosts.kernelHttp(), `${KERNEL}:8080`),
    ],
    runs: 3,
  };
}

function datagrams(hosts: Hosts, { ms }: Effort): Measure {
  const load = async (address: string) => [
    perSecond(await hosts.load(["udp", address, 7, ms / 2])),
  ];
  return {
    name: "udp",
    figures: [{ name: "UDP echo, 1472 bytes", unit: "1/s" }],
    sides: [
      side(hosts, "stack", "ours", load),
      side(hosts, "peer", "C responder", load, 0.6),
      side(hosts, "kernel", "kernel, veth", load),
    ],
  };
}

function pings(hosts: Hosts): Measure {
  const load = async (address: string) => {
    const args = ["-f", "-q", "-c", `${PINGS}`, "-w", "2", address];
    const output = await hosts.run("ping", args);
    const [, count, took] = /(\d+) received, .* time (\d+)ms/.exec(output)!;
    return [Number(count) * 1000 / Number(took)];
  };
  return {
    name: "ping",
    figures: [{ name: "ping flood", unit: "1/s" }],
    sides: [
      side(hosts, "stack", "ours", load),
      side(hosts, "peer", "C responder", load, 0.6),
      side(hosts, "kernel", "kernel, veth", load),
    ],
  };
}

/** What takes none: two stacks in one process. */
export function betweenStacks({ memoryBytes }: Effort): Measure {
  const mtus = [1500, 65535];
  return {
    name: "memory-pair",
    figures: mtus.map((mtu) => ({
      name: `two stacks in memory, ${memoryBytes / MIB} MiB, MTU ${mtu}`,
      unit: "Gbit/s",
      reach: 10,
    })),
    sides: [{
      name: "ours",
      run: async () => {
        const results: number[] = [];
        for (const mtu of mtus) results.push(gigabits(await sendInMemory(memoryBytes, mtu)));
        return results;
      },
    }],
    runs: 3,
  };
}

async function sendInMemory(bytes: number, mtu: number): Promise<Record<string, number>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...await denoArgs(IN_MEMORY), `${bytes}`, `${mtu}`],
    signal: AbortSignal.timeout(PATIENCE),
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr) || `It took longer than ${PATIENCE} ms`);
  return JSON.parse(text.decode(stdout));
}

/** How late the application's own timers are while both directions are full. */
function timer(hosts: Hosts, { ms }: Effort): Measure {
  const under = (place: "stack" | "plain", name: string): Side =>
    side(hosts, place, name, async (address) => {
      const stack = await hosts.stack(place === "stack" ? "offload" : "plain");
      const [late] = await Promise.all([
        stack.ask(`timer ${ms}`),
        hosts.load(["send", address, 9, ms, 1]),
        hosts.load(["receive", address, 19, ms]),
      ]);
      const { p99, max } = JSON.parse(late);
      return [p99, max];
    });
  const figure = { unit: "ms", isLess: true };
  return {
    name: "timer",
    figures: [
      { ...figure, name: "lateness of a 10 ms timer, bulk both ways, p99" },
      { ...figure, name: "lateness of a 10 ms timer, bulk both ways, most", reach: 50 },
    ],
    sides: [under("stack", "ours, offload"), under("plain", "ours, no offload")],
    runs: 3,
  };
}

/** Memory is what a process has ever needed: of a stack that has done nothing else. */
async function freshStack(hosts: Hosts) {
  await hosts.stopStack("offload");
  const stack = await hosts.stack("offload");
  return async (): Promise<{ rss: number; connections: number }> =>
    JSON.parse(await stack.ask("memory"));
}

function memory(hosts: Hosts, { loadGibibytes }: Effort): Measure {
  const less = (name: string) => ({ name, unit: "MiB", isLess: true });
  return {
    name: "memory",
    figures: [
      less("RSS, fresh"),
      less(`RSS after ${loadGibibytes / 10} GiB through ${LOADED} connections`),
      less(`RSS after ${loadGibibytes} GiB more, through ${LOADED} others`),
    ],
    sides: [{
      name: "ours",
      run: async () => {
        const ask = await freshStack(hosts);
        const sizes = [(await ask()).rss / MIB];
        for (const gibibytes of [loadGibibytes / 10, loadGibibytes]) {
          const wanted = Math.round(gibibytes * 1024);
          const load = ["send", STACK, 9, LOAD_TIME, LOADED, wanted];
          const { bytes } = await hosts.load(load);
          if (bytes! < wanted * MIB) {
            throw new Error(`In ${LOAD_TIME} ms only ${digits(bytes! / MIB)} MiB came`);
          }
          sizes.push((await ask()).rss / MIB);
        }
        return sizes;
      },
    }],
    runs: 1,
  };
}

/** From exec to the first answered ping: of one executable, and of the program from its sources. */
function startUp(hosts: Hosts, { builds }: Effort): Measure {
  const start = async (command: string[], env?: Record<string, string>) => {
    const serve = ["serve", "--quiet", "--address", FRESH, "--host-address", FRESH_HOST];
    const { us } = await hosts.load(["first", FRESH, ...command, ...serve], env);
    return [us! / 1000];
  };
  const executable: Side = {
    name: "./tcpstack serve",
    warmsUp: true, // unpacks itself
    run: async () => {
      const folder = await hosts.executable();
      return await start([`${folder}/tcpstack`], { XDG_CACHE_HOME: folder });
    },
  };
  const sources: Side = {
    name: "deno run … serve",
    warmsUp: true,
    run: async () => await start([Deno.execPath(), ...await denoArgs(PROGRAM)]),
  };
  return {
    name: "start-up",
    figures: [{ name: "from exec to the first answered ping", unit: "ms", isLess: true }],
    sides: builds ? [executable, sources] : [sources],
  };
}

/** What connections cost that do nothing: memory, and time of those that do something. */
function idle(hosts: Hosts, { ms, idle }: Effort): Measure {
  return {
    name: "idle",
    figures: [
      { name: "RSS with idle connections", unit: "MiB", isLess: true },
      { name: "of that for each, beyond a fresh one's", unit: "KiB", isLess: true },
      { name: "bulk in beside them", unit: "Gbit/s" },
      { name: "short connections beside them", unit: "1/s" },
    ],
    sides: idle.map((count) => ({
      name: `ours, ${count.toLocaleString("en")} idle`,
      run: async () => {
        const ask = await freshStack(hosts);
        const fresh = await ask();
        await using _ = await hosts.idle(STACK, 9, count);
        const { rss, connections } = await ask();
        if (connections < count) throw new Error(`${connections} connections are open`);
        const into = ["send", STACK, 9, ms, 1];
        await hosts.load(into); // the first run warms up
        const bytes = await hosts.load(into);
        const short = await hosts.load(["connect", STACK, 5003, ms, CONNECTS]);
        await hosts.killStack("offload");
        return [rss / MIB, (rss - fresh.rss) / 1024 / count, gigabits(bytes), perSecond(short)];
      },
    })),
    runs: 1,
  };
}
