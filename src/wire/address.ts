/**
 * IP addresses: one type for both families, so that transports need not care.
 *
 * @module
 */

/**
 * An IPv4 or IPv6 address. Held as four int32 words (small integers, so that comparing allocates
 * nothing); an IPv4 address is held as its IPv4-mapped form, `::ffff:a.b.c.d`.
 *
 * Addresses are immutable but for scratch ones, which belong to the packet path.
 */
export class IpAddress {
  #family: 4 | 6 = 4;
  #w0 = 0;
  #w1 = 0;
  #w2 = 0xffff;
  #w3 = 0;
  #zone = 0;

  private constructor() {}

  /** An address that {@linkcode load4} and {@linkcode load16} fill again and again. Never hand it to a user. */
  static scratch(): IpAddress {
    return new IpAddress();
  }

  /** The IPv4 address `a.b.c.d`. */
  static v4(a: number, b: number, c: number, d: number): IpAddress {
    const address = new IpAddress();
    address.#w3 = (a << 24) | (b << 16) | (c << 8) | d;
    return address;
  }

  /**
   * Reads an address in text form: `a.b.c.d` without leading zeros (in which some would read octal
   * numbers), or any form of RFC 4291 §2.2. `::ffff:a.b.c.d` is an IPv6 address. Link-local
   * addresses may carry a zone, as in `fe80::1%2` (RFC 4007 §11).
   *
   * @param zoneOf Turns the text of a zone into its number; by default only numbers are known.
   * @throws {TypeError} If `text` is not an IP address.
   */
  static parse(text: string, zoneOf: (zone: string) => number = parseZone): IpAddress {
    try {
      const mark = text.indexOf("%");
      const bare = mark === -1 ? text : text.slice(0, mark);
      const address = IpAddress.fromBytes(bare.includes(":") ? parse6(bare) : parse4(bare));
      if (mark === -1) return address;
      if (!address.isLinkScoped) throw new Error("only addresses of one link have a zone");
      return address.withZone(zoneOf(text.slice(mark + 1)));
    } catch (error) {
      throw new TypeError(`Not an IP address: "${text}": ${(error as Error).message}`);
    }
  }

