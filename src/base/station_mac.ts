/**
 * The hardware address of a device, as programs name it.
 *
 * @module
 */

import { formatMac, isGroupMac, MAC_LENGTH, parseMac } from "../wire/mac.ts";

/**
 * A copy of a hardware address that can be that of one device.
 *
 * @param mac As text, such as `02:00:00:00:00:01`, or its bytes.
 * @throws {TypeError} If it is malformed, zero, or a group's.
 */
export function stationMac(mac: string | Uint8Array): Uint8Array {
  const bytes = typeof mac === "string" ? parseMac(mac) : mac.slice();
  if (bytes.length !== MAC_LENGTH) {
    throw new TypeError(`A hardware address has ${MAC_LENGTH} bytes, not ${bytes.length}`);
  }
  if (isGroupMac(bytes) || bytes.every((byte) => byte === 0)) {
    throw new TypeError(
      `Cannot use the hardware address ${formatMac(bytes)}: it is not that of one device; choose ` +
        "one such as 02:00:00:00:00:01",
    );
  }
  return bytes;
}
