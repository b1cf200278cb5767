/**
 * Tells where the time went, from a CPU profile as V8 writes it.
 *
 * @module
 */

/** What of a profile is used. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  /** Microseconds between one sample and the next. */
  readonly timeDeltas: readonly number[];
}

/** A function, and its share of the time in which something ran. */
export interface Share {
  /** Its name, and the file that it is in. */
  readonly name: string;
  readonly share: number;
}

/** What V8 calls the time in which nothing runs. */
const IDLE = "(idle)";

/** What a thread did: how much of the time anything, and by the time that they took, what. */
export interface Times {
  /** 0 to 1. */
  readonly busy: number;
  readonly shares: readonly Share[];
}

/** The functions that took most of the time, not counting what they called. */
export function selfTimes(profile: CpuProfile, most: number): Times {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  let idle = 0;
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id)!;
    const time = profile.timeDeltas[i] ?? 0;
    if (name === IDLE) {
      idle += time;
      continue;
    }
    times.set(name, (times.get(name) ?? 0) + time);
    total += time;
  }
  const shares = [...times].map(([name, time]) => ({ name, share: time / total }))
    .sort((a, b) => b.share - a.share).slice(0, most);
  return { busy: total / (total + idle), shares };
}

function nameOf({ functionName, url }: { functionName: string; url: string }): string {
  const file = url.split("/").at(-1);
  return file === "" ? functionName : `${functionName || "(anonymous)"} ${file}`;
}
