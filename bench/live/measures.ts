/**
 * What is measured, and beside what.
 *
 * @module
 */

import { denoArgs } from "../../tests/live/namespace.ts";
import { type Hosts, KERNEL, OFFLOAD_PEER, PATIENCE, PEER, STACK } from "./hosts.ts";

const IN_MEMORY = new URL("./inside/memory.ts", import.meta.url);

/** One number that a measure gives. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Whether it is a time, or memory: less is better. */
  readonly isLess?: boolean;
}

/** One of those that are compared. */
export interface Side {
  readonly name: string;
  /** Whether it is JavaScript, which gets faster during its first run. */
  readonly warmsUp?: boolean;
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
}

/** How many packets `ping -f` sends. */
const PINGS = 10_000;
/** How many requests are under way at once. */
const CONNECTS = 8;
const LOADED = 100;
const IDLE = 10_000;
const MIB = 2 ** 20;

/** What takes network interfaces. */
export function measuresOn(hosts: Hosts, effort: Effort): Measure[] {
  return [
    ...bulk(hosts, effort),
    ...roundTrips(hosts, effort),
    connects(hosts, effort),
    http(hosts),
    datagrams(hosts, effort),
    pings(hosts),
    memory(hosts, effort),
  ];
}

/** Sides that are addresses to send the same load to. */
function toEach(
  hosts: Hosts,
  names: { ours: string; peer?: string; offloadPeer?: string; kernel?: string },
  load: (address: string) => Promise<number[]>,
): Side[] {
  const { ours, peer, offloadPeer, kernel } = names;
  const side = (name: string, start: () => Promise<unknown>, address: string): Side => ({
    name,
    warmsUp: address === STACK,
    run: async () => {
      await start();
      return await load(address);
    },
  });
  const sides = [side(ours, () => hosts.stack(), STACK)];
  if (peer !== undefined) sides.push(side(peer, () => hosts.peer(false), PEER));
  if (offloadPeer !== undefined) {
    sides.push(side(offloadPeer, () => hosts.peer(true), OFFLOAD_PEER));
  }
  if (kernel !== undefined) sides.push(side(kernel, () => hosts.kernel(), KERNEL));
  return sides;
}

function gigabits({ bytes, us }: Record<string, number>): number {
  return bytes! * 8 / us! / 1000;
}

function perSecond({ count, us }: Record<string, number>): number {
  return count! * 1e6 / us!;
}

function bulk(hosts: Hosts, { ms, iperf3Bytes }: Effort): Measure[] {
  const iperf3 = (name: string, host: string, ns: () => typeof hosts.near): Side => ({
    name,
    run: async () => {
      await hosts.iperf3(ns());
      const args = ["-c", host, "-C", "cubic", "-n", `${iperf3Bytes}`, "-J"];
      const { end } = JSON.parse(await hosts.run("iperf3", args));
      return [end.sum_received.bits_per_second / 1e9];
    },
  });
  const kernels = [
    iperf3("iperf3, loopback", "127.0.0.1", () => hosts.near),
    iperf3("iperf3, veth", KERNEL, () => hosts.far),
  ];
  const into = toEach(
    hosts,
    { ours: "our sink, MTU 1500", peer: "C sink", offloadPeer: "C sink, offload" },
    async (address) => [gigabits(await hosts.load(["send", address, 9, ms, 1]))],
  );
  const out = toEach(
    hosts,
    { ours: "our source, MTU 1500", peer: "C source", offloadPeer: "C source, offload" },
    async (address) => [gigabits(await hosts.load(["receive", address, 19, ms]))],
  );
  const unit = "Gbit/s";
  return [
    { name: "bulk-in", figures: [{ name: "bulk in", unit }], sides: [...into, ...kernels] },
    { name: "bulk-out", figures: [{ name: "bulk out", unit }], sides: [...out, ...kernels] },
  ];
}

function roundTrips(hosts: Hosts, { ms }: Effort): Measure[] {
  return [["echo", "back to back", 0], ["echo-gaps", "200 µs gaps", 200]].map(
    ([name, how, gap]): Measure => ({
      name: `${name}`,
      figures: ["p50", "p99"].map((part) => ({
        name: `echo of 1 byte, ${how}, ${part}`,
        unit: "µs",
        isLess: true,
      })),
      sides: toEach(
        hosts,
        { ours: "ours", peer: "C responder", kernel: "kernel, veth" },
        async (address) => {
          const { p50, p99 } = await hosts.load(["ping", address, 7, ms / 2, gap!]);
          return [p50!, p99!];
        },
      ),
    }),
  );
}

function connects(hosts: Hosts, { ms }: Effort): Measure {
  return {
    name: "connects",
    figures: [{ name: `short connections, ${CONNECTS} at a time`, unit: "1/s" }],
    sides: toEach(
      hosts,
      { ours: "ours", kernel: "kernel, veth" },
      async (address) => [perSecond(await hosts.load(["connect", address, 5003, ms, CONNECTS]))],
    ),
  };
}

function http(hosts: Hosts): Measure {
  const side = (name: string, start: () => Promise<unknown>, site: string): Side => ({
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
      side("serveHttp", () => hosts.stack(), `${STACK}:8080`),
      side("our bare socket", () => hosts.stack(), `${STACK}:8081`),
      side("Deno.serve, kernel, veth", () => hosts.kernelHttp(), `${KERNEL}:8080`),
    ],
    runs: 3,
  };
}

function datagrams(hosts: Hosts, { ms }: Effort): Measure {
  return {
    name: "udp",
    figures: [{ name: "UDP echo, 1472 bytes", unit: "1/s" }],
    sides: toEach(
      hosts,
      { ours: "ours", peer: "C responder", kernel: "kernel, veth" },
      async (address) => [perSecond(await hosts.load(["udp", address, 7, ms / 2]))],
    ),
  };
}

function pings(hosts: Hosts): Measure {
  return {
    name: "ping",
    figures: [{ name: "ping flood", unit: "1/s" }],
    sides: toEach(
      hosts,
      { ours: "ours", peer: "C responder", kernel: "kernel, veth" },
      async (address) => {
        const args = ["-f", "-q", "-c", `${PINGS}`, "-w", "2", address];
        const output = await hosts.run("ping", args);
        const [, count, took] = /(\d+) received, .* time (\d+)ms/.exec(output)!;
        return [Number(count) * 1000 / Number(took)];
      },
    ),
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

function memory(hosts: Hosts, { ms }: Effort): Measure {
  const less = (name: string) => ({ name, unit: "MiB", isLess: true });
  return {
    name: "memory",
    figures: [
      less("RSS, fresh"),
      { name: `data through ${LOADED} connections`, unit: "GiB" },
      less("RSS after it"),
      less(`RSS with ${IDLE} idle connections`),
    ],
    sides: [{
      name: "ours",
      run: async () => {
        await hosts.stopStack(); // memory is what a process has ever needed
        const stack = await hosts.stack();
        const ask = async () => JSON.parse(await stack.ask("memory"));
        const fresh = await ask();
        const { bytes } = await hosts.load(["send", STACK, 9, 10 * ms, LOADED]);
        const loaded = await ask();
        await using _ = await hosts.idle(STACK, 9, IDLE);
        const idle = await ask();
        if (idle.connections < IDLE) throw new Error(`${idle.connections} connections are open`);
        return [fresh.rss / MIB, bytes! / 2 ** 30, loaded.rss / MIB, idle.rss / MIB];
      },
    }],
    runs: 1,
  };
}
