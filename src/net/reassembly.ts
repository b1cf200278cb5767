/**
 * Putting fragments together again (RFC 791 §3.2, RFC 815, RFC 8200 §4.5).
 *
 * Fragments come in any order. One that repeats another, byte by byte, is ignored. Any other that
 * overlaps, or contradicts where the datagram ends, costs the datagram: what has come of it is
 * thrown away, and so is what still comes until its time is over (RFC 5722 §4; here IPv4 is treated
 * as IPv6 is).
 *
 * @module
 */

import { copyBytes } from "../base/bytes.ts";
import type { Counters } from "../base/counters.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { Ipv4Header } from "../wire/ipv4.ts";
import { FragmentHeader, IPV6_FRAGMENT_HEADER, IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import type { ExtensionChain } from "../wire/ipv6_extensions.ts";
import { LINK_HEADROOM, Packet } from "../wire/packet.ts";

/** Most that an IPv4 packet or the payload of an IPv6 packet holds, in bytes. */
const MAX_LENGTH = 65535;
/** The length of a block, as a power of two. */
const BLOCK_BITS = 11;
/** Memory is given out in blocks of this many bytes. */
export const REASSEMBLY_BLOCK = 1 << BLOCK_BITS;
/** Room for the first fragment's header, in front of the payload's first byte. */
const HEADER_ROOM = 512;
/** Blocks of the largest datagram. */
const MOST_BLOCKS = ((HEADER_ROOM + MAX_LENGTH) >>> BLOCK_BITS) + 1;
/** Words of a bit map with a bit for 8 bytes of payload. */
const MAP_WORDS = 8192 / 32;
/** How much of the first fragment is told about when the time is over: no ICMP error quotes more. */
const MAX_QUOTE = 1280;
/** Where the payload starts in the memory of the packet that comes out. */
const PAYLOAD_AT = LINK_HEADROOM + HEADER_ROOM;

/** "Congestion experienced" (RFC 3168 §5). */
const CE = 3;
/** Codepoints as bits of a set of those that were seen. */
const SEEN_NOT_ECT = 1 << 0;
const SEEN_CE = 1 << CE;

/** How long fragments are kept, and how many. */
export interface ReassemblyConfig {
  /**
   * How long the fragments of a datagram may be on their way, from the first to come to the last,
   * in milliseconds (RFC 1122 §3.3.2: 60 to 120 s; RFC 8200 §4.5: 60 s).
   */
  readonly timeout: number;
  /** Most memory that all incomplete datagrams take, in bytes; their bookkeeping counts too. */
  readonly memory: number;
  /** Most that those of one sender take. */
  readonly memoryPerSender: number;
  /** Most incomplete datagrams. They are looked for one after another, so few. */
  readonly datagrams: number;
  /** Most of one sender. */
  readonly datagramsPerSender: number;
}

/** The settings that hold where nothing else is said. */
export const DEFAULT_REASSEMBLY_CONFIG: ReassemblyConfig = {
  timeout: 60_000,
  memory: 4 << 20,
  memoryPerSender: 1 << 20,
  datagrams: 256,
  datagramsPerSender: 16,
};

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
class Sender {
  readonly address: IpAddress = IpAddress.scratch();
  datagrams = 0;
  blocks = 0;
}

/** A datagram of which not all has come. */
class Datagram {
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
  ecn = 0;

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
    this.ecn = 0;
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

  /** Why the datagram, of which all has come, is none; `Drop.NONE` if it is. */
  checkWhole(): Drop {
    // The first fragment's header may be longer than the others'.
    const length = countedHeader(this.source, this.headerLength) + this.length;
    if (length > MAX_LENGTH) return Drop.FRAGMENT_BAD_LENGTH;
    const isMixed = (this.ecn & SEEN_CE) !== 0 && (this.ecn & SEEN_NOT_ECT) !== 0;
    return isMixed ? Drop.FRAGMENT_BAD_ECN : Drop.NONE;
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
    this.ecn |= 1 << (packet.tos & CE);
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

/**
 * Told of a datagram whose time is over, if its first fragment had come.
 *
 * @param first The first fragment as it came, or as much of it as an ICMP error quotes. Lent.
 */
export type TimedOut = (first: Packet, now: number) => void;

/** The incomplete datagrams of one stack, of both families. */
export class Reassembler {
  /**
   * The datagram that the last call of {@linkcode add} made whole, as if it had come in one piece:
   * with the first fragment's header, and room for a link's header in front. Lent until the next
   * call of anything here.
   */
  readonly whole: Packet = new Packet(new Uint8Array(PAYLOAD_AT + MAX_LENGTH));
  #counters: Counters;
  #config: ReassemblyConfig;
  #timedOut: TimedOut;
  #ipv4 = new Ipv4Header();
  #ipv6 = new Ipv6Header();
  /** The oldest first, so in the order of their deadlines. */
  #datagrams: Datagram[] = [];
  #senders: Sender[] = [];
  /** Blocks in use. */
  #blocks = 0;
  /** What was used before and is free now. */
  #spareDatagrams: Datagram[] = [];
  #spareSenders: Sender[] = [];
  #spareBlocks: Uint8Array[] = [];

  constructor(counters: Counters, config: ReassemblyConfig, timedOut: TimedOut) {
    this.#counters = counters;
    this.#config = config;
    this.#timedOut = timedOut;
  }

  /** How many datagrams are incomplete, those included that are thrown away as they come. */
  get size(): number {
    return this.#datagrams.length;
  }

  /** How many senders they are from. */
  get senders(): number {
    return this.#senders.length;
  }

  /** Memory that they take, in bytes. */
  get memory(): number {
    return this.#blocks << BLOCK_BITS;
  }

  /**
   * Takes in a fragment: the bytes are lent.
   *
   * @returns `Drop.NONE` if its datagram is {@linkcode whole} now; `Drop.TAKEN` if more is to come;
   * else why it was dropped. Of `FRAGMENT_BAD_LENGTH` an IPv6 sender is to be told (RFC 8200 §4.5):
   * the payload length is wrong if others follow and it is no multiple of 8, else the offset.
   */
  add(fragment: Fragment, now: number): Drop {
    this.#counters.ipFragmentsReceived++;
    this.poll(now);
    const { offset, length, more, headerLength } = fragment;
    if (fragment.countedHeader + offset + length > MAX_LENGTH) return Drop.FRAGMENT_BAD_LENGTH;
    if (offset === 0 && headerLength > HEADER_ROOM) return Drop.IPV6_LONG_CHAIN;
    if (offset === 0 && !more) return this.#takeAtomic(fragment);
    if (length === 0 || (more && (length & 7) !== 0)) return Drop.FRAGMENT_BAD_LENGTH;
    const datagram = this.#find(fragment) ?? this.#begin(fragment, now);
    if (datagram.isSpoiled) return Drop.FRAGMENT_OVERLAP;
    if (datagram.isContradictedBy(fragment)) return this.#spoil(datagram);
    if (datagram.overlaps(offset, offset + length)) {
      return datagram.repeats(fragment) ? Drop.TAKEN : this.#spoil(datagram);
    }
    if (!this.#reserve(datagram, offset, offset + length)) {
      this.#remove(datagram);
      return Drop.FRAGMENT_NO_ROOM;
    }
    datagram.store(fragment);
    return datagram.received === datagram.length ? this.#complete(datagram) : Drop.TAKEN;
  }

  /** Throws away what did not become whole in time, and tells of it. */
  poll(now: number): void {
    while (this.nextDeadline() <= now) {
      const datagram = this.#datagrams[0]!;
      const hasFirst = datagram.headerLength > 0;
      if (hasFirst) this.#quote(datagram);
      if (!datagram.isSpoiled) this.#counters.drop(Drop.FRAGMENT_TIMEOUT);
      this.#remove(datagram);
      if (hasFirst) this.#timedOut(this.whole, now);
    }
  }

  /** When {@linkcode poll} is due, in ms; `Infinity`: never. */
  nextDeadline(): number {
    const oldest = this.#datagrams[0];
    return oldest === undefined ? Infinity : oldest.deadline;
  }

  #find(fragment: Fragment): Datagram | undefined {
    for (let i = 0; i < this.#datagrams.length; i++) {
      const datagram = this.#datagrams[i]!;
      if (datagram.has(fragment)) return datagram;
    }
    return undefined;
  }

  /** Starts a datagram, in the place of others if need be. */
  #begin(fragment: Fragment, now: number): Datagram {
    const { source } = fragment.packet;
    const known = this.#findSender(source);
    if (known !== undefined && known.datagrams >= this.#config.datagramsPerSender) {
      this.#evict(this.#victim("datagrams", known, null)!);
    }
    if (this.#datagrams.length >= this.#config.datagrams) {
      this.#evict(this.#victim("datagrams", null, null)!);
    }
    const datagram = this.#spareDatagrams.pop() ?? new Datagram();
    datagram.reset(fragment, now + this.#config.timeout);
    datagram.sender = this.#findSender(source) ?? this.#beginSender(source);
    datagram.sender.datagrams++;
    this.#datagrams.push(datagram);
    this.#hold(datagram.sender, 1);
    return datagram;
  }

  #findSender(address: IpAddress): Sender | undefined {
    for (let i = 0; i < this.#senders.length; i++) {
      const sender = this.#senders[i]!;
      if (sender.address.equals(address)) return sender;
    }
    return undefined;
  }

  #beginSender(address: IpAddress): Sender {
    const sender = this.#spareSenders.pop() ?? new Sender();
    sender.address.load(address);
    this.#senders.push(sender);
    return sender;
  }

  /** Counts blocks that a sender's datagrams take, or give back; one is for a datagram's maps. */
  #hold(sender: Sender, blocks: number): void {
    sender.blocks += blocks;
    this.#blocks += blocks;
  }

  /** Gets the memory for the bytes `[at, end)` of the payload; `false` if there is none. */
  #reserve(datagram: Datagram, at: number, end: number): boolean {
    const missing = datagram.missing(at, end);
    const { sender } = datagram;
    const { memory, memoryPerSender } = this.#config;
    while ((sender.blocks + missing) << BLOCK_BITS > memoryPerSender) {
      const victim = this.#victim("blocks", sender, datagram);
      if (victim === null) return false;
      this.#evict(victim);
    }
    while ((this.#blocks + missing) << BLOCK_BITS > memory) {
      const victim = this.#victim("blocks", null, datagram);
      if (victim === null) return false;
      this.#evict(victim);
    }
    for (let i = firstBlock(at); i <= lastBlock(end); i++) {
      datagram.blocks[i] ??= this.#spareBlocks.pop() ?? new Uint8Array(REASSEMBLY_BLOCK);
    }
    this.#hold(sender, missing);
    return true;
  }

  /**
   * The datagram to give up: the oldest of the sender that has most, so that whoever floods us
   * pushes out his own first; and where all have the same, the oldest of all.
   *
   * @param of Whose it has to be, if not `null`.
   * @param not Which one it must not be.
   */
  #victim(by: "datagrams" | "blocks", of: Sender | null, not: Datagram | null): Datagram | null {
    let victim: Datagram | null = null;
    for (let i = 0; i < this.#datagrams.length; i++) {
      const one = this.#datagrams[i]!;
      if (one === not || (of !== null && one.sender !== of)) continue;
      if (victim === null || one.sender[by] > victim.sender[by]) victim = one;
    }
    return victim;
  }

  #evict(datagram: Datagram): void {
    if (!datagram.isSpoiled) this.#counters.drop(Drop.FRAGMENT_NO_ROOM);
    this.#remove(datagram);
  }

  /** Throws away what has come, and remembers to do so with what still comes. */
  #spoil(datagram: Datagram): Drop {
    datagram.isSpoiled = true;
    datagram.headerLength = 0;
    this.#releaseBlocks(datagram);
    return Drop.FRAGMENT_OVERLAP;
  }

  #releaseBlocks(datagram: Datagram): void {
    const { blocks } = datagram;
    for (let i = 0; i < MOST_BLOCKS; i++) {
      const block = blocks[i]!;
      if (block === null) continue;
      this.#spareBlocks.push(block);
      blocks[i] = null;
      this.#hold(datagram.sender, -1);
    }
  }

  #remove(datagram: Datagram): void {
    this.#releaseBlocks(datagram);
    this.#hold(datagram.sender, -1);
    const { sender } = datagram;
    takeOut(this.#datagrams, datagram);
    this.#spareDatagrams.push(datagram);
    sender.datagrams--;
    if (sender.datagrams > 0) return;
    takeOut(this.#senders, sender);
    this.#spareSenders.push(sender);
  }

  /**
   * An IPv6 packet that is whole but for its having a fragment header (RFC 6946, RFC 8200 §4.5):
   * others with the same identification have nothing to do with it.
   */
  #takeAtomic({ packet, headerLength, length, pointer }: Fragment): Drop {
    const { bytes, at } = packet;
    copyBytes(bytes, at + headerLength, this.whole.bytes, PAYLOAD_AT, length);
    this.#describe(packet);
    this.#writeHeader(bytes, at, headerLength, pointer, length);
    this.#counters.ipReassembled++;
    return Drop.NONE;
  }

  #complete(datagram: Datagram): Drop {
    const { whole } = this;
    const { headerLength, length, pointer, blocks } = datagram;
    const drop = datagram.checkWhole();
    if (drop === Drop.NONE) {
      datagram.read(whole.bytes, PAYLOAD_AT);
      this.#describe(datagram);
      // A mark on any fragment is a mark on the whole (RFC 3168 §5.3).
      if ((datagram.ecn & SEEN_CE) !== 0) whole.tos |= CE;
      this.#writeHeader(blocks[0]!, HEADER_ROOM - headerLength, headerLength, pointer, length);
      this.#counters.ipReassembled++;
    }
    this.#remove(datagram);
    return drop;
  }

  /** Fills in what the packet that comes out has of the first fragment. */
  #describe(first: Packet | Datagram): void {
    const { whole } = this;
    whole.source.load(first.source);
    whole.destination.load(first.destination);
    whole.ttl = first.ttl;
    whole.tos = first.tos;
    whole.isGroup = first.isGroup;
  }

  /** Puts the header of the first fragment in front of the whole payload, as that needs it. */
  #writeHeader(
    bytes: Uint8Array,
    at: number,
    headerLength: number,
    pointer: number,
    length: number,
  ): void {
    const { whole } = this;
    whole.transportAt = PAYLOAD_AT;
    whole.end = PAYLOAD_AT + length;
    if (whole.source.family === 4) {
      whole.at = PAYLOAD_AT - headerLength;
      copyBytes(bytes, at, whole.bytes, whole.at, headerLength);
      const header = this.#ipv4.bind(whole.view, whole.at);
      header.tos = whole.tos;
      header.totalLength = headerLength + length;
      header.flagsAndOffset = 0;
      header.writeChecksum();
      whole.protocol = header.protocol;
      return;
    }
    const kept = headerLength - IPV6_FRAGMENT_HEADER;
    whole.at = PAYLOAD_AT - kept;
    copyBytes(bytes, at, whole.bytes, whole.at, kept);
    const header = this.#ipv6.bind(whole.view, whole.at);
    header.trafficClass = whole.tos;
    header.payloadLength = kept - IPV6_HEADER + length;
    whole.protocol = bytes[at + kept]!;
    whole.bytes[whole.at + pointer] = whole.protocol;
  }

  /** Puts the beginning of a datagram's first fragment, as it came, into {@linkcode whole}. */
  #quote(datagram: Datagram): void {
    const { whole } = this;
    const { headerLength, firstLength } = datagram;
    const length = Math.min(headerLength + firstLength, MAX_QUOTE);
    this.#describe(datagram);
    whole.place(PAYLOAD_AT - headerLength, PAYLOAD_AT - headerLength + length);
    copyBytes(datagram.blocks[0]!, HEADER_ROOM - headerLength, whole.bytes, whole.at, length);
    whole.transportAt = PAYLOAD_AT;
    const isIpv4 = datagram.source.family === 4;
    whole.protocol = isIpv4 ? datagram.protocol : whole.bytes[PAYLOAD_AT - IPV6_FRAGMENT_HEADER]!;
  }
}

/** Takes an element out, and keeps the order of the others. */
function takeOut<T>(list: T[], element: T): void {
  for (let i = list.indexOf(element); i + 1 < list.length; i++) list[i] = list[i + 1]!;
  list.pop();
}
