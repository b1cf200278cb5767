/**
 * The command line.
 *
 * @module
 */

import { setColorEnabled } from "@std/fmt/colors";
import config from "../../deno.json" with { type: "json" };
import { helpText, readRequest } from "./commands.ts";
import { UsageError } from "./errors.ts";
import { print, printError } from "./terminal.ts";

/**
 * Runs the program.
 *
 * @returns Its exit code: 0, 1 when something failed, 2 when the command line makes no sense.
 */
export async function main(args: readonly string[]): Promise<number> {
  setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
  let command: string | undefined;
  try {
    const request = await readRequest(args);
    command = request.command.name;
    switch (request.wants) {
      case "help":
        print(await helpText(request, config.version));
        return 0;
      case "version":
        print(`tcpstack ${config.version}`);
        return 0;
      case "command":
        return await request.command.run(request.line);
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    printError(`tcpstack: ${message}`);
    if (!(error instanceof UsageError)) return 1;
    const topic = error.command ?? command;
    printError(`Try: tcpstack ${topic === undefined ? "" : `${topic} `}--help`);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
