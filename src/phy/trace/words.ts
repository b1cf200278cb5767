/**
 * Words that the lines of all protocols are made of.
 *
 * @module
 */

import { dim, red } from "@std/fmt/colors";
import { IpAddress } from "../../wire/address.ts";
import { Drop, DROP_NAMES } from "../../wire/drop.ts";

/** What is wrong with a packet, if anything is. */
export function complaint(drop: Drop): string {
  return drop === Drop.NONE ? "" : ` ${red(DROP_NAMES[drop]!)}`;
}

/** A packet of which nothing can be read. */
export function unreadable(length: number, drop: Drop): string {
  return red(`${length} bytes, ${DROP_NAMES[drop]}`);
}

/** What is rarely worth a look, in brackets; nothing if there is nothing to say. */
export function remarks(words: readonly string[]): string {
  return words.length === 0 ? "" : ` ${dim(`[${words.join(", ")}]`)}`;
}

/** An end of a conversation; brackets keep the port apart from an IPv6 address (RFC 5952 §6). */
export function endpoint(address: IpAddress, port: number): string {
  return address.family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** The first `limit` items, and how many more there are. */
export function listed(items: readonly string[], limit: number, total = items.length): string {
  const shown = items.slice(0, limit);
  if (total > shown.length) shown.push(`${total - shown.length} more`);
  return shown.join(", ");
}

/** An identification, as it stands in a packet. */
export function hexNumber(value: number): string {
  return `0x${value.toString(16)}`;
}

/** The IPv4 address at `view[at]`, to be kept. */
export function addressV4(view: DataView, at: number): IpAddress {
  return IpAddress.scratch().load4(view, at);
}

/** The IPv6 address at `view[at]`, to be kept. */
export function addressV6(view: DataView, at: number): IpAddress {
  return IpAddress.scratch().load16(view, at);
}

/** The values of a table of constants, by number, in words: `ECHO_REPLY` is "echo reply". */
export function inWords(table: Readonly<Record<string, number>>): Readonly<Record<number, string>> {
  return Object.fromEntries(
    Object.entries(table).map((
      [name, number],
    ) => [number, name.toLowerCase().replaceAll("_", " ")]),
  );
}
