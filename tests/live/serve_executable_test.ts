/** `tcpstack serve` as the executable that `deno task build` makes, with the same tests. */

import { type Invocation, Program } from "./program.ts";
import { serveTests } from "./serve/all.ts";

const BUILD = new URL("../../tools/build.ts", import.meta.url);

let folder: string | undefined;
let built: Promise<Invocation> | undefined;

/** Builds it, once for all tests. */
async function build(): Promise<Invocation> {
  folder = await Deno.makeTempDir({ prefix: "tcpstack_live_" });
  const path = `${folder}/tcpstack`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", BUILD.pathname, "--output", path],
  }).output();
  if (!success) {
    const text = new TextDecoder();
    throw new Error(`The build failed:\n${text.decode(stdout)}${text.decode(stderr)}`);
  }
  // What it unpacks, if it has to, goes with the rest.
  const cache = `${folder}/cache`;
  await Deno.mkdir(cache);
  return { path, args: [], env: { XDG_CACHE_HOME: cache } };
}

Deno.test.afterAll(async () => {
  if (folder !== undefined) await Deno.remove(folder, { recursive: true });
});

serveTests(new Program("executable", () => built ??= build()));
