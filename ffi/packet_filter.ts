/**
 * What a packet socket lets through, as a program for the kernel (classic BPF).
 *
 * @module
 */

import { PACKET_OUTGOING } from "./linux.ts";

/** `struct sock_filter` of <linux/filter.h>: 8 bytes. */
export const SOCK_FILTER = { size: 8, code: 0, jt: 2, jf: 3, k: 4 } as const;
/** `struct sock_fprog` of <linux/filter.h>: 16 bytes. */
export const SOCK_FPROG = { size: 16, length: 0, filter: 8 } as const;

/** Instructions of <linux/bpf_common.h>: load a byte, two, four; jump if equal, if a bit is set. */
export const BPF = {
  LDB: 0x30,
  LDH: 0x28,
  LDW: 0x20,
  JEQ: 0x15,
  JSET: 0x45,
  RET: 0x06,
} as const;

/** In place of an offset: what the kernel knows of the frame. */
export const SKF_AD_OFF = -0x1000;
export const SKF_AD_PKTTYPE = 4;
export const SKF_AD_VLAN_TAG = 44;

/** The bits of a VLAN's number in its tag; zero is a priority alone (IEEE 802.1Q §9.6). */
const VLAN_ID = 0xfff;

/** Of a frame that passes, all of it. */
const WHOLE = 0x7fff_ffff;

/**
 * The filter for frames to `mac`, to groups and to everyone, but those that this host sends itself,
 * and those of a VLAN, whose tags the kernel has taken off.
 */
export function frameFilter(mac: Uint8Array): Uint8Array<ArrayBuffer> {
  const { LDB, LDH, LDW, JEQ, JSET, RET } = BPF;
  const address = new DataView(mac.buffer, mac.byteOffset);
  // Jumps count the instructions that they leave out.
  const program: [code: number, k: number, jt?: number, jf?: number][] = [
    [LDB, SKF_AD_OFF + SKF_AD_PKTTYPE],
    [JEQ, PACKET_OUTGOING, 9, 0],
    [LDH, SKF_AD_OFF + SKF_AD_VLAN_TAG],
    [JSET, VLAN_ID, 7, 0],
    [LDB, 0],
    [JSET, 1, 4, 0],
    [LDW, 2],
    [JEQ, address.getUint32(2), 0, 3],
    [LDH, 0],
    [JEQ, address.getUint16(0), 0, 1],
    [RET, WHOLE],
    [RET, 0],
  ];
  const bytes = new Uint8Array(program.length * SOCK_FILTER.size);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, k, jt = 0, jf = 0], i) => {
    const at = i * SOCK_FILTER.size;
    view.setUint16(at + SOCK_FILTER.code, code, true);
    view.setUint8(at + SOCK_FILTER.jt, jt);
    view.setUint8(at + SOCK_FILTER.jf, jf);
    view.setUint32(at + SOCK_FILTER.k, k, true);
  });
  return bytes;
}

/** A `sock_fprog` for a filter, which has to live as long as it is in use. */
export function sockFprog(filter: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCK_FPROG.size);
  const view = new DataView(bytes.buffer);
  const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(filter));
  view.setUint16(SOCK_FPROG.length, filter.length / SOCK_FILTER.size, true);
  view.setBigUint64(SOCK_FPROG.filter, BigInt(pointer), true);
  return bytes;
}
