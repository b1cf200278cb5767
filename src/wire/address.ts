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

  private constructor() {}

  /** An address that {@linkcode load4} fills again and again. Never hand it to a user. */
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
   * Reads an address in text form.
   *
   * @throws {TypeError} If `text` is not an IP address.
   */
  static parse(text: string): IpAddress {
    const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
    if (m === null) throw new TypeError(`Not an IP address: ${text}`);
    return IpAddress.v4(Number(m[1]), Number(m[2]), Number(m[3]), Number(m[4]));
  }

  /** 4 or 6. */
  get family(): 4 | 6 {
    return this.#family;
  }

  /** Length on the wire, in bytes: 4 or 16. */
  get length(): 4 | 16 {
    return this.#family === 4 ? 4 : 16;
  }

  /** Makes this scratch address the IPv4 address at `view[at]`. */
  load4(view: DataView, at: number): this {
    this.#family = 4;
    this.#w0 = 0;
    this.#w1 = 0;
    this.#w2 = 0xffff;
    this.#w3 = view.getInt32(at);
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

  /** A copy that may be kept. */
  clone(): IpAddress {
    const copy = new IpAddress();
    copy.#family = this.#family;
    copy.#w0 = this.#w0;
    copy.#w1 = this.#w1;
    copy.#w2 = this.#w2;
    copy.#w3 = this.#w3;
    return copy;
  }

  /** Whether both are the same address of the same family. */
  equals(other: IpAddress): boolean {
    return this.#w3 === other.#w3 && this.#w2 === other.#w2 && this.#w1 === other.#w1 &&
      this.#w0 === other.#w0 && this.#family === other.#family;
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

  /** Text form: dotted decimal, or RFC 5952. */
  toString(): string {
    const w = this.#w3;
    return `${w >>> 24}.${(w >>> 16) & 255}.${(w >>> 8) & 255}.${w & 255}`;
  }
}
