/**
 * The multicast groups of one UDP socket, shaped as Deno's memberships.
 *
 * @module
 */

import type { Interface } from "../net/interface.ts";
import { IpAddress } from "../wire/address.ts";
import { formatAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";

/** That a socket is in a group. */
export interface MulticastMembership {
  /** Leaves the group. */
  leave(): Promise<void>;
  /** Whether what this socket sends to groups comes to sockets of the same stack, too. */
  setLoopback(loopback: boolean): Promise<void>;
  /** How far what this socket sends to groups goes: its time to live, or hop limit, 1 to 255. */
  setTTL(ttl: number): Promise<void>;
}

interface Joined {
  readonly group: IpAddress;
  readonly on: Interface;
}

/** Joins groups, and leaves them when the socket is closed. */
export class SocketGroups {
  #context: SocketContext;
  #joined: Joined[] = [];

  constructor(context: SocketContext) {
    this.#context = context;
  }

  /**
   * Joins a group.
   *
   * @param where Name, number or address of an interface; left out, 0 or `0.0.0.0`: the one that
   * what is sent to the group leaves by.
   * @returns What undoes it.
   * @throws {TypeError} If `text` is no group of this family.
   * @throws {Deno.errors.AddrNotAvailable} If there is no such interface.
   * @throws {Deno.errors.AddrInUse} If the socket is in the group already.
   * @throws {RangeError} If the interface is in as many groups as it can be in.
   */
  join(family: 4 | 6, text: string, where: string | number = 0): () => void {
    const { ip } = this.#context.stack;
    const zoned = IpAddress.parse(text, (zone) => this.#interfaceOf(zone).index);
    if (!zoned.isMulticast || zoned.family !== family) {
      throw new TypeError(`Not a multicast group of IPv${family}: "${text}"`);
    }
    const isAny = where === 0 || where === "0.0.0.0" || where === "::";
    const on = !isAny ? this.#interfaceOf(where) : ip.interfaceFor(zoned);
    if (on === undefined) throw noInterface(`for ${text}`);
    const joined = { group: zoned.withZone(0), on };
    if (this.#find(joined.group, on) !== undefined) {
      throw new Deno.errors.AddrInUse(`The socket is in ${text} on ${on.name} already`);
    }
    if (!ip.join(on, joined.group)) {
      throw new RangeError(`${on.name} is in as many groups as it can be in: leave some first`);
    }
    this.#joined.push(joined);
    this.#context.kick();
    return () => this.#leave(joined);
  }

  #interfaceOf(where: string | number): Interface {
    const { ip } = this.#context.stack;
    const named = ip.interfaceNamed(`${where}`) ?? ip.interfaces[Number(where) - 1];
    const found = named ??
      ip.interfaces.find(({ addresses }) =>
        addresses.some(({ address }) => formatAddress(ip, address) === where)
      );
    if (found === undefined) throw noInterface(`${where}`);
    return found;
  }

  #find(group: IpAddress, on?: Interface): Joined | undefined {
    return this.#joined.find((one) =>
      one.group.equals(group) && (on === undefined || one.on === on)
    );
  }

  /** The interface on which a group was joined, if it was. */
  interfaceOf(group: IpAddress): Interface | undefined {
    if (this.#joined.length === 0) return undefined;
    return this.#find(group.withZone(0))?.on;
  }

  #leave(joined: Joined): void {
    const at = this.#joined.indexOf(joined);
    if (at === -1) return;
    this.#joined.splice(at, 1);
    this.#context.stack.ip.leave(joined.on, joined.group);
    this.#context.kick();
  }

  /** Leaves all of them. */
  leaveAll(): void {
    for (const joined of [...this.#joined]) this.#leave(joined);
  }
}

function noInterface(what: string): Error {
  return new Deno.errors.AddrNotAvailable(
    `There is no interface ${what}: give its name, or an address of this stack`,
  );
}
