/**
 * Fragments, and the datagram of which not all of them have come (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * Its memory comes in blocks, by their place in the datagram, so that one of which little has come
 * takes little, wherever that belongs. A bit for each 8 bytes tells what is there. As no fragments
 * overlap, it is whole when as much has come as it is long: no order needs to be kept.
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import { copyBytes } from "../wire/bytes.ts";
import { Drop } from "../wire/drop.ts";
import { Ipv4Header } from "../wire/ipv4.ts";
import { FragmentHeader, IPV6_FRAGMENT_HEADER, IPV6_HEADER } from "../wire/ipv6.ts";
import type { ExtensionChain } from "../wire/ipv6_extensions.ts";
import type { Packet } from "../wire/packet.ts";

/** Most that an IPv4 packet or the payload of an IPv6 packet holds, in bytes. */
export const MAX_LENGTH = 65535;
/** The length of a block, as a power of two. */
const BLOCK_BITS = 11;
/** Memory is given out in blocks of this many bytes. */
export const REASSEMBLY_BLOCK = 1 << BLOCK_BITS;
/** Room for the first fragment's header, in front of the payload's first byte. */
export const HEADER_ROOM = 512;
/** Blocks of the largest datagram. */
const MOST_BLOCKS = ((HEADER_ROOM + MAX_LENGTH) >>> BLOCK_BITS) + 1;
/** Words of a bit map with a bit for 8 bytes of payload. */
const MAP_WORDS = 8192 / 32;
/** "Congestion experienced" (RFC 3168 §5). */
export const CE = 3;
/** Codepoints as bits of a set of those that were seen. */
const SEEN_NOT_ECT = 1 << 0;
const SEEN_CE = 1 << CE;

/** A fragment that IP has laid open. Made once and filled again and again. */
export class Fragment {
  /** The packet: place, addresses, protocol, TTL and type of service are filled in. */
  packet!: Packet;
  /** Length of what is in front of the piece: for IPv6 up to and with the fragment header. */
  headerLength = 0;
  /** What the fragments of a datagram have in common: 16 bits for IPv4, 32 for IPv6. */
  identification = 0;
  /** Where the piece belongs, in bytes: a multiple of 8, up to 65528. */
  offset = 0;
  /** Whether others follow behind it. */
  more = false;
  /** Of IPv6: where the number stands that announces the fragment header, from the IPv6 header. */
  pointer = 0;
  #ipv4 = new Ipv4Header();
  #ipv6 = new FragmentHeader();

  /** Reads a checked IPv4 header: that at `packet.at`. */
  read4(packet: Packet): this {
    const header = this.#ipv4.bind(packet.view, packet.at);
    this.packet = packet;
    this.headerLength = header.headerLength;
    this.identification = header.identification;
    this.offset = header.fragmentOffset;
    this.more = header.moreFragments;
    return this;
  }

  /** Reads the IPv6 fragment header at which the walk along a packet's headers has stopped. */
  read6(packet: Packet, { transportAt, protocolPointer }: ExtensionChain): this {
    const header = this.#ipv6.bind(packet.view, transportAt);
    this.packet = packet;
    this.headerLength = transportAt + IPV6_FRAGMENT_HEADER - packet.at;
    this.pointer = protocolPointer;
    this.identification = header.identification;
    this.offset = header.offset;
    this.more = header.more;
    return this;
  }

  /** Length of the piece, in bytes. */
  get length(): number {
    return this.packet.end - this.packet.at - this.headerLength;
  }

  /** What of the header counts towards {@linkcode MAX_LENGTH} once the datagram is whole. */
  get countedHeader(): number {
    return countedHeader(this.packet.source, this.headerLength);
  }
}

function countedHeader(source: IpAddress, headerLength: number): number {
  return source.family === 4 ? headerLength : headerLength - IPV6_FRAGMENT_HEADER - IPV6_HEADER;
}

/** What the incomplete datagrams of one sender take. */
export class Sender {
  readonly address: IpAddress = IpAddress.scratch();
  datagrams = 0;
  blocks = 0;
}

