/**
 * Darwin (macOS): numbers and C layouts for utun, all little-endian machines.
 *
 * @module
 */

export const PF_SYSTEM = 32;
export const AF_SYSTEM = 32;
export const SOCK_DGRAM = 2;
export const SYSPROTO_CONTROL = 2;
export const AF_SYS_CONTROL = 2;

/** Request of <sys/kern_control.h>: finds the id of a control by its name. */
export const CTLIOCGINFO = 0xc0644e03n;

/** Name of utun's control (<net/if_utun.h>). */
export const UTUN_CONTROL_NAME = "com.apple.net.utun_control";
/** Socket option: name of the interface. */
export const UTUN_OPT_IFNAME = 2;
/** Socket option: how many packets may wait to be read; 1 unless it is raised. */
export const UTUN_OPT_MAX_PENDING_PACKETS = 16;

/** Length of an interface's name with its NUL (IFNAMSIZ of <net/if.h>). */
export const IFNAMSIZ = 16;

/** Address families that stand in front of each packet. */
export const AF_INET = 2;
export const AF_INET6 = 30;

/** `struct ctl_info` of <sys/kern_control.h>: 100 bytes. */
export const CTL_INFO = { size: 100, ctlId: 0, ctlName: 4 } as const;

/** `struct sockaddr_ctl` of <sys/kern_control.h>: 32 bytes. */
export const SOCKADDR_CTL = {
  size: 32,
  scLen: 0,
  scFamily: 1,
  ssSysaddr: 2,
  scId: 4,
  scUnit: 8,
} as const;

/** A `ctl_info` that asks for the id of a control. */
export function ctlInfo(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CTL_INFO.size);
  new TextEncoder().encodeInto(name, bytes.subarray(CTL_INFO.ctlName, CTL_INFO.size - 1));
  return bytes;
}

/** The id in a `ctl_info` that the kernel has filled. */
export function ctlIdOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(CTL_INFO.ctlId, true);
}

/**
 * A `sockaddr_ctl` for a control.
 *
 * @param unit N + 1 for utunN, 0 for the next one that is free.
 */
export function sockaddrCtl(id: number, unit: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKADDR_CTL.size);
  const view = new DataView(bytes.buffer);
  view.setUint8(SOCKADDR_CTL.scLen, SOCKADDR_CTL.size);
  view.setUint8(SOCKADDR_CTL.scFamily, AF_SYSTEM);
  view.setUint16(SOCKADDR_CTL.ssSysaddr, AF_SYS_CONTROL, true);
  view.setUint32(SOCKADDR_CTL.scId, id, true);
  view.setUint32(SOCKADDR_CTL.scUnit, unit, true);
  return bytes;
}

/** A `uint32_t` in memory, as socket options want it. */
export function uint32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
