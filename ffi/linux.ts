/**
 * Linux: numbers and C layouts for TUN and TAP devices and packet sockets, all little-endian
 * machines.
 *
 * @module
 */

import type { IpAddress } from "../src/wire/address.ts";
import { fromCString, type Libc } from "./libc.ts";

/** Length of an interface's name with its NUL (IFNAMSIZ of <linux/if.h>). */
export const IFNAMSIZ = 16;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;

/** Requests of <linux/if_tun.h>. */
export const TUNSETIFF = 0x400454can;
/** Its argument is a number, not a pointer to one: bits `TUN_F_…`. */
export const TUNSETOFFLOAD = 0x400454d0n;
export const TUNSETVNETHDRSZ = 0x400454d8n;

/** Flags for {@linkcode TUNSETIFF}. */
export const IFF_TUN = 1;
export const IFF_TAP = 2;
export const IFF_NO_PI = 0x1000;
/** A `virtio_net_hdr` is in front of each packet. */
export const IFF_VNET_HDR = 0x4000;
/** Fail with EBUSY if an interface has the name already. */
export const IFF_TUN_EXCL = 0x8000;

/** What {@linkcode TUNSETOFFLOAD} lets the kernel leave to us. */
export const TUN_F_CSUM = 1;
export const TUN_F_TSO4 = 2;
export const TUN_F_TSO6 = 4;
export const TUN_F_TSO_ECN = 8;
/** Runs of datagrams: since Linux 6.2. */
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

/** Requests of <linux/sockios.h>. */
export const SIOCGIFFLAGS = 0x8913n;
export const SIOCSIFFLAGS = 0x8914n;
export const SIOCGIFNAME = 0x8910n;
export const SIOCSIFADDR = 0x8916n;
export const SIOCSIFDSTADDR = 0x8918n;
export const SIOCSIFNETMASK = 0x891cn;
export const SIOCGIFMTU = 0x8921n;
export const SIOCSIFMTU = 0x8922n;
export const SIOCGIFHWADDR = 0x8927n;
export const SIOCGIFINDEX = 0x8933n;
export const SIOCSIFTXQLEN = 0x8943n;

/** Interface flag: up (<linux/if.h>). */
export const IFF_UP = 1;

/** Kind of hardware (<linux/if_arp.h>): Ethernet. */
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;

/** Names for packet sockets, of <linux/if_ether.h>, <linux/if_packet.h> and <sys/socket.h>. */
export const ETH_P_ALL = 3;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
export const SO_ATTACH_FILTER = 26;
export const SO_RCVBUFFORCE = 33;
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_VNET_HDR = 15;
export const PACKET_MR_PROMISC = 1;
/** `sll_pkttype`: the host itself sends it. */
export const PACKET_OUTGOING = 4;

/** `struct ifreq` of <linux/if.h>: 40 bytes; the members of the union share their place. */
export const IFREQ = {
  size: 40,
  name: 0,
  flags: 16,
  mtu: 16,
  qlen: 16,
  index: 16,
  addr: 16,
  hwaddr: 16,
} as const;

/** `struct sockaddr` of <sys/socket.h>: 16 bytes. */
export const SOCKADDR = { size: 16, family: 0, data: 2 } as const;

/** `struct sockaddr_ll` of <linux/if_packet.h>: 20 bytes; the protocol in network order. */
export const SOCKADDR_LL = { size: 20, family: 0, protocol: 2, index: 4 } as const;

/** `struct packet_mreq` of <linux/if_packet.h>: 16 bytes. */
export const PACKET_MREQ = { size: 16, index: 0, type: 4 } as const;

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

/** An `ifreq` with the number of an interface in place of its name. */
export function ifreqIndex(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IFREQ.size);
  new DataView(bytes.buffer).setInt32(IFREQ.index, index, true);
  return bytes;
}

/** A `sockaddr_ll` for every frame of an interface. */
export function sockaddrLl(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKADDR_LL.size);
  const view = new DataView(bytes.buffer);
  view.setUint16(SOCKADDR_LL.family, AF_PACKET, true);
  view.setUint16(SOCKADDR_LL.protocol, ETH_P_ALL);
  view.setInt32(SOCKADDR_LL.index, index, true);
  return bytes;
}

/** A `packet_mreq` for what is addressed to others, too. */
export function promiscuous(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PACKET_MREQ.size);
  const view = new DataView(bytes.buffer);
  view.setInt32(PACKET_MREQ.index, index, true);
  view.setUint16(PACKET_MREQ.type, PACKET_MR_PROMISC, true);
  return bytes;
}

/** An `int` in memory, as socket options want it. */
export function int32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/** The flags in an `ifreq` that the kernel has filled. */
export function flagsOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(IFREQ.flags, true);
}

/** The number (of an interface, or its MTU) in an `ifreq` that the kernel has filled. */
export function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(IFREQ.index, true);
}

/** The hardware's kind and address in an `ifreq` that the kernel has filled. */
export function hardwareOf(bytes: Uint8Array): { type: number; mac: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const data = IFREQ.hwaddr + SOCKADDR.data;
  return {
    type: view.getUint16(IFREQ.hwaddr + SOCKADDR.family, true),
    mac: bytes.slice(data, data + 6),
  };
}

/**
 * Whether the interface with this number is up; `undefined` if there is none.
 *
 * @param fd Any socket.
 */
export function isUp(libc: Libc, fd: number, index: number): boolean | undefined {
  const named = ifreqIndex(index);
  if (libc.ioctl(fd, SIOCGIFNAME, named) < 0) return undefined;
  const flags = ifreq(fromCString(named.subarray(0, IFNAMSIZ)));
  if (libc.ioctl(fd, SIOCGIFFLAGS, flags) < 0) return undefined;
  return (flagsOf(flags) & IFF_UP) !== 0;
}
