/**
 * The congestion controls there are, by name.
 *
 * @module
 */

import { Bbr } from "./bbr.ts";
import type { CongestionControl } from "./congestion.ts";
import { NewReno } from "./new_reno.ts";

/** Name of a congestion control. */
export type CongestionName = "bbr" | "newreno";

const MAKERS: Readonly<Record<CongestionName, () => CongestionControl>> = {
  bbr: () => new Bbr(),
  newreno: () => new NewReno(),
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
