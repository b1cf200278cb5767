/**
 * Runs inside a namespace: opens a device and answers pings by hand, without the stack.
 *
 * Arguments: `tun`, `tap` or `utun`, the MTU, the kind of reader, for utun the library that stands
 * in for Darwin's; or `packet`, the name of an interface, the kind of reader and maybe `whole` for no
 * offload. On Ethernet it is 02:00:00:00:00:05, and nobody is told which addresses it has. Prints one line of JSON once the device is up, and one with the counters
 * and with what else came when standard input ends or the device fails.
 *
 * @module
 */

import type { Device } from "../../src/phy/device.ts";
import type { HostDevice } from "../../ffi/host_device.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openPacketSocket } from "../../ffi/packet_socket.ts";
import { checkReaderKind } from "../../ffi/reader_kind.ts";
import { openTap } from "../../ffi/tap.ts";
import { openTun } from "../../ffi/tun.ts";
import { openUtun } from "../../ffi/utun.ts";
import { finish, pseudoHeaderSum } from "../../src/wire/checksum.ts";
import { Drop } from "../../src/wire/drop.ts";
import { ETHERNET_HEADER, ETHERNET_SOURCE } from "../../src/wire/ethernet.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { formatMac, storeMac } from "../../src/wire/mac.ts";
import type { Packet } from "../../src/wire/packet.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { checkTcp } from "../../src/wire/tcp.ts";
import { checkUdp } from "../../src/wire/udp.ts";
import { linuxIfconfig } from "./linux_ifconfig.ts";

const [kind, mtu, how, library] = Deno.args;
const offload = library !== "whole";
const reader = checkReaderKind(how!);
const MAC = "02:00:00:00:00:05";

function print(line: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

function open(): Promise<Device & Partial<HostDevice>> {
  if (kind === "packet") return openPacketSocket({ interface: mtu!, mac: MAC, reader, offload });
  if (kind === "tap") return openTap({ name: "stack0", mtu: Number(mtu), mac: MAC, reader });
  if (kind === "tun") return openTun({ name: "stack0", mtu: Number(mtu), reader });
  return openUtun({ name: "utun7", mtu: Number(mtu), reader }, {
    libc: openLibc({ path: library, os: "darwin", arch: "x86_64" }),
    run: linuxIfconfig,
  });
}

/** Turns an ICMPv6 echo request (RFC 4443 §4.1) into its reply, in place. */
function answer6({ bytes, view, at }: Packet): boolean {
  if (bytes[at + 6] !== 58 || bytes[at + 40] !== 128) return false;
  const source = bytes.slice(at + 8, at + 24);
  bytes.copyWithin(at + 8, at + 24, at + 40);
  bytes.set(source, at + 24);
  bytes[at + 40] = 129;
  // The type went up by one; the sum over both addresses has stayed.
  const checksum = view.getUint16(at + 42) + 0xfeff;
  view.setUint16(at + 42, (checksum & 0xffff) + (checksum >>> 16));
  return true;
}

/** Turns a frame with an echo request into one with its reply, in place. */
function answerFrame(frame: Packet): boolean {
  const { bytes, at, end } = frame;
  const answered = answer(frame.place(at + ETHERNET_HEADER, end));
  frame.place(at, end);
  if (!answered) return false;
  storeMac(bytes.slice(at + ETHERNET_SOURCE, at + ETHERNET_HEADER), bytes, at);
  storeMac(device.capabilities.mac!, bytes, at + ETHERNET_SOURCE);
  return true;
}

/** A frame in words: its sender, and what it carries with which checksum. */
function describe({ bytes, view, at, end }: Packet, isPartial: boolean): string {
  const from = formatMac(bytes, at + ETHERNET_SOURCE);
  const ip = at + ETHERNET_HEADER;
  const protocol = bytes[ip + 9];
  const isIpv4 = view.getUint16(ip - 2) === 0x0800;
  if (!isIpv4 || (protocol !== PROTOCOL.TCP && protocol !== PROTOCOL.UDP)) return from;
  const segment = ip + 20;
  const [source, destination] = [12, 16].map((i) => IpAddress.scratch().load4(view, ip + i));
  const pseudo = pseudoHeaderSum(source!, destination!, protocol, end - segment);
  if (isPartial) {
    const field = segment + (protocol === PROTOCOL.TCP ? 16 : 6);
    const isBegun = view.getUint16(field) === (~finish(pseudo) & 0xffff);
    return `${from} protocol ${protocol}, ${isBegun ? "begun" : "bad"} checksum`;
  }
  const check = protocol === PROTOCOL.TCP ? checkTcp : checkUdp;
  const drop = check(view, segment, end, pseudo);
  return `${from} protocol ${protocol}, ${drop === Drop.NONE ? "good" : "bad"} checksum`;
}

/** Turns an echo request into its reply, in place. */
function answer(packet: Packet): boolean {
  const { bytes, view, at } = packet;
  if (bytes[at]! >>> 4 === 6) return answer6(packet);
  const icmp = at + (bytes[at]! & 15) * 4;
  if (bytes[at]! >>> 4 !== 4 || bytes[at + 9] !== 1 || bytes[icmp] !== 8) return false;
  const source = view.getUint32(at + 12);
  view.setUint32(at + 12, view.getUint32(at + 16));
  view.setUint32(at + 16, source);
  bytes[icmp] = 0;
  // The type went from 8 to 0, so the checksum goes up by 0x0800 (RFC 1624).
  const checksum = view.getUint16(icmp + 2) + 0x0800;
  view.setUint16(icmp + 2, (checksum & 0xffff) + (checksum >>> 16));
  return true;
}

const device = await open();
print({ name: device.name, mtu: device.mtu, ipv6Missing: device.ipv6Missing });
let answered = 0;
const isFramed = device.capabilities.medium === "ethernet";
/** What else came over an Ethernet. */
const others: string[] = [];
const handler = (packet: Packet) => {
  const { isPartial } = packet; // to find the ping in a frame forgets it
  const isPing = isFramed ? answerFrame(packet) : answer(packet);
  if (isPing) answered += Number(device.transmit(packet));
  else if (isFramed) others.push(describe(packet, isPartial));
};
const ended = (async () => {
  for await (const _ of Deno.stdin.readable);
  await device.close();
})();
let failure: string | undefined;
try {
  while (await device.readable()) device.receive(64, handler);
  await ended;
} catch (error) {
  failure = `${error}`;
}
await device.close();
print({ answered, others, failure, ...device.counters() });
if (failure !== undefined) Deno.exit(0); // standard input is still being read
