/**
 * A packet in place: a place in memory, and what the layers have found there so far.
 *
 * @module
 */

import { IpAddress } from "./address.ts";
import { copyBytes } from "./bytes.ts";
import { LINK_HEADROOM, TRANSPORT_HEADROOM } from "./headroom.ts";
import { memory } from "./memory.ts";

export { LINK_HEADROOM, TRANSPORT_HEADROOM };

/**
 * What a link takes off the stack. It takes packets whose checksum is partial, whose tail lies
 * elsewhere, and super-segments of TCP over both families, of up to 65,535 bytes with the IP header.
 */
export interface LinkOffload {
  /**
   * Whether it takes super-segments of UDP as well: runs of datagrams. Their checksum has to be
   * partial: Linux refuses others.
   */
  readonly udp: boolean;
}

/**
 * The end of a packet that lies elsewhere, in up to two pieces of one memory: text that goes out
 * straight from a send buffer, which is a ring.
 */
export class Tail {
  /** The memory that the pieces lie in. */
  bytes: Uint8Array = NOWHERE;
  /** Where the first piece starts. */
  at = 0;
  /** Its length, in bytes; 0 if there is no tail. */
  length = 0;
  /** Where the second piece starts, behind the first one: where the ring begins again. */
  restAt = 0;
  /** Its length, in bytes; 0 if there is none. */
  restLength = 0;
}

const NOWHERE = new Uint8Array(0);

/**
 * One packet, seen in place. A device owns one and moves it from packet to packet, so neither it
 * nor its addresses may be kept: copy what outlives the call.
 */
export class Packet {
  /** The memory that the packet lies in, shared with other packets. */
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
  /** Where the transport header of a packet that is built here starts. */
  readonly messageAt: number;
  /** Offset of the first byte: of the IP header on devices without Ethernet. */
  at = 0;
  /** Offset behind the last byte. */
  end = 0;
  /** Offset of the transport header, known once IP has looked at the packet. */
  transportAt = 0;
  /** Source address, filled by IP. */
  readonly source: IpAddress = IpAddress.scratch();
  /** Destination address, filled by IP. */
  readonly destination: IpAddress = IpAddress.scratch();
  /** IPv4 protocol or IPv6 next header of the transport, filled by IP. */
  protocol = 0;
  /** TTL or hop limit, filled by IP. */
  ttl = 0;
  /** Type of service or traffic class, the whole byte, filled by IP. */
  tos = 0;
  /** Whether it was sent to more than one host: by its frame's address, or its IP destination. */
  isGroup = false;
  /**
   * Whether the transport's checksum need not be verified: the packet has not left the machine, or
   * a network card has verified it.
   */
  isVerified = false;
  /**
   * Whether the transport's checksum field holds no more than the sum of the pseudo-header, not
   * complemented: whoever puts the packet on a wire has to complete it.
   */
  isPartial = false;
  /**
   * Of a super-segment, which stands for several packets with equal headers: how much of the text
   * each of them has, in bytes, the last one maybe less. 0: it is one packet.
   */
  segmentSize = 0;
  /**
   * The end of the packet that lies elsewhere; of length 0 if all of it is in place. Whoever looks
   * behind the headers calls {@linkcode gather} before.
   */
  readonly tail: Tail = new Tail();

  /**
   * A packet in this memory, as yet without a place.
   *
   * @param start Where the room for a packet that is built here begins.
   */
  constructor(bytes: Uint8Array, start = 0) {
    this.bytes = bytes;
    this.messageAt = start + TRANSPORT_HEADROOM;
    this.view = bytes === memory.bytes
      ? memory.view // by which kernels know it
      : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves to the bytes `[at, end)`, of one packet as it is on the wire. */
  place(at: number, end: number): this {
    this.at = at;
    this.end = end;
    this.isVerified = false;
    this.leaveNothing();
    return this;
  }

  /** Makes it one packet, whole and in place: nothing is left to do for the link. */
  leaveNothing(): void {
    this.isPartial = false;
    this.segmentSize = 0;
    this.tail.length = this.tail.restLength = 0;
  }

  /** Offset behind what of the packet is in place. */
  get headEnd(): number {
    return this.end - this.tail.length - this.tail.restLength;
  }

  /**
   * A copy in memory of its own, {@linkcode LINK_HEADROOM} in front, all of it in place; with what is
   * left to the link. Of what IP has found, it has where which transport starts.
   */
  copy(): Packet {
    const { at, end } = this;
    const moved = LINK_HEADROOM - at;
    const copy = new Packet(new Uint8Array(end + moved)).place(LINK_HEADROOM, end + moved);
    this.copyTo(copy.bytes, LINK_HEADROOM);
    copy.transportAt = this.transportAt + moved;
    copy.protocol = this.protocol;
    copy.isVerified = this.isVerified;
    copy.isPartial = this.isPartial;
    copy.segmentSize = this.segmentSize;
    return copy;
  }

  /** Copies all of it to `target[to…]`, wherever its parts lie. */
  copyTo(target: Uint8Array, to: number): void {
    const { bytes, at, headEnd } = this;
    copyBytes(bytes, at, target, to, headEnd - at);
    this.#copyTail(target, to + headEnd - at);
  }

  /** Copies the {@linkcode tail} to where it belongs. */
  gather(): void {
    const { tail } = this;
    if (tail.length === 0) return;
    this.#copyTail(this.bytes, this.headEnd);
    tail.length = tail.restLength = 0;
  }

  #copyTail(target: Uint8Array, to: number): void {
    const { bytes, at, length, restAt, restLength } = this.tail;
    if (length === 0) return;
    copyBytes(bytes, at, target, to, length);
    if (restLength > 0) copyBytes(bytes, restAt, target, to + length, restLength);
  }
}
