/**
 * Keeps the documentation of the library's face complete, and its examples running.
 */

import { assert, assertMatch } from "@std/assert";
import { stripVTControlCharacters } from "node:util";
import { importMapFlags } from "../tools/std.ts";

/** Runs `deno` in the root of the tree, and returns what it printed; fails if it does. */
async function deno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: new URL("../", import.meta.url),
    stdin: "null",
  }).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assert(success, text);
  return stripVTControlCharacters(text);
}

Deno.test("everything that mod.ts exports is documented, and so are the types in it", async () => {
  await deno("doc", "--lint", ...await importMapFlags(), "mod.ts");
});

Deno.test("the examples in the documentation run", async () => {
  const output = await deno("test", "--doc", ...await importMapFlags(), "mod.ts", "src/");
  assertMatch(output, /\nok \| [1-9]\d* passed \| 0 failed/);
});
