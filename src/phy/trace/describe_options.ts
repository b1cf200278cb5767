/**
 * Options of IPv4 and extension headers of IPv6, in words.
 *
 * @module
 */

import { IPV4_OPTION } from "../../wire/ipv4_options.ts";
import { IPV6_FRAGMENT_HEADER } from "../../wire/ipv6.ts";
import { IPV6_OPTION, MAX_EXTENSION_HEADERS } from "../../wire/ipv6_extensions.ts";
import { PROTOCOL } from "../../wire/protocol.ts";
import { addressV4, inWords } from "./words.ts";

const OPTION_NAMES = inWords(IPV4_OPTION);

/** Options that hold a list of addresses, behind type, length and pointer (RFC 791 §3.1). */
const ROUTES: readonly number[] = [
  IPV4_OPTION.RECORD_ROUTE,
  IPV4_OPTION.LOOSE_SOURCE_ROUTE,
  IPV4_OPTION.STRICT_SOURCE_ROUTE,
];

const HEADER_NAMES: Readonly<Record<number, string>> = {
  [PROTOCOL.HOP_BY_HOP]: "hop-by-hop",
  [PROTOCOL.ROUTING]: "routing",
  [PROTOCOL.DESTINATION_OPTIONS]: "destination options",
};

/** The options of IPv4 in `[at, end)`, up to the first that does not fit. */
export function optionNames(view: DataView, at: number, end: number): string[] {
  const names: string[] = [];
  while (at < end) {
    const type = view.getUint8(at);
    if (type === IPV4_OPTION.END) break;
    if (type === IPV4_OPTION.NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) break;
    const name = OPTION_NAMES[type] ?? `option ${type}`;
    names.push(ROUTES.includes(type) ? `${name}${route(view, at, length)}` : name);
    at += length;
  }
  return names;
}

/** The addresses in front of the pointer, which counts from 1, and how many places are left. */
function route(view: DataView, at: number, length: number): string {
  if (length < 3) return "";
  const places = Math.floor((length - 3) / 4);
  const filled = Math.min(places, Math.max(0, Math.floor((view.getUint8(at + 2) - 4) / 4)));
  const addresses = Array.from({ length: filled }, (_, i) => addressV4(view, at + 3 + 4 * i));
  return ` ${addresses.map((address) => `${address} `).join("")}(${places - filled} left)`;
}

/** The extension headers in `[at, end)`, which have been walked through, but for fragments. */
export function extensionNames(
  view: DataView,
  at: number,
  nextHeader: number,
  end: number,
): string[] {
  const names: string[] = [];
  for (let i = 0; i < MAX_EXTENSION_HEADERS && at < end; i++) {
    const name = HEADER_NAMES[nextHeader];
    if (name !== undefined) {
      names.push(hasRouterAlert(view, at, nextHeader) ? "router alert" : name);
    }
    // A fragment header has no length: its second byte is reserved.
    const length = nextHeader === PROTOCOL.FRAGMENT
      ? IPV6_FRAGMENT_HEADER
      : (view.getUint8(at + 1) + 1) << 3;
    nextHeader = view.getUint8(at);
    at += length;
  }
  return names;
}

/** Whether the hop-by-hop header at `at` starts with a router alert, as those of MLD do. */
function hasRouterAlert(view: DataView, at: number, header: number): boolean {
  return header === PROTOCOL.HOP_BY_HOP && view.getUint8(at + 2) === IPV6_OPTION.ROUTER_ALERT;
}
