/**
 * `tcpstack nc`: joins the standard input and output to a connection, from a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import { formatEnd } from "../../socket/addresses.ts";
import type { TcpConn } from "../../socket/tcp_conn.ts";
import type { Command } from "../command.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../errors.ts";
import type { InterfaceOption } from "../interface_options.ts";
import { readFamily } from "../ping.ts";
import { standardStreams } from "../streams.ts";
import { print, printError } from "../terminal.ts";
import { checkName, readSeconds, withStack } from "../with_stack.ts";
import { parsePort, parsePorts } from "../ports.ts";
import { scan } from "./scan.ts";
import { aborted, type ExchangeOptions, type Outcome } from "../session.ts";
import { exchange } from "./tcp.ts";
import { exchangeDatagrams } from "./udp.ts";

const OPTIONS = {
  listen: { short: "l", help: "wait for a connection, to PORT or to PORT of the address HOST" },
  keep: { short: "k", help: "with -l: wait for another one when it has ended" },
  udp: { short: "u", help: "UDP instead of TCP" },
  scan: { short: "z", help: "only say which ports are open: PORT may be 22,80,8000-8010" },
  wait: { short: "w", value: "SECONDS", help: "give up when nothing comes or goes for so long" },
  port: { short: "p", value: "PORT", help: "of this side" },
  verbose: { short: "v", help: "tell on the standard error what happens" },
  ipv6: { short: "6", help: "an IPv6 address of the name; -4: an IPv4 address" },
  shutdown: { short: "N", help: "tell the peer of the end of the input; it is always done" },
} as const;

type NcLine = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

/** How long a port that is tested may take to answer, in milliseconds. */
const SCAN_TIMEOUT = 3000;
/** Most that one datagram takes of the input, in bytes. */
const DATAGRAM = 16 * 1024;

/** `tcpstack nc`. */
export const NC: Command<keyof typeof OPTIONS> = {
  name: "nc",
  summary: "join standard input and output to a connection",
  operands: ["[HOST]", "[PORT]"],
  options: OPTIONS,
  notes: [
    "At the end of the input it closes its sending side, and goes on receiving until the peer ends",
    "too. When the peer ends first, it still sends the input, unless that is typed, or -k has it wait",
    "for others. UDP has no end: -w or Ctrl-C ends it. The exit code is 0 if all has arrived; with",
    "-z, if a port is open.",
    "",
    "  sudo tcpstack nc 10.0.0.1 22                   this host itself, across a TUN interface",
    "  sudo tcpstack nc -l 9000 >file                 then, on this host: nc -N 10.0.0.2 9000 <file",
    "  sudo tcpstack nc -z 10.0.0.1 20-25",
  ],
  run: (line) => {
    const wishes = readWishes(line);
    return withStack(line, (stack, signal) => run(stack, wishes, signal));
  },
};

interface Wishes {
  readonly host: string | undefined;
  readonly ports: readonly number[];
  readonly listen: boolean;
  readonly keep: boolean;
  readonly udp: boolean;
  readonly scan: boolean;
  readonly verbose: boolean;
  /** In milliseconds. */
  readonly wait: number | undefined;
  readonly localPort: number | undefined;
  readonly family: 4 | 6 | undefined;
}

/**
 * Reads what the user wants.
 *
 * @throws {UsageError} If that makes no sense.
 */
export function readWishes(line: NcLine): Wishes {
  const listen = line.has("listen");
  const keep = line.has("keep");
  const isScan = line.has("scan");
  if (keep && !listen) throw new UsageError("Option --keep is for those who wait: add --listen");
  if (listen && isScan) throw new UsageError("Options --listen and --scan exclude each other");
  const wait = line.parse("wait", readSeconds);
  if (wait === 0) throw new UsageError("Option --wait needs a number above 0");
  const localPort = line.parse("port", parsePort);
  const { host, port } = readTarget(line, listen, localPort);
  const ports = readPorts(port, isScan);
  return {
    host,
    ports,
    listen,
    keep,
    udp: line.has("udp"),
    scan: isScan,
    verbose: line.has("verbose"),
    wait,
    localPort: listen ? undefined : localPort,
    family: readFamily(line),
  };
}

function readTarget(
  { operands }: NcLine,
  listen: boolean,
  localPort: number | undefined,
): { host: string | undefined; port: string } {
  const [first, second] = operands;
  if (!listen) {
    if (first === undefined) throw new UsageError("Missing argument HOST");
    if (second === undefined) throw new UsageError("Missing argument PORT");
    return { host: first, port: second };
  }
  if (second !== undefined) return { host: first, port: second };
  if (localPort !== undefined) return { host: first, port: `${localPort}` };
  if (first !== undefined) return { host: undefined, port: first };
  throw new UsageError("Missing argument PORT");
}

