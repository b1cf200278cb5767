/**
 * Which way the host sends packets.
 *
 * @module
 */

import type { IpAddress } from "../src/wire/address.ts";
import { fromCString, type Libc, openLibc } from "./libc.ts";
import { AF_INET, IFNAMSIZ, ifreqIndex, SIOCGIFNAME, SOCK_CLOEXEC, SOCK_DGRAM } from "./linux.ts";
import { routeTo } from "./netlink.ts";

/**
 * Name of the interface through which the host sends what is for `address`: the loopback interface
 * for its own addresses. `undefined` if there is no way, or the system does not tell.
 *
 * @param libc Is given away: it is unloaded in the end.
 */
export function interfaceTo(address: IpAddress, libc: Libc = openLibc()): string | undefined {
  try {
    if (libc.source.os !== "linux") return undefined;
    const index = routeTo(libc, address);
    return index === undefined ? undefined : nameOf(libc, index);
  } finally {
    libc.unload();
  }
}

function nameOf(libc: Libc, index: number): string | undefined {
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const named = ifreqIndex(index);
  const isKnown = libc.ioctl(fd, SIOCGIFNAME, named) >= 0;
  libc.close(fd);
  return isKnown ? fromCString(named.subarray(0, IFNAMSIZ)) : undefined;
}
