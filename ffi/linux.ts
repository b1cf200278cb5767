/**
 * Linux: numbers and C layouts for TUN devices, all little-endian machines.
 *
 * @module
 */

import type { IpAddress } from "../src/wire/address.ts";

/** Length of an interface's name with its NUL (IFNAMSIZ of <linux/if.h>). */
export const IFNAMSIZ = 16;

export const AF_INET = 2;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0x80000;

export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;

/** Requests of <linux/if_tun.h>. */
export const TUNSETIFF = 0x400454can;
export const TUNSETOFFLOAD = 0x400454d0n;

/** Flags for {@linkcode TUNSETIFF}. */
export const IFF_TUN = 1;
export const IFF_NO_PI = 0x1000;
/** Fail with EBUSY if an interface has the name already. */
export const IFF_TUN_EXCL = 0x8000;

/** Requests of <linux/sockios.h>. */
export const SIOCGIFFLAGS = 0x8913n;
export const SIOCSIFFLAGS = 0x8914n;
export const SIOCSIFADDR = 0x8916n;
export const SIOCSIFDSTADDR = 0x8918n;
export const SIOCSIFNETMASK = 0x891cn;
export const SIOCSIFMTU = 0x8922n;
export const SIOCSIFTXQLEN = 0x8943n;

/** Interface flag: up (<linux/if.h>). */
export const IFF_UP = 1;

/** `struct ifreq` of <linux/if.h>: 40 bytes; the members of the union share their place. */
export const IFREQ = { size: 40, name: 0, flags: 16, mtu: 16, qlen: 16, addr: 16 } as const;

/** `struct sockaddr_in` of <netinet/in.h>: 16 bytes. */
export const SOCKADDR_IN = { size: 16, family: 0, port: 2, addr: 4 } as const;

/** An `ifreq` with nothing but the interface's name. */
export function ifreq(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IFREQ.size);
  new TextEncoder().encodeInto(name, bytes.subarray(0, IFNAMSIZ - 1));
  return bytes;
}

/** An `ifreq` with flags. */
export function ifreqFlags(name: string, flags: number): Uint8Array<ArrayBuffer> {
  const bytes = ifreq(name);
  new DataView(bytes.buffer).setUint16(IFREQ.flags, flags, true);
  return bytes;
}

/** An `ifreq` with the length of the queue in front of the interface, in packets. */
export function ifreqQueueLength(name: string, length: number): Uint8Array<ArrayBuffer> {
  const bytes = ifreq(name);
  new DataView(bytes.buffer).setInt32(IFREQ.qlen, length, true);
  return bytes;
}

/** An `ifreq` with an MTU. */
export function ifreqMtu(name: string, mtu: number): Uint8Array<ArrayBuffer> {
  const bytes = ifreq(name);
  new DataView(bytes.buffer).setInt32(IFREQ.mtu, mtu, true);
  return bytes;
}

/** An `ifreq` with an IPv4 address in a `sockaddr_in`. */
export function ifreqAddress(name: string, address: IpAddress): Uint8Array<ArrayBuffer> {
  const bytes = ifreq(name);
  const view = new DataView(bytes.buffer);
  view.setUint16(IFREQ.addr + SOCKADDR_IN.family, AF_INET, true);
  address.store(view, IFREQ.addr + SOCKADDR_IN.addr);
  return bytes;
}

/** The flags in an `ifreq` that the kernel has filled. */
export function flagsOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(IFREQ.flags, true);
}
