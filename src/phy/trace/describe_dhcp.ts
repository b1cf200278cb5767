/**
 * DHCP in words.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { IpAddress } from "../../wire/address.ts";
import { DHCP_TYPE, DhcpHeader, isDhcp } from "../../wire/dhcp.ts";
import { DHCP_OPTION, DhcpOptions } from "../../wire/dhcp_options.ts";
import { hexNumber, inWords } from "./words.ts";

const NAMES: Readonly<Record<number, string>> = {
  ...inWords(DHCP_TYPE),
  8: "inform", // RFC 2132 §9.6; nobody here sends it
};

/** What the DHCP message in `[at, end)` says; "" if it is none. */
export function describeDhcp(view: DataView, at: number, end: number): string {
  const options = new DhcpOptions();
  if (!isDhcp(view, at, end) || !options.parse(view, at, end)) return "";
  const type = options.uint8(DHCP_OPTION.MESSAGE_TYPE);
  if (type === undefined) return "";
  const header = new DhcpHeader().bind(view, at);
  const words = [bold("DHCP"), NAMES[type] ?? `type ${type}`];
  const address = addressOf(header, options);
  if (address !== undefined) words.push(address.toString());
  const server = options.address(DHCP_OPTION.SERVER_IDENTIFIER);
  if (server !== undefined) words.push(`server ${server}`);
  const lease = options.uint32(DHCP_OPTION.LEASE_TIME);
  if (lease !== undefined) words.push(`lease ${lease === 0xffff_ffff ? "forever" : `${lease} s`}`);
  words.push(`xid ${hexNumber(header.xid)}`);
  return words.join(" ");
}

/** The address that it is about: given, wished for, or the client's own. */
function addressOf(header: DhcpHeader, options: DhcpOptions): IpAddress | undefined {
  const address = header.yourAddress(IpAddress.scratch());
  if (!address.isUnspecified) return address;
  const wished = options.address(DHCP_OPTION.REQUESTED_ADDRESS);
  if (wished !== undefined) return wished;
  return header.clientAddress(address).isUnspecified ? undefined : address;
}
