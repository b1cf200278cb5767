/**
 * Runs inside a namespace: opens a device and answers pings by hand, without the stack.
 *
 * Arguments: `tun` or `utun`, the MTU, for utun the library that stands in for Darwin's. Prints one
 * line of JSON once the device is up, and one with the counters when standard input ends or the
 * device fails.
 *
 * @module
 */

import type { Device } from "../../src/phy/device.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openTun } from "../../ffi/tun.ts";
import { openUtun } from "../../ffi/utun.ts";
import type { Packet } from "../../src/wire/packet.ts";
import { linuxIfconfig } from "./linux_ifconfig.ts";

const [kind, mtu, library] = Deno.args;

function print(line: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

function open(): Promise<Device> {
  if (kind === "tun") return openTun({ name: "stack0", mtu: Number(mtu) });
  return openUtun({ name: "utun7", mtu: Number(mtu) }, {
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
print({ name: device.name, mtu: device.mtu });
let answered = 0;
let foreign = 0;
const handler = (packet: Packet) => {
  if (answer(packet)) answered += Number(device.transmit(packet));
  else foreign++;
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
print({ answered, foreign, failure, ...device.counters() });
if (failure !== undefined) Deno.exit(0); // standard input is still being read
