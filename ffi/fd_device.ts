/**
 * A device behind a descriptor: TUN, TAP, utun or a packet socket.
 *
 * @module
 */

import type { DeviceCapabilities, DeviceCounters } from "../src/phy/device.ts";
import type { IpAddress } from "../src/wire/address.ts";
import type { Packet } from "../src/wire/packet.ts";
import { AF_INET, AF_INET6 } from "./darwin.ts";
import { type Descriptor, largestSent } from "./descriptor.ts";
import { ERRNO } from "./errno.ts";
import type { HostDevice, HostEnd } from "./host_device.ts";
import { type Libc, MSG_DONTWAIT } from "./libc.ts";
import type { Reader } from "./reader.ts";

/** Most offsets of one memory that {@linkcode Pointers} remembers. */
const MAX_POINTERS = 8192;

/** Pointers into one memory: made once per offset, because making one allocates. */
class Pointers {
  readonly bytes: Uint8Array;
  readonly #base: Deno.PointerObject;
  readonly #byOffset = new Map<number, Deno.PointerValue>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#base = Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)!;
  }

  at(offset: number): Deno.PointerValue {
    return this.#byOffset.get(offset) ?? this.#make(offset);
  }

  #make(offset: number): Deno.PointerValue {
    // Packets start at a few offsets only; this is for a caller who does it differently.
    if (this.#byOffset.size === MAX_POINTERS) this.#byOffset.clear();
    const pointer = Deno.UnsafePointer.offset(this.#base, offset);
    this.#byOffset.set(offset, pointer);
    return pointer;
  }
}

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
  /** Of the memories sent from: the last one first, and the one before. */
  #pointers: Pointers | undefined;
  #otherPointers: Pointers | undefined;
  #closing: Promise<void> | undefined;
  #sent = 0;
  #sentBytes = 0;
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
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#reader = reader;
    this.name = descriptor.name;
    this.mtu = descriptor.mtu;
    this.#errno = ERRNO[libc.source.os];
    this.#dontWait = MSG_DONTWAIT[libc.source.os];
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
    const { fd, kind, prefix } = this.#descriptor;
    if (packet.end - packet.at > this.#largest) {
      this.#sendTooBig++;
      return false;
    }
    const at = packet.at - prefix;
    const length = packet.end - at;
    if (prefix === 4) {
      const version = packet.bytes[packet.at]! >>> 4;
      packet.view.setUint32(at, version === 6 ? AF_INET6 : AF_INET);
    } else if (prefix === 10) {
      packet.bytes.fill(0, at, packet.at); // nothing is left for the kernel to do
    }
    const pointer = this.#pointersTo(packet.bytes).at(at);
    do {
      const sent = kind === "file"
        ? this.#libc.write(fd, pointer, length)
        : this.#libc.send(fd, pointer, length, this.#dontWait);
      if (sent >= 0) {
        this.#sent++;
        this.#sentBytes += length - prefix;
        return true;
      }
    } while (this.#retry(this.#libc.errno()));
    return false;
  }

  counters(): DeviceCounters {
    return {
      ...this.#reader.counters(),
      deviceSent: this.#sent,
      deviceSentBytes: this.#sentBytes,
      deviceSendBusy: this.#sendBusy,
      deviceSendNoBuffers: this.#sendNoBuffers,
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
  #retry(errno: number): boolean {
    switch (errno) {
      case this.#errno.EINTR:
        return true;
      case this.#errno.EAGAIN:
        this.#sendBusy++;
        return false;
      case this.#errno.ENOBUFS:
        this.#sendNoBuffers++;
        return false;
      default: // such as EIO: the interface is down
        this.#sendFailed++;
        return false;
    }
  }

  #pointersTo(bytes: Uint8Array): Pointers {
    const first = this.#pointers;
    if (first !== undefined && first.bytes === bytes) return first;
    // A reply is sent from where its request was received, all the rest from the stack's memory.
    const other = this.#otherPointers;
    this.#otherPointers = first;
    return this.#pointers = other !== undefined && other.bytes === bytes
      ? other
      : new Pointers(bytes);
  }
}