function readPorts(text: string, isScan: boolean): number[] {
  try {
    return isScan ? parsePorts(text) : [parsePort(text)];
  } catch (error) {
    const hint = !isScan && /^\d+[-,]/.test(text) ? "; several ports are for --scan" : "";
    throw new UsageError(`Argument PORT: ${(error as Error).message}${hint}`);
  }
}

async function run(stack: NetworkStack, wishes: Wishes, signal: AbortSignal): Promise<number> {
  const { host, listen, family, verbose, wait } = wishes;
  const tell = verbose ? printError : () => {};
  const size = wishes.udp ? DATAGRAM : undefined;
  const options = { streams: standardStreams(size), idle: wait, signal };
  try {
    if (listen) return await waitFor(stack, wishes, options, tell);
    checkName(stack, host!);
    // Of a name, all addresses are tried, unless one family is wanted.
    const [address] = family === undefined && !wishes.udp && !wishes.scan
      ? [host!]
      : await stack.resolve(host!, { family, signal });
    if (wishes.scan) return await tellPorts(stack, address!, wishes, signal);
    return await connectTo(stack, address!, wishes, options, tell);
  } catch (error) {
    if (signal.aborted) return 1;
    throw error;
  }
}

type Tell = (line: string) => void;

async function connectTo(
  stack: NetworkStack,
  hostname: string,
  { ports, udp, localPort, wait }: Wishes,
  options: ExchangeOptions,
  tell: Tell,
): Promise<number> {
  const { signal } = options;
  const port = ports[0]!;
  if (udp) {
    const socket = stack.listenDatagram({ port: localPort });
    socket.connect({ hostname, port });
    return exitCode(told(await exchangeDatagrams(socket, options), tell), true);
  }
  const conn = await stack.connect({ hostname, port, localPort, timeout: wait, signal });
  tell(`Connected to ${at(conn.remoteAddr)} from ${at(conn.localAddr)}`);
  return exitCode(told(await exchange(conn, options), tell), false);
}

async function waitFor(
  stack: NetworkStack,
  { host: hostname, ports, udp, keep }: Wishes,
  options: ExchangeOptions,
  tell: Tell,
): Promise<number> {
  const port = ports[0]!;
  if (udp) {
    const socket = stack.listenDatagram({ hostname, port });
    tell(`Waiting for datagrams to ${at(socket.addr)}`);
    const onPeer = (peer: Deno.NetAddr) => tell(`Datagrams from ${at(peer)}`);
    const outcome = await exchangeDatagrams(socket, { ...options, everybody: keep, onPeer });
    return exitCode(told(outcome, tell), true);
  }
  const listener = stack.listen({ hostname, port });
  tell(`Waiting for a connection to ${at(listener.addr)}`);
  for (;;) {
    const conn = await Promise.race([listener.accept(), aborted(options.signal)]);
    if (conn === null) return keep ? 0 : 1;
    tell(`Connection from ${at(conn.remoteAddr)}`);
    if (!keep) {
      listener.close();
      return exitCode(told(await exchange(conn, options), tell), false);
    }
    const outcome = await exchangeAnyhow(conn, { ...options, endsWithPeer: true });
    if (outcome === undefined) continue;
    if (told(outcome, tell).end === "stopped") return 0;
    if (outcome.end === "unread") return 1;
  }
}

/** One of several connections: the next one may do better. */
async function exchangeAnyhow(
  conn: TcpConn,
  options: ExchangeOptions,
): Promise<Outcome | undefined> {
  try {
    return await exchange(conn, options);
  } catch (error) {
    printError(`tcpstack: ${(error as Error).message}`);
  }
}

function told(outcome: Outcome, tell: Tell): Outcome {
  const { sent, received, end } = outcome;
  const why = end === "idle" ? "; nothing came or went any more" : "";
  tell(`Sent ${sent} bytes, received ${received}${why}`);
  return outcome;
}

/** Datagrams end when they are stopped, connections must not. */
function exitCode({ end }: Outcome, isUdp: boolean): number {
  return end === "complete" || end === "idle" || (end === "stopped" && isUdp) ? 0 : 1;
}

async function tellPorts(
  stack: NetworkStack,
  hostname: string,
  { ports, udp, wait, localPort }: Wishes,
  signal: AbortSignal,
): Promise<number> {
  const options = { udp, timeout: wait ?? SCAN_TIMEOUT, localPort, signal };
  let isAny = false;
  for await (const { port, what, isOpen } of scan(stack, hostname, ports, options)) {
    isAny ||= isOpen;
    print(`${hostname} ${port} ${what}`);
  }
  return isAny ? 0 : 1;
}

function at({ hostname, port }: Deno.NetAddr): string {
  return formatEnd(hostname, port);
}
