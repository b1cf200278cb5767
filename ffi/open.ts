/**
 * The device of this system.
 *
 * @module
 */

import type { HostDevice } from "./host_device.ts";
import { libcSource } from "./libc.ts";
import type { LinkOptions } from "./options.ts";
import { openTun } from "./tun.ts";
import { openUtun } from "./utun.ts";

/**
 * Opens a network interface, configured and up: TUN on Linux, utun on macOS.
 *
 * @throws {Deno.errors.NotSupported} On any other system; for the rest see {@linkcode openTun}
 * and {@linkcode openUtun}.
 */
export async function openDevice(options: LinkOptions = {}): Promise<HostDevice> {
  return libcSource().os === "linux" ? await openTun(options) : await openUtun(options);
}
