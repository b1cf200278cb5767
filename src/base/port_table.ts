/**
 * Who has which port.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";

/** Something that takes what comes to an address and a port. */
export interface Bound {
  /** `null`: every address of ours. */
  readonly address: IpAddress | null;
  /** 0: every port that nobody else has. */
  readonly port: number;
  /** Whether others that say so, too, may have the same address and port. */
  readonly isShared?: boolean;
}

/** Finds it: one on the very port before one on all, and there an exact address first. */
export class PortTable<T extends Bound> {
  #byPort = new Map<number, T[]>();

  /** Whether somebody has this port, on whatever address. */
  has(port: number): boolean {
    return this.#byPort.has(port);
  }

  /** Who takes what comes to `address` and `port`; allocates nothing. */
  find(address: IpAddress, port: number): T | undefined {
    return this.#match(address, port) ?? this.#match(address, 0);
  }

  #match(address: IpAddress, port: number): T | undefined {
    const bound = this.#byPort.get(port);
    if (bound === undefined) return undefined;
    let wildcard: T | undefined;
    for (let i = 0; i < bound.length; i++) {
      const one = bound[i]!;
      if (one.address === null) wildcard = one;
      else if (one.address.equals(address)) return one;
    }
    return wildcard;
  }

  /** All who have this very port, not to be changed; allocates nothing. */
  all(port: number): readonly T[] {
    return this.#byPort.get(port) ?? NOBODY;
  }

  /** Adds one; `false` if another has the same address and port, and they do not share it. */
  add(one: T): boolean {
    const others = this.#byPort.get(one.port) ?? [];
    const isTaken = others.some(({ address, isShared }) => {
      if (isShared && one.isShared) return false;
      return address === null ? one.address === null : one.address?.equals(address);
    });
    if (isTaken) return false;
    this.#byPort.set(one.port, [...others, one]);
    return true;
  }

  /** Takes one out. */
  remove(one: T): void {
    const rest = (this.#byPort.get(one.port) ?? []).filter((other) => other !== one);
    if (rest.length > 0) this.#byPort.set(one.port, rest);
    else this.#byPort.delete(one.port);
  }
}

const NOBODY: readonly never[] = [];
