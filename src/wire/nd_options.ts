/**
 * Options of Neighbor Discovery (RFC 4861 §4.6, RFC 8106 §5.1).
 *
 * @module
 */

import type { IpAddress } from "./address.ts";
import { MAC_LENGTH } from "./mac.ts";

/** Option types. */
export const ND_OPTION = {
  SOURCE_LINK_ADDRESS: 1,
  TARGET_LINK_ADDRESS: 2,
  PREFIX_INFORMATION: 3,
  REDIRECTED_HEADER: 4,
  MTU: 5,
  RDNSS: 25,
} as const;

/** Lengths of options as they are on Ethernet, in bytes. */
export const LINK_ADDRESS_OPTION_LENGTH = 8;
export const PREFIX_OPTION_LENGTH = 32;
export const ND_MTU_OPTION_LENGTH = 8;

/** As many prefixes and DNS servers as are kept of one message; others are ignored. */
export const MAX_PREFIXES = 8;
export const MAX_RDNSS = 3;

/** A lifetime that never ends, in the fields of prefixes and DNS servers. */
export const INFINITE_LIFETIME = 0xffff_ffff;

/** Flags of a prefix (RFC 4861 §4.6.2). */
export const PREFIX_FLAG = { ON_LINK: 0x80, AUTONOMOUS: 0x40 } as const;

/** Options are counted in units of this many bytes. */
const UNIT = 8;

/**
 * The options of one message. Made once and filled again for each message; offsets are places in
 * the view that was parsed. Copy what outlives it.
 */
export class NdOptions {
  /** Where the sender's hardware address stands; -1 if absent. */
  sourceLinkAddressAt = -1;
  /** Where the target's hardware address stands; -1 if absent. */
  targetLinkAddressAt = -1;
  /** MTU of the link, in bytes; 0 if absent. uint32. */
  mtu = 0;
  /** Where the packet that was redirected starts, as much of it as was quoted; -1 if absent. */
  redirectedAt = -1;
  /** Behind its last byte. */
  redirectedEnd = -1;
  /** How many prefixes there are, 0 to {@linkcode MAX_PREFIXES}. */
  prefixes = 0;
  /** Where each prefix stands, 16 bytes. */
  readonly prefixAt: Uint32Array = new Uint32Array(MAX_PREFIXES);
  /** How many bits of it count, 0 to 128. */
  readonly prefixLength: Uint8Array = new Uint8Array(MAX_PREFIXES);
  /** Its flags: those of {@linkcode PREFIX_FLAG}, and reserved ones. */
  readonly prefixFlags: Uint8Array = new Uint8Array(MAX_PREFIXES);
  /** How long it is on the link, in seconds. */
  readonly validLifetime: Uint32Array = new Uint32Array(MAX_PREFIXES);
  /** How long addresses in it are preferred, in seconds. */
  readonly preferredLifetime: Uint32Array = new Uint32Array(MAX_PREFIXES);
  /** How many DNS servers there are, 0 to {@linkcode MAX_RDNSS}. */
  servers = 0;
  /** Where the address of each stands, 16 bytes. */
  readonly serverAt: Uint32Array = new Uint32Array(MAX_RDNSS);
  /** How long it may be asked, in seconds; 0: no longer. */
  readonly serverLifetime: Uint32Array = new Uint32Array(MAX_RDNSS);

  /**
   * Reads the options in `[at, end)`. Unknown ones are skipped, and so are known ones of a wrong
   * length. Of hardware addresses, MTU and redirected header the first one counts.
   *
   * @returns Whether the message may be believed: not if an option has length 0 or reaches beyond
   * the end (RFC 4861 §6.1, §7.1, §8.1).
   */
  parse(view: DataView, at: number, end: number): boolean {
    this.clear();
    while (at < end) {
      if (end - at < 2) return false;
      const length = view.getUint8(at + 1) * UNIT;
      if (length === 0 || length > end - at) return false;
      this.#take(view, at, length);
      at += length;
    }
    return true;
  }

  /** Makes it what it is for a message without options. */
  clear(): void {
    this.sourceLinkAddressAt = -1;
    this.targetLinkAddressAt = -1;
    this.mtu = 0;
    this.redirectedAt = -1;
    this.redirectedEnd = -1;
    this.prefixes = 0;
    this.servers = 0;
  }

