/**
 * Addresses and their texts, remembered: a server answers where questions come from.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";
import { IpAddress } from "../wire/address.ts";
import { formatAddress, parseAddress } from "./addresses.ts";

/** How many addresses are remembered each way, a power of two: a flood of them costs no memory. */
const PLACES = 64;

/** The texts of the addresses that were met last. Not for addresses that users hold on to. */
export class AddressTexts {
  #ip: Ip;
  /** Each address has one place, by its hash. */
  #addresses: IpAddress[] = [];
  #texts: string[] = [];
  #parsed = new Map<string, IpAddress>();

  constructor(ip: Ip) {
    this.#ip = ip;
  }

  /** As {@linkcode formatAddress}. */
  format(address: IpAddress): string {
    const place = address.hash(address.zone) & (PLACES - 1);
    if (this.#addresses[place]?.equals(address)) return this.#texts[place]!;
    const text = formatAddress(this.#ip, address);
    while (this.#addresses.length <= place) {
      this.#addresses.push(IpAddress.scratch());
      this.#texts.push("0.0.0.0");
    }
    this.#addresses[place]!.load(address);
    return this.#texts[place] = text;
  }

  /**
   * As {@linkcode parseAddress}. What it gives is lent, for no longer than a call.
   *
   * @throws {TypeError} If the text is no address, or its zone is missing or unknown.
   */
  parse(text: string): IpAddress {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const address = parseAddress(this.#ip, text);
    // Without a zone, one of a link means something else when there are more interfaces.
    if (address.isLinkScoped && !text.includes("%")) return address;
    if (this.#parsed.size === PLACES) this.#parsed.clear();
    this.#parsed.set(text, address);
    return address;
  }
}
