/**
 * Linux rtnetlink: the one message that gives an interface an IPv6 address, with what ioctl has no
 * words for.
 *
 * @module
 */

import type { IpAddress } from "../src/wire/address.ts";
import { ERRNO } from "./errno.ts";
import { type Libc, MSG_DONTWAIT } from "./libc.ts";
import { AF_INET6, AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "./linux.ts";

export const NETLINK_ROUTE = 0;
export const NLMSG_ERROR = 2;
export const RTM_NEWADDR = 20;
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const IFA_ADDRESS = 1;
/** Use the address at once, without asking the link whether someone has it (RFC 4862 §5.4). */
export const IFA_F_NODAD = 2;

/** `struct nlmsghdr` of <linux/netlink.h>: 16 bytes. */
export const NLMSGHDR = { size: 16, length: 0, type: 4, flags: 6, seq: 8 } as const;
/** `struct nlmsgerr` of <linux/netlink.h>, behind the header: a negative errno, or zero. */
export const NLMSGERR = { error: 0 } as const;
/** `struct ifaddrmsg` of <linux/if_addr.h>: 8 bytes. */
export const IFADDRMSG = { size: 8, family: 0, prefixLength: 1, flags: 2, index: 4 } as const;
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
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return libc.errno();
  try {
    const request = newAddress(index, address, prefixLength);
    if (libc.send(fd, Deno.UnsafePointer.of(request), request.length, 0) < 0) return libc.errno();
    // The kernel has answered by the time that send returns.
    const reply = new Uint8Array(256);
    const length = libc.recv(
      fd,
      Deno.UnsafePointer.of(reply),
      reply.length,
      MSG_DONTWAIT[libc.source.os],
    );
    if (length < 0) return libc.errno();
    return errnoOf(reply.subarray(0, length)) ?? ERRNO.linux.EIO;
  } finally {
    libc.close(fd);
  }
}
