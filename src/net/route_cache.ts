/**
 * The answers of the routing table to the questions asked last: packets that are forwarded go to
 * many places in turn.
 *
 * @module
 */

import { IpAddress } from "../wire/address.ts";
import type { Route, RouteTable } from "./routes.ts";

/** How many answers are kept, a power of two. */
const PLACES = 256;

/** An address has one place, by its hash: a flood of addresses costs no memory. */
export class RouteCache {
  #table: RouteTable;
  #asked = Array.from({ length: PLACES }, () => IpAddress.scratch());
  #answers: (Route | undefined)[] = new Array(PLACES).fill(undefined);
  /** The table's when the answer was given; -1: there is none. */
  #generations = new Float64Array(PLACES).fill(-1);

  constructor(table: RouteTable) {
    this.#table = table;
  }

  /** The route of the longest prefix that `address` is in; `undefined` if there is none. */
  lookup(address: IpAddress): Route | undefined {
    const { generation } = this.#table;
    const place = address.hash(0) & (PLACES - 1);
    const asked = this.#asked[place]!;
    if (this.#generations[place] === generation && asked.equals(address)) {
      return this.#answers[place];
    }
    asked.load(address);
    this.#generations[place] = generation;
    return this.#answers[place] = this.#table.lookup(address);
  }
}
