/**
 * Compiles C for a test.
 *
 * @module
 */

function hasCompiler(): boolean {
  try {
    return new Deno.Command("cc", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** Where there is no C compiler: words to add to the name of a test that needs one. */
export const NO_COMPILER: string | undefined = hasCompiler()
  ? undefined
  : " (skipped: there is no C compiler)";

/** Something compiled, in a directory of its own that goes with it. */
export interface Compiled extends AsyncDisposable {
  readonly path: string;
}

/** Compiles a program or, with `shared`, a shared library. */
export async function compile(
  source: string,
  options: { shared?: boolean; args?: string[] } = {},
): Promise<Compiled> {
  const directory = await Deno.makeTempDir({ prefix: "tcpstack_cc_" });
  const path = `${directory}/${options.shared ? "library.so" : "program"}`;
  await Deno.writeTextFile(`${directory}/source.c`, source);
  const { success, stderr } = await new Deno.Command("cc", {
    args: [
      "-O1",
      "-Wall",
      ...(options.shared ? ["-shared", "-fPIC"] : []),
      ...(options.args ?? []),
      "-o",
      path,
      `${directory}/source.c`,
    ],
  }).output();
  const dispose = () => Deno.remove(directory, { recursive: true });
  if (!success) {
    await dispose();
    throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
  }
  return { path, [Symbol.asyncDispose]: dispose };
}
