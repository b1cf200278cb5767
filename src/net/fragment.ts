/**
 * Splitting packets that are too big for a link (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * It is done in place: fragments go out in order, and the header of each is written in front of its
 * piece, over bytes that have been sent already. So no payload is copied.
 *
 * @module
 */

import { copyBytes } from "../wire/bytes.ts";
import { IPV4_MIN_HEADER, Ipv4Header, MORE_FRAGMENTS } from "../wire/ipv4.ts";
import { FragmentHeader, IPV6_FRAGMENT_HEADER, IPV6_HEADER, Ipv6Header } from "../wire/ipv6.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** Largest header that is repeated, in bytes. */
const MAX_HEADER = 512;
/** Bits of an IPv4 header's word of flags and offset that fragments have as the packet has them. */
const KEPT_FLAGS = 0xc000;

/** IPv4 options: their types (RFC 791 §3.1), and the bit of those that all fragments carry. */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const COPIED = 0x80;

/** Sends one fragment, whose bytes are lent; `false` if it was dropped. */
export type Emit = (packet: Packet) => boolean;

/** Splits packets. */
export class Fragmenter {
  /** The header of the fragments to come. */
  #bytes = new Uint8Array(MAX_HEADER);
  #ipv4 = new Ipv4Header();
  #ipv6 = new Ipv6Header();
  #fragment = new FragmentHeader();

  /**
   * Splits a whole IPv4 packet, or a fragment that is too big in turn, into fragments that fit.
   * Options that are not to be copied are in the first of them alone (RFC 791 §3.1).
   *
   * @param packet With a complete header, of which length, offset, more-fragments and the checksum
   * are made right in each fragment. It must be allowed to be split. Spent afterwards.
   * @param mtu Most that a fragment has, header included, in bytes: 68 at least.
   * @param emit Sends each fragment, in order. Once it fails, the rest is not sent.
   * @returns Whether all were sent.
   */
  split4(packet: Packet, mtu: number, emit: Emit): boolean {
    const { bytes, view, at, end } = packet;
    const header = this.#ipv4.bind(view, at);
    const flags = header.flagsAndOffset & KEPT_FLAGS;
    const { moreFragments } = header;
    const firstOffset = header.fragmentOffset;
    let { headerLength } = header;
    const laterLength = this.#keepHeader4(bytes, at, headerLength);
    const payloadAt = at + headerLength;
    for (let pieceAt = payloadAt;;) {
      const isLast = end - pieceAt <= mtu - headerLength;
      const pieceEnd = isLast ? end : pieceAt + ((mtu - headerLength) & ~7);
      const offset = firstOffset + pieceAt - payloadAt;
      packet.place(pieceAt - headerLength, pieceEnd);
      packet.transportAt = pieceAt;
      if (pieceAt !== payloadAt) copyBytes(this.#bytes, 0, bytes, packet.at, headerLength);
      header.bind(view, packet.at);
      header.headerLength = headerLength;
      header.totalLength = pieceEnd - packet.at;
      header.flagsAndOffset = flags | (isLast && !moreFragments ? 0 : MORE_FRAGMENTS) |
        (offset >>> 3);
      header.writeChecksum();
      if (!emit(packet)) return false;
      if (isLast) return true;
      pieceAt = pieceEnd;
      headerLength = laterLength;
    }
  }

  /** Keeps the header that fragments behind the first have; returns its length. */
  #keepHeader4(bytes: Uint8Array, at: number, headerLength: number): number {
    const kept = this.#bytes;
    let length = IPV4_MIN_HEADER;
    copyBytes(bytes, at, kept, 0, length);
    const end = at + headerLength;
    for (let option = at + length; option < end;) {
      const type = bytes[option]!;
      if (type === END_OF_OPTIONS) break;
      if (type === NO_OPERATION) {
        option++;
        continue;
      }
      const optionLength = bytes[option + 1]!;
      if (optionLength < 2 || option + optionLength > end) break; // not an option
      if ((type & COPIED) !== 0) {
        copyBytes(bytes, option, kept, length, optionLength);
        length += optionLength;
      }
      option += optionLength;
    }
    while ((length & 3) !== 0) kept[length++] = END_OF_OPTIONS;
    return length;
  }

  /**
   * Splits an IPv6 packet of our own (routers split none) into fragments that fit.
   *
   * @param packet With a complete header. What every fragment repeats ends at its `transportAt`:
   * the IPv6 header, and hop-by-hop options and routing headers if any, {@linkcode MAX_HEADER} bytes
   * at most. There must be room for a fragment header in front. Spent afterwards.
   * @param identification A uint32 that no other packet to the destination has had of late.
   * @param mtu Most that a fragment has, in bytes: 1280 at least.
   * @param emit Sends each fragment, in order. Once it fails, the rest is not sent.
   * @returns Whether all were sent.
   */
  split6(packet: Packet, identification: number, mtu: number, emit: Emit): boolean {
    const { bytes, view, at, end, transportAt: payloadAt } = packet;
    const repeated = payloadAt - at;
    const namedAt = nextHeaderFieldAt(view, at, payloadAt);
    const nextHeader = bytes[namedAt]!;
    bytes[namedAt] = PROTOCOL.FRAGMENT;
    copyBytes(bytes, at, this.#bytes, 0, repeated);
    const room = (mtu - repeated - IPV6_FRAGMENT_HEADER) & ~7;
    for (let pieceAt = payloadAt;;) {
      const isLast = end - pieceAt <= mtu - repeated - IPV6_FRAGMENT_HEADER;
      const pieceEnd = isLast ? end : pieceAt + room;
      const fragmentAt = pieceAt - IPV6_FRAGMENT_HEADER;
      packet.place(fragmentAt - repeated, pieceEnd);
      packet.transportAt = pieceAt;
      copyBytes(this.#bytes, 0, bytes, packet.at, repeated);
      this.#ipv6.bind(view, packet.at).payloadLength = pieceEnd - packet.at - IPV6_HEADER;
      this.#fragment.bind(view, fragmentAt)
        .write(nextHeader, pieceAt - payloadAt, !isLast, identification);
      if (!emit(packet)) return false;
      if (isLast) return true;
      pieceAt = pieceEnd;
    }
  }
}

/**
 * Where the number stands that tells what starts at `headerAt`.
 *
 * @param at Of the IPv6 header. What follows it up to `headerAt` are extension headers.
 */
function nextHeaderFieldAt(view: DataView, at: number, headerAt: number): number {
  let field = at + 6;
  for (let next = at + IPV6_HEADER; next < headerAt;) {
    field = next;
    next += (view.getUint8(next + 1) + 1) << 3;
  }
  return field;
}
