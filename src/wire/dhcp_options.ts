/**
 * DHCP options (RFC 2132): reading them out of a message in which they may be spread over three
 * fields (RFC 2131 §4.1) and split into parts (RFC 3396), and writing them.
 *
 * @module
 */

import { IpAddress } from "./address.ts";
import {
  BOOT_REQUEST,
  DHCP_HEADER,
  DHCP_MAX_MESSAGE,
  DHCP_MIN_MESSAGE,
  DhcpHeader,
  type DhcpType,
  FILE_FIELD,
  HARDWARE_ETHERNET,
  SERVER_NAME_FIELD,
} from "./dhcp.ts";

/** Option codes. */
export const DHCP_OPTION = {
  PAD: 0,
  SUBNET_MASK: 1,
  ROUTER: 3,
  DNS_SERVER: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  INTERFACE_MTU: 26,
  BROADCAST_ADDRESS: 28,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  OVERLOAD: 52,
  MESSAGE_TYPE: 53,
  SERVER_IDENTIFIER: 54,
  PARAMETER_REQUEST_LIST: 55,
  MESSAGE: 56,
  MAX_MESSAGE_SIZE: 57,
  RENEWAL_TIME: 58,
  REBINDING_TIME: 59,
  VENDOR_CLASS: 60,
  CLIENT_IDENTIFIER: 61,
  DOMAIN_SEARCH: 119,
  CLASSLESS_ROUTES: 121,
  END: 255,
} as const;

/** Bits of {@linkcode DHCP_OPTION.OVERLOAD}: which fields hold options too (RFC 2132 §9.3). */
const OVERLOAD_FILE = 1;
const OVERLOAD_SERVER_NAME = 2;

/** Longest message that is read, in bytes. */
export const MAX_ANSWER = 4096;
/** Most entries of a list that are taken, of addresses, routes or names. */
export const MAX_LIST = 32;
/** Longest name of a domain in text form, and its longest label (RFC 1035 §2.3.4). */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/** A classless static route (RFC 3442). */
export interface DhcpRoute {
  /** The network, with zeros behind the prefix. */
  readonly destination: IpAddress;
  readonly prefixLength: number;
  /** The router to it; 0.0.0.0 if its hosts are on the link. */
  readonly router: IpAddress;
}

/**
 * The options of one message. Made once and filled again for each message, so copy what outlives
 * it. The parts of an option that appears more than once are put together (RFC 3396 §7).
 *
 * What is read of an option is `undefined` if there is none, or none that can be right.
 */
export class DhcpOptions {
  /** The values one behind the other, in the order of their codes. */
  readonly #bytes = new Uint8Array(MAX_ANSWER);
  readonly #view = new DataView(this.#bytes.buffer);
  /** Where the value of each code begins, and where it ends. */
  readonly #starts = new Uint16Array(256);
  readonly #ends = new Uint16Array(256);
  readonly #present = new Uint8Array(256);

  /**
   * Reads the options of the DHCP message in `[at, end)`, which `isDhcp`.
   *
   * Takes anything: an unknown option is kept like any other, and a length that leads out of its
   * field ends the options of that field. What came before it counts.
   *
   * @returns `false` if it is longer than {@linkcode MAX_ANSWER}; then nothing is read.
   */
  parse(view: DataView, at: number, end: number): boolean {
    this.#present.fill(0);
    this.#ends.fill(0);
    this.#starts.fill(0);
    if (end - at > MAX_ANSWER) return false;
    const overload = findOverload(view, at + DHCP_HEADER, end);
    // Twice: first how long each value is, then, with their places known, the values.
    this.#walkAll(view, at, end, overload, false);
    let next = 0;
    for (let code = 0; code < 256; code++) {
      const length = this.#ends[code]!;
      this.#starts[code] = this.#ends[code] = next;
      next += length;
    }
    this.#walkAll(view, at, end, overload, true);
    return true;
  }

