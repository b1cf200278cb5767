/**
 * Linux rtnetlink, for what ioctl has no words for: it gives an interface an IPv6 address, and tells
 * which way the host's packets go.
 *
 * @module
 */

import type { IpAddress } from "../src/wire/address.ts";
import { ERRNO } from "./errno.ts";
import { type Libc, MSG_DONTWAIT } from "./libc.ts";
import { AF_INET, AF_INET6, AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "./linux.ts";

export const NETLINK_ROUTE = 0;
export const NLMSG_ERROR = 2;
export const RTM_NEWADDR = 20;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const IFA_ADDRESS = 1;
export const RTA_DST = 1;
export const RTA_OIF = 4;
/** Use the address at once, without asking the link whether someone has it (RFC 4862 §5.4). */
export const IFA_F_NODAD = 2;

/** `struct nlmsghdr` of <linux/netlink.h>: 16 bytes. */
export const NLMSGHDR = { size: 16, length: 0, type: 4, flags: 6, seq: 8 } as const;
/** `struct nlmsgerr` of <linux/netlink.h>, behind the header: a negative errno, or zero. */
export const NLMSGERR = { error: 0 } as const;
/** `struct ifaddrmsg` of <linux/if_addr.h>: 8 bytes. */
export const IFADDRMSG = { size: 8, family: 0, prefixLength: 1, flags: 2, index: 4 } as const;
/** `struct rtmsg` of <linux/rtnetlink.h>: 12 bytes. */
export const RTMSG = { size: 12, family: 0, dstLength: 1 } as const;
/** `struct rtattr` of <linux/rtnetlink.h>: 4 bytes. */
export const RTATTR = { size: 4, length: 0, type: 2 } as const;

/** A request to give interface number `index` an IPv6 address. */
export function newAddress(
  index: number,
  address: IpAddress,
  prefixLength: number,
): Uint8Array<ArrayBuffer> {
  const attributeAt = NLMSGHDR.size + IFADDRMSG.size;
  const bytes = new Uint8Array(attributeAt + RTATTR.size + address.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(NLMSGHDR.length, bytes.length, true);
  view.setUint16(NLMSGHDR.type, RTM_NEWADDR, true);
  view.setUint16(
    NLMSGHDR.flags,
    NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    true,
  );
  view.setUint32(NLMSGHDR.seq, 1, true);
  view.setUint8(NLMSGHDR.size + IFADDRMSG.family, AF_INET6);
  view.setUint8(NLMSGHDR.size + IFADDRMSG.prefixLength, prefixLength);
  view.setUint8(NLMSGHDR.size + IFADDRMSG.flags, IFA_F_NODAD);
  view.setUint32(NLMSGHDR.size + IFADDRMSG.index, index, true);
  view.setUint16(attributeAt + RTATTR.length, RTATTR.size + address.length, true);
  view.setUint16(attributeAt + RTATTR.type, IFA_ADDRESS, true);
  address.store(view, attributeAt + RTATTR.size);
  return bytes;
}

/** A request for the host's route to an address. */
export function getRoute(address: IpAddress): Uint8Array<ArrayBuffer> {
  const attributeAt = NLMSGHDR.size + RTMSG.size;
  const bytes = new Uint8Array(attributeAt + RTATTR.size + address.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(NLMSGHDR.length, bytes.length, true);
  view.setUint16(NLMSGHDR.type, RTM_GETROUTE, true);
  view.setUint16(NLMSGHDR.flags, NLM_F_REQUEST, true);
  view.setUint32(NLMSGHDR.seq, 1, true);
  view.setUint8(NLMSGHDR.size + RTMSG.family, address.family === 4 ? AF_INET : AF_INET6);
  view.setUint8(NLMSGHDR.size + RTMSG.dstLength, address.length * 8);
  view.setUint16(attributeAt + RTATTR.length, RTATTR.size + address.length, true);
  view.setUint16(attributeAt + RTATTR.type, RTA_DST, true);
  address.store(view, attributeAt + RTATTR.size);
  return bytes;
}

/** The number of the interface in the answer to {@linkcode getRoute}; `undefined` without any. */
export function interfaceOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < NLMSGHDR.size + RTMSG.size) return undefined;
  if (view.getUint16(NLMSGHDR.type, true) !== RTM_NEWROUTE) return undefined;
  const last = bytes.length - RTATTR.size - 4;
  for (let at = NLMSGHDR.size + RTMSG.size; at <= last;) {
    const length = view.getUint16(at + RTATTR.length, true);
    if (length < RTATTR.size) return undefined;
    if (view.getUint16(at + RTATTR.type, true) === RTA_OIF) {
      return view.getInt32(at + RTATTR.size, true);
    }
    at += (length + 3) & ~3;
  }
}

/** The errno in an answer, 0 for success; `undefined` if it is no answer to a request. */
export function errnoOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < NLMSGHDR.size + 4) return undefined;
  if (view.getUint16(NLMSGHDR.type, true) !== NLMSG_ERROR) return undefined;
  return -view.getInt32(NLMSGHDR.size + NLMSGERR.error, true);
}

/**
 * Gives an interface an IPv6 address that can be used at once.
 *
 * @returns The errno of a failure, 0 for success.
 */
export function addAddress(
  libc: Libc,
  index: number,
  address: IpAddress,
  prefixLength: number,
): number {
  const reply = ask(libc, newAddress(index, address, prefixLength));
  if (typeof reply === "number") return reply;
  return errnoOf(reply) ?? ERRNO.linux.EIO;
}

/** The number of the interface through which the host sends what is for `address`, if any. */
export function routeTo(libc: Libc, address: IpAddress): number | undefined {
  const reply = ask(libc, getRoute(address));
  return typeof reply === "number" ? undefined : interfaceOf(reply);
}

/** Sends a request. Returns the answer, or the errno of a failure. */
function ask(libc: Libc, request: Uint8Array<ArrayBuffer>): Uint8Array | number {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return libc.errno();
  try {
    if (libc.send(fd, Deno.UnsafePointer.of(request), request.length, 0) < 0) return libc.errno();
    // The kernel has answered by the time that send returns.
    const reply = new Uint8Array(1024);
    const length = libc.recv(
      fd,
      Deno.UnsafePointer.of(reply),
      reply.length,
      MSG_DONTWAIT[libc.source.os],
    );
    return length < 0 ? libc.errno() : reply.subarray(0, length);
  } finally {
    libc.close(fd);
  }
}