/** A datagram of which not all has come. */
export class Datagram {
  readonly source: IpAddress = IpAddress.scratch();
  readonly destination: IpAddress = IpAddress.scratch();
  /** Of IPv4; the fragments of an IPv6 datagram need not agree. */
  protocol = 0;
  identification = 0;
  sender!: Sender;
  /** When its time is over, in milliseconds. */
  deadline = 0;
  /** Whether fragments contradicted each other, so that all others are thrown away. */
  isSpoiled = false;
  /** Header room and payload, in blocks by their place; those that nothing came for are missing. */
  readonly blocks: (Uint8Array | null)[] = new Array(MOST_BLOCKS).fill(null);
  /** Which 8 bytes of payload are there. */
  readonly #covered = new Uint32Array(MAP_WORDS);
  /** With which of them a fragment starts. */
  readonly #starts = new Uint32Array(MAP_WORDS);
  /** Payload that is there, in bytes. */
  received = 0;
  /** The end of the fragment that is furthest back. */
  furthest = 0;
  /** Length of the payload; -1 until the last fragment tells. */
  length = -1;
  /** Of the first fragment: length of its header and of its piece; 0 until it has come. */
  headerLength = 0;
  firstLength = 0;
  /** Of the first fragment, as {@linkcode Fragment} and {@linkcode Packet} have them. */
  pointer = 0;
  ttl = 0;
  tos = 0;
  /** Whether any fragment was sent to more than one host. */
  isGroup = false;
  /** The ECN codepoints seen: bit n for codepoint n. */
  #ecn = 0;

  /** Makes it a datagram of which nothing has come. */
  reset({ packet, identification }: Fragment, deadline: number): void {
    this.source.load(packet.source);
    this.destination.load(packet.destination);
    this.protocol = packet.protocol;
    this.identification = identification;
    this.deadline = deadline;
    this.isSpoiled = false;
    this.#covered.fill(0);
    this.#starts.fill(0);
    this.received = 0;
    this.furthest = 0;
    this.length = -1;
    this.headerLength = 0;
    this.firstLength = 0;
    this.isGroup = false;
    this.#ecn = 0;
  }

  /** Whether the fragment is one of this datagram's. */
  has({ packet, identification }: Fragment): boolean {
    return this.identification === identification && this.source.equals(packet.source) &&
      this.destination.equals(packet.destination) &&
      (this.protocol === packet.protocol || packet.source.family === 6);
  }

  /** Whether the datagram cannot end where this fragment makes it end, or go on behind. */
  isContradictedBy({ offset, length, more }: Fragment): boolean {
    const end = offset + length;
    if (more) return this.length !== -1 && end >= this.length;
    return this.length === -1 ? end <= this.furthest : end !== this.length;
  }