  /** The options field, then the file, then the server name (RFC 2131 §4.1). */
  #walkAll(view: DataView, at: number, end: number, overload: number, copy: boolean): void {
    this.#walk(view, at + DHCP_HEADER, end, copy);
    if ((overload & OVERLOAD_FILE) !== 0) {
      const from = at + FILE_FIELD.at;
      this.#walk(view, from, from + FILE_FIELD.length, copy);
    }
    if ((overload & OVERLOAD_SERVER_NAME) !== 0) {
      const from = at + SERVER_NAME_FIELD.at;
      this.#walk(view, from, from + SERVER_NAME_FIELD.length, copy);
    }
  }

  /** Counts the bytes of each option in one field in `#ends`, or copies them to there. */
  #walk(view: DataView, at: number, end: number, copy: boolean): void {
    for (at = nextOption(view, at, end); at < end; at = nextOption(view, at, end)) {
      const code = view.getUint8(at);
      const length = view.getUint8(at + 1);
      this.#present[code] = 1;
      const to = this.#ends[code]!;
      for (let i = 0; copy && i < length; i++) this.#bytes[to + i] = view.getUint8(at + 2 + i);
      this.#ends[code] = to + length;
      at += 2 + length;
    }
  }

  /** Whether there is such an option, of any length. */
  has(code: number): boolean {
    return this.#present[code] === 1;
  }

  /** Its value, lent until the next message. */
  bytes(code: number): Uint8Array | undefined {
    if (!this.has(code)) return undefined;
    return this.#bytes.subarray(this.#starts[code]!, this.#ends[code]!);
  }

  /** Where the value of an option of exactly this length is in `#view`; -1 if there is none. */
  #find(code: number, length: number): number {
    const at = this.#starts[code]!;
    return this.has(code) && this.#ends[code]! - at === length ? at : -1;
  }

  uint8(code: number): number | undefined {
    const at = this.#find(code, 1);
    return at === -1 ? undefined : this.#view.getUint8(at);
  }

  uint16(code: number): number | undefined {
    const at = this.#find(code, 2);
    return at === -1 ? undefined : this.#view.getUint16(at);
  }

  uint32(code: number): number | undefined {
    const at = this.#find(code, 4);
    return at === -1 ? undefined : this.#view.getUint32(at);
  }

  /** An IPv4 address, to be kept. */
  address(code: number): IpAddress | undefined {
    const value = this.bytes(code);
    return value?.length === 4 ? IpAddress.fromBytes(value) : undefined;
  }

  /** IPv4 addresses, to be kept, the first {@linkcode MAX_LIST} of them. */
  addresses(code: number): IpAddress[] {
    const list: IpAddress[] = [];
    const value = this.bytes(code);
    if (value === undefined || value.length % 4 !== 0) return list;
    for (let at = 0; at < value.length && list.length < MAX_LIST; at += 4) {
      list.push(IpAddress.fromBytes(value.subarray(at, at + 4)));
    }
    return list;
  }

  /**
   * The name of a host or a domain: labels of letters, digits, hyphens and underscores with dots
   * between them. Anything else is none: it would be shown, and looked up.
   */
  name(code: number): string | undefined {
    const value = this.bytes(code);
    if (value === undefined || value.length > MAX_NAME + 2) return undefined;
    // Some servers count a NUL behind it (RFC 2132 §2).
    const text = String.fromCharCode(...value).replace(/\.?\0*$/, "");
    return isName(text) ? text : undefined;
  }

  /**
   * A list of domain names as in DNS messages (RFC 3397), the first {@linkcode MAX_LIST} of them.
   * It ends in front of a name that is none.
   */
  domainNames(code: number): string[] {
    const list: string[] = [];
    const value = this.bytes(code) ?? new Uint8Array();
    for (let at = 0; at < value.length && list.length < MAX_LIST;) {
      const { text, next } = readDomainName(value, at);
      if (!isName(text)) break;
      list.push(text);
      at = next;
    }
    return list;
  }

  /**
   * Classless static routes (RFC 3442), the first {@linkcode MAX_LIST} of them; `undefined` if there
   * is no such option, or one of them cannot be read.
   */
  routes(code: number): DhcpRoute[] | undefined {
    const value = this.bytes(code);
    if (value === undefined || value.length === 0) return undefined;
    const list: DhcpRoute[] = [];
    for (let at = 0; at < value.length;) {
      const prefixLength = value[at]!;
      const significant = (prefixLength + 7) >> 3;
      const routerAt = at + 1 + significant;
      if (prefixLength > 32 || routerAt + 4 > value.length) return undefined;
      const destination = new Uint8Array(4);
      destination.set(value.subarray(at + 1, routerAt));
      // Bits behind the prefix count as zero.
      if ((prefixLength & 7) !== 0) destination[significant - 1]! &= 0xff00 >> (prefixLength & 7);
      if (list.length < MAX_LIST) {
        list.push({
          destination: IpAddress.fromBytes(destination),
          prefixLength,
          router: IpAddress.fromBytes(value.subarray(routerAt, routerAt + 4)),
        });
      }
      at = routerAt + 4;
    }
    return list;
  }
}

