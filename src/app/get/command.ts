/**
 * `tcpstack get`: fetches what a URL leads to, by a stack of its own.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { Command } from "../command.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../errors.ts";
import type { InterfaceOption } from "../interface_options.ts";
import { Output, OutputGone } from "../streams.ts";
import { printError, writeError } from "../terminal.ts";
import { checkName, readSeconds, withStack } from "../with_stack.ts";
import { type Download, download } from "./download.ts";
import type { LineTerminal } from "./progress.ts";

const OPTIONS = {
  output: { short: "o", value: "FILE", help: "where to (the standard output)" },
  "remote-name": { short: "O", help: "to a file that is called as in the URL" },
  continue: { short: "C", help: "go on where the file ends" },
  head: { short: "I", help: "print status and header only" },
  fail: { short: "f", help: "take a status of 400 and more for an error" },
  silent: { short: "s", help: "without progress, which a terminal shows after a second" },
  request: { short: "X", value: "METHOD", help: "GET, or whatever else (POST with --data)" },
  header: { short: "H", value: "LINE", help: "a line of the header: 'name: value'" },
  data: { short: "d", value: "DATA", help: "to be sent, or @FILE with it" },
  insecure: { short: "k", help: "HTTPS without asking who the server is" },
  cacert: { value: "FILE", help: "PEM certificates to trust instead of the well-known ones" },
  "max-time": { short: "m", value: "SECONDS", help: "give up after so long" },
} as const;

type GetLine = CommandLine<keyof typeof OPTIONS | InterfaceOption>;

const COLUMNS = 80;

/** `tcpstack get`. */
export const GET: Command<keyof typeof OPTIONS> = {
  name: "get",
  summary: "fetch a URL by HTTP or HTTPS",
  operands: ["URL"],
  options: OPTIONS,
  notes: [
    "--header and --data may come several times. Redirects are followed. Without --fail, the body of",
    "an error is printed as any other, and the exit code is 0.",
    "",
    "  sudo tcpstack get -O http://10.0.0.1:8000/file.iso",
    "  sudo tcpstack get https://example.net/ --interface eth0 --dhcp",
  ],
  run: async (line) => {
    const wish = await readDownload(line);
    const wait = line.parse("max-time", readSeconds);
    const isSilent = line.has("silent");
    return await withStack(line, (stack, stop) => run(stack, wish, wait, isSilent, stop));
  },
};

/**
 * Reads what the user wants.
 *
 * @throws {UsageError} If that makes no sense.
 * @throws {Error} If a file that it names can't be read.
 */
export async function readDownload(line: GetLine): Promise<Download> {
  const url = readUrl(line.operands[0]!);
  const headers = new Headers();
  for (const [name, value] of line.parseAll("header", readHeader)) headers.append(name, value);
  const head = line.has("head");
  const body = await readData(line.texts("data"));
  if (head && body !== undefined) {
    throw new UsageError("Options --head and --data exclude each other");
  }
  if (body !== undefined) {
    headers.set("content-length", `${body.length}`);
    if (!headers.has("content-type")) {
      headers.set("content-type", "application/x-www-form-urlencoded");
    }
  }
  const method = line.text("request") ?? (head ? "HEAD" : body !== undefined ? "POST" : "GET");
  const file = readFile(line, url);
  if (head && file !== undefined) {
    throw new UsageError("Option --head prints to the standard output: leave out the file");
  }
  const resume = line.has("continue");
  if (resume && file === undefined) {
    throw new UsageError("Option --continue needs a file: add --output or --remote-name");
  }
  const cacert = line.text("cacert");
  const insecure = line.has("insecure");
  if (insecure && cacert !== undefined) {
    throw new UsageError("Options --insecure and --cacert exclude each other");
  }
  const wish = {
    url,
    method,
    headers,
    body,
    ca: cacert === undefined ? undefined : new TextDecoder().decode(await contentOf(cacert)),
    insecure,
    fail: line.has("fail"),
    head,
    file,
    resume,
  };
  try {
    new Request(url, { method, headers, body });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return wish;
}

function readUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.parse(withScheme);
  if (url === null) throw new UsageError(`"${text}" is not a URL such as http://10.0.0.1:8000/`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new UsageError(`Only http and https are spoken here: got ${url.protocol}//`);
  }
  return url;
}

function readHeader(text: string): [name: string, value: string] {
  const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`expected 'name: value': got "${text}"`);
  new Headers([[name, value!]]);
  return [name, value!];
}

/** Several are parts of one form. */
async function readData(texts: readonly string[]): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (texts.length === 0) return undefined;
  const parts: (string | Uint8Array<ArrayBuffer>)[] = [];
  for (const text of texts) {
    if (parts.length > 0) parts.push("&");
    parts.push(text.startsWith("@") ? await contentOf(text.slice(1)) : text);
  }
  return await new Blob(parts).bytes();
}

async function contentOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`);
  }
}

function readFile(line: GetLine, url: URL): string | undefined {
  const output = line.text("output");
  if (!line.has("remote-name")) return output;
  if (output !== undefined) {
    throw new UsageError("Options --output and --remote-name exclude each other");
  }
  const name = url.pathname.split("/").at(-1)!;
  if (name === "") throw new UsageError(`${url} names no file: use --output FILE`);
  return name;
}

async function run(
  stack: NetworkStack,
  wish: Download,
  wait: number | undefined,
  isSilent: boolean,
  stop: AbortSignal,
): Promise<number> {
  const hostname = wish.url.hostname.replace(/^\[|\]$/g, "");
  checkName(stack, hostname);
  const late = wait === undefined ? [] : [AbortSignal.timeout(wait)];
  const isTerminal = Deno.stdout.isTerminal();
  const isFree = !isTerminal || wish.file !== undefined;
  const progress = !isSilent && isFree && Deno.stderr.isTerminal() ? STDERR : undefined;
  const signal = AbortSignal.any([stop, ...late]);
  try {
    await download(stack, wish, { output: new Output(Deno.stdout), isTerminal, progress, signal });
    return 0;
  } catch (error) {
    if (stop.aborted || error instanceof OutputGone) return 1;
    if (!signal.aborted) throw error;
    printError(`tcpstack: ${wish.url} was not there within ${wait! / 1000} s`);
    return 1;
  }
}

const STDERR: LineTerminal = {
  get columns(): number {
    try {
      return Deno.consoleSize().columns || COLUMNS; // 0 where nobody has told the size
    } catch {
      return COLUMNS;
    }
  },
  write: writeError,
};
