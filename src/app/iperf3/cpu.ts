/**
 * How busy the processor was.
 *
 * @module
 */

import { cpuUsage } from "node:process";

/** Time of the processor that this process had, in percent of the time that went by. */
export interface CpuUse {
  readonly total: number;
  readonly user: number;
  readonly system: number;
}

/** Begins to measure; the result says how much it was since. */
export function measureCpu(): () => CpuUse {
  const before = cpuUsage();
  const start = performance.now();
  return () => {
    const used = cpuUsage(before);
    const microseconds = (performance.now() - start) * 1000;
    const percent = (time: number) => microseconds > 0 ? 100 * time / microseconds : 0;
    const user = percent(used.user);
    const system = percent(used.system);
    return { total: user + system, user, system };
  };
}
