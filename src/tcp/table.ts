/**
 * Finding a connection by its addresses and ports.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { Tcb } from "./tcb.ts";

const SMALLEST = 64;

/** A chained hash table, with a seed so that nobody outside can aim at one bucket. */
export class ConnectionTable {
  #buckets: (Tcb | null)[] = new Array(SMALLEST).fill(null);
  #seed: number;
  #size = 0;

  /** @param seed A random uint32. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#size;
  }

  /** The connection between these; `null` when there is none. Allocates nothing. */
  find(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): Tcb | null {
    const hash = this.#hash(local, localPort, remote, remotePort);
    let tcb = this.#first(hash);
    while (
      tcb !== null && !(tcb.hash === hash && tcb.remotePort === remotePort &&
        tcb.localPort === localPort && tcb.remote.equals(remote) && tcb.local.equals(local))
    ) tcb = tcb.hashNext;
    return tcb;
  }

  /** Adds a connection; there must be none between the same ends. */
  add(tcb: Tcb): void {
    if (this.#size >= this.#buckets.length) this.#grow();
    tcb.hash = this.#hash(tcb.local, tcb.localPort, tcb.remote, tcb.remotePort);
    this.#link(tcb);
    this.#size++;
  }

  /** Takes a connection out. */
  remove(tcb: Tcb): void {
    let at = this.#first(tcb.hash);
    if (at === tcb) {
      this.#buckets[tcb.hash & (this.#buckets.length - 1)] = tcb.hashNext;
    } else {
      while (at !== null && at.hashNext !== tcb) at = at.hashNext;
      if (at === null) return;
      at.hashNext = tcb.hashNext;
    }
    tcb.hashNext = null;
    this.#size--;
  }

  /** All connections, in no order. Adding and removing meanwhile is not allowed. */
  *[Symbol.iterator](): Generator<Tcb> {
    for (const first of this.#buckets) {
      for (let tcb = first; tcb !== null; tcb = tcb.hashNext) yield tcb;
    }
  }

  /** The head of the chain that a connection with this hash is in. */
  #first(hash: number): Tcb | null {
    return this.#buckets[hash & (this.#buckets.length - 1)]!;
  }

  #link(tcb: Tcb): void {
    tcb.hashNext = this.#first(tcb.hash);
    this.#buckets[tcb.hash & (this.#buckets.length - 1)] = tcb;
  }

  #grow(): void {
    const all = [...this];
    this.#buckets = new Array(this.#buckets.length * 2).fill(null);
    for (const tcb of all) this.#link(tcb);
  }

  #hash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    let h = remote.hash(this.#seed);
    h = local.hash(h ^ ((localPort << 16) | remotePort));
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b);
    return h ^ (h >>> 15);
  }
}
