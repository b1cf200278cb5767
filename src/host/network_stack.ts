/**
 * A stack that runs: on a device, under the real clock, with sockets for programs.
 *
 * @module
 */

import type { Device, DeviceCounters } from "../phy/device.ts";
import {
  formatAddress,
  formatEnd,
  type Network,
  parseAddress,
  parseNetwork,
  parseOwn,
} from "../socket/addresses.ts";
import type { Closable, SocketContext } from "../socket/context.ts";
import { openFirst } from "../socket/connect.ts";
import { checkPort, closedHere } from "../socket/errors.ts";
import type { EchoResult } from "../socket/echo_session.ts";
import { IpSocket, type IpSocketOptions } from "../socket/ip_socket.ts";
import { checkConnectionOptions, checkTcpConfig, checkTime, checkTtl } from "../socket/options.ts";
import { ping, type PingOptions, pings, type PingsOptions } from "../socket/ping.ts";
import { type DnsOptions, type ResolveOptions, Resolver } from "../socket/resolver.ts";
import { TcpConn } from "../socket/tcp_conn.ts";
import { TcpListener } from "../socket/tcp_listener.ts";
import { type Hop, traceroute, type TracerouteOptions } from "../socket/traceroute.ts";
import { type DatagramSettings, UdpSocket } from "../socket/udp_socket.ts";
import type { DhcpSettings } from "../stack/dhcp_interface.ts";
import { type InterfaceConfig, Stack } from "../stack/stack.ts";
import type { IcmpConfig } from "../net/icmp.ts";
import type { ReversePathCheck } from "../net/forwarder.ts";
import type { Ip } from "../net/ip.ts";
import type { TcpConfig } from "../tcp/config.ts";
import type { ConnectionOptions } from "../tcp/connection_options.ts";
import type { StateObserver } from "../tcp/tcp.ts";
import { IpAddress } from "../wire/address.ts";
import { Dispatcher } from "./dispatcher.ts";
import { LearnedConfiguration, type ReadyOptions } from "./learned_configuration.ts";
import {
  type ConnectionInfo,
  type InterfaceInfo,
  listConnections,
  listInterfaces,
  listNeighbors,
  listRoutes,
  type NeighborEntry,
  type RouteInfo,
} from "./listings.ts";

/** How long {@linkcode NetworkStack.close} lets connections end in order, in milliseconds. */
const CLOSE_GRACE = 500;
/** How long neighbors get to answer before the last words to them are given up, in milliseconds. */
const RELEASE_GRACE = 200;
const DEFAULT_BACKLOG = 511;
/** Least length of a secret, in bytes: 128 bits (RFC 7217 §5). */
const MIN_SECRET = 16;

/** A device, and what the stack is on it. */
export interface InterfaceOptions {
  /** Where packets come from and go to. The stack closes it in the end. */
  device: Device;
  /**
   * The stack's own address there, or several, the preferred one first, each with the length of
   * its network's prefix: `10.0.0.2/24`, `fd00::2/64`. On a device without Ethernet the length may
   * be left out: everything then lies behind the device's other end.
   *
   * Where there is an IPv6 address, or `autoconf`, there is a link-local one as well. On Ethernet
   * others are asked whether they have the addresses (RFC 4862): those given here are used meanwhile,
   * and given up if another host answers, which the counter `ndDuplicateAddresses` tells.
   */
  address?: string | string[];
  /** The router to everywhere else, one of each family at most. */
  gateway?: string | string[];
  /**
   * Whether to ask a DHCP server for an IPv4 address, routes and DNS servers, and with what; by
   * default not. Takes a device with Ethernet.
   */
  dhcp?: boolean | DhcpSettings;
  /**
   * Whether to take addresses, routes and DNS servers from IPv6 routers (RFC 4861, RFC 4862,
   * RFC 8106); by default on an Ethernet device without an address, unless `forward` is set. DNS
   * servers are taken unless `dns` names some.
   */
  autoconf?: boolean;
}

