/**
 * Keeps the plan of the house: which module may import which, and that the core does no I/O.
 */

import { assertEquals } from "@std/assert";
import { type Module, parse, tree } from "./modules.ts";

/** Imports go downward or stay on their floor. */
const FLOORS: Record<string, number> = {
  wire: 0,
  base: 1,
  net: 2,
  tcp: 2,
  stack: 3,
  phy: 3,
  socket: 4,
  host: 4,
  node: 4,
  app: 5,
};

/** The floors that read no clock and do no I/O. */
const CORE = /^src\/(wire|base|net|tcp|stack)\//;

const FFI_MAY_IMPORT =
  /^(ffi\/|src\/base\/|src\/phy\/device\.ts$|src\/wire\/(packet|address|checksum|ethernet|headroom|mac|memory|protocol)\.ts$)/;
const MAY_IMPORT_FFI = /^(ffi\/|src\/app\/|tests\/|tools\/|mod\.ts$)/;
/** What ships; `deno.json` tells the version. */
const PRODUCT = /^(src\/|ffi\/|(mod\.ts|deno\.json)$)/;

/** The path, from the root of the tree, that a relative import in `path` names. */
function resolve(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

function floorOf(path: string): { name: string; floor: number } | undefined {
  const name = /^src\/([^/]+)\//.exec(path)?.[1];
  if (name === undefined) return undefined;
  return { name, floor: FLOORS[name] ?? NaN };
}

/** What is wrong with an import of `to` in `from`, both paths from the root. */
function wrongWith(from: string, to: string): string | undefined {
  const own = floorOf(from);
  const other = floorOf(to);
  if (own && other) {
    if (other.floor > own.floor) return "imports go downward or stay on their floor";
    if ([own.name, other.name].sort().join() === "net,tcp") {
      return "net and tcp don't import each other";
    }
  }
  if (from.startsWith("ffi/") && !FFI_MAY_IMPORT.test(to)) {
    return "ffi knows only src/base/, src/phy/device.ts and src/wire/{packet,address,checksum,ethernet,headroom,mac,memory,protocol}.ts";
  }
  if (to.startsWith("ffi/") && !MAY_IMPORT_FFI.test(from)) {
    return "only src/app/, mod.ts, tests/ and tools/ import ffi";
  }
  if (PRODUCT.test(from) && !PRODUCT.test(to)) {
    return "the product imports nothing of tests/, tools/ and bench/";
  }
  if (from.startsWith("src/") && to === "mod.ts") return "nothing in src/ imports mod.ts";
  return undefined;
}

/** Every breach of the rules in a module, in words. */
function breaches({ path, imports, globals }: Module): string[] {
  const found: string[] = [];
  if (Number.isNaN(floorOf(path)?.floor)) found.push(`${path}: this folder has no floor`);
  for (const specifier of imports) {
    if (specifier.startsWith(".")) {
      const to = resolve(path, specifier);
      const wrong = wrongWith(path, to);
      if (wrong) found.push(`${path} imports ${to}: ${wrong}`);
    } else if (CORE.test(path) && !/^@noble\/hashes\/|^@std\/bytes(\/|$)/.test(specifier)) {
      found.push(`${path} imports ${specifier}: the core takes only hashes and bytes from outside`);
    }
  }
  if (CORE.test(path)) {
    for (const name of new Set(globals)) {
      found.push(`${path} uses ${name}: the core does no I/O and reads no clock`);
    }
  }
  return found;
}

Deno.test("the floors' test sees each way of breaking a rule, and lets the rest pass", () => {
  const cases: [path: string, source: string, want: string | undefined][] = [
    ["src/tcp/a.ts", `import { b } from "../wire/b.ts";`, undefined],
    ["src/tcp/a.ts", `import { b } from "./congestion/b.ts";`, undefined],
    ["src/tcp/congestion/a.ts", `import { b } from "../../base/b.ts";`, undefined],
    ["src/wire/a.ts", `import type { B } from "../base/b.ts";`, "downward"],
    ["src/wire/a.ts", `export * from "../base/b.ts";`, "downward"],
    ["src/wire/a.ts", `export { b } from "../base/b.ts";`, "downward"],
    ["src/wire/a.ts", `await import("../base/b.ts");`, "downward"],
    ["src/wire/a.ts", `let a: import("../base/b.ts").B;`, "downward"],
    ["src/wire/a.ts", `import\n{ b }\nfrom '../base/b.ts'`, "downward"],
    ["src/wire/a.ts", `// import { b } from "../base/b.ts";\nexport const a = 1;`, undefined],
    ["src/net/a.ts", `import { b } from "../tcp/b.ts";`, "net and tcp"],
    ["src/tcp/congestion/a.ts", `import { b } from "../../net/b.ts";`, "net and tcp"],
    ["src/stack/a.ts", `import "../net/b.ts"; import "../tcp/c.ts";`, undefined],
    ["src/other/a.ts", `export const a = 1;`, "no floor"],
    ["ffi/a.ts", `import type { Device } from "../src/phy/device.ts";`, undefined],
    ["ffi/a.ts", `import { b } from "../src/wire/packet.ts"; import "./b.ts";`, undefined],
    ["ffi/a.ts", `import { b } from "../src/wire/tcp.ts";`, "ffi knows only"],
    ["ffi/a.ts", `import { b } from "../src/phy/trace.ts";`, "ffi knows only"],
    ["src/app/a.ts", `import { b } from "../../ffi/b.ts";`, undefined],
    ["mod.ts", `export { b } from "./ffi/b.ts";`, undefined],
    ["src/host/a.ts", `import { b } from "../../ffi/b.ts";`, "only src/app/"],
    ["bench/a.ts", `import { b } from "../ffi/b.ts";`, "only src/app/"],
    ["src/app/a.ts", `import { b } from "../../tools/b.ts";`, "nothing of tests/"],
    ["src/app/a.ts", `import b from "../../deno.json" with { type: "json" };`, undefined],
    ["src/app/a.ts", `import { b } from "../../mod.ts";`, "imports mod.ts"],
    ["src/tcp/a.ts", `import { b } from "@noble/hashes/sha2.js";`, undefined],
    ["src/tcp/a.ts", `import { b } from "node:fs";`, "from outside"],
    ["src/app/a.ts", `import { b } from "node:http";`, undefined],
    ["src/tcp/a.ts", `export const a = Date.now();`, "uses Date.now"],
    ["src/tcp/a.ts", `export const a = new Date();`, "uses new Date()"],
    ["src/tcp/a.ts", `export const a = Math.random() + Math.min(1);`, "uses Math.random"],
    ["src/base/a.ts", `console.log(1);`, "uses console"],
    ["src/base/a.ts", `export let a: Deno.Conn;`, "uses Deno"],
    ["src/base/a.ts", `performance.now();`, "uses performance"],
    ["src/base/a.ts", `setTimeout(() => {}, 1);`, "uses setTimeout"],
    ["src/base/a.ts", `/** Not Date.now(). */\nexport const a = "Deno.exit()";`, undefined],
    ["src/host/a.ts", `setTimeout(() => {}, Date.now());`, undefined],
  ];
  for (const [path, source, want] of cases) {
    const found = breaches(parse(path, source));
    if (want === undefined) assertEquals(found, [], `${path}: ${source}`);
    else {
      assertEquals(found.length, 1, `${path}: ${source}`);
      assertEquals(found[0]!.includes(want), true, `${found[0]} does not say: ${want}`);
    }
  }
});

Deno.test("every module keeps to the floors", () => {
  const modules = tree();
  assertEquals(modules.some(({ path }) => path === "src/phy/device.ts"), true);
  assertEquals(modules.flatMap(breaches), []);
});
