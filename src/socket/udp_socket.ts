/**
 * A UDP socket for programs, shaped as `Deno.DatagramConn`.
 *
 * @module
 */

import type { Datagram, UdpReceiver } from "../net/udp.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { formatAddress, parseAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { checkPort, closedHere } from "./errors.ts";
import { Gate } from "./gate.ts";

/** Most datagrams that wait to be received; what comes on top is dropped and counted. */
const MAX_WAITING = 256;

/** Sends and receives datagrams; `for await` over it gives them until it is closed. */
export class UdpSocket
  implements AsyncIterable<[Uint8Array<ArrayBuffer>, Deno.NetAddr]>, AsyncDisposable {
  /** Where it is bound. */
  readonly addr: Deno.NetAddr;
  #context: SocketContext;
  #receiver: UdpReceiver;
  #waiting: [Uint8Array<ArrayBuffer>, Deno.NetAddr][] = [];
  #received = new Gate();
  #closed = false;

  /** See `NetworkStack.listenDatagram`, which checks what the user gave. */
  constructor(context: SocketContext, address: IpAddress | null, port: number) {
    this.#context = context;
    this.#receiver = { address, port, datagram: (datagram) => this.#enqueue(datagram) };
    const hostname = address === null ? "0.0.0.0" : formatAddress(context.stack.ip, address);
    if (!context.stack.udp.bind(this.#receiver)) {
      throw new Deno.errors.AddrInUse(`Another UDP socket has ${hostname}:${port}`);
    }
    context.open.add(this);
    this.addr = { transport: "udp", hostname, port };
  }

  #enqueue(datagram: Datagram): Drop {
    if (this.#waiting.length >= MAX_WAITING) return Drop.UDP_QUEUE_FULL;
    const { packet, at, end, sourcePort } = datagram;
    // From the ring's shared memory into memory of its own: `slice` would keep it shared.
    const bytes = new Uint8Array(end - at);
    bytes.set(packet.bytes.subarray(at, end));
    const hostname = formatAddress(this.#context.stack.ip, packet.source);
    this.#waiting.push([bytes, { transport: "udp", hostname, port: sourcePort }]);
    this.#received.open();
    return Drop.NONE;
  }

  /**
   * Takes the next datagram, waiting until there is one, and tells where it came from.
   *
   * @throws {Deno.errors.BadResource} If the socket is closed.
   */
  async receive(): Promise<[Uint8Array<ArrayBuffer>, Deno.NetAddr]> {
    for (;;) {
      if (this.#closed) throw closedHere("socket");
      const next = this.#waiting.shift();
      if (next !== undefined) return next;
      await this.#received.wait();
    }
  }

  /**
   * Sends one datagram. That it was sent doesn't mean that it arrives.
   *
   * @returns The number of bytes sent; 0 if the device had no room for it just now.
   * @throws {RangeError} If it is larger than what the link carries in one piece.
   */
  send(bytes: Uint8Array, to: Deno.NetAddr): Promise<number> {
    return Promise.try(() => {
      if (this.#closed) throw closedHere("socket");
      const { udp, ip } = this.#context.stack;
      const remote = parseAddress(ip, to.hostname);
      checkPort(to.port, 1);
      const most = udp.maxPayload(remote);
      if (bytes.length > most) {
        throw new RangeError(`A datagram carries ${most} bytes at most: got ${bytes.length}`);
      }
      const preferred = ip.sourceFor(remote);
      if (preferred === undefined) {
        throw new Deno.errors.NetworkUnreachable(`No way to ${to.hostname} from this stack`);
      }
      const source = this.#receiver.address ?? preferred;
      const sent = udp.send(source, this.#receiver.port, remote, to.port, bytes);
      this.#context.kick();
      return sent ? bytes.length : 0;
    });
  }

  /** Unbinds the socket; calls that wait reject. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.open.delete(this);
    this.#context.stack.udp.unbind(this.#receiver);
    this.#waiting.length = 0;
    this.#received.open();
  }

  /** Datagrams, each with where it came from, until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<[Uint8Array<ArrayBuffer>, Deno.NetAddr]> {
    while (!this.#closed) {
      try {
        yield await this.receive();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        throw error;
      }
    }
  }

  /** {@linkcode close}, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