/** A way to a network. */
export interface RouteOptions {
  /** The network: `10.1.0.0/16`. */
  network: string;
  /** The router that leads there; left out: its hosts are neighbors on the device's link. */
  gateway?: string;
  /** Name of the device; left out: the one that the gateway is reached by. */
  device?: string;
  /** Of two routes to equal networks, the lower one is taken; by default 0. */
  metric?: number;
}

/** What a stack is made of: of a device and addresses, or of several interfaces. */
export interface StackOptions extends Partial<InterfaceOptions> {
  /** Further interfaces, or all of them. */
  interfaces?: InterfaceOptions[];
  /** Ways beyond those that addresses and gateways make. */
  routes?: RouteOptions[];
  /** Time to live, or hop limit, of what is sent without one: 1 to 255; by default 64. */
  ttl?: number;
  /**
   * Whether packets of others are sent on to where they belong, as a router does. Packet sockets may
   * get several segments as one, which is too big to go on: have `ethtool -K` turn off `gro` there,
   * and `tso` and `gso` at the other end of a `veth` pair.
   */
  forward?: boolean;
  /**
   * What is asked of the source of a packet that is sent on (RFC 3704): `"strict"`, that answers to
   * it would leave by the device that the packet came by; `"loose"`, that there is a way back at
   * all; `false`, the default, nothing.
   */
  reversePathCheck?: ReversePathCheck;
  /** Settings of TCP; those left out have their defaults. */
  tcp?: Partial<TcpConfig>;
  /** Settings of ICMP; those left out have their defaults. */
  icmp?: Partial<IcmpConfig>;
  /** Whom to ask for names; left out: those that IPv6 routers name, or nobody. */
  dns?: DnsOptions;
  /**
   * What the IPv6 addresses that the stack gives itself are made with, 16 bytes or more: they stay
   * the same with the same secret on the same network (RFC 7217). By default random.
   */
  secret?: Uint8Array;
}

/** Where to listen, and how the connections are to be. */
export interface ListenOptions extends ConnectionOptions {
  /** 1 to 65535; 0, or left out, has the stack pick a free one. Not looked at with `any`. */
  port?: number;
  /** The address to listen on; left out: all of the stack's. */
  hostname?: string;
  /** Most connections that wait to be accepted, 1 or more; by default 511. */
  backlog?: number;
  /**
   * Take every port that nobody else has: without `hostname` of every address, those of other
   * hosts included whose packets reach the stack. A connection's `localAddr` tells which was meant.
   */
  any?: boolean;
  /**
   * Whether to listen though connections of an earlier listener on the port are still there, be it
   * in TIME_WAIT (SO_REUSEADDR); by default yes, as Deno has it.
   */
  reuseAddress?: boolean;
}

/** Where to connect to, and how. */
export interface ConnectOptions extends ConnectionOptions {
  /** An IP address, or a name. */
  hostname: string;
  /** 1 to 65535. */
  port: number;
  /** The port to connect from; left out: one that cannot be guessed. */
  localPort?: number;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
  /** Gives up after so long, in milliseconds, with `Deno.errors.TimedOut`. */
  timeout?: number;
}

/** Where to take datagrams. */
export interface DatagramOptions extends DatagramSettings {
  /** 1 to 65535; 0, or left out, has the stack pick a free one. */
  port?: number;
  /** The address to bind to, or a multicast group; left out: all of the stack's addresses. */
  hostname?: string;
}

/** A running TCP/IP stack. */
export class NetworkStack implements AsyncDisposable {
  /**
   * The stack itself: for the services, and for tests.
   *
   * @internal
   */
  readonly core: Stack;
  /** Settles when the device is closed; rejects if it fails, because the interface has vanished. */
  readonly finished: Promise<void>;
  /** Looks up records of other types than addresses, and names of addresses. */
  readonly resolver: Resolver;
  #devices: readonly Device[];
  #dispatcher: Dispatcher;
  #context: SocketContext;
  #learned: LearnedConfiguration;
  #open = new Set<Closable>();
  #closing: Promise<void> | undefined;
  /** No packet comes or goes any more. */
  #ended = false;