/** Where the next option begins at `at` or behind, whole; `end` if there is no more. */
function nextOption(view: DataView, at: number, end: number): number {
  while (at < end && view.getUint8(at) === DHCP_OPTION.PAD) at++;
  if (at + 1 >= end || view.getUint8(at) === DHCP_OPTION.END) return end;
  return at + 2 + view.getUint8(at + 1) <= end ? at : end;
}

/** The value of the overload option, which stands in the options field alone; 0 if there is none. */
function findOverload(view: DataView, at: number, end: number): number {
  for (at = nextOption(view, at, end); at < end; at = nextOption(view, at, end)) {
    const length = view.getUint8(at + 1);
    if (view.getUint8(at) === DHCP_OPTION.OVERLOAD && length === 1) return view.getUint8(at + 2);
    at += 2 + length;
  }
  return 0;
}

function isName(text: string): boolean {
  return text.length <= MAX_NAME &&
    text.split(".").every((label) => label.length <= MAX_LABEL && /^[\w-]+$/.test(label));
}

/**
 * Reads the domain name at `bytes[at]` (RFC 1035 §4.1.4); the text is empty if it can't be read.
 * Pointers lead backward only, so it comes to an end.
 */
function readDomainName(bytes: Uint8Array, at: number): { text: string; next: number } {
  let text = "";
  let next = 0; // behind the name where it was met, not where pointers lead
  let limit = at;
  while (at < bytes.length) {
    const length = bytes[at]!;
    if (length === 0) return { text, next: next || at + 1 };
    if (length >= 0xc0) {
      next ||= at + 2;
      const target = ((length & 0x3f) << 8) | bytes[at + 1]!;
      if (at + 1 >= bytes.length || target >= limit) break;
      at = limit = target;
      continue;
    }
    // A dot inside of a label would make two of it.
    const label = String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length));
    if (length > MAX_LABEL || label.includes(".") || text.length > MAX_NAME) break;
    text += text === "" ? label : `.${label}`;
    at += 1 + length;
  }
  return { text: "", next: 0 };
}

/** Builds messages of a client, one behind the other in the same memory. */
export class DhcpBuilder {
  readonly #bytes = new Uint8Array(DHCP_MAX_MESSAGE);
  readonly #view = new DataView(this.#bytes.buffer);
  /** The fixed fields. */
  readonly header: DhcpHeader = new DhcpHeader().bind(this.#view, 0);
  #end = 0;

  /** Begins a message from a client on Ethernet, with all other fields 0. */
  begin(type: DhcpType, xid: number, hardwareAddress: Uint8Array): void {
    this.#bytes.fill(0);
    const header = this.header;
    header.op = BOOT_REQUEST;
    header.hardwareType = HARDWARE_ETHERNET;
    header.setHardwareAddress(hardwareAddress);
    header.xid = xid;
    header.writeCookie();
    this.#end = DHCP_HEADER;
    this.bytes(DHCP_OPTION.MESSAGE_TYPE, [type]);
  }

  /** Adds an option, of 255 bytes at most; all together must leave room for the end. */
  bytes(code: number, value: ArrayLike<number>): void {
    this.#bytes[this.#end] = code;
    this.#bytes[this.#end + 1] = value.length;
    this.#bytes.set(value, this.#end + 2);
    this.#end += 2 + value.length;
  }

  /** Adds an option whose value is a uint16. */
  uint16(code: number, value: number): void {
    this.bytes(code, [value >> 8, value & 0xff]);
  }

  /** Adds an option whose value is an IPv4 address. */
  address(code: number, address: IpAddress): void {
    this.bytes(code, address.toBytes());
  }

  /** The message, with an end and its padding, lent until the next one begins. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#bytes[this.#end] = DHCP_OPTION.END;
    return this.#bytes.subarray(0, Math.max(this.#end + 1, DHCP_MIN_MESSAGE));
  }
}
