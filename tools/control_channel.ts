/**
 * Serves the control channel: a stack that a test program drives from outside, packet by packet
 * and call by call, in real or in virtual time. `docs/control_channel.md` describes the protocol.
 *
 * Run it with the path of a Unix socket to be made, or with the number of a TCP port on loopback;
 * 0 has the system pick one.
 *
 * @module
 */

import { UsageError } from "../src/app/errors.ts";
import { print, printError } from "../src/app/terminal.ts";
import { serve } from "./control_channel/server.ts";

const USAGE = "Usage: control_channel.ts <path of a Unix socket | TCP port on loopback>";

function listen(where: string): Deno.Listener {
  if (!/^\d+$/.test(where)) return Deno.listen({ transport: "unix", path: where });
  const port = Number(where);
  if (port > 65535) throw new UsageError(`A port is a number from 0 to 65535, not ${where}`);
  return Deno.listen({ hostname: "127.0.0.1", port });
}

function nameOf(listener: Deno.Listener): string {
  const { addr } = listener;
  return addr.transport === "unix"
    ? addr.path
    : `${(addr as Deno.NetAddr).hostname}:${(addr as Deno.NetAddr).port}`;
}

/** Makes room for a Unix socket where one was left behind that nobody listens on any more. */
async function removeLeftover(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (!info?.isSocket) return;
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) await Deno.remove(path);
  }
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const [where] = args;
    if (where === undefined || where === "" || args.length > 1) throw new UsageError(USAGE);
    await removeLeftover(where);
    const listener = listen(where);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => {
        listener.close();
        if (listener.addr.transport === "unix") Deno.removeSync(where);
        Deno.exit(0);
      });
    }
    print(`Listening on ${nameOf(listener)}`);
    await serve(listener, (message) => printError(`control_channel: ${message}`));
    return 0;
  } catch (error) {
    printError(`control_channel: ${error instanceof Error ? error.message : error}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
