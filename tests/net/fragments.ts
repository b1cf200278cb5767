/**
 * Fragments of both families, made byte by byte, and a reassembler to give them to.
 *
 * @module
 */

import { Counters } from "../../src/base/counters.ts";
import { Fragment } from "../../src/net/datagram.ts";
import {
  DEFAULT_REASSEMBLY_CONFIG,
  Reassembler,
  type ReassemblyConfig,
} from "../../src/net/reassembly.ts";
import { IpAddress } from "../../src/wire/address.ts";
import type { Drop } from "../../src/wire/drop.ts";
import { ExtensionChain } from "../../src/wire/ipv6_extensions.ts";
import { bytesOf, ipv4, packetOf } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";

/** What tests may choose about a fragment; what is left out has a sensible value. */
export interface FragmentFields {
  offset: number;
  /** Its piece; see {@linkcode text}. */
  payload: Uint8Array;
  more: boolean;
  identification?: number;
  protocol?: number;
  source?: IpAddress;
  destination?: IpAddress;
  ttl?: number;
  tos?: number;
  /** IPv4 options, a multiple of 4 bytes long. */
  options?: Uint8Array;
  /** IPv6 extension headers in front of the fragment header; the first is of type `extension`. */
  extensions?: Uint8Array;
  extension?: number;
}

/** One IP version's fragments, for tests that hold for both. */
export interface Family {
  readonly name: string;
  readonly header: number;
  fragment(fields: FragmentFields): Uint8Array<ArrayBuffer>;
  /** A sender, one of many. */
  sender(number: number): IpAddress;
}

export const IPV4: Family = {
  name: "IPv4",
  header: 20,
  fragment(fields) {
    const { identification = 7, protocol = 17, offset, more } = fields;
    const flagsAndOffset = (more ? 0x2000 : 0) | (offset >>> 3);
    return ipv4({ ...fields, identification, protocol, flagsAndOffset });
  },
  sender: (number) => IpAddress.v4(10, 1 + (number >>> 16), (number >>> 8) & 255, number & 255),
};

export const IPV6: Family = {
  name: "IPv6",
  header: 48,
  fragment(fields) {
    const { offset, more, payload, extensions = new Uint8Array(0) } = fields;
    const bytes = new Uint8Array(48 + extensions.length + payload.length);
    const view = new DataView(bytes.buffer);
    const fragmentAt = 40 + extensions.length;
    view.setUint32(0, 0x6000_0000 | ((fields.tos ?? 0) << 20));
    view.setUint16(4, bytes.length - 40);
    bytes[6] = extensions.length === 0 ? 44 : fields.extension!;
    bytes[7] = fields.ttl ?? 64;
    (fields.source ?? PEER6).store(view, 8);
    (fields.destination ?? STACK6).store(view, 24);
    bytes.set(extensions, 40);
    bytes[fragmentAt] = fields.protocol ?? 17;
    view.setUint16(fragmentAt + 2, offset | (more ? 1 : 0));
    view.setUint32(fragmentAt + 4, fields.identification ?? 7);
    bytes.set(payload, fragmentAt + 8);
    return bytes;
  },
  sender: (number) => IpAddress.parse(`fd00:1::${number.toString(16)}`),
};

/** The bytes `[at, at + length)` of a text without repetition at multiples of 8. */
export function text(at: number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => ((at + i) * 7 + ((at + i) >>> 8)) & 0xff);
}

/** A reassembler, with what it said. */
export class Bench {
  readonly counters = new Counters();
  readonly reassembler: Reassembler;
  /** What {@linkcode Reassembler} told of as timed out, and when. */
  readonly timedOut: [bytes: Uint8Array<ArrayBuffer>, now: number][] = [];
  #fragment = new Fragment();
  #chain = new ExtensionChain();

  constructor(config: Partial<ReassemblyConfig> = {}) {
    this.reassembler = new Reassembler(
      this.counters,
      { ...DEFAULT_REASSEMBLY_CONFIG, ...config },
      (first, now) => this.timedOut.push([bytesOf(first), now]),
    );
  }

  /** Lays a fragment open, as IP does, and gives it to the reassembler. */
  add(bytes: Uint8Array, now = 0, isGroup = false): Drop {
    const packet = packetOf(bytes);
    const { view, at } = packet;
    packet.isGroup = isGroup;
    if (bytes[0]! >>> 4 === 4) {
      packet.source.load4(view, at + 12);
      packet.destination.load4(view, at + 16);
      packet.tos = bytes[1]!;
      packet.ttl = bytes[8]!;
      packet.protocol = bytes[9]!;
      return this.reassembler.add(this.#fragment.read4(packet), now);
    }
    packet.source.load16(view, at + 8);
    packet.destination.load16(view, at + 24);
    packet.tos = (view.getUint16(at) >>> 4) & 0xff;
    packet.ttl = bytes[7]!;
    this.#chain.walk(view, at + 40, bytes[6]!, packet.end);
    packet.protocol = view.getUint8(this.#chain.transportAt);
    return this.reassembler.add(this.#fragment.read6(packet, this.#chain), now);
  }

  /** The datagram that has become whole. */
  get whole(): Uint8Array<ArrayBuffer> {
    return bytesOf(this.reassembler.whole);
  }

  /** What it carries. */
  get payload(): Uint8Array<ArrayBuffer> {
    const { bytes, transportAt, end } = this.reassembler.whole;
    return bytes.slice(transportAt, end);
  }
}
