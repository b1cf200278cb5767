/**
 * A UDP socket for programs, shaped as `Deno.DatagramConn`.
 *
 * @module
 */

import { ErrorKind, type SendOptions, type TransportError } from "../base/network.ts";
import type { Datagram, Udp, UdpReceiver } from "../net/udp.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { AddressTexts } from "./address_texts.ts";
import { checkFamily, formatAddress, formatEnd, parseAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { DatagramQueue, type Received } from "./datagram_queue.ts";
import { checkPort, closedHere } from "./errors.ts";
import { Gate } from "./gate.ts";
import { icmpError, icmpReport } from "./icmp_report.ts";
import { type MulticastMembership, SocketGroups } from "./multicast.ts";
import { checkTime, checkTos, checkTtl } from "./options.ts";

/** How a socket sends and receives. */
export interface DatagramSettings {
  /** Time to live, or hop limit, of what is sent: 1 to 255; left out: the stack's. */
  ttl?: number;
  /** The same of what is sent to multicast groups; by default 1. */
  multicastTtl?: number;
  /** Whether what is sent to multicast groups comes to this stack, too; by default it does. */
  loopback?: boolean;
  /** Whether other sockets that say so, too, may have the same port: all get what goes to groups. */
  reuseAddress?: boolean;
  /** Type of service, or traffic class, of what is sent: the whole byte; by default 0. */
  tos?: number;
  /** Whether what is sent must arrive in one piece, and is refused if it is too big for that. */
  dontFragment?: boolean;
  /** How long {@linkcode UdpSocket.receive} waits, in milliseconds; left out: for ever. */
  receiveTimeout?: number;
}

/** How long to wait for a datagram. */
export interface ReceiveOptions {
  /** Gives up after so many milliseconds; left out: as the socket's settings say. */
  timeout?: number;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/** How bytes are sent. */
export interface SendDatagramOptions {
  /**
   * Cuts the bytes into datagrams of so many, the last one maybe of fewer, as Linux does with its
   * option `UDP_SEGMENT`: one call for many, and where the device takes them at once, one packet.
   */
  segmentSize?: number;
}

const NO_OPTIONS: SendDatagramOptions = {};

/** Where a datagram goes, and from which of our addresses. */
interface Target {
  readonly address: IpAddress;
  readonly port: number;
  readonly source: IpAddress;
}

/** The only one that a connected socket speaks to. */
interface Peer extends Target {
  readonly addr: Deno.NetAddr;
}

/**
 * Sends and receives datagrams; `for await` over it gives them until it is closed.
 *
 * What hosts and routers say of the datagrams by ICMP (RFC 1122 §4.1.3.3) goes to
 * {@linkcode onError}. Where there is no such handler, the next call on a
 * {@linkcode connect | connected} socket rejects with it; sockets that are not connected go on.
 */
export class UdpSocket implements AsyncIterable<Received>, AsyncDisposable {
  /** Where it is bound. */
  readonly addr: Deno.NetAddr;
  #context: SocketContext;
  #receiver: UdpReceiver;
  #texts: AddressTexts;
  #waiting = new DatagramQueue();
  #received = new Gate();
  /**
   * Told of every ICMP error about a datagram of this socket, and whom that was for: the classes of
   * errors are those that a TCP connection would fail with, and their `cause` an `IcmpReport`.
   */
  onError: ((error: Error, peer: Deno.NetAddr) => void) | null = null;
  #options: SendOptions;
  /** For what goes to groups. */
  #groupOptions: SendOptions;
  #groups: SocketGroups;
  #receiveTimeout: number | undefined;
  #peer: Peer | null = null;
  /** The last error that no call has rejected with yet. */
  #pending: Error | null = null;
  #closed = false;

  /**
   * See `NetworkStack.listenDatagram`, which checks the address and the port.
   *
   * @throws {RangeError} If a setting is out of its range.
   */
  constructor(
    context: SocketContext,
    address: IpAddress | null,
    port: number,
    settings: DatagramSettings = {},
  ) {
    const { ttl, tos = 0, dontFragment = false, receiveTimeout } = settings;
    const { multicastTtl = 1, loopback = true, reuseAddress = false } = settings;
    if (ttl !== undefined) checkTtl(ttl);
    this.#options = { ttl: ttl ?? 0, tos: checkTos(tos), dontFragment };
    this.#groupOptions = { ...this.#options, ttl: checkTtl(multicastTtl), loop: loopback };
    this.#groups = new SocketGroups(context);
    if (receiveTimeout !== undefined) checkTime(receiveTimeout, 1, "Receive timeout");
    this.#receiveTimeout = receiveTimeout;
    this.#context = context;
    this.#texts = new AddressTexts(context.stack.ip);
    this.#receiver = {
      address,
      port,
      isShared: reuseAddress,
      datagram: (datagram) => this.#enqueue(datagram),
      error: (error) => this.#takeError(error),
    };
    const hostname = address === null ? "0.0.0.0" : formatAddress(context.stack.ip, address);
    if (!context.stack.udp.bind(this.#receiver)) {
      throw new Deno.errors.AddrInUse(`Another UDP socket has ${formatEnd(hostname, port)}`);
    }
    context.open.add(this);
    this.addr = { transport: "udp", hostname, port };
  }

  /** The only one that the socket speaks to; `null` if it is not connected. */
  get remoteAddr(): Deno.NetAddr | null {
    return this.#peer?.addr ?? null;
  }

  /**
   * Joins an IPv4 multicast group: datagrams to it arrive from now on, at every socket that has
   * their port on all addresses, or on the group's.
   *
   * @param networkInterface Name of a device, or an address of it; left out: the one that what is
   * sent to the group leaves by.
   * @throws {TypeError} If `address` is no IPv4 multicast group.
   * @throws {Deno.errors.AddrNotAvailable} If there is no such interface.
   * @throws {Deno.errors.AddrInUse} If this socket is in the group already.
   * @throws {RangeError} If the interface is in as many groups as it can be in.
   */
  joinMulticastV4(address: string, networkInterface?: string): Promise<MulticastMembership> {
    return Promise.try(() => this.#join(4, address, networkInterface));
  }

  /**
   * The same for IPv6.
   *
   * @param networkInterface Number of an interface, or name of its device; left out, or 0: as above.
   */
  joinMulticastV6(
    address: string,
    networkInterface?: string | number,
  ): Promise<MulticastMembership> {
    return Promise.try(() => this.#join(6, address, networkInterface));
  }

  #join(family: 4 | 6, address: string, where?: string | number): MulticastMembership {
    if (this.#closed) throw closedHere("socket");
    const leave = this.#groups.join(family, address, where);
    const set = (changes: Partial<SendOptions>) => {
      this.#groupOptions = { ...this.#groupOptions, ...changes };
    };
    return {
      leave: () => Promise.try(leave),
      setLoopback: (loop) => Promise.try(set, { loop }),
      setTTL: (ttl) => Promise.try(() => set({ ttl: checkTtl(ttl) })),
    };
  }

  /**
   * Speaks to one host and port alone from now on: others' datagrams are dropped, those that wait
   * as well, and {@linkcode send} needs no address. May be called again, with another.
   *
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there.
   * @throws {RangeError} If the port is out of range.
   * @throws {TypeError} If the hostname is not an IP address.
   */
  connect({ hostname, port }: Pick<Deno.NetAddr, "hostname" | "port">): void {
    if (this.#closed) throw closedHere("socket");
    const { ip } = this.#context.stack;
    const address = parseAddress(ip, hostname);
    checkPort(port, 1);
    const source = this.#sourceFor(address, hostname).clone();
    const addr: Deno.NetAddr = { transport: "udp", hostname: formatAddress(ip, address), port };
    this.#peer = { address, port, source, addr };
    this.#pending = null;
    this.#waiting.keepFrom(addr);
  }

  #enqueue(datagram: Datagram): Drop {
    const { packet, at, end, sourcePort } = datagram;
    const peer = this.#peer;
    if (peer !== null) {
      const isPeer = sourcePort === peer.port && packet.source.equals(peer.address) &&
        packet.destination.equals(peer.source);
      if (!isPeer) return Drop.UDP_NO_PORT;
    }
    if (!this.#waiting.hasRoom(end - at)) return Drop.UDP_QUEUE_FULL;
    const hostname = this.#texts.format(packet.source);
    this.#waiting.add(packet.bytes, at, end, { transport: "udp", hostname, port: sourcePort });
    this.#received.open();
    return Drop.NONE;
  }

  /** Takes an ICMP error about a datagram of ours; of errors that wait, the last one is kept. */
  #takeError(error: TransportError): Drop {
    const { remote, remotePort } = error;
    const peer = this.#peer;
    if (peer !== null && !(remotePort === peer.port && remote.equals(peer.address))) {
      return Drop.ICMP_UNMATCHED;
    }
    // What was too big goes in fragments from now on, unless it must not.
    const isLearned = error.kind === ErrorKind.TOO_BIG && !this.#options.dontFragment;
    if (isLearned || (peer === null && this.onError === null)) return Drop.NONE;
    const { ip } = this.#context.stack;
    const hostname = formatAddress(ip, remote);
    const problem = icmpError(icmpReport(ip, error), formatEnd(hostname, remotePort));
    if (this.onError !== null) {
      // The handler is the program's: it may throw, or send.
      const addr: Deno.NetAddr = { transport: "udp", hostname, port: remotePort };
      queueMicrotask(() => !this.#closed && this.onError?.(problem, addr));
    } else {
      this.#pending = problem;
      this.#received.open();
    }
    return Drop.NONE;
  }

  #throwPending(): never {
    const error = this.#pending;
    this.#pending = null;
    throw error;
  }

  /**
   * Takes the next datagram, waiting until there is one, and tells where it came from.
   *
   * @throws {Deno.errors.BadResource} If the socket is closed.
   * @throws {Deno.errors.TimedOut} If none came in time.
   * @throws {RangeError} If the timeout is out of range.
   * @throws What an ICMP error says, if the socket is connected and has no {@linkcode onError}.
   */
  receive(options?: ReceiveOptions): Promise<[Uint8Array<ArrayBuffer>, Deno.NetAddr]>;
  /**
   * The same, into `target`, which spares memory for each datagram.
   *
   * @returns As much of `target` as the datagram fills; what has no room there is lost.
   */
  receive<T extends ArrayBufferLike>(
    target: Uint8Array<T>,
    options?: ReceiveOptions,
  ): Promise<[Uint8Array<T>, Deno.NetAddr]>;
  receive(first?: ReceiveOptions | Uint8Array, second?: ReceiveOptions) {
    const target = first instanceof Uint8Array ? first : undefined;
    const options = target === undefined ? first as ReceiveOptions : second;
    const timeout = options?.timeout ?? this.#receiveTimeout;
    const signal = options?.signal;
    if (timeout !== undefined || signal !== undefined) {
      return this.#receiveUntil(target, timeout, signal);
    }
    try {
      const next = this.#take(target);
      return next !== undefined ? Promise.resolve(next) : this.#receiveNext(target);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next datagram if one waits. */
  #take(target: Uint8Array | undefined): Received<ArrayBufferLike> | undefined {
    if (this.#closed) throw closedHere("socket");
    if (this.#pending !== null) this.#throwPending();
    return target === undefined ? this.#waiting.take() : this.#waiting.takeInto(target);
  }

  async #receiveNext(target: Uint8Array | undefined): Promise<Received<ArrayBufferLike>> {
    for (;;) {
      await this.#received.wait();
      const next = this.#take(target);
      if (next !== undefined) return next;
    }
  }

  async #receiveUntil(
    target: Uint8Array | undefined,
    timeout: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Received<ArrayBufferLike>> {
    if (timeout !== undefined) checkTime(timeout, 1, "Receive timeout");
    signal?.throwIfAborted();
    let isLate = false;
    const timer = timeout === undefined ? undefined : setTimeout(() => {
      isLate = true;
      this.#received.open();
    }, timeout);
    const onAbort = () => this.#received.open();
    signal?.addEventListener("abort", onAbort);
    try {
      for (;;) {
        if (!this.#closed) signal?.throwIfAborted();
        const next = this.#take(target);
        if (next !== undefined) return next;
        if (isLate) throw new Deno.errors.TimedOut(`No datagram within ${timeout} ms`);
        await this.#received.wait();
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Sends one datagram, or with `segmentSize` as many as it takes. That it was sent doesn't mean that
   * it arrives.
   *
   * @param to Whom to; to be left out if the socket is connected.
   * @returns The number of bytes sent; 0 if the device had no room for it just now. Of many
   * datagrams, those behind one that there was no room for are not sent.
   * @throws {RangeError} If one is larger than what IP carries; with `dontFragment`, than what the
   * path carries in one piece.
   * @throws {TypeError} If the hostname is not an IP address, or not of the bound address's family.
   * @throws What an ICMP error says, if the socket is connected and has no {@linkcode onError}.
   */
  send(bytes: Uint8Array, to?: Deno.NetAddr, options?: SendDatagramOptions): Promise<number> {
    try {
      const { segmentSize } = options ?? NO_OPTIONS;
      if (segmentSize !== undefined) checkSegmentSize(segmentSize);
      return Promise.resolve(this.#send(bytes, to, segmentSize ?? bytes.length));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #send(bytes: Uint8Array, to: Deno.NetAddr | undefined, segmentSize: number): number {
    if (this.#closed) throw closedHere("socket");
    if (this.#pending !== null) this.#throwPending();
    const { address: remote, port, source } = this.#target(to);
    const { dontFragment } = this.#options;
    const most = dontFragment ? this.maxUnfragmented(to) : this.#udp.maxPayload(remote);
    const size = Math.min(segmentSize, bytes.length);
    if (size > most) {
      const what = dontFragment ? "A datagram in one piece" : "A datagram";
      throw new RangeError(`${what} carries ${most} bytes at most: got ${size}`);
    }
    const options = this.#optionsFor(remote);
    const { port: from } = this.#receiver;
    let sent: number;
    if (size < bytes.length) {
      const now = this.#context.now();
      sent = this.#udp.sendRun(source, from, remote, port, bytes, size, options, now);
    } else {
      sent = this.#udp.send(source, from, remote, port, bytes, options) ? bytes.length : 0;
    }
    this.#context.kick();
    return sent;
  }

  /**
   * Most bytes that a datagram carries without being fragmented on its way, as far as is known by
   * now: less, once a router has said so (RFC 1191).
   *
   * @param to Whom to; to be left out if the socket is connected.
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there.
   */
  maxUnfragmented(to?: Deno.NetAddr): number {
    return this.#udp.maxUnfragmented(this.#target(to).address, this.#context.now());
  }

  /** What goes to a group leaves by the interface on which the socket has joined it, if it has. */
  #optionsFor(remote: IpAddress): SendOptions {
    if (!remote.isMulticast) return this.#options;
    const on = this.#groups.interfaceOf(remote);
    return on === undefined ? this.#groupOptions : { ...this.#groupOptions, interface: on.index };
  }

  get #udp(): Udp {
    return this.#context.stack.udp;
  }

  /** Where a datagram goes. */
  #target(to: Deno.NetAddr | undefined): Target {
    const peer = this.#peer;
    if (peer !== null) {
      if (to === undefined) return peer;
      const end = formatEnd(peer.addr.hostname, peer.addr.port);
      throw new TypeError(`The socket is connected to ${end}: give no other address`);
    }
    if (to === undefined) throw new TypeError("Say whom to send to: the socket is not connected");
    const address = this.#texts.parse(to.hostname);
    const port = checkPort(to.port, 1);
    return { address, port, source: this.#sourceFor(address, to.hostname) };
  }

  #sourceFor(remote: IpAddress, hostname: string): IpAddress {
    const on = remote.isMulticast ? this.#groups.interfaceOf(remote)?.index : undefined;
    const preferred = this.#context.stack.ip.sourceFor(remote, on);
    if (preferred === undefined) {
      throw new Deno.errors.NetworkUnreachable(`No way to ${hostname} from this stack`);
    }
    const { address } = this.#receiver;
    if (address === null || address.isMulticast) return preferred;
    checkFamily(address, remote);
    return address;
  }

  /** Unbinds the socket; calls that wait reject. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.open.delete(this);
    this.#groups.leaveAll();
    this.#context.stack.udp.unbind(this.#receiver);
    this.#waiting.clear();
    this.#received.open();
  }

  /** Datagrams, each with where it came from, until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Received> {
    return new Datagrams(this);
  }

  /** {@linkcode close}, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** The datagrams of a socket, one by one. No generator: that costs more turns of promises. */
class Datagrams implements AsyncIterableIterator<Received> {
  #socket: UdpSocket;
  #isDone = false;

  constructor(socket: UdpSocket) {
    this.#socket = socket;
  }

  async next(): Promise<IteratorResult<Received>> {
    if (this.#isDone) return { done: true, value: undefined };
    try {
      return { done: false, value: await this.#socket.receive() };
    } catch (error) {
      this.#isDone = true;
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      return { done: true, value: undefined };
    }
  }

  return(): Promise<IteratorResult<Received>> {
    this.#isDone = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** @throws {RangeError} If datagrams cannot be of that size. */
function checkSegmentSize(size: number): void {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Segment size must be an integer of 1 at least: got ${size}`);
  }
}
