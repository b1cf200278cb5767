/**
 * The command line.
 *
 * @module
 */

import { setColorEnabled } from "@std/fmt/colors";
import config from "../../deno.json" with { type: "json" };
import { UsageError } from "./errors.ts";
import { parseCommand } from "./options.ts";
import { serve } from "./serve.ts";
import { print, printError } from "./terminal.ts";

const HELP = `tcpstack ${config.version}: a TCP/IP stack in user space, on an interface of its own

Usage: tcpstack [serve] [options]        (as root, or with CAP_NET_ADMIN)

  --address IP        the stack's address            (10.0.0.2)
  --host-address IP   this host's end of the link    (10.0.0.1)
  --mtu BYTES         largest IP packet              (1500)
  --name NAME         interface: tun0, utun5, …      (the next free one)
  --accept-any        echo on every TCP port
  --udp-reverse       UDP echo turns the payload round
  -t, --trace         show every packet and change of state
  -x, --hex           the same, with the bytes
  -q, --quiet         print errors only
  -h, --help          this; -V, --version the version

Serves TCP 7 echo, 9 discard, 13 daytime, 19 chargen, 8080 chat and HTTP; UDP echo on every port.

  sudo tcpstack --trace                          then: ping 10.0.0.2, nc 10.0.0.2 7
  sudo tcpstack --address 10.9.0.2 --host-address 10.9.0.1 --mtu 9000`;

/**
 * Runs the program.
 *
 * @returns Its exit code: 0, 1 when something failed, 2 when the command line makes no sense.
 */
export async function main(args: readonly string[]): Promise<number> {
  setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
  try {
    const command = parseCommand(args);
    switch (command.kind) {
      case "help":
        print(HELP);
        break;
      case "version":
        print(`tcpstack ${config.version}`);
        break;
      case "serve":
        await serve(command.options);
        break;
    }
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    printError(`tcpstack: ${message}`);
    if (!(error instanceof UsageError)) return 1;
    printError("Try: tcpstack --help");
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
