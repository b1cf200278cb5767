/**
 * Linux TAP: an Ethernet segment of our own, with the host's kernel on it.
 *
 * @module
 */

import { IpAddress } from "../src/wire/address.ts";
import type { HostDevice } from "./host_device.ts";
import { ownMac } from "./mac.ts";
import {
  type Addresses,
  checkHost,
  checkMtu,
  IPV6_MIN_MTU,
  IPV6_PREFIX,
  ipv6NeedsMtu,
  type OffloadOptions,
  type ReaderOptions,
  toList,
} from "./options.ts";
import { type HostSettings, openTunTap, type TunSystem } from "./tun_tap.ts";

/** How to set up a TAP interface. */
export interface TapOptions extends ReaderOptions, OffloadOptions {
  /** Name of the interface; by default the next one that is free. */
  name?: string;
  /**
   * The host's addresses on the segment, one of a family, each with the length of its network's
   * prefix if that is not 24 or 64, as in `192.168.7.1/16`. By default 10.0.0.1 and fd00::1, the
   * latter where the system has IPv6; an empty list leaves the interface without addresses.
   */
  hostAddress?: Addresses;
  /** The stack's hardware address; by default a random one. The host's is its own affair. */
  mac?: string | Uint8Array;
  /** Largest IP packet in bytes, 68 to 65521, for IPv6 at least 1280; by default 1500. */
  mtu?: number;
}

/** What Linux allows, which counts the frame's header. */
const MAX_MTU = 65535 - 14;

/**
 * Opens a TAP interface, configured and up: an Ethernet segment with the host and the stack on it.
 * The stack's own addresses are its affair, and are not known here.
 *
 * @throws {TypeError} If a name or an address is malformed, or there is no such reader.
 * @throws {RangeError} If the MTU, or the length of a prefix, is out of range.
 * @throws {Deno.errors.PermissionDenied} Without the rights to do so; or if an IPv6 address is
 * asked for, and IPv6 is turned off.
 * @throws {Deno.errors.NotFound} If there is no /dev/net/tun.
 * @throws {Deno.errors.AddrInUse} If an interface has the name already.
 * @throws {DeviceError} For every other failure of the system.
 */
export async function openTap(
  options: TapOptions = {},
  system: TunSystem = {},
): Promise<HostDevice> {
  return await openTunTap(system, "tap", options, hostSettings(options), ownMac(options.mac));
}

function hostSettings(options: TapOptions): HostSettings {
  const { mtu = 1500, hostAddress, offload = true } = options;
  checkMtu(mtu, MAX_MTU);
  const given = toList(hostAddress ?? ["10.0.0.1", "fd00::1"]).map(network);
  const [v4, another4] = given.filter(({ address }) => address.family === 4);
  const [v6, another6] = given.filter(({ address }) => address.family === 6);
  const another = another4 ?? another6;
  if (another !== undefined) {
    throw new TypeError(
      `Cannot use ${another.address} as well: the host has one address of a family`,
    );
  }
  const isIpv6Required = hostAddress !== undefined && v6 !== undefined;
  if (v6 !== undefined && mtu < IPV6_MIN_MTU) {
    const ipv6Missing = ipv6NeedsMtu(mtu);
    if (isIpv6Required) throw new RangeError(`Cannot use ${v6.address}: ${ipv6Missing}`);
    return { mtu, offload, v4, v6: undefined, isIpv6Required, ipv6Missing };
  }
  return { mtu, offload, v4, v6, isIpv6Required, ipv6Missing: undefined };
}

/** An address, and the length of its network's prefix. */
function network(text: string | IpAddress): { address: IpAddress; prefixLength: number } {
  const [first, length] = typeof text === "string" ? text.split("/") as [string, string?] : [text];
  const address = typeof first === "string" ? IpAddress.parse(first) : first;
  checkHost(address);
  if (length === undefined) {
    return { address, prefixLength: address.family === 4 ? 24 : IPV6_PREFIX };
  }
  const prefixLength = /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  const max = 8 * address.length;
  if (!(prefixLength >= 1 && prefixLength <= max)) {
    throw new RangeError(`Cannot use ${text}: its prefix has to have 1 to ${max} bits`);
  }
  return { address, prefixLength };
}
