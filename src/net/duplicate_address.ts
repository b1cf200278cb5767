/**
 * Detection of other hosts that have an address of ours (RFC 4862 §5.4).
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";
import { AddressState, type InterfaceAddress } from "./interface.ts";

/** Longest wait before a probe, so that hosts that start together don't send together, in ms. */
const MAX_DELAY = 1000;
/** Probes for an address: `DupAddrDetectTransmits`. */
const PROBES = 1;
/** How long an answer is awaited, in milliseconds: `RetransTimer`. */
const PROBE_INTERVAL = 1000;

/** A deadline that the next poll finds due, whatever its time. */
const AT_ONCE = -Infinity;

/** What the detection asks of those around it. */
export interface DuplicateAddressHooks {
  /** Asks everybody whether they have the address. */
  probe(address: IpAddress): void;
  /** Nobody has answered: the address is ours. */
  unique(entry: InterfaceAddress, now: number): void;
  /** Another host has it, or wants it as well: it must not be used. */
  duplicate(entry: InterfaceAddress, now: number): void;
}

interface Check {
  readonly entry: InterfaceAddress;
  /** Probes sent; -1 before the delay has been chosen. */
  sent: number;
  deadline: number;
}

/** The addresses of one link that are being checked. */
export class DuplicateAddresses {
  #hooks: DuplicateAddressHooks;
  #env: Env;
  #checks: Check[] = [];

  constructor(hooks: DuplicateAddressHooks, env: Env) {
    this.#hooks = hooks;
    this.#env = env;
  }

  /**
   * Begins, with the next poll, to find out whether anybody has the address: it takes one to two
   * seconds. Until then it is tentative, or optimistic (RFC 4429): used already.
   */
  check(entry: InterfaceAddress): void {
    this.#checks.push({ entry, sent: -1, deadline: AT_ONCE });
  }

  /** Gives up the wish for an address. */
  release(entry: InterfaceAddress): void {
    const index = this.#checks.findIndex((check) => check.entry === entry);
    if (index !== -1) this.#checks.splice(index, 1);
  }

  /** Another host shows that it has the address; returns whether that is news. */
  heard(entry: InterfaceAddress, now: number): boolean {
    if (!isUnchecked(entry)) return false;
    this.release(entry);
    this.#hooks.duplicate(entry, now);
    return true;
  }

  /** Sends the probes that are due at `now`; tells of addresses that nobody else has. */
  poll(now: number): void {
    if (this.nextDeadline() > now) return;
    for (const check of this.#checks.filter(({ deadline }) => deadline <= now)) {
      this.#due(check, now);
    }
  }

  #due(check: Check, now: number): void {
    if (check.sent < 0) {
      check.deadline = now + MAX_DELAY * this.#env.random() / 0x1_0000_0000;
    } else if (check.sent < PROBES) {
      check.deadline = now + PROBE_INTERVAL;
      this.#hooks.probe(check.entry.address);
    } else {
      this.release(check.entry);
      this.#hooks.unique(check.entry, now);
    }
    check.sent++;
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    let next = Infinity;
    for (let i = 0; i < this.#checks.length; i++) {
      next = Math.min(next, this.#checks[i]!.deadline);
    }
    return next;
  }
}

/** Whether others may turn out to have the address. */
function isUnchecked({ state }: InterfaceAddress): boolean {
  return state === AddressState.TENTATIVE || state === AddressState.OPTIMISTIC;
}
