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

import type { Counters } from "../base/counters.ts";
import type { IpAddress } from "../wire/address.ts";
import { copyBytes } from "../wire/bytes.ts";
import { Drop } from "../wire/drop.ts";
import { Ipv4Header } from "../wire/ipv4.ts";
import { IPV6_FRAGMENT_HEADER, IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import { LINK_HEADROOM, Packet } from "../wire/packet.ts";
import {
  CE,
  Datagram,
  type Fragment,
  HEADER_ROOM,
  MAX_LENGTH,
  REASSEMBLY_BLOCK,
  Sender,
} from "./datagram.ts";

/** How much of the first fragment is told about when the time is over: no ICMP error quotes more. */
const MAX_QUOTE = 1280;
/** Where the payload starts in the memory of the packet that comes out. */
const PAYLOAD_AT = LINK_HEADROOM + HEADER_ROOM;

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
    return this.#blocks * REASSEMBLY_BLOCK;
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
    while ((sender.blocks + missing) * REASSEMBLY_BLOCK > memoryPerSender) {
      const victim = this.#victim("blocks", sender, datagram);
      if (victim === null) return false;
      this.#evict(victim);
    }
    while ((this.#blocks + missing) * REASSEMBLY_BLOCK > memory) {
      const victim = this.#victim("blocks", null, datagram);
      if (victim === null) return false;
      this.#evict(victim);
    }
    datagram.takeBlocks(at, end, this.#spareBlocks);
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
    this.#hold(datagram.sender, -datagram.giveBlocks(this.#spareBlocks));
    return Drop.FRAGMENT_OVERLAP;
  }

  #remove(datagram: Datagram): void {
    const { sender } = datagram;
    this.#hold(sender, -1 - datagram.giveBlocks(this.#spareBlocks));
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
      if (datagram.isMarked) whole.tos |= CE;
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
    whole.isVerified = false;
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