  /**
   * See {@linkcode createStack}.
   *
   * @internal
   */
  constructor(options: StackOptions) {
    const interfaces = interfacesOf(options);
    this.#devices = interfaces.map(({ device }) => device);
    const { ttl, tcp, icmp, secret } = options;
    if (ttl !== undefined) checkTtl(ttl);
    if (tcp !== undefined) checkTcpConfig(tcp);
    const { forward, reversePathCheck } = options;
    checkForwarding(options);
    if (secret !== undefined) checkSecret(secret);
    const configs: InterfaceConfig[] = [];
    for (const one of interfaces) {
      configs.push(interfaceConfig(one, configs.flatMap(({ addresses }) => addresses)));
    }
    const settings = { ttl, forward, reversePathCheck, tcp, icmp, secret };
    this.core = new Stack({ interfaces: configs, ...settings }, { random });
    for (const route of options.routes ?? []) addRoute(this.core.ip, route);
    const kick = () => this.#dispatcher.kick();
    this.#context = { stack: this.core, now, kick, open: this.#open };
    this.resolver = new Resolver(this.#context, options.dns);
    this.#learned = new LearnedConfiguration(this.core, this.resolver, options.dns);
    // Last of all that may throw: whoever gets no stack still has the devices.
    this.#dispatcher = new Dispatcher(this.#devices, this.core, now);
    this.finished = this.#dispatcher.finished.finally(() => this.#abandon());
    this.finished.catch(() => {}); // whoever cares awaits it
    kick(); // a new interface has things to say of its own accord
  }

  /** The name of the first device. */
  get deviceName(): string {
    return this.#devices[0]!.name;
  }

  /**
   * Told of every change of a connection's state.
   *
   * @internal
   */
  set observer(observer: StateObserver | null) {
    this.core.tcp.observer = observer;
  }

  /**
   * Listens for TCP connections.
   *
   * @throws {Deno.errors.AddrInUse} If another listener has the port.
   * @throws {Deno.errors.AddrNotAvailable} If `hostname` is not an address of this stack.
   * @throws {RangeError} If the port, the backlog or a setting of connections is out of range.
   * @throws {TypeError} If `hostname` is not an IP address.
   *
   * @example Every connection in turn
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { createStack, memoryPair } from "@tcpstack/tcpstack";
   *
   * const [one, other] = memoryPair();
   * await using near = createStack({ device: one, address: "10.0.0.1" });
   * await using far = createStack({ device: other, address: "10.0.0.2" });
   * const listener = far.listen({ port: 7 });
   * near.connect({ hostname: "10.0.0.2", port: 7 });
   * for await (const conn of listener) {
   *   assertEquals(conn.remoteAddr.hostname, "10.0.0.1");
   *   conn.close();
   *   break; // which closes the listener
   * }
   * ```
   */
  listen(options: ListenOptions): TcpListener {
    this.#throwIfClosed();
    const address = options.hostname === undefined ? null : this.#ownAddress(options.hostname);
    const port = options.any ? 0 : portOrFree(options.port, this.core.tcp);
    if (options.reuseAddress === false && !options.any && this.#hasConnections(port)) {
      throw new Deno.errors.AddrInUse(`Connections of an earlier listener on port ${port} remain`);
    }
    const backlog = options.backlog ?? DEFAULT_BACKLOG;
    if (!(backlog >= 1)) throw new RangeError(`Backlog must be 1 or more: got ${backlog}`);
    const forEach = checkConnectionOptions(options, this.core.tcp.config);
    return new TcpListener(this.#context, address, port, backlog, forEach);
  }

  #hasConnections(port: number): boolean {
    const { tcp } = this.core;
    const isThere = ({ localPort }: { localPort: number }) => localPort === port;
    return [...tcp.connections()].some(isThere) || [...tcp.timeWaits()].some(isThere);
  }

  /**
   * Opens a TCP connection: to the first address of a name that takes one (RFC 8305).
   *
   * @throws {Deno.errors.ConnectionRefused} If nobody listens there.
   * @throws {Deno.errors.TimedOut} If nobody answers.
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there: to itself, or by IPv6.
   * @throws {RangeError} If a port or a setting of the connection is out of range.
   * @throws Whatever {@linkcode resolve} throws for a name.
   */
  async connect(options: ConnectOptions): Promise<TcpConn> {
    this.#throwIfClosed();
    const { timeout } = options;
    if (timeout === undefined) return await this.#connect(options, options.signal);
    checkTime(timeout, 1, "Timeout");
    const giveUp = new AbortController();
    const late = new Deno.errors.TimedOut(
      `No connection to ${formatEnd(options.hostname, options.port)} within ${timeout} ms`,
    );
    const timer = setTimeout(() => giveUp.abort(late), timeout);
    const signals = options.signal === undefined ? [] : [options.signal];
    try {
      return await this.#connect(options, AbortSignal.any([giveUp.signal, ...signals]));
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect(options: ConnectOptions, signal: AbortSignal | undefined): Promise<TcpConn> {
    const port = checkPort(options.port, 1);
    const localPort = checkPort(options.localPort ?? 0, 0);
    const settings = checkConnectionOptions(options, this.core.tcp.config);
    const addresses = await this.resolver.addresses(options.hostname, { signal });
    this.#throwIfClosed();
    return await openFirst(
      addresses,
      (address, signal) =>
        TcpConn.open(this.#context, address, port, null, localPort, signal, settings),
      signal,
    );
  }

  /**
   * The addresses of a name, in the order in which they are worth a try. An address comes back as
   * it is.
   *
   * @throws {Deno.errors.NotFound} If there is no such name, or it has no address.
   * @throws {Deno.errors.TimedOut} If no server answers.
   * @throws {DnsError} If no server can tell.
   * @throws {TypeError} If it can't be a name, or no server is known.
   */
  async resolve(name: string, options: ResolveOptions = {}): Promise<string[]> {
    this.#throwIfClosed();
    return await this.resolver.resolve(name, options);
  }

  /**
   * The stack's own addresses, those among them that it has given itself. Tentative ones, which
   * others may turn out to have, are not there yet.
   */
  get addresses(): string[] {
    const { ip } = this.core;
    return ip.addresses.map((address) => formatAddress(ip, address));
  }

  /** The servers that are asked for names, in order: `10.0.0.1`, or `10.0.0.1#5353`. */
  get dnsServers(): string[] {
    return this.resolver.servers;
  }

  set dnsServers(servers: readonly string[]) {
    this.resolver.servers = servers;
    this.#learned.isNamed = true;
  }

  /**
   * Resolves when each interface that is to learn its address has one: at once if none is.
   *
   * @throws {Deno.errors.TimedOut} If that takes longer than `timeout`.
   * @throws {Deno.errors.BadResource} If the stack is closed meanwhile.
   */
  async ready(options: ReadyOptions = {}): Promise<void> {
    this.#throwIfClosed();
    await this.#learned.ready(options);
    this.#throwIfClosed();
  }

  /** The interfaces besides loopback, with the addresses that they have at present. */
  interfaces(): InterfaceInfo[] {
    return listInterfaces(this.core, now());
  }

  /** Who is known on the links, and how well. */
  neighbors(): NeighborEntry[] {
    return listNeighbors(this.core, now());
  }

  /** The TCP connections, in no order. */
  connections(): ConnectionInfo[] {
    return listConnections(this.core, now());
  }

  /** The ways to everywhere but to the stack itself, in the order in which they are tried. */
  routes(): RouteInfo[] {
    return listRoutes(this.core, now());
  }

  /**
   * Takes UDP datagrams.
   *
   * @throws {Deno.errors.AddrInUse} If another socket has the port.
   * @throws {Deno.errors.AddrNotAvailable} If `hostname` is not an address of this stack.
   * @throws {RangeError} If the port or a setting is out of range.
   * @throws {TypeError} If `hostname` is not an IP address.
   *
   * @example A question and its answer
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { createStack, memoryPair } from "@tcpstack/tcpstack";
   *
   * const [one, other] = memoryPair();
   * await using near = createStack({ device: one, address: "10.0.0.1" });
   * await using far = createStack({ device: other, address: "10.0.0.2" });
   * const server = far.listenDatagram({ port: 53 });
   * const client = near.listenDatagram();
   * await client.send(new TextEncoder().encode("who?"), {
   *   transport: "udp",
   *   hostname: "10.0.0.2",
   *   port: 53,
   * });
   * const [question, from] = await server.receive();
   * assertEquals(new TextDecoder().decode(question), "who?");
   * await server.send(new TextEncoder().encode("me"), from);
   * const [answer] = await client.receive({ timeout: 1000 });
   * assertEquals(new TextDecoder().decode(answer), "me");
   * ```
   */
  listenDatagram(options: DatagramOptions = {}): UdpSocket {
    this.#throwIfClosed();
    const { hostname } = options;
    const address = hostname === undefined ? null : this.#groupOrOwnAddress(hostname);
    const port = portOrFree(options.port, this.core.udp);
    return new UdpSocket(this.#context, address, port, options);
  }

  /**
   * Asks a host for an echo, at the first address of a name.
   *
   * @returns The round-trip time, in milliseconds.
   * @throws {Deno.errors.TimedOut} If no answer came in time.
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there; or if a router says by
   * ICMP that it has none, or that the time to live is over. The `cause` is its `IcmpReport`.
   * @throws {Deno.errors.AddrNotAvailable} If the source is not an address of this stack.
   * @throws {RangeError} If the size is more than IP carries, or with `dontFragment` the path; or a
   * setting is out of range.
   * @throws Whatever {@linkcode resolve} throws for a name.
   *
   * @example How far it is
   * ```ts
   * import { assert } from "@std/assert";
   * import { createStack, memoryPair } from "@tcpstack/tcpstack";
   *
   * const [one, other] = memoryPair();
   * await using near = createStack({ device: one, address: "10.0.0.1" });
   * await using far = createStack({ device: other, address: "10.0.0.2" });
   * const milliseconds = await near.ping("10.0.0.2", { size: 1000 });
   * assert(milliseconds < 1000);
   * ```
   */
  async ping(hostname: string, options: PingOptions = {}): Promise<number> {
    return await ping(this.#context, await this.#firstAddress(hostname, options), options);
  }

  /**
   * Asks a host for one echo after the other, and gives what has become of each, in the order in
   * which that is known: a reply, the error of a router, or that there was none in time.
   *
   * @throws As {@linkcode ping}, but for what becomes of requests.
   *
   * @example Three of them
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { createStack, memoryPair } from "@tcpstack/tcpstack";
   *
   * const [one, other] = memoryPair();
   * await using near = createStack({ device: one, address: "10.0.0.1" });
   * await using far = createStack({ device: other, address: "10.0.0.2" });
   * let replies = 0;
   * for await (const { kind } of near.pings("10.0.0.2", { count: 3, interval: 10 })) {
   *   if (kind === "reply") replies++;
   * }
   * assertEquals(replies, 3);
   * ```
   */
  async *pings(hostname: string, options: PingsOptions = {}): AsyncGenerator<EchoResult> {
    yield* pings(this.#context, await this.#firstAddress(hostname, options), options);
  }

  /**
   * Finds the way to a host: gives one hop after the other, until the host answers or somebody says
   * that nothing gets farther.
   *
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there.
   * @throws {Deno.errors.AddrNotAvailable} If the source is not an address of this stack.
   * @throws {RangeError} If a setting is out of range.
   * @throws Whatever {@linkcode resolve} throws for a name.
   *
   * @example The way to a neighbor is one hop
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { createStack, memoryPair } from "@tcpstack/tcpstack";
   *
   * const [one, other] = memoryPair();
   * await using near = createStack({ device: one, address: "10.0.0.1" });
   * await using far = createStack({ device: other, address: "10.0.0.2" });
   * const hops = await Array.fromAsync(near.traceroute("10.0.0.2"));
   * assertEquals(hops.map(({ hop, reached }) => [hop, reached]), [[1, true]]);
   * ```
   */
  async *traceroute(hostname: string, options: TracerouteOptions = {}): AsyncGenerator<Hop> {
    yield* traceroute(this.#context, await this.#firstAddress(hostname, options), options);
  }

  async #firstAddress(hostname: string, options: ResolveOptions): Promise<IpAddress> {
    this.#throwIfClosed();
    const { family, signal } = options;
    const [address] = await this.resolver.addresses(hostname, { family, signal });
    this.#throwIfClosed();
    return address!;
  }

  /**
   * Sends and receives messages of a protocol over IP.
   *
   * @throws {Deno.errors.AddrNotAvailable} If `hostname` is not an address of this stack.
   * @throws {RangeError} If the protocol or the TTL is out of range.
   * @throws {TypeError} If `hostname` is not an IP address.
   *
   * @example A protocol of your own
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { createStack, memoryPair } from "@tcpstack/tcpstack";
   *
   * const [one, other] = memoryPair();
   * await using near = createStack({ device: one, address: "10.0.0.1" });
   * await using far = createStack({ device: other, address: "10.0.0.2" });
   * const OWN = 253; // for experiments (RFC 3692)
   * const sender = near.listenIp({ protocol: OWN });
   * const receiver = far.listenIp({ protocol: OWN });
   * await sender.send(Uint8Array.of(1, 2, 3), "10.0.0.2");
   * const { bytes, source } = await receiver.receive();
   * assertEquals([...bytes, source], [1, 2, 3, "10.0.0.1"]);
   * ```
   */
  listenIp(options: IpSocketOptions): IpSocket {
    this.#throwIfClosed();
    const address = options.hostname === undefined ? null : this.#ownAddress(options.hostname);
    return new IpSocket(this.#context, address, options);
  }

  #groupOrOwnAddress(hostname: string): IpAddress | null {
    const address = parseAddress(this.core.ip, hostname);
    return address.isMulticast ? address : this.#ownAddress(hostname);
  }

  #ownAddress(hostname: string): IpAddress | null {
    const address = parseAddress(this.core.ip, hostname);
    if (address.isUnspecified) return null;
    if (!this.core.ip.isOwn(address)) {
      throw new Deno.errors.AddrNotAvailable(`${hostname} is not an address of this stack`);
    }
    return address;
  }

  #throwIfClosed(): void {
    if (this.#closing !== undefined || this.#ended) throw closedHere("stack");
  }

  /** What the stack has counted, by name, without the zeros: packets dropped are `drop.REASON`. */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.core.counters.entries());
  }

  /** What the devices have counted, all together. */
  deviceCounters(): DeviceCounters {
    const sums: Record<string, number> = {};
    for (const device of this.#devices) {
      for (const [name, count] of Object.entries(device.counters())) {
        sums[name] = (sums[name] ?? 0) + count;
      }
    }
    return sums;
  }

  /**
   * Closes everything: listeners stop, connections get a FIN and half a second to end in order,
   * then a RST; then the devices are closed. Every call that waits settles.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#closeOpen();
    const { tcp } = this.core;
    for (const tcb of [...tcp.connections()]) tcp.release(tcb, now());
    this.#dispatcher.kick();
    const end = now() + CLOSE_GRACE;
    while (tcp.openCount > 0 && now() < end) await sleep(5);
    await this.#release();
    this.#abandon();
    await Promise.all(this.#devices.map((device) => device.close()));
    await this.#dispatcher.finished.catch(() => {});
  }

  /** Gives back what servers have given; the words may have to wait for their neighbor. */
  async #release(): Promise<void> {
    if (this.#ended) return;
    this.core.dhcp.release();
    this.#dispatcher.kick();
    const end = now() + RELEASE_GRACE;
    while (this.core.dhcp.hasToSend && now() < end) await sleep(5);
  }

  /** Ends all that is left at once: no packet will come any more. */
  #abandon(): void {
    this.#ended = true;
    this.#learned.close();
    this.#closeOpen();
    const { tcp } = this.core;
    for (const tcb of [...tcp.connections()]) tcp.abort(tcb, now());
    for (const timeWait of [...tcp.timeWaits()]) tcp.endTimeWait(timeWait);
    this.core.poll(now());
    this.#dispatcher.stop();
  }

  #closeOpen(): void {
    for (const closable of this.#open) closable.close();
  }

  /** {@linkcode close}, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Starts a stack on a device.
 *
 * @example Two stacks, joined in memory
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createStack, memoryPair } from "@tcpstack/tcpstack";
 *
 * const [one, other] = memoryPair();
 * await using client = createStack({ device: one, address: "10.0.0.1" });
 * await using server = createStack({ device: other, address: "10.0.0.2" });
 * const listener = server.listen({ port: 7 });
 *
 * const conn = await client.connect({ hostname: "10.0.0.2", port: 7 });
 * await conn.write(new TextEncoder().encode("hello"));
 * await conn.closeWrite();
 *
 * const peer = await listener.accept();
 * assertEquals(await new Response(peer.readable).text(), "hello");
 * ```
 *
 * @throws {TypeError} If an address is not that of one host, or comes twice, or there is no device.
 */
export function createStack(options: StackOptions): NetworkStack {
  return new NetworkStack(options);
}

/** The interfaces, however they were given. */
function interfacesOf(options: StackOptions): InterfaceOptions[] {
  const { device, address, gateway, dhcp, autoconf, interfaces = [] } = options;
  const first = device && { device, address, gateway, dhcp, autoconf };
  const all = first === undefined ? interfaces : [first, ...interfaces];
  if (all.length === 0) throw new TypeError("A stack needs at least one device");
  const mayLearn = all.some(({ device, autoconf }) =>
    autoconf || device.capabilities.mac !== undefined
  );
  if (!mayLearn && all.every(({ address = [] }) => address.length === 0)) {
    throw new TypeError("A stack needs at least one address");
  }
  return all;
}

function checkForwarding({ forward = false, reversePathCheck = false }: StackOptions): void {
  if (![false, "loose", "strict"].includes(reversePathCheck)) {
    throw new TypeError(
      `Not a way to check sources: ${reversePathCheck}; use "strict", "loose" or false`,
    );
  }
  if (reversePathCheck !== false && !forward) {
    throw new TypeError("Sources are checked of packets that are sent on: set forward, too");
  }
}

function interfaceConfig(
  { device, address = [], gateway = [], dhcp = false, autoconf }: InterfaceOptions,
  others: readonly Network[],
): InterfaceConfig {
  const { name, capabilities: { mac } } = device;
  const addresses = parseOwn([address].flat(), others);
  for (const { address, prefixLength } of addresses) {
    if (mac !== undefined && prefixLength === address.length * 8) {
      const example = `${address}/${address.family === 4 ? 24 : 64}`;
      throw new TypeError(`Say how large the network of ${address} on ${name} is: ${example}`);
    }
  }
  const gateways = [gateway].flat().map((text) => IpAddress.parse(text));
  if (dhcp !== false && mac === undefined) {
    throw new TypeError(`There is no DHCP on ${name}: it has no Ethernet; give it an address`);
  }
  const settings = dhcp === true ? {} : dhcp || undefined;
  return { name, link: device, mac, addresses, gateways, dhcp: settings, autoconf };
}

function addRoute(ip: Ip, { network, gateway, device, metric = 0 }: RouteOptions): void {
  const { address, prefixLength } = parseNetwork(network);
  const router = gateway === undefined ? null : parseAddress(ip, gateway);
  const by = device !== undefined
    ? ip.interfaceNamed(device)
    : router !== null
    ? ip.interfaceFor(router)
    : undefined;
  if (by === undefined) {
    throw new TypeError(
      `Cannot add a route to ${network}: ` +
        (device !== undefined
          ? `there is no device ${device}`
          : router !== null
          ? `there is no way to its gateway ${gateway}`
          : "it needs a gateway or a device"),
    );
  }
  ip.addRoute({ prefix: address, length: prefixLength, gateway: router, interface: by, metric });
}

/** The port that a user asked for, or a free one for none. */
function portOrFree(wish: number | undefined, transport: { freePort(): number }): number {
  const port = checkPort(wish ?? 0, 0) || transport.freePort();
  if (port === 0) throw new Deno.errors.AddrInUse("Every ephemeral port is in use");
  return port;
}

function checkSecret(secret: Uint8Array): void {
  if (secret.length >= MIN_SECRET) return;
  throw new RangeError(`A secret has ${MIN_SECRET} bytes or more: got ${secret.length}`);
}

function now(): number {
  return performance.now();
}

const randomWord = new Uint32Array(1);

function random(): number {
  return crypto.getRandomValues(randomWord)[0]!;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
