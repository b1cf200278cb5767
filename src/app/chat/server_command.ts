/**
 * `tcpstack chat-server`: a chat for whoever connects, on a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { Command } from "../command.ts";
import { parsePort } from "../ports.ts";
import { Chat } from "../services/chat.ts";
import { LineReader } from "../services/line_reader.ts";
import { serveEach } from "../services/services.ts";
import { aborted } from "../session.ts";
import { print } from "../terminal.ts";
import { withStack } from "../with_stack.ts";

/** The port of a chat, where nothing else is said. */
export const CHAT_PORT = 8000;

const OPTIONS = {
  port: { short: "p", value: "PORT", help: `to listen on (${CHAT_PORT})` },
  quiet: { short: "q", help: "do not tell who comes and goes" },
} as const;

/** `tcpstack chat-server`. */
export const CHAT_SERVER: Command<keyof typeof OPTIONS> = {
  name: "chat-server",
  summary: "let people chat until Ctrl-C",
  operands: [],
  options: OPTIONS,
  notes: [
    "Every line goes to everybody else. /nick NAME gives oneself a name, /who tells who is here, and",
    "/quit leaves. tcpstack chat is a client for it, and so are nc and telnet.",
    "",
    "  sudo tcpstack chat-server                      then, several times: nc 10.0.0.2 8000",
  ],
  run: (line) => {
    const port = line.parse("port", parsePort) ?? CHAT_PORT;
    const log = line.has("quiet") ? () => {} : print;
    return withStack(line, (stack, signal) => run(stack, port, log, signal));
  },
};

async function run(
  stack: NetworkStack,
  port: number,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const chat = new Chat(log);
  serveEach(stack.listen({ port }), (conn) => chat.serve(conn, new LineReader(conn)));
  const addresses = stack.core.ip.addresses.filter(({ isLinkLocal }) => !isLinkLocal);
  print(`A chat on port ${port} of ${addresses.join(" and ")}. Ctrl-C stops.`);
  await Promise.race([aborted(signal), stack.finished]);
  return 0;
}
