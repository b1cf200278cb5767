/**
 * Starts the demo in a network namespace of its own, so that it needs no rights on this machine
 * and touches nothing of it; where that can't be had, with two stacks joined in memory.
 *
 * Run it with `--no-config`: it needs nothing but Deno.
 *
 * @module
 */

const TUN = "/dev/net/tun";

/** How to run the demo. */
interface Plan {
  /** `system` or `memory`. */
  readonly device: string;
  /** What to put in front of the command. */
  readonly prefix: readonly string[];
  /** Why it is not on a real interface. */
  readonly reason?: string;
}

function plan(): Plan {
  const isRoot = Deno.uid() === 0;
  if (Deno.build.os === "darwin") {
    if (isRoot) return { device: "system", prefix: [] };
    return { device: "memory", prefix: [], reason: "utun needs root: sudo -E deno task demo" };
  }
  if (Deno.build.os !== "linux") {
    return { device: "memory", prefix: [], reason: `no interface for ${Deno.build.os} yet` };
  }
  const prefix = ["unshare", isRoot ? "-n" : "-Urn"];
  const reason = whyNot(prefix);
  return reason === undefined
    ? { device: "system", prefix }
    : { device: "memory", prefix: [], reason };
}

/** Why no TUN can be opened in a namespace made this way; `undefined` if one can. */
function whyNot(prefix: readonly string[]): string | undefined {
  const [program, ...args] = prefix;
  try {
    Deno.statSync(TUN);
  } catch {
    return `there is no ${TUN} (modprobe tun)`;
  }
  try {
    const check = ["sh", "-c", `exec 3<>${TUN}`];
    const { success, stderr } = new Deno.Command(program!, { args: [...args, ...check] })
      .outputSync();
    if (success) return undefined;
    return new TextDecoder().decode(stderr).trim().split("\n")[0] || `${prefix.join(" ")} failed`;
  } catch {
    return "there is no unshare command (util-linux)";
  }
}

function deno(...args: string[]): string[] {
  return [Deno.execPath(), ...args];
}

function path(relative: string): string {
  return new URL(relative, import.meta.url).pathname;
}

/** The import-map flag, if this machine needs it. */
function stdFlag(): string[] {
  const [program, ...args] = deno("run", "-A", "--no-config", path("std.ts"));
  const { stdout } = new Deno.Command(program!, { args, stderr: "inherit" }).outputSync();
  return new TextDecoder().decode(stdout).split(/\s+/).filter((flag) => flag !== "");
}

const { device, prefix, reason } = plan();
if (reason !== undefined) {
  const line = `No real interface here: ${reason}. Two stacks joined in memory instead:\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}
const [program, ...args] = [
  ...prefix,
  ...deno("run", "-A", "--quiet", ...stdFlag(), path("../src/app/demo/main.ts")),
  "--device",
  device,
];
const child = new Deno.Command(program!, { args, cwd: path("..") }).spawn();
Deno.exit((await child.status).code);
