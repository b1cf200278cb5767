/**
 * Linux TUN: a point-to-point interface of our own.
 *
 * @module
 */

import type { HostDevice } from "./host_device.ts";
import {
  type Ends,
  IPV6_PREFIX,
  type LinkOptions,
  type LinkSettings,
  linkSettings,
} from "./options.ts";
import { type HostSettings, openTunTap, type TunSystem } from "./tun_tap.ts";

/**
 * Opens a TUN interface, configured and up: a point-to-point link with the host on one end and
 * the stack on the other.
 *
 * @throws {TypeError} If a name or an address is malformed, or there is no such reader.
 * @throws {RangeError} If the MTU is out of range.
 * @throws {Deno.errors.PermissionDenied} Without the rights to do so; or if an IPv6 address is
 * asked for, and IPv6 is turned off.
 * @throws {Deno.errors.NotFound} If there is no /dev/net/tun.
 * @throws {Deno.errors.AddrInUse} If an interface has the name already.
 * @throws {DeviceError} For every other failure of the system.
 */
export async function openTun(
  options: LinkOptions = {},
  system: TunSystem = {},
): Promise<HostDevice> {
  return await openTunTap(system, "tun", options, hostSettings(linkSettings(options)));
}

function hostSettings(settings: LinkSettings): HostSettings {
  const v4 = ({ address, hostAddress }: Ends) => ({
    address: hostAddress,
    peer: address,
    prefixLength: 32,
  });
  // The host sends all of the network into the link: TUN has no neighbors to ask for.
  const v6 = ({ hostAddress }: Ends) => ({ address: hostAddress, prefixLength: IPV6_PREFIX });
  return { ...settings, v4: settings.v4 && v4(settings.v4), v6: settings.v6 && v6(settings.v6) };
}
