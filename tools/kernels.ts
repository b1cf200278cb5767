/**
 * Writes src/wire/kernels.ts: the kernels of the packet memory, assembled from their source.
 *
 * @module
 */

import wabt from "wabt";

const ROOT = new URL("../", import.meta.url);
const SOURCE = "tools/kernels/kernels.wat";
const MODULE = new URL("src/wire/kernels.ts", ROOT);

/** The module as it has to be. */
export async function kernelsModule(): Promise<string> {
  const { parseWat } = await wabt();
  const source = await Deno.readTextFile(new URL(SOURCE, ROOT));
  const parsed = parseWat(SOURCE, source, { simd: true, bulk_memory: true });
  parsed.resolveNames();
  parsed.validate();
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  const lines = btoa(String.fromCharCode(...buffer)).match(/.{1,92}/g)!;
  return [
    "/**",
    ` * The kernels of the packet memory. Made from ${SOURCE} by \`deno task kernels\`: change that.`,
    " *",
    " * @module",
    " */",
    "",
    "/** A WebAssembly module, in Base64. */",
    `export const KERNELS = \`\n${lines.join("\n")}\n\`;`,
    "",
  ].join("\n");
}

/** The module as it is. */
export async function currentModule(): Promise<string> {
  return await Deno.readTextFile(MODULE);
}

if (import.meta.main) await Deno.writeTextFile(MODULE, await kernelsModule());