  /** Whether any of the bytes `[at, end)` is there. */
  overlaps(at: number, end: number): boolean {
    for (let unit = at >>> 3; unit << 3 < end; unit++) {
      if (hasBit(this.#covered, unit)) return true;
    }
    return false;
  }

  /** Whether a fragment with just these bytes has come. */
  repeats({ packet, headerLength, offset, length }: Fragment): boolean {
    const end = offset + length;
    if (!hasBit(this.#starts, offset >>> 3)) return false;
    let unit = (offset >>> 3) + 1;
    while (unit << 3 < end) {
      if (!hasBit(this.#covered, unit) || hasBit(this.#starts, unit)) return false;
      unit++;
    }
    if (unit << 3 < MAX_LENGTH && hasBit(this.#covered, unit) && !hasBit(this.#starts, unit)) {
      return false;
    }
    return this.#equals(packet.bytes, packet.at + headerLength, offset, length);
  }

  #equals(bytes: Uint8Array, at: number, offset: number, length: number): boolean {
    for (let i = 0, place = HEADER_ROOM + offset; i < length; i++, place++) {
      const block = this.blocks[place >>> BLOCK_BITS]!;
      if (block[place & (REASSEMBLY_BLOCK - 1)] !== bytes[at + i]) return false;
    }
    return true;
  }

  /** How many blocks are missing to hold the bytes `[at, end)` of the payload. */
  missing(at: number, end: number): number {
    let count = 0;
    for (let i = firstBlock(at); i <= lastBlock(end); i++) {
      if (this.blocks[i] === null) count++;
    }
    return count;
  }

  /** Takes them, from `spare` if there are any. */
  takeBlocks(at: number, end: number, spare: Uint8Array[]): void {
    for (let i = firstBlock(at); i <= lastBlock(end); i++) {
      this.blocks[i] ??= spare.pop() ?? new Uint8Array(REASSEMBLY_BLOCK);
    }
  }

  /** Gives all blocks to `spare`; returns how many they were. */
  giveBlocks(spare: Uint8Array[]): number {
    let count = 0;
    for (let i = 0; i < MOST_BLOCKS; i++) {
      const block = this.blocks[i]!;
      if (block === null) continue;
      spare.push(block);
      this.blocks[i] = null;
      count++;
    }
    return count;
  }

  /** Whether any fragment was marked: "congestion experienced". */
  get isMarked(): boolean {
    return (this.#ecn & SEEN_CE) !== 0;
  }

  /** Why the datagram, of which all has come, is none; `Drop.NONE` if it is. */
  checkWhole(): Drop {
    // The first fragment's header may be longer than the others'.
    const length = countedHeader(this.source, this.headerLength) + this.length;
    if (length > MAX_LENGTH) return Drop.FRAGMENT_BAD_LENGTH;
    // A mark must not be lost, nor be put on what is not ECN-capable (RFC 3168 §5.3).
    return this.isMarked && (this.#ecn & SEEN_NOT_ECT) !== 0 ? Drop.FRAGMENT_BAD_ECN : Drop.NONE;
  }

  /** Takes in a fragment, for which the blocks are there. */
  store(fragment: Fragment): void {
    const { packet, headerLength, offset, length, more } = fragment;
    const end = offset + length;
    this.#write(packet.bytes, packet.at + headerLength, offset, length);
    setBit(this.#starts, offset >>> 3);
    for (let unit = offset >>> 3; unit << 3 < end; unit++) setBit(this.#covered, unit);
    this.received += length;
    if (end > this.furthest) this.furthest = end;
    if (!more) this.length = end;
    if (packet.isGroup) this.isGroup = true;
    this.#ecn |= 1 << (packet.tos & CE);
    if (offset === 0) this.#storeHeader(fragment);
  }

  #storeHeader({ packet, headerLength, length, pointer }: Fragment): void {
    copyBytes(packet.bytes, packet.at, this.blocks[0]!, HEADER_ROOM - headerLength, headerLength);
    this.headerLength = headerLength;
    this.firstLength = length;
    this.pointer = pointer;
    this.ttl = packet.ttl;
    this.tos = packet.tos;
  }

  #write(bytes: Uint8Array, at: number, offset: number, length: number): void {
    for (let done = 0; done < length;) {
      const place = HEADER_ROOM + offset + done;
      const inBlock = place & (REASSEMBLY_BLOCK - 1);
      const count = Math.min(length - done, REASSEMBLY_BLOCK - inBlock);
      copyBytes(bytes, at + done, this.blocks[place >>> BLOCK_BITS]!, inBlock, count);
      done += count;
    }
  }

  /** Copies the whole payload to `bytes[at…]`. */
  read(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < this.length;) {
      const place = HEADER_ROOM + done;
      const inBlock = place & (REASSEMBLY_BLOCK - 1);
      const count = Math.min(this.length - done, REASSEMBLY_BLOCK - inBlock);
      copyBytes(this.blocks[place >>> BLOCK_BITS]!, inBlock, bytes, at + done, count);
      done += count;
    }
  }
}

/** The block that holds byte `at` of the payload. */
function firstBlock(at: number): number {
  return (HEADER_ROOM + at) >>> BLOCK_BITS;
}

/** The block that holds the byte in front of byte `end` of the payload. */
function lastBlock(end: number): number {
  return (HEADER_ROOM + end - 1) >>> BLOCK_BITS;
}

function hasBit(map: Uint32Array, bit: number): boolean {
  return (map[bit >>> 5]! & (1 << (bit & 31))) !== 0;
}

function setBit(map: Uint32Array, bit: number): void {
  map[bit >>> 5]! |= 1 << (bit & 31);
}
