/**
 * Darwin's calls on Linux, so that the utun code runs here: `darwin.c`, compiled.
 *
 * @module
 */

import { compile, type Compiled } from "../ffi/cc.ts";

/** Compiles the library that stands in for Darwin's. Needs `cc`. */
export async function compileDarwin(): Promise<Compiled> {
  const source = await Deno.readTextFile(new URL("./darwin.c", import.meta.url));
  return await compile(source, { shared: true, args: ["-fno-builtin"] });
}
