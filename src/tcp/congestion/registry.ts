/**
 * The congestion controls there are, by name.
 *
 * @module
 */

import { Bbr } from "./bbr.ts";
import type { CongestionControl } from "./congestion.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./new_reno.ts";

/** Name of a congestion control. */
export type CongestionName = "newreno" | "cubic" | "bbr";

const MAKERS: Readonly<Record<CongestionName, () => CongestionControl>> = {
  newreno: () => new NewReno(),
  cubic: () => new Cubic(),
  bbr: () => new Bbr(),
};

/** The names there are. */
export const CONGESTION_NAMES: readonly CongestionName[] = Object.keys(MAKERS) as CongestionName[];

/** Whether this names a congestion control. */
export function isCongestionName(name: string): name is CongestionName {
  return Object.hasOwn(MAKERS, name);
}

/** Makes the congestion control of one connection. */
export function makeCongestion(name: CongestionName): CongestionControl {
  return MAKERS[name]();
}
