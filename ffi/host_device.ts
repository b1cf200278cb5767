/**
 * What is known of the host's end of an interface.
 *
 * @module
 */

import type { Device } from "../src/phy/device.ts";
import type { IpAddress } from "../src/wire/address.ts";

/** How the host's end of an interface was set up. */
export interface HostEnd {
  /** The addresses that it has. */
  readonly addresses: readonly IpAddress[];
  /** Why it has no IPv6 address although it would have one by default. */
  readonly ipv6Missing?: string;
}

/** A device that leads to this host. */
export interface HostDevice extends Device {
  /** The addresses of the host's end, as they were set. */
  readonly hostAddresses: readonly IpAddress[];
  /**
   * Why the host's end has no IPv6 address although none was declined: the system does without
   * IPv6, or the MTU is below 1280.
   */
  readonly ipv6Missing: string | undefined;
}
