/**
 * The multicast groups that the stack is in, and who is told (RFC 1112 §7, RFC 3376, RFC 3810).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import type { Network } from "../base/network.ts";
import { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import type { Packet } from "../wire/packet.ts";
import { Igmp } from "./igmp.ts";
import { type Interface, SOLICITED_NODE } from "./interface.ts";
import { Mld } from "./mld.ts";

/** Most groups of an interface that users can have joined. */
const MOST_GROUPS = 256;

/** What one interface speaks. */
interface Speaker {
  readonly igmp: Igmp;
  /** `null` where the link does not carry IPv6. */
  readonly mld: Mld | null;
}

/** Membership on all interfaces. */
export class Multicast {
  #interfaces: readonly Interface[];
  #network: Network;
  #counters: Counters;
  #env: Env;
  /** At the index of the interface's number. */
  #speakers: Speaker[] = [];
  #hasChanged = false;

  /** @param interfaces Those of the stack, in a list that grows. */
  constructor(
    interfaces: readonly Interface[],
    network: Network,
    counters: Counters,
    env: Env,
  ) {
    this.#interfaces = interfaces;
    this.#network = network;
    this.#counters = counters;
    this.#env = env;
  }

  /**
   * Joins a group, once more if somebody has before.
   *
   * @returns `false` if the interface has as many groups as it can have.
   */
  join(on: Interface, group: IpAddress): boolean {
    const membership = on.memberships.find((one) => one.group.isIn(group, group.length * 8));
    if (membership !== undefined) membership.users++;
    else if (on.memberships.length >= MOST_GROUPS) return false;
    else on.memberships.push({ group: group.withZone(0), users: 1 });
    this.changed();
    return true;
  }

  /** Undoes one {@linkcode join}. */
  leave(on: Interface, group: IpAddress): void {
    const at = on.memberships.findIndex((one) => one.group.isIn(group, group.length * 8));
    if (at === -1) return;
    if (--on.memberships[at]!.users === 0) on.memberships.splice(at, 1);
    this.changed();
  }

  /** To be called when addresses have changed: groups come and go with them. */
  changed(): void {
    this.#hasChanged = this.#speakers.length > 0 || this.#interfaces.some(hasGroups);
  }

  /** Takes an IGMP message that IP has laid open. */
  receiveIgmp(packet: Packet, from: Interface, now: number): Drop {
    return from.isLoopback ? Drop.GROUP_BAD_MESSAGE : this.#speaker(from).igmp.receive(packet, now);
  }

  /** Takes an MLD message that ICMPv6 has found to be good. */
  receive(packet: Packet, from: Interface, now: number): Drop {
    const mld = from.isLoopback ? null : this.#speaker(from).mld;
    return mld === null ? Drop.GROUP_BAD_MESSAGE : mld.receive(packet, now);
  }

  #speaker(of: Interface): Speaker {
    return this.#speakers[of.index] ??= {
      igmp: new Igmp(of, this.#network, this.#counters, this.#env),
      mld: of.carriesIpv6 ? new Mld(of, this.#network, this.#counters, this.#env) : null,
    };
  }

  /** Says what is due at `now`. */
  poll(now: number): void {
    if (this.#hasChanged) this.#update(now);
    for (let i = 0; i < this.#interfaces.length; i++) {
      const speaker = this.#speakers[this.#interfaces[i]!.index];
      speaker?.igmp.reporter.poll(now);
      speaker?.mld?.reporter.poll(now);
    }
  }

  #update(now: number): void {
    this.#hasChanged = false;
    for (const one of this.#interfaces) {
      if (one.isLoopback) continue;
      const { igmp, mld } = this.#speaker(one);
      const groups = one.memberships.map(({ group }) => group);
      igmp.reporter.update(groups.filter(({ family }) => family === 4), now);
      if (mld === null) continue;
      mld.addressesChanged(now);
      mld.reporter.update([...groups.filter(({ family }) => family === 6), ...solicited(one)], now);
    }
  }

  /** When {@linkcode poll} is due, in milliseconds; `Infinity`: never. */
  nextDeadline(): number {
    if (this.#hasChanged) return -Infinity;
    let next = Infinity;
    for (let i = 0; i < this.#interfaces.length; i++) {
      const speaker = this.#speakers[this.#interfaces[i]!.index];
      if (speaker === undefined) continue;
      next = Math.min(next, speaker.igmp.reporter.nextDeadline());
      if (speaker.mld !== null) next = Math.min(next, speaker.mld.reporter.nextDeadline());
    }
    return next;
  }
}

/** Whether there is anything to say: of an IPv4 address alone there is not. */
function hasGroups({ isLoopback, memberships, addresses }: Interface): boolean {
  return !isLoopback &&
    (memberships.length > 0 || addresses.some(({ address }) => address.family === 6));
}

/** The groups that neighbor solicitations for an interface's addresses go to (RFC 4291 §2.7.1). */
function solicited({ addresses }: Interface): IpAddress[] {
  const own = addresses.filter(({ address }) => address.family === 6);
  return own.map(({ address }) => {
    const bytes = SOLICITED_NODE.toBytes();
    bytes.set(address.toBytes().subarray(13), 13);
    return IpAddress.fromBytes(bytes);
  });
}