  #take(view: DataView, at: number, length: number): void {
    switch (view.getUint8(at)) {
      case ND_OPTION.SOURCE_LINK_ADDRESS:
        if (this.sourceLinkAddressAt === -1) this.sourceLinkAddressAt = linkAddress(view, at);
        break;
      case ND_OPTION.TARGET_LINK_ADDRESS:
        if (this.targetLinkAddressAt === -1) this.targetLinkAddressAt = linkAddress(view, at);
        break;
      case ND_OPTION.PREFIX_INFORMATION:
        if (length === PREFIX_OPTION_LENGTH) this.#takePrefix(view, at);
        break;
      case ND_OPTION.REDIRECTED_HEADER:
        if (this.redirectedAt !== -1) break;
        this.redirectedAt = at + UNIT;
        this.redirectedEnd = at + length;
        break;
      case ND_OPTION.MTU:
        if (length === ND_MTU_OPTION_LENGTH && this.mtu === 0) this.mtu = view.getUint32(at + 4);
        break;
      case ND_OPTION.RDNSS:
        this.#takeServers(view, at, length);
        break;
    }
  }

  #takePrefix(view: DataView, at: number): void {
    const bits = view.getUint8(at + 2);
    if (bits > 128 || this.prefixes === MAX_PREFIXES) return;
    const i = this.prefixes++;
    this.prefixLength[i] = bits;
    this.prefixFlags[i] = view.getUint8(at + 3);
    this.validLifetime[i] = view.getUint32(at + 4);
    this.preferredLifetime[i] = view.getUint32(at + 8);
    this.prefixAt[i] = at + 16;
  }

  /** A head of one unit, and two units for each server. */
  #takeServers(view: DataView, at: number, length: number): void {
    if (length < 3 * UNIT || length % (2 * UNIT) !== UNIT) return;
    for (let next = at + UNIT; next < at + length && this.servers < MAX_RDNSS; next += 2 * UNIT) {
      this.serverAt[this.servers] = next;
      this.serverLifetime[this.servers] = view.getUint32(at + 4);
      this.servers++;
    }
  }
}

/** Where the address in the option stands; -1 if it is none of a host on Ethernet. */
function linkAddress(view: DataView, at: number): number {
  const isOneUnit = view.getUint8(at + 1) === 1;
  return isOneUnit && (view.getUint8(at + 2) & 1) === 0 ? at + 2 : -1;
}

/**
 * Writes the hardware address of the sender or of the target.
 *
 * @param type Which of both.
 * @returns Bytes written: {@linkcode LINK_ADDRESS_OPTION_LENGTH}.
 */
export function writeLinkAddress(
  view: DataView,
  at: number,
  type: typeof ND_OPTION.SOURCE_LINK_ADDRESS | typeof ND_OPTION.TARGET_LINK_ADDRESS,
  mac: Uint8Array,
): number {
  writeOptionHead(view, at, type, LINK_ADDRESS_OPTION_LENGTH);
  for (let i = 0; i < MAC_LENGTH; i++) view.setUint8(at + 2 + i, mac[i]!);
  return LINK_ADDRESS_OPTION_LENGTH;
}

/** Writes the MTU of the link, in bytes (RFC 4861 §4.6.4). Returns the bytes written. */
export function writeNdMtu(view: DataView, at: number, mtu: number): number {
  writeOptionHead(view, at, ND_OPTION.MTU, ND_MTU_OPTION_LENGTH);
  view.setUint16(at + 2, 0);
  view.setUint32(at + 4, mtu);
  return ND_MTU_OPTION_LENGTH;
}

/** A prefix as {@linkcode writePrefix} writes it; `flags` are of {@linkcode PREFIX_FLAG}. */
export interface PrefixFields {
  prefix: IpAddress;
  /** How many bits of the prefix count. */
  length: number;
  flags: number;
  /** In seconds. */
  validLifetime: number;
  /** In seconds. */
  preferredLifetime: number;
}

/** Writes a prefix information (RFC 4861 §4.6.2). Returns the bytes written. */
export function writePrefix(view: DataView, at: number, fields: PrefixFields): number {
  writeOptionHead(view, at, ND_OPTION.PREFIX_INFORMATION, PREFIX_OPTION_LENGTH);
  view.setUint8(at + 2, fields.length);
  view.setUint8(at + 3, fields.flags);
  view.setUint32(at + 4, fields.validLifetime);
  view.setUint32(at + 8, fields.preferredLifetime);
  view.setUint32(at + 12, 0);
  fields.prefix.store(view, at + 16);
  return PREFIX_OPTION_LENGTH;
}

/**
 * Writes DNS servers (RFC 8106 §5.1).
 *
 * @param lifetime How long they may be asked, in seconds.
 * @returns Bytes written: 8, and 16 a server.
 */
export function writeRdnss(
  view: DataView,
  at: number,
  servers: readonly IpAddress[],
  lifetime: number,
): number {
  const length = UNIT + 16 * servers.length;
  writeOptionHead(view, at, ND_OPTION.RDNSS, length);
  view.setUint16(at + 2, 0);
  view.setUint32(at + 4, lifetime);
  servers.forEach((server, i) => server.store(view, at + UNIT + 16 * i));
  return length;
}

/**
 * Writes the head of a redirected header option (RFC 4861 §4.6.3), behind which the first bytes of
 * the packet belong.
 *
 * @param quoted How many bytes of it, a multiple of 8 up to 2032.
 * @returns Bytes written: 8.
 */
export function writeRedirectedHeader(view: DataView, at: number, quoted: number): number {
  writeOptionHead(view, at, ND_OPTION.REDIRECTED_HEADER, UNIT + quoted);
  view.setUint16(at + 2, 0);
  view.setUint32(at + 4, 0);
  return UNIT;
}

function writeOptionHead(view: DataView, at: number, type: number, length: number): void {
  view.setUint8(at, type);
  view.setUint8(at + 1, length / UNIT);
}
