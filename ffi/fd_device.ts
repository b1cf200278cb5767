/**
 * A device behind a descriptor: TUN, TAP, utun or a packet socket.
 *
 * @module
 */

import type { DeviceCapabilities, DeviceCounters } from "../src/phy/device.ts";
import type { IpAddress } from "../src/wire/address.ts";
import type { LinkOffload, Packet } from "../src/wire/packet.ts";
import { PROTOCOL } from "../src/wire/protocol.ts";
import { AF_INET, AF_INET6 } from "./darwin.ts";
import { type Descriptor, LARGEST_SUPER_SEGMENT, largestSent } from "./descriptor.ts";
import { ERRNO } from "./errno.ts";
import type { HostDevice, HostEnd } from "./host_device.ts";
import { type Libc, MSG_DONTWAIT } from "./libc.ts";
import { IoVectors, Places } from "./places.ts";
import type { Reader } from "./reader.ts";
import { OffloadOutput } from "./virtio.ts";

/** The headers, and the two pieces of a tail. */
const MAX_PIECES = 3;

/** A device whose packets go through a descriptor, one per call. */
export class FdDevice implements HostDevice {
  readonly name: string;
  readonly mtu: number;
  readonly capabilities: DeviceCapabilities;
  readonly hostAddresses: readonly IpAddress[];
  readonly ipv6Missing: string | undefined;
  readonly #libc: Libc;
  readonly #descriptor: Descriptor;
  readonly #reader: Reader;
  readonly #errno: typeof ERRNO.linux | typeof ERRNO.darwin;
  readonly #dontWait: number;
  readonly #largest: number;
  readonly #largestSuper: number;
  readonly #output: OffloadOutput;
  readonly #places = new Places();
  readonly #pieces = new IoVectors(MAX_PIECES);
  #offload: LinkOffload | undefined;
  #closing: Promise<void> | undefined;
  #sent = 0;
  #sentBytes = 0;
  #superSegments = 0;
  #sendRefused = 0;
  #sendBusy = 0;
  #sendNoBuffers = 0;
  #sendFailed = 0;
  #sendTooBig = 0;
  #sendClosed = 0;

  /**
   * Takes over a library, a descriptor that has been configured, and a reader that runs on it:
   * they end with the device.
   */
  constructor(
    libc: Libc,
    descriptor: Descriptor,
    reader: Reader,
    host: HostEnd = { addresses: [] },
  ) {
    const { mac } = descriptor;
    this.capabilities = mac === undefined ? { medium: "ip" } : { medium: "ethernet", mac };
    this.hostAddresses = host.addresses;
    this.ipv6Missing = host.ipv6Missing;
    this.#largest = largestSent(descriptor);
    this.#largestSuper = descriptor.offload === undefined ? this.#largest : LARGEST_SUPER_SEGMENT;
    this.#output = new OffloadOutput(this.capabilities.medium);
    this.#offload = descriptor.offload;
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#reader = reader;
    this.name = descriptor.name;
    this.mtu = descriptor.mtu;
    this.#errno = ERRNO[libc.source.os];
    this.#dontWait = MSG_DONTWAIT[libc.source.os];
  }

  get offload(): LinkOffload | undefined {
    return this.#offload;
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    return this.#reader.receive(limit, handler);
  }

  readable(): Promise<boolean> {
    return this.#reader.readable();
  }

  transmit(packet: Packet): boolean {
    // The number of a closed descriptor may belong to another file by now.
    if (this.#closing !== undefined) {
      this.#sendClosed++;
      return false;
    }
    const isSuper = packet.segmentSize > 0;
    const length = packet.end - packet.at;
    if (length > (isSuper ? this.#largestSuper : this.#largest)) {
      this.#sendTooBig++;
      return false;
    }
    const { prefix } = this.#descriptor;
    if (prefix === 4) {
      const version = packet.bytes[packet.at]! >>> 4;
      packet.view.setUint32(packet.at - prefix, version === 6 ? AF_INET6 : AF_INET);
    } else if (prefix === 10) {
      this.#output.write(packet);
    }
    do {
      const sent = packet.tail.length > 0 ? this.#sendPieces(packet) : this.#sendWhole(packet);
      if (sent >= 0) {
        this.#sent++;
        this.#sentBytes += length;
        if (isSuper) this.#superSegments++;
        return true;
      }
    } while (this.#retry(this.#libc.errno(), packet));
    return false;
  }

  /** Sends a packet that is in place, and returns what the system does. */
  #sendWhole({ bytes, at, end }: Packet): number {
    const { fd, kind, prefix } = this.#descriptor;
    const pointer = this.#places.of(bytes).pointerTo(at - prefix);
    const length = end - at + prefix;
    return kind === "file"
      ? this.#libc.write(fd, pointer, length)
      : this.#libc.send(fd, pointer, length, this.#dontWait);
  }

  /** Likewise one whose tail is elsewhere. */
  #sendPieces({ bytes, at, headEnd, tail }: Packet): number {
    const { fd, prefix } = this.#descriptor;
    const head = this.#places.of(bytes).address + at;
    this.#pieces.set(0, head - prefix, headEnd - at + prefix);
    const { address } = this.#places.of(tail.bytes);
    this.#pieces.set(1, address + tail.at, tail.length);
    if (tail.restLength === 0) return this.#libc.writev(fd, this.#pieces.pointer, 2);
    this.#pieces.set(2, address + tail.restAt, tail.restLength);
    return this.#libc.writev(fd, this.#pieces.pointer, MAX_PIECES);
  }

  counters(): DeviceCounters {
    return {
      ...this.#reader.counters(),
      deviceSent: this.#sent,
      deviceSentBytes: this.#sentBytes,
      deviceSuperSegmentsSent: this.#superSegments,
      deviceSendBusy: this.#sendBusy,
      deviceSendNoBuffers: this.#sendNoBuffers,
      deviceSendRefused: this.#sendRefused,
      deviceSendFailed: this.#sendFailed,
      deviceSendTooBig: this.#sendTooBig,
      deviceSendClosed: this.#sendClosed,
    };
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    // First the thread that reads, then the descriptor: its number may be used again at once.
    await this.#reader.stop();
    this.#libc.close(this.#descriptor.fd);
    this.#libc.unload();
  }

  /** Whether a send that failed should be tried again; else the packet is lost and counted. */
  #retry(errno: number, packet: Packet): boolean {
    switch (errno) {
      case this.#errno.EINTR:
        return true;
      case this.#errno.EAGAIN:
        this.#sendBusy++;
        return false;
      case this.#errno.ENOBUFS:
        this.#sendNoBuffers++;
        return false;
      case this.#errno.EMSGSIZE: // as of a network whose MTU has become smaller
        this.#sendRefused++;
        return false;
      case this.#errno.EINVAL:
        this.#sendRefused++;
        // A kernel that does not know runs of datagrams, as before Linux 6.2: they are cut for it.
        if (packet.segmentSize > 0 && packet.protocol === PROTOCOL.UDP) {
          this.#offload = { udp: false };
        }
        return false;
      default: // such as EIO: the interface is down
        this.#sendFailed++;
        return false;
    }
  }
}
