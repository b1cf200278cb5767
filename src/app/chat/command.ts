/**
 * `tcpstack chat`: takes part in a chat, from a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";
import { parsePort } from "../ports.ts";
import { Output } from "../streams.ts";
import { checkName, withStack } from "../with_stack.ts";
import { CHAT_PORT } from "./server_command.ts";
import { chat } from "./client.ts";

const OPTIONS = {
  nick: { short: "n", value: "NAME", help: "what to be called (as the server will have it)" },
} as const;

/** `tcpstack chat`. */
export const CHAT: Command<keyof typeof OPTIONS> = {
  name: "chat",
  summary: "take part in a chat",
  operands: ["HOST", "[PORT]"],
  options: OPTIONS,
  notes: [
    `PORT is ${CHAT_PORT} if it is left out; that of tcpstack serve is 8080. /who tells who is here, /nick NAME`,
    "changes one's name, and /quit or the end of the input leaves.",
    "",
    "  sudo tcpstack chat --nick ann 10.0.0.1",
  ],
  run: (line) => {
    const [host, portText = `${CHAT_PORT}`] = line.operands;
    const port = readPort(portText);
    const nick = line.text("nick");
    return withStack(line, (stack, signal) => run(stack, host!, port, nick, signal));
  },
};

function readPort(text: string): number {
  try {
    return parsePort(text);
  } catch (error) {
    throw new UsageError(`Argument PORT: ${(error as Error).message}`);
  }
}

async function run(
  stack: NetworkStack,
  hostname: string,
  port: number,
  nick: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  checkName(stack, hostname);
  try {
    const conn = await stack.connect({ hostname, port, signal });
    const options = { input: Deno.stdin, output: new Output(Deno.stdout), nick, signal };
    const { end } = await chat(conn, options);
    return end === "unread" ? 1 : 0;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  }
}
