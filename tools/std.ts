/**
 * Prints the import-map flag that a `deno` command of this project needs, on one line: nothing where
 * JSR answers or everything named from it is cached, and the map of stand-ins otherwise.
 *
 * `TCPSTACK_OFFLINE=1` always prints the flag and `TCPSTACK_OFFLINE=0` never does. `JSR_URL` names
 * the registry to ask, as it does for Deno itself.
 *
 * Run it with `--no-config`, so that finding out needs nothing from JSR.
 *
 * @module
 */

/** How long the registry may take to answer, in milliseconds. */
const PATIENCE = 1500;

interface ImportMap {
  imports: Record<string, string>;
}

function readMap(path: string): ImportMap {
  return JSON.parse(Deno.readTextFileSync(new URL(path, import.meta.url)));
}

/** The JSR modules in use, such as `jsr:@std/fmt@^1.0.10/colors`: what `offline` has, by the names in `online`. */
export function jsrModules(online: ImportMap, offline: ImportMap): string[] {
  const modules: string[] = [];
  for (const name of Object.keys(offline.imports)) {
    const [scope, packageName, ...rest] = name.split("/");
    const target = online.imports[`${scope}/${packageName}`];
    if (target?.startsWith("jsr:")) modules.push([target, ...rest].join("/"));
  }
  return modules;
}

/** Whether Deno has all of `modules` in its cache. */
export function cached(modules: string[]): boolean {
  const source = modules.map((module) => `import ${JSON.stringify(module)};`).join("");
  const { success } = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--cached-only",
      "--quiet",
      "--no-prompt",
      `data:text/javascript,${encodeURIComponent(source)}`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success;
}

/** Whether a JSR registry answers at `url` in time. */
export async function answers(url: string, patience: number): Promise<boolean> {
  try {
    const base = url.endsWith("/") ? url : `${url}/`;
    const response = await fetch(new URL("@std/assert/meta.json", base), {
      signal: AbortSignal.timeout(patience),
    });
    return response.ok && (await response.json()).name === "assert";
  } catch {
    return false;
  }
}

/** Whether the stand-ins are needed. */
async function offline(): Promise<boolean> {
  const wish = Deno.env.get("TCPSTACK_OFFLINE");
  if (wish === "1") return true;
  if (wish === "0") return false;
  if (cached(jsrModules(readMap("../deno.json"), readMap("offline/import_map.json")))) return false;
  return !await answers(Deno.env.get("JSR_URL") || "https://jsr.io/", PATIENCE);
}

/** The flags that a `deno` command needs in order to find what JSR has. */
export async function importMapFlags(): Promise<string[]> {
  return await offline() ? ["--import-map=tools/offline/import_map.json"] : [];
}

if (import.meta.main) {
  const line = (await importMapFlags()).join(" ");
  if (line !== "") Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  // A name look-up that got no answer would hold the process back.
  Deno.exit(0);
}
