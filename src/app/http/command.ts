/**
 * `tcpstack http`: serves a folder until it is stopped.
 *
 * @module
 */

import { type HttpHandler, serveHttp } from "../../node/serve_http.ts";
import type { NetworkStack } from "../../host/network_stack.ts";
import type { Command } from "../command.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../errors.ts";
import type { InterfaceOption } from "../interface_options.ts";
import { print, printError } from "../terminal.ts";
import { withStack } from "../with_stack.ts";
import { folderHandler } from "./folder.ts";

/** The port of HTTP. */
const PORT = 80;
/** How long nothing at all may move while there is a request, in milliseconds. */
const IDLE_TIMEOUT = 60_000;
/** How long answers under way may take when it is to stop, in milliseconds. */
const PATIENCE = 500;

const OPTIONS = {
  port: { short: "p", value: "PORT", help: `to listen on (${PORT})` },
  quiet: { short: "q", help: "print errors only, no line for each request" },
} as const;

type Line = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

/** `tcpstack http`. */
export const HTTP: Command<keyof typeof OPTIONS> = {
  name: "http",
  summary: "serve the files of a folder over HTTP until Ctrl-C",
  operands: ["[DIR]"],
  options: OPTIONS,
  notes: [
    "DIR is the folder that it is started in where nothing else is said. index.html stands for a",
    "folder; links that lead out of DIR are not followed. A line for each request: when, from whom,",
    "what, status, bytes of the answer.",
    "",
    "  sudo tcpstack http public                      then: curl http://10.0.0.2/",
    "  sudo tcpstack http . --interface eth0 --address 192.168.1.7/24",
  ],
  async run(line) {
    const port = readPort(line);
    const folder = line.operands[0] ?? ".";
    const handler = await findFolder(folder);
    const isQuiet = line.has("quiet");
    return await withStack(line, async (stack, signal) => {
      const answer = isQuiet ? handler : logged(handler);
      const server = serveHttp(stack.listen({ port }), answer, {
        idleTimeout: IDLE_TIMEOUT,
        onError(error) {
          printError(`tcpstack: ${error instanceof Error ? error.message : error}`);
          return new Response("Internal Server Error\n", { status: 500 });
        },
      });
      if (!isQuiet) print(greeting(stack, folder, port));
      await Promise.race([aborted(signal), stack.finished]);
      await Promise.race([server.shutdown(), pause(PATIENCE)]);
      return 0;
    });
  },
};

function readPort(line: Line): number {
  const port = line.number("port") ?? PORT;
  if (port < 1 || port > 65_535) {
    throw new UsageError(`Option --port needs a number from 1 to 65535: got ${port}`);
  }
  return port;
}

async function findFolder(folder: string): Promise<HttpHandler> {
  try {
    return await folderHandler(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(`There is no folder ${folder}`);
    if (error instanceof Deno.errors.NotADirectory) throw new UsageError(error.message);
    throw error;
  }
}

/** Where to find it. */
function greeting(stack: NetworkStack, folder: string, port: number): string {
  const end = port === PORT ? "/" : `:${port}/`;
  const addresses = stack.core.ip.addresses.filter(({ isLinkLocal, isLoopback }) =>
    !isLinkLocal && !isLoopback
  );
  const urls = addresses.map((address) =>
    `http://${address.family === 6 ? `[${address}]` : address}${end}`
  );
  return [`${folder} is at ${urls.join(" and ")}`, "Ctrl-C stops."].join("\n");
}

/** The handler, with a line for each of its answers. */
function logged(handler: HttpHandler): HttpHandler {
  return async (request, info) => {
    const response = await handler(request, info);
    const { pathname, search } = new URL(request.url);
    const time = new Date().toISOString().slice(0, 19).replace("T", " ");
    const length = response.headers.get("content-length") ?? "0";
    const what = `${request.method} ${pathname}${search}`;
    print(`${time} ${info.remoteAddr.hostname} ${what} ${response.status} ${length}`);
    return response;
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
