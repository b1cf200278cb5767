/**
 * The answers of the routing table to the questions asked last: packets that are forwarded go to
 * many places in turn.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import type { Route, RouteTable } from "./routes.ts";

/** How many answers are kept, a power of two. */
const PLACES = 256;

/** One place for each hash of an address: a flood of addresses costs no memory. */
export class RouteCache {
  #table: RouteTable;
  #generation = -1;
  #asked: (IpAddress | null)[] = new Array(PLACES).fill(null);
  #answers: (Route | undefined)[] = new Array(PLACES).fill(undefined);

  constructor(table: RouteTable) {
    this.#table = table;
  }

  /** The route of the longest prefix that `address` is in; `undefined` if there is none. */
  lookup(address: IpAddress): Route | undefined {
    if (this.#generation !== this.#table.generation) this.#forget();
    const place = address.hash(0) & (PLACES - 1);
    const asked = this.#asked[place]!;
    if (asked !== null && asked.equals(address)) return this.#answers[place];
    if (asked === null) this.#asked[place] = address.clone();
    else asked.load(address);
    return this.#answers[place] = this.#table.lookup(address);
  }

  #forget(): void {
    this.#asked.fill(null);
    this.#generation = this.#table.generation;
  }
}
