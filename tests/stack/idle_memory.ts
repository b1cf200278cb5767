/**
 * Prints how many bytes a connection takes at each end, before anything was sent on it and after. To
 * be run with `--v8-flags=--expose-gc`.
 */

import { Crowd, memoryInUse } from "../../bench/crowd.ts";
import { Random } from "../random.ts";

const COUNT = 5000;

const random = new Random(1);
const crowd = new Crowd(() => random.random());
// What the code itself takes is there once it has run.
crowd.open(COUNT);
crowd.useAll();
const before = memoryInUse();
crowd.open(2 * COUNT);
const fresh = memoryInUse();
crowd.useAll();
const used = memoryInUse();
const result = { fresh: (fresh - before) / (2 * COUNT), used: (used - before) / (2 * COUNT) };
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