  /**
   * The address whose bytes in network order these are.
   *
   * @throws {TypeError} If there are neither 4 nor 16 of them.
   */
  static fromBytes(bytes: Uint8Array): IpAddress {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length === 4) return new IpAddress().load4(view, 0);
    if (bytes.length === 16) return new IpAddress().load16(view, 0);
    throw new TypeError(`An IP address has 4 or 16 bytes, not ${bytes.length}`);
  }

  /** 4 or 6. */
  get family(): 4 | 6 {
    return this.#family;
  }

  /** Length on the wire, in bytes: 4 or 16. */
  get length(): 4 | 16 {
    return this.#family === 4 ? 4 : 16;
  }

  /**
   * Which link a link-local address belongs to, by the number of its interface (RFC 4007 §6); 0
   * for none.
   */
  get zone(): number {
    return this.#zone;
  }

  /** The same address in another zone, to be kept. */
  withZone(zone: number): IpAddress {
    const address = this.clone();
    address.#zone = zone;
    return address;
  }

  /** Puts this scratch address into a zone if it is one of a single link. */
  scope(zone: number): this {
    if (this.isLinkScoped) this.#zone = zone;
    return this;
  }

  /** Makes this scratch address a copy of another. */
  load(other: IpAddress): this {
    this.#family = other.#family;
    this.#w0 = other.#w0;
    this.#w1 = other.#w1;
    this.#w2 = other.#w2;
    this.#w3 = other.#w3;
    this.#zone = other.#zone;
    return this;
  }

  /** Makes this scratch address the IPv4 address at `view[at]`. */
  load4(view: DataView, at: number): this {
    this.#family = 4;
    this.#zone = 0;
    this.#w0 = 0;
    this.#w1 = 0;
    this.#w2 = 0xffff;
    this.#w3 = view.getInt32(at);
    return this;
  }

  /** Makes this scratch address the IPv6 address at `view[at]`. */
  load16(view: DataView, at: number): this {
    this.#family = 6;
    this.#zone = 0;
    this.#w0 = view.getInt32(at);
    this.#w1 = view.getInt32(at + 4);
    this.#w2 = view.getInt32(at + 8);
    this.#w3 = view.getInt32(at + 12);
    return this;
  }

  /** Writes the address, in network order, {@linkcode length} bytes long. */
  store(view: DataView, at: number): void {
    if (this.#family === 6) {
      view.setInt32(at, this.#w0);
      view.setInt32(at + 4, this.#w1);
      view.setInt32(at + 8, this.#w2);
      at += 12;
    }
    view.setInt32(at, this.#w3);
  }

  /** Writes the last four bytes alone, in network order: what group addresses of links are made of. */
  storeLast4(view: DataView, at: number): void {
    view.setInt32(at, this.#w3);
  }

  /** The address's bytes in network order, {@linkcode length} of them. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    this.store(new DataView(bytes.buffer), 0);
    return bytes;
  }

  /** A copy that may be kept. */
  clone(): IpAddress {
    return new IpAddress().load(this);
  }

  /** Whether both are the same address of the same family, in the same zone. */
  equals(other: IpAddress): boolean {
    return this.#w3 === other.#w3 && this.#w2 === other.#w2 && this.#w1 === other.#w1 &&
      this.#w0 === other.#w0 && this.#family === other.#family && this.#zone === other.#zone;
  }

  /** How many leading bits both have in common, up to {@linkcode length} * 8; 0 across families. */
  commonPrefix(other: IpAddress): number {
    if (this.#family !== other.#family) return 0;
    if (this.#family === 4) return Math.clz32(this.#w3 ^ other.#w3);
    if (this.#w0 !== other.#w0) return Math.clz32(this.#w0 ^ other.#w0);
    if (this.#w1 !== other.#w1) return 32 + Math.clz32(this.#w1 ^ other.#w1);
    if (this.#w2 !== other.#w2) return 64 + Math.clz32(this.#w2 ^ other.#w2);
    return 96 + Math.clz32(this.#w3 ^ other.#w3);
  }

  /** Whether the address lies in the network of `prefix`, whose first `length` bits count. */
  isIn(prefix: IpAddress, length: number): boolean {
    return this.#family === prefix.#family && this.commonPrefix(prefix) >= length;
  }

  /** A 32-bit mix of the address and `seed`, for hash tables. */
  hash(seed: number): number {
    let h = seed ^ this.#w3;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ this.#w2;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ this.#w1;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ this.#w0;
    return h ^ (h >>> 13);
  }

  /**
   * The address's part of a transport checksum's pseudo-header: the sum of its 16-bit words
   * (RFC 9293 §3.1), below 2^20.
   */
  sum(): number {
    const low = (this.#w3 >>> 16) + (this.#w3 & 0xffff);
    if (this.#family === 4) return low;
    return low + (this.#w2 >>> 16) + (this.#w2 & 0xffff) + (this.#w1 >>> 16) +
      (this.#w1 & 0xffff) + (this.#w0 >>> 16) + (this.#w0 & 0xffff);
  }

  /** `0.0.0.0` or `::`. */
  get isUnspecified(): boolean {
    return this.#w3 === 0 && (this.#family === 4 || (this.#w0 | this.#w1 | this.#w2) === 0);
  }

  /** 224.0.0.0/4 or ff00::/8. */
  get isMulticast(): boolean {
    return this.#family === 4 ? this.#w3 >>> 28 === 0xe : this.#w0 >>> 24 === 0xff;
  }

  /** Whether both end with the same 24 bits, which solicited-node groups are made of. */
  hasSameTail(other: IpAddress): boolean {
    return this.#family === other.#family && ((this.#w3 ^ other.#w3) & 0xffffff) === 0;
  }

  /**
   * How far a multicast address reaches (RFC 4291 §2.7): 2 the link, 5 the site, 14 everywhere; of
   * IPv4, 224.0.0.0/24 the link and the others everywhere (RFC 5771 §4).
   */
  get multicastScope(): number {
    if (this.#family === 6) return (this.#w0 >>> 16) & 15;
    return this.#w3 >>> 8 === 0xe00000 ? 2 : 14;
  }

  /** Whether this is the broadcast address of the IPv4 network of `prefix` (RFC 919 §7). */
  isBroadcastOf(prefix: IpAddress, length: number): boolean {
    if (this.#family !== 4 || length > 30 || !this.isIn(prefix, length)) return false;
    return (this.#w3 | maskWord(length)) === -1;
  }

  /** The network of the address: its first `length` bits, the rest zeros. To be kept. */
  prefix(length: number): IpAddress {
    const network = this.clone();
    const bits = this.#family === 4 ? length + 96 : length;
    network.#w0 &= maskWord(bits);
    network.#w1 &= maskWord(bits - 32);
    network.#w2 &= maskWord(bits - 64);
    network.#w3 &= maskWord(bits - 96);
    return network;
  }

  /** 255.255.255.255. */
  get isBroadcast(): boolean {
    return this.#family === 4 && this.#w3 === -1;
  }

  /** 127.0.0.0/8 or ::1. */
  get isLoopback(): boolean {
    return this.#family === 4
      ? this.#w3 >>> 24 === 127
      : (this.#w0 | this.#w1 | this.#w2) === 0 && this.#w3 === 1;
  }

  /** fe80::/10, or 169.254.0.0/16 (RFC 3927). */
  get isLinkLocal(): boolean {
    return this.#family === 4 ? this.#w3 >>> 16 === 0xa9fe : this.#w0 >>> 22 === 0x3fa;
  }

  /**
   * Whether a router may forward what comes from the address, or goes there, as far as the address
   * tells: it is that of one host, and means the same everywhere (RFC 1812 §5.3.7, RFC 3927 §2.7,
   * RFC 4291 §2.5, RFC 6890 §2.2).
   */
  get isForwardable(): boolean {
    if (this.isLoopback || this.isLinkLocal || this.isMulticast) return false;
    if (this.#family === 4) return this.#w3 >>> 24 !== 0 && this.#w3 >>> 28 !== 0xf;
    return !this.isUnspecified && ((this.#w0 | this.#w1) !== 0 || this.#w2 !== 0xffff);
  }

  /** Whether an IPv6 address means something on one link alone: link-local, or ff01::/16, ff02::/16. */
  get isLinkScoped(): boolean {
    if (this.#family === 4) return false;
    const first = this.#w0 >>> 16;
    return (first & 0xffc0) === 0xfe80 || (first & 0xff0f) === 0xff02 ||
      (first & 0xff0f) === 0xff01;
  }

  /** Text form: dotted decimal, or RFC 5952 (IPv4-mapped addresses as in its §5), and `%zone`. */
  toString(): string {
    if (this.#zone !== 0) return `${this.withZone(0)}%${this.#zone}`;
    if (this.#family === 4) return format4(this.#w3);
    if ((this.#w0 | this.#w1) === 0 && this.#w2 === 0xffff) return `::ffff:${format4(this.#w3)}`;
    return format6([this.#w0, this.#w1, this.#w2, this.#w3]);
  }
}

/** A word whose first `bits` bits are ones; none for 0 and less, all for 32 and more. */
function maskWord(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

function parseZone(zone: string): number {
  if (/^[1-9]\d{0,8}$/.test(zone)) return Number(zone);
  throw new Error(`"${zone}" is not the number of an interface`);
}

/** What {@linkcode parse4} and {@linkcode parse6} throw is completed by `IpAddress.parse`. */
function parse4(text: string): Uint8Array {
  const octets = text.split(".");
  if (octets.length !== 4) throw new Error("expected 4 numbers with dots between them");
  return Uint8Array.from(octets, (octet) => {
    if (!/^\d+$/.test(octet)) throw new Error(`"${octet}" is not a decimal number`);
    if (octet.length > 1 && octet.startsWith("0")) throw new Error(`${octet} has a leading zero`);
    if (Number(octet) > 255) throw new Error(`${octet} is above 255`);
    return Number(octet);
  });
}

function parse6(text: string): Uint8Array {
  const [head, tail, more] = text.split("::") as [string, string?, string?];
  if (more !== undefined) throw new Error('"::" may stand once only');
  const before = groups(head, tail === undefined);
  const after = groups(tail ?? "", true);
  const given = before.length + after.length;
  if (tail === undefined && given !== 8) throw new Error(`expected 8 groups, found ${given}`);
  if (given > 7 && tail !== undefined) {
    throw new Error(`"::" stands for a group at least, and ${given} others are too many`);
  }
  const view = new DataView(new ArrayBuffer(16));
  before.forEach((group, i) => view.setUint16(2 * i, group));
  after.forEach((group, i) => view.setUint16(16 - 2 * (after.length - i), group));
  return new Uint8Array(view.buffer);
}

/** The 16-bit groups of one side of `::`; the last ones of an address may be an IPv4 address. */
function groups(side: string, last: boolean): number[] {
  if (side === "") return [];
  return side.split(":").flatMap((group, i, all) => {
    if (last && i === all.length - 1 && group.includes(".")) {
      const [a = 0, b = 0, c = 0, d = 0] = parse4(group);
      return [(a << 8) | b, (c << 8) | d];
    }
    if (group === "") throw new Error("a group is empty");
    if (!/^[0-9a-f]{1,4}$/i.test(group)) {
      throw new Error(`"${group}" is not a group of one to four hexadecimal digits`);
    }
    return parseInt(group, 16);
  });
}

function format4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** RFC 5952 §4: lower case, no leading zeros, `::` for the first longest run of zeros above one. */
function format6(words: readonly number[]): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let runAt = 0;
  let runLength = 1;
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > runLength) {
      runAt = at;
      runLength = end - at;
    }
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (runLength === 1) return hex(groups);
  return `${hex(groups.slice(0, runAt))}::${hex(groups.slice(runAt + runLength))}`;
}
