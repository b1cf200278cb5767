/**
 * DHCP messages (RFC 2131 §2). What their options say is read by `DhcpOptions`.
 *
 * @module
 */

import type { IpAddress } from "./address.ts";

/** UDP ports (RFC 2131 §4.1). */
export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

/** Length of the fixed fields and the magic cookie behind them, in bytes: the options follow. */
export const DHCP_HEADER = 240;

/** Shortest message that every relay agent takes, in bytes: that of BOOTP (RFC 1542 §2.1). */
export const DHCP_MIN_MESSAGE = 300;

/** Longest message that every server and client takes, in bytes: 576 with IP and UDP (§2). */
export const DHCP_MAX_MESSAGE = 576 - 28;

/** The first four octets of the options: 99, 130, 83, 99 (§3). */
const MAGIC_COOKIE = 0x63825363;

/** Values of {@linkcode DhcpHeader.op}. */
export const BOOT_REQUEST = 1;
export const BOOT_REPLY = 2;

/** {@linkcode DhcpHeader.flags}: please answer by broadcast. */
export const BROADCAST_FLAG = 0x8000;

/** What is said of Ethernet in {@linkcode DhcpHeader.hardwareType} and `hardwareLength`. */
export const HARDWARE_ETHERNET = 1;
export const HARDWARE_LENGTH = 6;

/** Where the fields are in which a server may put more options (§4.1), with their lengths. */
export const SERVER_NAME_FIELD = { at: 44, length: 64 } as const;
export const FILE_FIELD = { at: 108, length: 128 } as const;

/** Message types, the value of `DHCP_OPTION.MESSAGE_TYPE` (RFC 2132 §9.6). */
export const DHCP_TYPE = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
} as const;

/** One of the values of {@linkcode DHCP_TYPE}. */
export type DhcpType = typeof DHCP_TYPE[keyof typeof DHCP_TYPE];

/** The fixed fields of a message seen in place. Bind it, read or write it, move on. */
export class DhcpHeader {
  #view!: DataView;
  #at = 0;

  /** Moves to the message at `view[at]`; {@linkcode DHCP_HEADER} bytes must be there. */
  bind(view: DataView, at: number): this {
    this.#view = view;
    this.#at = at;
    return this;
  }

  /** {@linkcode BOOT_REQUEST} or {@linkcode BOOT_REPLY}. */
  get op(): number {
    return this.#view.getUint8(this.#at);
  }

  set op(value: number) {
    this.#view.setUint8(this.#at, value);
  }

  /** {@linkcode HARDWARE_ETHERNET}, or another. */
  get hardwareType(): number {
    return this.#view.getUint8(this.#at + 1);
  }

  set hardwareType(value: number) {
    this.#view.setUint8(this.#at + 1, value);
  }

  /** Length of the hardware address, in bytes. */
  get hardwareLength(): number {
    return this.#view.getUint8(this.#at + 2);
  }

  set hardwareLength(value: number) {
    this.#view.setUint8(this.#at + 2, value);
  }

  /** By which a client knows the answers to its questions. uint32. */
  get xid(): number {
    return this.#view.getUint32(this.#at + 4);
  }

  set xid(value: number) {
    this.#view.setUint32(this.#at + 4, value);
  }

  /** How long the client has been at it, in seconds, 65535 at most. */
  get secs(): number {
    return this.#view.getUint16(this.#at + 8);
  }

  set secs(value: number) {
    this.#view.setUint16(this.#at + 8, value);
  }

  /** {@linkcode BROADCAST_FLAG} or 0. */
  get flags(): number {
    return this.#view.getUint16(this.#at + 10);
  }

  set flags(value: number) {
    this.#view.setUint16(this.#at + 10, value);
  }

  /** Fills `address` with the client's own, 0.0.0.0 as long as it cannot be reached there. */
  clientAddress(address: IpAddress): IpAddress {
    return address.load4(this.#view, this.#at + 12);
  }

  setClientAddress(address: IpAddress): void {
    address.store(this.#view, this.#at + 12);
  }

  /** Fills `address` with what the server gives to the client. */
  yourAddress(address: IpAddress): IpAddress {
    return address.load4(this.#view, this.#at + 16);
  }

  setYourAddress(address: IpAddress): void {
    address.store(this.#view, this.#at + 16);
  }

  /** Whether `chaddr` is this hardware address. */
  isFor(hardwareAddress: Uint8Array): boolean {
    if (this.hardwareLength !== hardwareAddress.length) return false;
    for (let i = 0; i < hardwareAddress.length; i++) {
      if (this.#view.getUint8(this.#at + 28 + i) !== hardwareAddress[i]) return false;
    }
    return true;
  }

  /** Writes `chaddr`, and the length that goes with it: 16 bytes at most. */
  setHardwareAddress(hardwareAddress: Uint8Array): void {
    this.hardwareLength = hardwareAddress.length;
    hardwareAddress.forEach((octet, i) => this.#view.setUint8(this.#at + 28 + i, octet));
  }

  /** Writes what tells DHCP options from others. */
  writeCookie(): void {
    this.#view.setUint32(this.#at + 236, MAGIC_COOKIE);
  }
}

/** Whether `[at, end)` holds the fixed fields of a message, and DHCP options behind them. */
export function isDhcp(view: DataView, at: number, end: number): boolean {
  return end - at >= DHCP_HEADER && view.getUint32(at + 236) === MAGIC_COOKIE;
}
