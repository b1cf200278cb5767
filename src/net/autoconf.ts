/**
 * Addresses that an interface gives itself (RFC 4862 §5.3, §5.5), and the lifetimes of IPv6
 * addresses.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { AddressState, type Interface, type InterfaceAddress } from "./interface.ts";
import type { Ip } from "./ip.ts";
import { type OpaqueIds, SUBNET_PREFIX } from "./opaque_id.ts";

/** Most addresses that one interface makes up: a router that lies must not fill the memory. */
export const MAX_AUTOCONF_ADDRESSES = 16;
/** How often another identifier is tried for a prefix: `IDGEN_RETRIES` of RFC 7217 §6. */
const RETRIES = 3;
/** What a router may shorten a valid lifetime to at most, in milliseconds (RFC 4862 §5.5.3 e). */
const TWO_HOURS = 2 * 60 * 60 * 1000;

/** Why an interface gives itself an address. */
export type AutoconfOrigin = "link-local" | "autoconf";

/** An address for a prefix. */
interface OwnAddress {
  readonly prefix: IpAddress;
  /** How many addresses for the prefix turned out to be another host's. */
  taken: number;
  /** What is used, or was tried last. */
  entry: InterfaceAddress;
}

/** The addresses of one interface that it has made up. */
export class Autoconf {
  #ip: Ip;
  #of: Interface;
  #ids: OpaqueIds;
  /** Has a new address checked, if the link is one on which others may have it. */
  #check: ((entry: InterfaceAddress) => void) | null;
  #own: OwnAddress[] = [];

  constructor(
    ip: Ip,
    of: Interface,
    ids: OpaqueIds,
    check: ((entry: InterfaceAddress) => void) | null,
  ) {
    this.#ip = ip;
    this.#of = of;
    this.#ids = ids;
    this.#check = check;
  }

  /**
   * Makes an address that begins with `prefix`.
   *
   * @param preferredUntil In milliseconds, as `validUntil`: `Infinity` for ever.
   */
  add(
    prefix: IpAddress,
    origin: AutoconfOrigin,
    preferredUntil: number,
    validUntil: number,
  ): void {
    const entry = this.#make(prefix, 0, origin, preferredUntil, validUntil);
    this.#own.push({ prefix, taken: 0, entry });
  }

  #make(
    prefix: IpAddress,
    taken: number,
    origin: AutoconfOrigin,
    preferredUntil: number,
    validUntil: number,
  ): InterfaceAddress {
    const { name, layer: { mac } } = this.#of;
    const address = this.#ids.address(prefix, { name, mac }, taken);
    const state = this.#check === null ? AddressState.PREFERRED : AddressState.TENTATIVE;
    const options = { address, prefixLength: SUBNET_PREFIX, origin, state };
    const entry = this.#ip.addAddress(this.#of, { ...options, preferredUntil, validUntil });
    this.#check?.(entry);
    return entry;
  }

  /** An address of ours has turned out to be another host's: another one is tried, some times. */
  taken(entry: InterfaceAddress): void {
    const own = this.#own.find((own) => own.entry === entry);
    if (own === undefined || own.taken >= RETRIES) return;
    own.taken++;
    const { origin, preferredUntil, validUntil } = entry;
    own.entry = this.#make(
      own.prefix,
      own.taken,
      origin as AutoconfOrigin,
      preferredUntil,
      validUntil,
    );
  }

  /**
   * A router says that hosts may make themselves addresses with `prefix` (RFC 4862 §5.5.3).
   *
   * @param preferred How long they are preferred, and valid, from `now` on, in milliseconds.
   */
  advertised(prefix: IpAddress, preferred: number, valid: number, now: number): void {
    if (preferred > valid) return;
    const own = this.#own.find((own) => own.prefix.equals(prefix));
    if (own !== undefined) {
      this.#renew(own.entry, preferred, valid, now);
    } else if (valid > 0 && this.#own.length < MAX_AUTOCONF_ADDRESSES) {
      this.add(prefix, "autoconf", now + preferred, now + valid);
    }
  }

  #renew(entry: InterfaceAddress, preferred: number, valid: number, now: number): void {
    entry.preferredUntil = now + preferred;
    if (entry.state === AddressState.DEPRECATED && preferred > 0) {
      entry.state = AddressState.PREFERRED;
      this.#ip.changed();
    }
    const remaining = entry.validUntil - now;
    if (valid > TWO_HOURS || valid > remaining) entry.validUntil = now + valid;
    else if (remaining > TWO_HOURS) entry.validUntil = now + TWO_HOURS;
  }

  /**
   * Deprecates and takes away addresses whose time is over (RFC 4862 §5.5.4).
   *
   * @param removed Told of each one that is gone.
   */
  poll(now: number, removed: (entry: InterfaceAddress) => void): void {
    if (this.nextDeadline() > now) return;
    this.#own = this.#own.filter(({ entry }) => entry.validUntil > now);
    for (const entry of this.#of.addresses.filter(({ address }) => address.family === 6)) {
      if (entry.validUntil <= now) {
        this.#ip.removeAddress(this.#of, entry.address);
        removed(entry);
      } else if (entry.state === AddressState.PREFERRED && entry.preferredUntil <= now) {
        entry.state = AddressState.DEPRECATED;
        this.#ip.changed();
      }
    }
  }

  /** When {@linkcode poll} is due, in milliseconds. */
  nextDeadline(): number {
    let next = Infinity;
    for (let i = 0; i < this.#own.length; i++) {
      next = Math.min(next, this.#own[i]!.entry.validUntil); // even of one that was given up
    }
    const { addresses } = this.#of;
    for (let i = 0; i < addresses.length; i++) {
      const { address, state, preferredUntil, validUntil } = addresses[i]!;
      if (address.family === 4) continue;
      next = Math.min(next, validUntil);
      if (state === AddressState.PREFERRED) next = Math.min(next, preferredUntil);
    }
    return next;
  }
}
