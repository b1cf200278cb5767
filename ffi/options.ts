/**
 * What every kind of interface may be told, and the checks of it.
 *
 * @module
 */

import { IpAddress } from "../src/wire/address.ts";

/** How to set up an interface. */
export interface InterfaceOptions {
  /** Name of the interface; by default the next one that is free. */
  name?: string;
  /** The stack's address, as text or ready made, by default 10.0.0.2. */
  address?: string | IpAddress;
  /** The host's end of the link, by default 10.0.0.1. */
  hostAddress?: string | IpAddress;
  /** Largest IP packet in bytes, 68 (RFC 791 §3.2) to 65535; by default 1500. */
  mtu?: number;
}

/** The options with nothing left out but the name. */
export interface InterfaceSettings {
  readonly name: string | undefined;
  readonly address: IpAddress;
  readonly hostAddress: IpAddress;
  readonly mtu: number;
}

/**
 * Checks the options and fills in what is left out.
 *
 * @throws {TypeError} If an address is malformed, or cannot be that of an end of the link.
 * @throws {RangeError} If the MTU is out of range.
 */
export function interfaceSettings(options: InterfaceOptions): InterfaceSettings {
  const { name, mtu = 1500 } = options;
  const address = toAddress(options.address ?? "10.0.0.2");
  const hostAddress = toAddress(options.hostAddress ?? "10.0.0.1");
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535) {
    throw new RangeError(`Cannot use an MTU of ${mtu}: it must be a whole number from 68 to 65535`);
  }
  for (const end of [address, hostAddress]) {
    if (end.family !== 4) {
      throw new TypeError(`Cannot use ${end}: both ends need an IPv4 address`);
    }
    if (end.isUnspecified || end.isMulticast || end.isBroadcast || end.isLoopback) {
      throw new TypeError(
        `Cannot use ${end}: it is not the address of one host; choose one such as 10.0.0.2`,
      );
    }
  }
  if (address.equals(hostAddress)) {
    throw new TypeError(
      `Cannot use ${address} for both ends: the host and the stack need an address each`,
    );
  }
  return { name, address, hostAddress, mtu };
}

function toAddress(address: string | IpAddress): IpAddress {
  return typeof address === "string" ? IpAddress.parse(address) : address;
}
