/**
 * Messages of any protocol over IP, for programs: raw sockets.
 *
 * @module
 */

import { completeChecksum } from "../net/segmentation.ts";
import type { IpAddress } from "../wire/address.ts";
import { copyBytes } from "../wire/bytes.ts";
import type { Packet } from "../wire/packet.ts";
import { checkFamily, formatAddress, parseAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { closedHere } from "./errors.ts";
import { Gate } from "./gate.ts";
import { checkTtl } from "./options.ts";

/** Most messages that wait to be received; what comes on top is dropped and counted. */
const MAX_WAITING = 256;

/** How to speak a protocol over IP. */
export interface IpSocketOptions {
  /** Number of the protocol, or next header: 0 to 255, such as 89 for OSPF. */
  protocol: number;
  /** The address of the stack to bind to; left out: all of them. */
  hostname?: string;
  /** Time to live of what is sent, 1 to 255. */
  ttl?: number;
}

/** A message that came in. */
export interface IpMessage {
  /** What IP carried. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where it came from. */
  readonly source: string;
  /** Where it went: an address of the stack, a group, or broadcast. */
  readonly destination: string;
  /** Time to live, or hop limit, that it came with. */
  readonly ttl: number;
}

/**
 * Sends and receives the messages of one protocol; `for await` over it gives them until it is
 * closed. Of TCP, UDP and ICMP it gets copies. What nobody else takes is not answered with an
 * ICMP error then. Checksums are the program's matter.
 */
export class IpSocket implements AsyncIterable<IpMessage>, AsyncDisposable {
  /** Messages that were dropped because too many waited. */
  dropped = 0;
  /** Number of the protocol. */
  readonly protocol: number;
  #context: SocketContext;
  #address: IpAddress | null;
  #ttl: number;
  #waiting: IpMessage[] = [];
  #received = new Gate();
  #closed = false;
  readonly #receiver = { packet: (packet: Packet) => this.#enqueue(packet) };

  /** See `NetworkStack.listenIp`, which checks the address. */
  constructor(context: SocketContext, address: IpAddress | null, options: IpSocketOptions) {
    const { protocol, ttl } = options;
    if (!Number.isInteger(protocol) || protocol < 0 || protocol > 255) {
      throw new RangeError(`Protocol must be an integer from 0 to 255: got ${protocol}`);
    }
    this.protocol = protocol;
    this.#ttl = ttl === undefined ? 0 : checkTtl(ttl);
    this.#context = context;
    this.#address = address;
    context.stack.raw.add(protocol, this.#receiver);
    context.open.add(this);
  }

  #enqueue(packet: Packet): void {
    const { bytes, source, destination, ttl, transportAt, end, isGroup } = packet;
    if (this.#address !== null && !isGroup && !this.#address.equals(destination)) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.dropped++;
      return;
    }
    const copy = new Uint8Array(end - transportAt);
    copyBytes(bytes, transportAt, copy, 0, copy.length);
    if (packet.isPartial) {
      completeChecksum(new DataView(copy.buffer), 0, copy.length, packet.protocol);
    }
    const { ip } = this.#context.stack;
    this.#waiting.push({
      bytes: copy,
      source: formatAddress(ip, source),
      destination: formatAddress(ip, destination),
      ttl,
    });
    this.#received.open();
  }

  /**
   * Takes the next message, waiting until there is one.
   *
   * @throws {Deno.errors.BadResource} If the socket is closed.
   */
  async receive(): Promise<IpMessage> {
    for (;;) {
      if (this.#closed) throw closedHere("socket");
      const next = this.#waiting.shift();
      if (next !== undefined) return next;
      await this.#received.wait();
    }
  }

  /**
   * Sends one message, in fragments if need be.
   *
   * @returns Whether it was sent; `false` if the device had no room for it just now.
   * @throws {Deno.errors.BadResource} If the socket is closed.
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there.
   * @throws {RangeError} If it is larger than what IP carries.
   * @throws {TypeError} If `hostname` is not an IP address, or not of the bound address's family.
   */
  send(bytes: Uint8Array, hostname: string): Promise<boolean> {
    return Promise.try(() => {
      if (this.#closed) throw closedHere("socket");
      const { ip } = this.#context.stack;
      const destination = parseAddress(ip, hostname);
      const most = ip.maxFragmented(destination);
      if (bytes.length > most) {
        throw new RangeError(`A message carries ${most} bytes at most: got ${bytes.length}`);
      }
      const source = ip.sourceFor(destination);
      if (source === undefined) {
        throw new Deno.errors.NetworkUnreachable(`No way to ${hostname} from this stack`);
      }
      if (this.#address !== null) checkFamily(this.#address, destination);
      const { outgoing } = ip;
      outgoing.bytes.set(bytes, outgoing.messageAt);
      outgoing.end = outgoing.messageAt + bytes.length;
      const options = { ttl: this.#ttl, tos: 0, dontFragment: false };
      const sent = ip.send(this.#address ?? source, destination, this.protocol, options);
      this.#context.kick();
      return sent;
    });
  }

  /** Ends the socket; calls that wait reject. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.open.delete(this);
    this.#context.stack.raw.remove(this.protocol, this.#receiver);
    this.#waiting.length = 0;
    this.#received.open();
  }

  /** Messages until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<IpMessage> {
    try {
      while (!this.#closed) yield await this.receive();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** {@linkcode close}, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
